"""Where records and events become lines: the one way to the log for the whole process.

Libraries that use `logging` (asyncio, aiohttp) end here too, through `JournalHandler`.
"""

import logging
import os
import random
import sys
import time
from collections.abc import Sequence
from typing import Final

from xoproxy.config.settings import LogLevel, LogSettings
from xoproxy.policy.cors import CorsOutcome
from xoproxy.telemetry.access_log import renderer
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.events import SEVERITY, Event, Value, render_event
from xoproxy.telemetry.recent import Recent
from xoproxy.telemetry.records import ExchangeRecord, shortened
from xoproxy.telemetry.sink import PIPE_BUF, Sink

# Each byte can take six characters (\u00ff).  With what else stands in a line this stays below the 4096 of a Linux pipe.
_SHORT_TARGET: Final = 256
_SHORT_NAME: Final = 80
_SHORT_FIELD: Final = 64

REFUSALS: Final = frozenset({CorsOutcome.REFUSED.value, CorsOutcome.PREFLIGHT_REFUSED.value})


class Journal:
    """Counts exchanges, keeps the last ones, and writes exchanges and events that the settings let through."""

    def __init__(self, fd: int, settings: LogSettings, counters: Counters, *, is_shared: bool = False) -> None:
        """`is_shared`: other processes write to `fd` too."""
        self.counters = counters
        self.recent: Recent | None = None  # kept where somebody can ask for them
        self._format = settings.format
        self._chance = random.Random(os.urandom(16)).random  # noqa: S311  no secret
        self._sink = Sink(fd, self._dropped_notice, is_shared=is_shared)
        self._max_line_chars = PIPE_BUF - 1 if is_shared else sys.maxsize
        self.configure(settings)

    def configure(self, settings: LogSettings) -> None:
        """Use another format or level from the next line on."""
        self._format = settings.format
        self._render = renderer(settings)
        self._severity = SEVERITY[settings.level]
        self._writes_exchanges = self._severity <= SEVERITY[LogLevel.INFO]
        self._sample = settings.sample

    def exchanges(self, records: Sequence[ExchangeRecord]) -> None:
        """Take the records of exchanges that ended, in their order."""
        lines: list[str] = []
        for record in records:
            self.counters.count(record)
            if self.recent is not None:
                self.recent.keep(record)
            if self._writes_exchanges and (self._sample == 1.0 or is_telling(record) or self._chance() < self._sample):
                lines.append(self._line(record))
        if lines:
            self._write(lines)

    def _line(self, record: ExchangeRecord) -> str:
        """Return the line of an exchange: where several processes write, no longer than they can without mixing."""
        line = self._render(record)
        for field_bytes in (_SHORT_FIELD, 0):
            if len(line) > self._max_line_chars:
                line = self._render(shortened(record, _SHORT_TARGET, _SHORT_NAME, field_bytes))
        return line

    def event(self, event: Event) -> None:
        """Take an event."""
        if SEVERITY[event.level] >= self._severity:
            self._write([render_event(event, time.time(), self._format)])

    def close(self) -> None:
        """Write what waits, for a moment, and end."""
        self._sink.close()

    def _write(self, lines: Sequence[str]) -> None:
        self.counters.lines_dropped += self._sink.write(lines)

    def _dropped_notice(self, count: int) -> str:
        message = f"{count} log lines were dropped: the output did not take them in time"
        return render_event(Event(LogLevel.WARNING, "xoproxy", "dropped", message, {"lines": count}), time.time(), self._format)


def is_telling(record: ExchangeRecord) -> bool:
    """Whether something went wrong, or was refused, so that the exchange is logged however few are."""
    return bool(record.error) or not 0 < record.status < 500 or record.cors in REFUSALS


_LEVELS: Final = ((logging.ERROR, LogLevel.ERROR), (logging.WARNING, LogLevel.WARNING), (logging.INFO, LogLevel.INFO))


class JournalHandler(logging.Handler):
    """Brings what libraries log into the journal's format, tracebacks included."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record of a library as an event called ``log``."""
        try:
            values: dict[str, Value] = {}
            if record.exc_info:
                values["traceback"] = logging.Formatter().formatException(record.exc_info)
            level = next((ours for floor, ours in _LEVELS if record.levelno >= floor), LogLevel.DEBUG)
            self._journal.event(Event(level, record.name, "log", record.getMessage(), values))
        except Exception:  # noqa: BLE001  a record with broken arguments must not break its caller (logging's own rule)
            self.handleError(record)


def capture_logging(journal: Journal) -> JournalHandler:
    """Send everything that goes through `logging` to the journal.  Libraries speak from level warning on."""
    handler = JournalHandler(journal)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    return handler
