"""What changes, as it changes: a stream of events for the dashboard.  (HTML §9.2, "Server-sent events")

An event is one JSON object with the parts that are not as this client was told last; the first has all of them.

Rule 1: at most one event a second, to a bounded number of clients; what all of them are told is put together once.
Rule 2: a stream ends at once when the endpoint does: nobody waits for those who only watch.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from aiohttp import web

from xoproxy.admin.answers import FIELDS, answer
from xoproxy.admin.exchanges import sample_as_json
from xoproxy.admin.service import Service
from xoproxy.admin.state import as_counts, report_as_json, worker_as_json
from xoproxy.insight.effective import Json
from xoproxy.telemetry.workers import WorkerView

MAX_CLIENTS: Final = 16
INTERVAL_S: Final = 1.0
STALL_S: Final = 30.0  # for a client that takes nothing: one that sleeps must not keep another's place
HEARTBEAT_S: Final = 15.0  # below the idle timeouts of what may stand between: nginx's and ssh's are 60 s and more
_RESTLESS: Final = frozenset({"cpu_s", "resident_bytes"})
_FIELDS: Final = {**FIELDS, "Content-Type": "text/event-stream; charset=utf-8"}

Parts = dict[str, Json]


class EventHandlers:
    """The request for events."""

    def __init__(self, service: Service, now: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._now = now
        self._clients = 0
        self._ending = asyncio.Event()
        self._parts: Parts = {}
        self._parts_at = float("-inf")

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add it."""
        router.add_get("/-/events", self.events, allow_head=False)  # the head of what has no end says nothing

    async def end(self, _app: web.Application) -> None:
        """End all streams."""
        self._ending.set()

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Send what changes, until the client or the endpoint goes."""
        if self._clients >= MAX_CLIENTS:
            response = answer({"error": f"{MAX_CLIENTS} clients follow events already; close one of them"}, 503)
            response.headers["Retry-After"] = "10"
            return response
        self._clients += 1
        stream = web.StreamResponse(headers=_FIELDS)
        try:
            await stream.prepare(request)
            await self._follow(request, stream)
        except ConnectionError:
            pass  # the client went
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._clients -= 1
        return stream

    async def _follow(self, request: web.Request, stream: web.StreamResponse) -> None:
        told: Parts = {}
        told_at = self._now()
        while request.transport is not None and not request.transport.is_closing():
            parts = self._current()
            changed = {name: part for name, part in parts.items() if name not in told or told[name] != part}
            if changed:
                await _send(stream, f"data: {json.dumps(changed, separators=(',', ':'))}\n\n")
                told, told_at = parts, self._now()
            elif self._now() - told_at >= HEARTBEAT_S:
                await _send(stream, ": nothing new\n\n")
                told_at = self._now()
            if await self._is_over():
                return

    async def _is_over(self) -> bool:
        """Wait for the next turn; return whether there is none."""
        try:
            await asyncio.wait_for(self._ending.wait(), INTERVAL_S)
        except TimeoutError:
            return False
        return True

    def _current(self) -> Parts:
        """Return all parts as they are now, or were less than half a turn ago."""
        now = self._now()
        if now - self._parts_at >= INTERVAL_S / 2:
            self._parts, self._parts_at = _parts(self._service), now
        return self._parts


async def _send(stream: web.StreamResponse, message: str) -> None:
    """Raises: `TimeoutError`, `ConnectionError`."""
    async with asyncio.timeout(STALL_S):
        await stream.write(message.encode())


def _worker(worker: WorkerView) -> Json:
    """Return one process that serves, without what changes by itself: that would be news every second."""
    return {name: value for name, value in worker_as_json(worker).items() if name not in _RESTLESS}


def _parts(service: Service) -> Parts:
    last = service.last_reload
    generation = service.generation
    samples = service.history.samples
    store = service.store
    return {
        "state": {
            "ready": service.is_ready,
            "draining": service.is_draining,
            "orphaned": service.is_orphaned,
            "generation": generation.number,
            "digest": generation.digest,
            "source": generation.source,
        },
        "reload": None if last is None else report_as_json(last),
        "workers": [_worker(worker) for worker in service.workers],
        "totals": as_counts(service.counters),
        "sample": sample_as_json(samples[-1]) if samples else None,
        "store": None if store is None else dict(asdict(store)),
    }
