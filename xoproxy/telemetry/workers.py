"""What is told about the processes that serve.  Values only: `runtime` makes them, `admin` shows them."""

from collections.abc import Mapping
from dataclasses import field
from enum import Enum

from xoproxy.slotted import dataclass


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
    ejections: int = 0  # since the address is known


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
    waiting: Mapping[str, int] = field(default_factory=dict[str, int])  # exchanges that wait for a connection, by upstream
    cpu_s: float = 0.0
    resident_bytes: int = 0
