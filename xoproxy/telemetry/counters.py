"""Count what happens.  Works whatever is logged.

Rule 1: an exchange costs about half a microsecond here: plain dictionaries with tuples as keys, and no object per label.
Rule 2: what a client or a backend makes up never becomes a key: methods, report types and field names that are not known are
"other", and beyond `MAX_KEYS` different keys so is the first part of the key, mostly the route.
Rule 3: `take` gives away what was counted since it was last called, `add` adds that to another process's counts: so nothing is
counted twice, and what is lost with a process is what it counted since.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from xoproxy.telemetry.histograms import BOUNDS_S, Histogram
from xoproxy.telemetry.records import ExchangeRecord

Counts = dict[str, Any]  # what `take` returns: names, and numbers or lists, as JSON has them
Key = str | tuple[str | int, ...]

OTHER: Final = "other"
MAX_KEYS: Final = 20_000  # of one kind of count: a thousand routes, each with every method that is used there, and some

# RFC 9110 §9.3 and RFC 5789.  More are registered (WebDAV's), and a client could make a time series of each of them per route.
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
_METHODS: Final = {method.encode("ascii"): method for method in METHODS}

CORS_REASONS: Final = frozenset(("origin", "method", "headers"))
REPORT_TYPES: Final = frozenset(
    (
        "coep",
        "coop",
        "csp-violation",
        "deprecation",
        "document-isolation-policy-violation",
        "integrity-violation",
        "intervention",
        "permissions-policy-violation",
    )
)
_DISPOSITIONS: Final = frozenset(("", "enforce", "report"))
_CORS_PREFIX: Final = b"access-control-"
_CORS_FIELDS: Final = frozenset(
    _CORS_PREFIX + rest
    for rest in (b"allow-origin", b"allow-credentials", b"allow-methods", b"allow-headers", b"expose-headers", b"max-age")
)

# Its length is no measure of how fast anything is: a connection that was upgraded lasts until somebody has had enough of it.
_SWITCHING_PROTOCOLS: Final = 101
_SUCCESS: Final = 2  # a class of statuses
_NOT_MODIFIED: Final = 304  # the stored page is shown


class Counters:
    """How often everything happened, since the process started or since `take` was last called."""

    __slots__ = (
        "accepted",
        "conflicts",
        "cors",
        "deliveries",
        "durations",
        "ejections",
        "errors",
        "lines_dropped",
        "pages",
        "reloads",
        "reports",
        "request_bytes",
        "requests",
        "response_bytes",
        "spans_lost",
        "upstream_durations",
    )

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, int], int] = {}  # by route, method, class of status (0: none was sent)
        self.cors: dict[tuple[str, str, str], int] = {}  # by route, outcome, reason
        self.errors: dict[tuple[str, str], int] = {}  # by name of the upstream that it was for, empty for none; by kind
        self.conflicts: Counter[str] = Counter()  # by name of a field that the policy owns and the backend sent too
        self.reports: Counter[tuple[str, str]] = Counter()  # by type, disposition
        self.deliveries: Counter[str] = Counter()  # of reports, by outcome
        self.pages: Counter[str] = Counter()  # loads of observed pages, by route
        self.ejections: Counter[tuple[str, str]] = Counter()  # by name of the upstream, address
        self.reloads: Counter[str] = Counter()  # by outcome
        self.durations = Histogram()
        self.upstream_durations = Histogram()  # until the response's head
        self.request_bytes = 0  # content only, as `ExchangeRecord` has it
        self.response_bytes = 0
        self.accepted = 0  # connections
        self.lines_dropped = 0  # of the log
        self.spans_lost = 0  # on their way to a collector of traces

    def count(self, record: ExchangeRecord) -> None:
        """Count one exchange."""
        route = record.route
        key = (route, _METHODS.get(record.method, OTHER), record.status // 100)
        try:
            self.requests[key] += 1
        except KeyError:
            _add(self.requests, key)
        reason = record.reason
        outcome = (route, record.cors, reason if reason in CORS_REASONS else "")
        try:
            self.cors[outcome] += 1
        except KeyError:
            _add(self.cors, outcome)
        self.request_bytes += record.request_bytes
        self.response_bytes += record.response_bytes
        if record.status != _SWITCHING_PROTOCOLS:
            durations = self.durations
            durations.buckets[bisect_left(BOUNDS_S, record.duration_s)] += 1
            durations.sum_s += record.duration_s
        seconds = record.upstream_s
        if seconds is not None:
            durations = self.upstream_durations
            durations.buckets[bisect_left(BOUNDS_S, seconds)] += 1
            durations.sum_s += seconds
        if record.error:
            _add(self.errors, (record.forward_to, record.error))
        # An error or a redirect is no page that could have been reported about.
        if record.page and (key[2] == _SUCCESS or record.status == _NOT_MODIFIED):
            _add(self.pages, route)
        for name in record.conflicts:
            known = name in _CORS_FIELDS or not name.startswith(_CORS_PREFIX)
            self.conflicts[name.decode("ascii") if known else OTHER] += 1

    def count_report(self, kind: str, disposition: str) -> None:
        """Count a report of a type; both are the browser's words."""
        kind = kind if kind in REPORT_TYPES else OTHER
        self.reports[kind, disposition if disposition in _DISPOSITIONS else OTHER] += 1

    def take(self) -> Counts:
        """Return what was counted since this was last called, for another process to `add`: JSON can carry it."""
        taken: Counts = {}
        for name in _TALLIES:
            tally: dict[Any, int] = getattr(self, name)
            if tally:
                taken[name] = list(tally.items())
                tally.clear()
        for name in _HISTOGRAMS:
            histogram: Histogram = getattr(self, name)
            if any(histogram.buckets):
                taken[name] = [list(histogram.buckets), histogram.sum_s]
                histogram.clear()
        for name in _SUMS:
            if value := getattr(self, name):
                taken[name] = value
                setattr(self, name, 0)
        return taken

    def add(self, taken: Counts) -> None:
        """Add what another process counted."""
        for name, counted in taken.items():
            mine = getattr(self, name)
            if isinstance(mine, Histogram):
                mine.add(*counted)
            elif isinstance(mine, int):
                setattr(self, name, mine + counted)
            else:
                for key, count in counted:
                    _add(mine, key if isinstance(key, str) else tuple(key), count)

    def copy(self) -> "Counters":
        """Return counters that hold the same, and go on no more."""
        copied = Counters()
        for name in _TALLIES:
            getattr(copied, name).update(getattr(self, name))
        for name in _HISTOGRAMS:
            histogram: Histogram = getattr(self, name)
            getattr(copied, name).add(histogram.buckets, histogram.sum_s)
        for name in _SUMS:
            setattr(copied, name, getattr(self, name))
        return copied

    def as_dict(self) -> dict[str, dict[str, int]]:
        """Return exchanges by class of status (``2xx`` ...; ``none``: it broke before one was sent), CORS outcome and error."""
        return {
            "status": summed((status_class(key[2]), count) for key, count in self.requests.items()),
            "cors": summed((key[1], count) for key, count in self.cors.items()),
            "error": summed((key[1], count) for key, count in self.errors.items()),
        }


_HISTOGRAMS: Final = ("durations", "upstream_durations")
_SUMS: Final = ("accepted", "lines_dropped", "request_bytes", "response_bytes", "spans_lost")
_TALLIES: Final = ("conflicts", "cors", "deliveries", "ejections", "errors", "pages", "reloads", "reports", "requests")


def status_class(hundreds: int) -> str:
    """Return what a class of statuses is called: ``2xx``; ``none``: none was sent."""
    return f"{hundreds}xx" if hundreds else "none"


def summed(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Add up what counts as the same."""
    sums: dict[str, int] = {}
    for name, count in counts:
        sums[name] = sums.get(name, 0) + count
    return sums


def _add(tally: dict[Any, int], key: Key, count: int = 1) -> None:
    """Count under `key`, or, where there are too many already, under one whose first part is "other"."""
    if key not in tally and len(tally) >= MAX_KEYS:
        key = OTHER if isinstance(key, str) else (OTHER, *key[1:])
    tally[key] = tally.get(key, 0) + count
