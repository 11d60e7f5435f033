"""What the benchmark has to know of a proxy."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Protocol

from benchmarks.policy import Policy


@dataclass(frozen=True, slots=True)
class Place:
    """Where one running proxy has its files, listens and forwards to.  All its files are below `directory`."""

    directory: Path
    port: int
    backend_port: int

    @property
    def output(self) -> Path:
        """Where standard output and error go."""
        return self.directory / "output.log"


class Proxy(Protocol):
    """A program that forwards from `Place.port` to `Place.backend_port` and carries out a `Policy`, with an access log."""

    @property
    def name(self) -> str:
        """As the command line and the tables call it."""
        ...

    @property
    def reload_signal(self) -> Signals | None:
        """What makes it read its configuration again; None if it notices by itself."""
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
