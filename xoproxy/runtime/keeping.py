"""The collector of a process: made when the first path of ours collects reports, and kept to the process's end.

A process that collects nothing imports nothing for it.
"""

import asyncio
import importlib
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from xoproxy.config.settings import Collecting
from xoproxy.reports.model import Report
from xoproxy.telemetry.events import Event

if TYPE_CHECKING:
    from xoproxy.reports.collector import Collector

MAX_EARLY: Final = 10_000  # reports that come before there is a collector, while it is imported


class Keeper:
    """Takes reports from the start on, and hands them to the collector."""

    def __init__(self, report: Callable[[Event], None]) -> None:
        """`report` takes what happens to the store."""
        self._report = report
        self._early: deque[tuple[Report, ...]] = deque()
        self.collector: Collector | None = None

    def keep(self, reports: tuple[Report, ...]) -> None:
        """Keep reports."""
        if self.collector is not None:
            self.collector.keep(reports)
        elif sum(map(len, self._early)) < MAX_EARLY:
            self._early.append(reports)

    async def configure(self, settings: Collecting) -> None:
        """Keep reports from now on by these settings."""
        if self.collector is not None:
            self.collector.configure(settings)
            return
        if not settings.targets:
            return
        module = await asyncio.to_thread(importlib.import_module, "xoproxy.reports.collector")
        collector: Collector = module.Collector(settings, self._report)
        while self._early:
            collector.keep(self._early.popleft())
        self.collector = collector

    async def close(self) -> None:
        """Write what waits, and end."""
        if self.collector is not None:
            await self.collector.close()
