"""`GET /-/metrics`: what was counted, as Prometheus text or as OpenMetrics.

The values are copied at once, and written down in a thread: with a thousand routes that takes some hundred milliseconds, in
which a process that serves by itself would serve nobody.  The library is imported by the first who asks.
"""

import asyncio
from typing import Final

from aiohttp import web

from xoproxy.admin.answers import FIELDS
from xoproxy.admin.service import Service
from xoproxy.reports.model import StoreStatus
from xoproxy.slotted import dataclass
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.reloads import Report
from xoproxy.telemetry.workers import WorkerView

OPEN_METRICS: Final = "application/openmetrics-text"
OPEN_METRICS_TYPE: Final = f"{OPEN_METRICS}; version=1.0.0; charset=utf-8"
TEXT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is shown, as it was at one moment.  Nothing changes it, so that another thread may write it down."""

    counters: Counters
    workers: tuple[WorkerView, ...]
    generation: int
    is_ready: bool
    is_orphaned: bool
    last_reload: Report | None
    store: StoreStatus | None


class MetricsHandlers:
    """The request for metrics."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add it."""
        router.add_get("/-/metrics", self.metrics)

    async def metrics(self, request: web.Request) -> web.Response:
        """All metrics, as OpenMetrics for who names it among what it accepts, else as Prometheus text."""
        is_open = OPEN_METRICS in request.headers.get("Accept", "").lower()
        body = await asyncio.to_thread(_write, _snapshot(self._service), is_open=is_open)
        return web.Response(body=body, headers={**FIELDS, "Content-Type": OPEN_METRICS_TYPE if is_open else TEXT_TYPE})


def _snapshot(service: Service) -> Snapshot:
    return Snapshot(
        service.counters.copy(),
        service.workers,
        service.generation.number,
        service.is_ready,
        service.is_orphaned,
        service.last_reload,
        service.store,
    )


def _write(snapshot: Snapshot, *, is_open: bool) -> bytes:
    from xoproxy.admin.exposition import write  # noqa: PLC0415  where nobody scrapes, nobody waits for the library

    return write(snapshot, is_open=is_open)
