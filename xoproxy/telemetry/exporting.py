"""Hand the records of sampled traces to a collector, without ever keeping the event loop waiting.

Rule 1: `take` only appends to a queue; a thread of its own makes spans of records and sends them, some hundred at a time.
Rule 2: the queue is bounded.  What is too much is dropped, oldest first, and counted.
Rule 3: a collector that is gone, slow or broken is one line in the log when that begins and one when it ends; it is tried again
less and less often, and costs nothing in between.
"""

import importlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, cast

from xoproxy.config.generation import Generation
from xoproxy.config.settings import Exporting, LogLevel
from xoproxy.slotted import dataclass
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.events import Event, Value
from xoproxy.telemetry.records import ExchangeRecord

MAX_WAITING: Final = 4096  # records; OpenTelemetry's SDK 2048
MAX_BATCH: Final = 512  # as there
GATHER_S: Final = 1.0  # from the first record of a batch to its sending; OpenTelemetry's SDK 5 s
MAX_TARGET_BYTES: Final = 4096  # of a record that waits: bounds the queue in bytes
RETRY_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
CALM_S: Final = 10.0  # without a loss, until trouble is said to be over
CLOSE_S: Final = 1.0  # as for the log


@dataclass(frozen=True, slots=True)
class Batch:
    """Records, and the path globs of the routes of one generation, by name."""

    records: list[ExchangeRecord]
    generation: int
    paths: dict[str, str]

    def routes_of(self, record: ExchangeRecord) -> str | None:
        """Return the glob of the record's route; None if it has none, or is one of another generation."""
        return self.paths.get(record.route) if record.generation == self.generation else None


class Sending(Protocol):
    """What brings batches to a collector: `spans.Sender`."""

    def send(self, batch: Batch) -> str | None:
        """Send a batch.  Returns None, or why it did not arrive."""
        ...

    def close(self) -> None:
        """End."""
        ...


def otlp(settings: Exporting) -> Sending:
    """Return what sends by OTLP.  Imported here, by the thread that needs it: it takes some tenths of a second."""
    module = importlib.import_module("xoproxy.telemetry.spans")
    return cast("Sending", module.Sender(settings))


class SpanExport:
    """Exports what it takes to one collector, until it is closed."""

    def __init__(
        self,
        settings: Exporting,
        report: Callable[[Event], None],
        counters: Counters,
        connect: Callable[[Exporting], Sending] = otlp,
    ) -> None:
        """`report` takes the lines of rule 3, from another thread; `counters`: where to count losses."""
        self.settings = settings
        self._report = report
        self._counters = counters
        self._connect = connect
        self._waiting: deque[ExchangeRecord] = deque(maxlen=MAX_WAITING)
        self._routes: tuple[int, dict[str, str]] = (0, {})
        self._wake = threading.Event()
        self._full = threading.Event()
        self._ending = threading.Event()
        self._overflowed = 0  # records that the queue had no room for; changed by who calls `take` only
        self._failed = 0  # records that did not arrive; changed by our thread only
        self._failed_counted = 0
        self._said_lost: int | None = None  # None: no trouble; else what was lost before it began
        self._last_loss = (0, 0.0)  # how much was lost by then, and when that was seen
        self._thread = threading.Thread(target=self._run, name="export", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """How many records no span was made of, or none that arrived."""
        return self._overflowed + self._failed

    def know(self, generation: Generation) -> None:
        """Name spans by the paths of this generation's routes."""
        paths = {route.name: route.match.path for route in generation.routes.routes if route.match.path is not None}
        self._routes = (generation.number, paths)

    def take(self, record: ExchangeRecord) -> None:
        """Take the record of an exchange that ended.  From one thread only; never blocks, never raises."""
        waiting = self._waiting
        if len(waiting) == MAX_WAITING:
            self._overflowed += 1
            self._counters.spans_lost += 1
        if self._failed != self._failed_counted:
            self.count_failed()
        if len(record.target) > MAX_TARGET_BYTES:
            record = record.changed(target=record.target[:MAX_TARGET_BYTES])
        waiting.append(record)
        if len(waiting) == 1:
            self._wake.set()
        elif len(waiting) == MAX_BATCH:
            self._full.set()

    def count_failed(self) -> None:
        """Count what did not arrive.  Where `take` is called too: counters are not for several threads."""
        failed = self._failed
        self._counters.spans_lost += failed - self._failed_counted
        self._failed_counted = failed

    def retire(self) -> None:
        """Send what waits and end, as another exports instead.  Does not wait for it."""
        self._ending.set()
        self._full.set()
        self._wake.set()

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Send what waits and end, within `timeout_s`: a collector that does not answer keeps nobody waiting for longer."""
        self.retire()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            sender = self._connect(self.settings)
        except Exception as exc:  # noqa: BLE001  a broken installation must not end more than the export
            self._tell(LogLevel.ERROR, f"spans are not exported: {type(exc).__name__}: {exc}", "failed")
            return
        is_last = False
        while not is_last:
            self._wake.wait()
            self._full.wait(GATHER_S)
            is_last = self._ending.is_set()
            self._wake.clear()
            self._full.clear()
            self._send_waiting(sender)
        sender.close()

    def _send_waiting(self, sender: Sending) -> None:
        """Send all that waits; after a failure not at once, and not at all if it is to end."""
        failures = 0
        while self._waiting:
            if self._send(sender):
                failures = 0
            elif self._ending.wait(RETRY_S[min(failures, len(RETRY_S) - 1)]):
                return
            else:
                failures += 1

    def _send(self, sender: Sending) -> bool:
        """Send one batch.  Returns whether it arrived; else it is lost."""
        records = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
        try:
            why = sender.send(Batch(records, *self._routes))
        except Exception as exc:  # noqa: BLE001  a record that no span can be made of must not end the thread
            why = f"{type(exc).__name__}: {exc}"
        if why is not None:
            self._failed += len(records)
        self._follow(why)
        return why is None

    def _follow(self, why: str | None) -> None:
        """Say that spans begin to be lost, and, when none was for a while, that they no longer are.  (Rule 3)"""
        now = time.monotonic()
        lost = self.lost
        if lost != self._last_loss[0]:
            before = self._last_loss[0]
            self._last_loss = (lost, now)
            if self._said_lost is None:
                self._said_lost = before
                reason = why or "there are more than it takes"
                self._tell(LogLevel.WARNING, f"spans do not reach {self.settings.url}: {reason}", "failing")
        elif self._said_lost is not None and why is None and now - self._last_loss[1] >= CALM_S:
            many = lost - self._said_lost
            self._said_lost = None
            self._tell(LogLevel.INFO, f"spans reach {self.settings.url} again; {many} were lost", "working", many)

    def _tell(self, level: LogLevel, message: str, outcome: str, lost: int = 0) -> None:
        values: dict[str, Value] = {"outcome": outcome, "lost": lost}
        self._report(Event(level, "xoproxy.tracing", "export", message, values))
