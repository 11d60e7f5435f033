"""The seam between the process that an operator sees and what serves connections: that process itself, or several workers."""

from typing import Protocol

from xoproxy.runtime.source import Edition
from xoproxy.slotted import dataclass
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.recent import Shown, Wanted
from xoproxy.telemetry.workers import WorkerView


@dataclass(frozen=True, slots=True)
class Bound:
    """An address that is listened on, as bound."""

    name: str
    secure: bool


class Engine(Protocol):
    """What serves."""

    async def open(self) -> None:
        """Begin to serve.  Raises: `ListenError`; then nothing is served."""
        ...

    @property
    def bound(self) -> list[Bound]:
        """What is listened on."""
        ...

    async def adopt(self, edition: Edition) -> list[str]:
        """Put another edition into force.  Returns what of it could not be.

        Raises: `ListenError`; then nothing was changed.
        """
        ...

    async def try_again(self) -> list[str]:
        """Read all certificates again, and open what could not be opened.  Returns why, for each that cannot."""
        ...

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        ...

    @property
    def counters(self) -> Counters:
        """What was counted since the start, whoever served; of workers up to a second old.  Always the same object."""
        ...

    @property
    def workers(self) -> tuple[WorkerView, ...]:
        """The processes that serve."""
        ...

    async def recall(self, wanted: Wanted) -> list[Shown]:
        """Return the last decisions that are wanted, the newest first.  What does not answer in time is left out."""
        ...

    @property
    def is_serving(self) -> bool:
        """Whether everything serves that should, by the generation in force."""
        ...

    async def drain(self, timeout_s: float) -> None:
        """Accept no more, let exchanges finish for a while, then cut off what is left.  Returns when all has ended."""
        ...

    def abort(self) -> None:
        """Cut off everything now.  May be called at any time, also while `open` or `drain` wait."""
        ...
