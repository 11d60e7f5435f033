"""Export traces as the generation in force says: to one collector at a time, or to none."""

import asyncio
from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

from xoproxy.config.generation import Generation
from xoproxy.config.settings import TracingSettings
from xoproxy.runtime.listening.sockets import ListenError
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.exporting import SpanExport
from xoproxy.telemetry.records import ExchangeRecord

_NEEDED: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def check_tracing(settings: TracingSettings | None) -> None:
    """Check that what `tracing.export` needs is installed, without importing it.  Raises: `ListenError`."""
    if settings is None or settings.exporting is None:
        return
    for name in _NEEDED:
        try:
            found = find_spec(name) is not None
        except (ImportError, ValueError):
            found = False
        if not found:
            raise ListenError(
                "tracing.export needs OpenTelemetry, which is not installed: run pip install 'xoproxy[otel]', "
                "or write tracing: propagate"
            )


class Tracing:
    """The export of one process that serves."""

    def __init__(self, report: Callable[[Event], None], counters: Counters) -> None:
        self._report = report
        self._counters = counters
        self._export: SpanExport | None = None

    def adopt(self, generation: Generation) -> Callable[[ExchangeRecord], None] | None:
        """Export by `generation` from now on.  Returns what takes records; None if nothing is exported."""
        tracing = generation.settings.tracing
        wanted = tracing.exporting if tracing is not None else None
        if self._export is not None and self._export.settings != wanted:
            self._export.retire()
            self._export = None
        if wanted is None:
            return None
        if self._export is None:
            self._export = SpanExport(wanted, self._report, self._counters)
        self._export.know(generation)
        return self._export.take

    async def close(self) -> None:
        """Send what waits, for a moment, and end."""
        export, self._export = self._export, None
        if export is not None:
            await asyncio.to_thread(export.close)
            export.count_failed()
