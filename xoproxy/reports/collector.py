"""Take reports from the event loop, and answer what was reported: the half of the collector that never waits.

A thread of its own writes about twice a second what came, in one transaction, and answers queries.  The two share one value,
`Gathered`, which the thread takes away whole: the lock is held for the time of a dict's assignment.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Final, TypeVar

from xoproxy.config.settings import Collecting
from xoproxy.reports.gathering import Gathered
from xoproxy.reports.keeper import Clock, Keeper
from xoproxy.reports.model import Found, Query, Report, StoreStatus, Traffic
from xoproxy.telemetry.events import Event

T = TypeVar("T")

GATHER_S: Final = 0.5  # from the first report to the transaction that writes it and what came meanwhile
FULL_GROUPS: Final = 2000  # or until so many groups came: there is room for five times as many
CLOSE_S: Final = 3.0  # for the last of them, when the process ends

_SYSTEM: Final = Clock(time.time, time.monotonic)


class Collector:
    """Reports and page loads, grouped and kept.  To be made and used in a running event loop."""

    def __init__(self, settings: Collecting, report: Callable[[Event], None], clock: Clock = _SYSTEM) -> None:
        """`report` takes what is to be logged, and is called in the loop."""
        self._loop = asyncio.get_running_loop()
        self._report = report
        self._clock = clock
        self._keeper = Keeper(settings, self._tell, clock)
        self._lock = Lock()
        self._gathered = Gathered()
        self._no_room = 0  # reports; the keeper counts those that it drops itself
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._write_at: float | None = None  # the thread's: when what is gathered is due
        self._is_closed = False
        self._ended = asyncio.Event()
        self._thread = Thread(target=self._run, name="reports", daemon=True)  # a store that hangs does not keep the process
        self._thread.start()

    @property
    def status(self) -> StoreStatus:
        """How the store does."""
        keeper = self._keeper
        waiting = keeper.waiting + len(self._gathered.groups)
        return StoreStatus(keeper.name, keeper.error, keeper.stored, keeper.dropped + self._no_room, keeper.errors, waiting)

    def keep(self, reports: tuple[Report, ...]) -> None:
        """Keep reports, some time soon.  Never blocks, never raises; what there is no room for is counted as dropped."""
        now = self._clock.unix()
        with self._lock:
            before = len(self._gathered.groups)
            was_empty = not self._gathered
            for report in reports:
                self._no_room += not self._gathered.add(report, now)
            is_full = before < FULL_GROUPS <= len(self._gathered.groups)
        if is_full:
            self._put(self._write)
        self._wake(was_empty)

    def saw(self, pages: Mapping[str, int], at: float | None = None) -> None:
        """Count page loads by route key; 0 for a route that is observed and had none.  Never blocks, never raises.

        `at`: the Unix time at which that was so, if not now.
        """
        with self._lock:
            was_empty = not self._gathered
            self._gathered.saw(pages, self._clock.unix() if at is None else at)
        self._wake(was_empty)

    def configure(self, settings: Collecting) -> None:
        """Go on as the file says now."""
        self._put(lambda: self._keeper.configure(settings))

    async def find(self, query: Query) -> Found:
        """Return groups; all that was kept before is among them."""
        return await self._ask(lambda: self._keeper.find(query), Found((), 0, 0))

    async def traffic(self, since: float) -> dict[str, Traffic]:
        """Return by route key how many pages were seen since a time, to the hour."""
        return await self._ask(lambda: self._keeper.traffic(since), {})

    async def close(self) -> None:
        """Write what waits, for a moment, and end."""
        if not self._is_closed:
            self._is_closed = True
            self._jobs.put(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._ended.wait()

    def _wake(self, was_empty: bool) -> None:  # noqa: FBT001  of the two callers above
        if was_empty:
            self._put(_nothing)

    def _put(self, job: Callable[[], None]) -> None:
        if not self._is_closed:
            self._jobs.put(job)

    async def _ask(self, question: Callable[[], T], otherwise: T) -> T:
        if self._is_closed:
            return otherwise
        answer: asyncio.Future[T] = self._loop.create_future()

        def job() -> None:
            self._write()
            value = question()  # does not raise, whatever the store does
            self._in_loop(lambda: None if answer.done() else answer.set_result(value))

        self._put(job)
        return await answer

    # What follows runs in the thread.

    def _run(self) -> None:
        self._keeper.open()
        while True:
            now = self._clock.steady()
            wait_s = self._keeper.pause_s(now) if self._write_at is None else max(0.0, self._write_at - now)
            try:
                job = self._jobs.get(timeout=wait_s)
            except Empty:
                self._write()
                continue
            if job is None:
                break
            job()
            if self._gathered and self._write_at is None:
                self._write_at = self._clock.steady() + GATHER_S
        self._keeper.close(self._take())
        self._in_loop(self._ended.set)

    def _write(self) -> None:
        self._write_at = None
        self._keeper.write(self._take())

    def _take(self) -> Gathered:
        with self._lock:
            taken, self._gathered = self._gathered, Gathered()
        return taken

    def _tell(self, event: Event) -> None:
        self._in_loop(lambda: self._report(event))

    def _in_loop(self, call: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens
            self._loop.call_soon_threadsafe(call)


def _nothing() -> None:
    """Wake the thread, which then looks what there is."""
