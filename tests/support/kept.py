"""Reports to keep, and a collector that can be asked what it said."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from xoproxy.config.settings import Collecting
from xoproxy.reports.collector import Collector
from xoproxy.reports.keeper import Clock
from xoproxy.reports.model import Report
from xoproxy.telemetry.events import Event

PATIENCE_S = 20.0


def report(**members: Any) -> Report:
    """A report; what is not told is as in any other."""
    values: dict[str, Any] = {
        "type": "coep",
        "kind": "corp",
        "disposition": "report",
        "document": "https://app.example/",
        "blocked": "https://cdn.example/a.png",
        "destination": "image",
        "agent": "Chrome 146",
    }
    return Report(**{**values, **members})


class Times:
    """A clock that is set by hand; its pauses do not pass by themselves."""

    def __init__(self, unix: float = 1_800_000_000.0) -> None:
        self.unix = unix
        self.steady = 1000.0

    @property
    def clock(self) -> Clock:
        """What keepers take."""
        return Clock(lambda: self.unix, lambda: self.steady)

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.unix += seconds
        self.steady += seconds


class Kept:
    """A collector and what it said."""

    def __init__(self, settings: Collecting, unix: Callable[[], float] = time.time) -> None:
        self.events: list[Event] = []
        self.collector = Collector(settings, self.events.append, Clock(unix, time.monotonic))

    @property
    def said(self) -> list[str]:
        """The messages for the log."""
        return [event.message for event in self.events]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what the thread brings about."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, (self.collector.status, self.said)
            await asyncio.sleep(0.005)
