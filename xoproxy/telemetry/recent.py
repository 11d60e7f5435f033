"""The last decisions, for whoever asks why something was refused: in memory, bounded in number and in bytes.

Two rings: one of all exchanges, and one of those with a reason or an error, which a busy site would else drive out in a second.
"""

from collections import deque
from collections.abc import Iterable
from operator import itemgetter
from typing import Final

from xoproxy.slotted import dataclass
from xoproxy.telemetry.clock import timestamp
from xoproxy.telemetry.records import ExchangeRecord, shortened

Shown = dict[str, str | int | float | bool | list[str] | None]

KEPT: Final = 1000  # in each ring: at most some 3 MiB in all
MAX_TARGET: Final = 512  # bytes; whoever looks for more has the log
MAX_NAME: Final = 300  # of methods, hosts and origins: the longest that a browser can send
MAX_CLIENT_BYTES: Final = 1024  # of all of these together; most requests have a tenth

ANY_ERROR: Final = "error"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which decisions are wanted; what is empty does not matter.

    `outcome` is a CorsOutcome's or an ErrorKind's value, or "error" for any error; `origin` may be a part of one.
    """

    route: str = ""
    outcome: str = ""
    origin: str = ""
    limit: int = 100

    def covers(self, record: ExchangeRecord) -> bool:
        """Whether a record is wanted."""
        if self.route and record.route != self.route:
            return False
        is_any_error = self.outcome == ANY_ERROR and bool(record.error)
        if self.outcome and self.outcome not in (record.cors, record.error) and not is_any_error:
            return False
        return not self.origin or self.origin in _text(record.origin or b"")


class Recent:
    """The last exchanges.  A record that was handed over must not be changed any more."""

    __slots__ = ("_all", "_notable")

    def __init__(self, kept: int = KEPT) -> None:
        self._all: deque[ExchangeRecord] = deque(maxlen=kept)
        self._notable: deque[ExchangeRecord] = deque(maxlen=kept)

    def keep(self, record: ExchangeRecord) -> None:
        """Keep a record, or one that is shorter where a client has made it long."""
        origin = record.origin
        size = len(record.target) + len(record.host) + len(record.method) + (0 if origin is None else len(origin))
        if record.fields:
            size += sum(len(value) for _, value in record.fields if value is not None)
        if size > MAX_CLIENT_BYTES:
            record = shortened(record, MAX_TARGET, MAX_NAME)
        self._all.append(record)
        if record.reason or record.error:
            self._notable.append(record)

    def select(self, wanted: Wanted) -> list[Shown]:
        """Return what is wanted, the newest first."""
        # Who is still among all has been shown with them, and the others are older.
        among_all = {id(record) for record in self._all}
        older = (record for record in reversed(self._notable) if id(record) not in among_all)
        found: list[Shown] = []
        for record in (*reversed(self._all), *older):
            if len(found) >= wanted.limit:
                break
            if wanted.covers(record):
                found.append(shown(record))
        return found


def merged(lists: Iterable[list[Shown]], limit: int) -> list[Shown]:
    """Return what several processes found, the newest first."""
    return sorted((one for found in lists for one in found), key=itemgetter("time"), reverse=True)[:limit]


def shown(record: ExchangeRecord) -> Shown:
    """Return a record as JSON has it, with the keys of the access log and what only we know."""
    return {
        "time": timestamp(record.started_at),
        "client": record.client,
        "method": _text(record.method),
        "target": _text(record.target),
        "host": _text(record.host),
        "origin": None if record.origin is None else _text(record.origin),
        "status": record.status,
        "request_bytes": record.request_bytes,
        "response_bytes": record.response_bytes,
        "duration_ms": round(record.duration_s * 1000, 3),
        "upstream_ms": None if record.upstream_s is None else round(record.upstream_s * 1000, 3),
        "upstream": record.upstream,
        "route": record.route,
        "cors": str(record.cors),
        "reason": record.reason,
        "error": record.error,
        "conflicts": [_text(name) for name in record.conflicts],
        "page": record.page,
        "generation": record.generation,
        "request_id": record.request_id,
        "trace_id": record.trace.trace_id,
    }


def _text(value: bytes) -> str:
    return value.decode("ascii", "backslashreplace")
