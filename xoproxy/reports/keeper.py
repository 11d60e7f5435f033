"""Bring what was gathered into the store, and keep at it: the half of the collector that waits for disks and servers.

Lives in one thread, as connections want it.  Knows no event loop and no thread: it is told the time and asked.

Rule 1: what could not be written is kept, and written with what comes later, at ever longer intervals.
Rule 2: a failure is told once when it begins and once when it ends, however often it is met in between.
Rule 3: a query is answered whatever the store does: from what waits, if need be.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from xoproxy.config.settings import Collecting, LogLevel
from xoproxy.reports import sql
from xoproxy.reports.gathering import Gathered
from xoproxy.reports.model import Found, Query, Traffic
from xoproxy.reports.sql import Database, Session, StoreError
from xoproxy.reports.stores import open_store
from xoproxy.slotted import dataclass
from xoproxy.telemetry.events import Event, Value

T = TypeVar("T")

LOGGER: Final = "xoproxy.report"
FIRST_PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 30.0
TIDY_INTERVAL_S: Final = 600.0  # what is too old goes within ten minutes
TIDY_SHARE: Final = 10  # and the store is tidied when a tenth of `max_groups` may have come new
_TIDY_MIN_GROUPS: Final = 1000


@dataclass(frozen=True, slots=True)
class Clock:
    """What time it is."""

    unix: Callable[[], float]
    steady: Callable[[], float]  # never set back; for intervals


class Keeper:
    """A store and what waits for it."""

    def __init__(self, settings: Collecting, tell: Callable[[Event], None], clock: Clock) -> None:
        self._settings = settings
        self._tell = tell
        self._clock = clock
        self._database: Database | None = None
        self._waiting = Gathered()
        self._pause_s = FIRST_PAUSE_S
        self._not_before = 0.0  # by the steady clock: when a failing store is tried again
        self._tidy_at = 0.0  # likewise
        self._untidied = 0  # groups written since the store was tidied
        # Read by other threads.
        self.name = settings.store.name
        self.error = ""
        self.stored = 0
        self.dropped = 0
        self.errors = 0

    @property
    def waiting(self) -> int:
        """How many groups could not be written yet."""
        return len(self._waiting.groups)

    def pause_s(self, now: float) -> float:
        """Return after how long there is something to do even if nothing comes.  `now` is of the steady clock."""
        return max(0.0, (self._not_before if self.error else self._tidy_at) - now)

    def open(self) -> None:
        """Look whether the store works, so that it is said now and not at the first report."""
        self._attempt(_look)

    def write(self, gathered: Gathered) -> None:
        """Write `gathered` and what waits, unless the store failed a moment ago.  Then tidy up if it is time."""
        self.dropped += self._waiting.absorb(gathered)
        if self._is_pausing():
            return
        if self._waiting:
            self._write_waiting()
        elif self.error:
            self.open()
        self._tidy()

    def _write_waiting(self) -> None:
        waiting = self._waiting
        if self._attempt(lambda session: sql.write(session, waiting)) is not None:
            self._waiting = Gathered()
            self.stored += waiting.reports
            self._untidied += len(waiting.groups)

    def find(self, query: Query) -> Found:
        """Return what the store has; what waits, if the store cannot be read."""
        found = self._read(lambda session: sql.find(session, query))
        return self._waiting.find(query) if found is None else found[0]

    def traffic(self, since: float) -> dict[str, Traffic]:
        """Return page loads by route key; those that wait, if the store cannot be read."""
        found = self._read(lambda session: sql.traffic(session, since))
        return self._waiting.traffic(since) if found is None else found[0]

    def configure(self, settings: Collecting) -> None:
        """Go on as the file says now.  What waits goes to the new store, if there is one."""
        store_changes = settings.store != self._settings.store
        self._settings = settings
        self._tidy_at = self._clock.steady()
        if store_changes:
            self._close_database()
            self.name = settings.store.name
            self.error, self._pause_s, self._not_before = "", FIRST_PAUSE_S, 0.0
            self.open()
            if not self.error:
                self._say(LogLevel.INFO, f"reports are kept in {self.name} from now on")

    def close(self, gathered: Gathered) -> None:
        """Write what waits, once, and let go of the store."""
        self._not_before = 0.0
        self._tidy_at = self._clock.steady() + TIDY_INTERVAL_S  # not now
        self.write(gathered)
        if self._waiting.groups:
            lost = self._waiting.reports
            self.dropped += lost
            self._say(LogLevel.WARNING, f"{lost} reports are lost: they waited for {self.name}, and the process ends")
        self._close_database()

    def _is_pausing(self) -> bool:
        return bool(self.error) and self._clock.steady() < self._not_before

    def _read(self, work: Callable[[Session], T]) -> tuple[T] | None:
        """Ask the store, unless that means to wait for one that failed a moment ago."""
        if self._is_pausing() and (self._database is None or not self._database.is_open):
            return None
        return self._attempt(work, writes=False)

    def _attempt(self, work: Callable[[Session], T], *, writes: bool = True) -> tuple[T] | None:
        """Do `work` in one transaction.  Returns what it comes to; None if it failed, which is noted."""
        try:
            if self._database is None:
                self._database = open_store(self._settings.store)
            result = self._database.transaction(work, writes=writes)
        except StoreError as exc:
            self._failed(str(exc))
            return None
        except Exception as exc:  # noqa: BLE001  whatever a driver does, the thread lives on
            self._failed(f"{type(exc).__name__}: {exc}"[:300])
            return None
        if writes:
            self._works()
        return (result,)

    def _failed(self, why: str) -> None:
        self.errors += 1
        begins, self.error = not self.error, why
        self._not_before = self._clock.steady() + self._pause_s
        self._pause_s = min(self._pause_s * 2, MAX_PAUSE_S)
        if begins:
            self._say(
                LogLevel.ERROR, f"reports cannot be kept in {self.name}: {why}; they wait in memory, and the proxy serves on"
            )

    def _works(self) -> None:
        if self.error:
            self.error, self._pause_s, self._not_before = "", FIRST_PAUSE_S, 0.0
            self._say(LogLevel.INFO, f"reports are kept in {self.name} again; {self.dropped} were dropped since the start")

    def _say(self, level: LogLevel, message: str) -> None:
        values: dict[str, Value] = {"store": self.name, "error": self.error}
        values |= {"waiting": self.waiting, "dropped": self.dropped}
        self._tell(Event(level, LOGGER, "store", message, values))

    def _tidy(self) -> None:
        """Let go of what is too old or too much, a bounded part at a time."""
        now = self._clock.steady()
        share = max(self._settings.max_groups // TIDY_SHARE, min(_TIDY_MIN_GROUPS, self._settings.max_groups))
        if self.error or (now < self._tidy_at and self._untidied < share):
            return
        bounds = sql.Bounds(self._clock.unix() - self._settings.keep_s, self._settings.max_groups)
        if self._attempt(lambda session: sql.tidy(session, bounds)) != (True,):
            self._tidy_at, self._untidied = now + TIDY_INTERVAL_S, 0

    def _close_database(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _look(session: Session) -> None:
    """Find out whether there is a store."""
    session.rows("SELECT version FROM xoproxy_schema")
