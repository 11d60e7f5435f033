"""What is told about the processes that serve.  Values only: `runtime` makes them, `admin` shows them."""

from dataclasses import dataclass
from enum import Enum


class WorkerState(Enum):
    """Where a worker is in its life."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class AddressView:
    """One address of an upstream, as one worker sees it."""

    upstream: str  # its name
    address: str
    outstanding: int  # exchanges on their way through it
    connections: int
    idle: int
    ejected: bool
    healthy: bool


@dataclass(frozen=True, slots=True)
class WorkerView:
    """One process that serves."""

    slot: int  # its place among the workers, from 0; a successor gets its predecessor's
    pid: int
    generation: int  # the one in force there; 0: none yet
    connections: int
    state: WorkerState
    started: float  # Unix time
    addresses: tuple[AddressView, ...] = ()
