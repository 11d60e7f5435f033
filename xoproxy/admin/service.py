"""What the admin endpoint shows and does, as a protocol: the running process has it, and so does whoever tests the endpoint."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from xoproxy.config import Generation, Loaded
from xoproxy.reports.model import Found, Query, StoreStatus, Traffic
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.history import History
from xoproxy.telemetry.recent import Shown, Wanted
from xoproxy.telemetry.reloads import Report
from xoproxy.telemetry.workers import WorkerView


class Reports(Protocol):
    """What was reported: `reports.collector.Collector`, as far as it is asked here."""

    async def find(self, query: Query) -> Found:
        """Return groups."""
        ...


class Service(Protocol):
    """What the endpoint shows and does."""

    @property
    def counters(self) -> Counters:
        """How exchanges ended, in all processes that serve."""
        ...

    @property
    def workers(self) -> tuple[WorkerView, ...]:
        """The processes that serve."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether new connections are welcome."""
        ...

    @property
    def generation(self) -> Generation:
        """The generation in force."""
        ...

    @property
    def is_draining(self) -> bool:
        """Whether the process is ending."""
        ...

    @property
    def is_orphaned(self) -> bool:
        """Whether the watched file can never change again."""
        ...

    @property
    def last_reload(self) -> Report | None:
        """The last reload that did or refused something."""
        ...

    @property
    def reloads(self) -> Sequence[Report]:
        """The last reloads that did or refused something, newest last."""
        ...

    @property
    def history(self) -> History:
        """The last hour in samples."""
        ...

    @property
    def collector(self) -> Reports | None:
        """What browsers reported; None if no path of the proxy's own collects."""
        ...

    async def traffic(self, since: float) -> Mapping[str, Traffic]:
        """Return page loads by route key, those of the last seconds too."""
        ...

    @property
    def store(self) -> StoreStatus | None:
        """How the store of reports does, if there is one."""
        ...

    async def decisions(self, wanted: Wanted) -> list[Shown]:
        """Return the last decisions that are wanted, the newest first."""
        ...

    async def reload(self) -> Report:
        """Reload now."""
        ...

    async def loaded(self) -> Loaded:
        """Return the configuration in force with the places of everything in it."""
        ...
