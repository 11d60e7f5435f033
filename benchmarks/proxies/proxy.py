"""What the benchmark has to know of a proxy."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from signal import Signals
from typing import Protocol

from benchmarks.policy import Policy


@dataclass(frozen=True, slots=True)
class Place:
    """Where one running proxy listens and forwards to, and by how many workers.  All its files are below `directory`."""

    directory: Path
    port: int
    backend_port: int
    tls_port: int = 0  # 0: no TLS
    certificate: Path = Path()  # PEM, with its key
    workers: int = 1

    @property
    def output(self) -> Path:
        """Where standard output and error go."""
        return self.directory / "output.log"


class Feature(Enum):
    """What not every proxy has, or is not configured for here."""

    RELOAD = auto()
    ROUTES = auto()  # more than one, and more than one origin
    WORKERS = auto()


class Proxy(Protocol):
    """A program that forwards from `Place.port` to `Place.backend_port` and carries out a `Policy`, with an access log."""

    @property
    def name(self) -> str:
        """As the command line and the tables call it."""
        ...

    @property
    def lacks(self) -> frozenset[Feature]:
        """What cannot be measured of it."""
        ...

    @property
    def reload_signal(self) -> Signals | None:
        """What makes it read its configuration again; None if it notices by itself, or never."""
        ...

    def version(self) -> str:
        """Return what is measured.  Raises `MissingError` if it is not installed."""
        ...

    def config_file(self, place: Place) -> Path:
        """Return where its configuration is read from."""
        ...

    def config(self, place: Place, policy: Policy) -> str:
        """Return its configuration for a policy."""
        ...

    def command(self, place: Place) -> list[str]:
        """Return how it is started, in the foreground."""
        ...

    def environment(self) -> Mapping[str, str]:
        """Return the environment it is started with."""
        ...

    def access_log(self, place: Place) -> Path:
        """Return the file that has a line for each exchange."""
        ...
