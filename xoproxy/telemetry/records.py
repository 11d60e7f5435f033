"""What the data plane tells about an exchange that ended.  Values only; `access_log` renders them, `counters` count them."""

from typing import Final, NamedTuple


class Trace(NamedTuple):
    """The trace that an exchange is part of.  A plain tuple: one is made per request.

    Identifiers are lower-case hexadecimal digits, as they went on to the upstream.  (W3C Trace Context §3.2.2)
    """

    trace_id: str  # empty: the exchange is part of none
    span_id: str = ""  # ours
    parent_id: str = ""  # the client's; empty: the trace begins here
    is_sampled: bool = False
    version: str = ""  # of HTTP, as the client spoke it
    scheme: str = ""  # of the client's connection


UNTRACED: Final = Trace("")

Logged = tuple[tuple[str, bytes | None], ...]  # name and value of request fields; None if one was not sent


class ExchangeRecord:
    """One exchange, filled in by the data plane as it goes and handed over once, at its end.

    Bytes are as they came from the wire: whoever renders them must escape them.  Times are seconds; `started_at` is a Unix
    time, durations come from a monotonic clock.  (No dataclass: one is made per exchange, and mypyc leaves the constructor of
    those to the interpreter, which takes ten times as long.)
    """

    __slots__ = (
        "began_s",
        "client",
        "conflicts",
        "cors",
        "duration_s",
        "error",
        "fields",
        "forward_to",
        "generation",
        "host",
        "method",
        "origin",
        "page",
        "reason",
        "request_bytes",
        "request_id",
        "response_bytes",
        "route",
        "started_at",
        "status",
        "target",
        "trace",
        "upstream",
        "upstream_s",
    )

    def __init__(self, client: str, started_at: float) -> None:
        self.client = client  # address of the peer, or of the client a trusted proxy names
        self.started_at = started_at
        self.method = b""
        self.target = b""
        self.host = b""
        self.origin: bytes | None = None
        self.status = 0  # 0: the connection ended before a status was sent
        self.request_bytes = 0  # content only
        self.response_bytes = 0  # content only
        self.began_s = 0.0  # monotonic time of its start
        self.duration_s = 0.0
        self.upstream_s: float | None = None  # from the head's sending to the response head's arrival
        self.forward_to = ""  # name of the upstream that it is for, empty if we answer ourselves
        self.upstream = ""  # endpoint, empty if none was asked
        self.route = ""
        self.cors: str = "none"  # a CorsOutcome's value
        self.reason = ""  # why CORS refused; else, of an error, why in words
        self.error = ""  # an ErrorKind's value
        self.conflicts: tuple[bytes, ...] = ()  # fields of the backend's that the policy decides about, by names in lower case
        self.generation = 0
        self.page = False  # asked for as a page, by a browser that reports, where something is observed by us
        self.request_id = ""  # ASCII, without anything that needs escaping; empty: requests have none
        self.trace: Trace = UNTRACED
        self.fields: Logged = ()  # those of `log.request_fields`

    def changed(self, **values: object) -> "ExchangeRecord":
        """Return a copy that has other values under these names."""
        made = ExchangeRecord(self.client, self.started_at)
        for name in _LATER:
            setattr(made, name, getattr(self, name))
        for name, value in values.items():
            setattr(made, name, value)
        return made


# All that is not known at once.
_LATER: Final = (
    *("method", "target", "host", "origin", "status", "request_bytes", "response_bytes", "began_s", "duration_s", "upstream_s"),
    *("forward_to", "upstream", "route", "cors", "reason", "error", "conflicts", "generation", "page", "request_id", "trace"),
    "fields",
)


def shortened(record: ExchangeRecord, target_bytes: int, name_bytes: int, field_bytes: int = 0) -> ExchangeRecord:
    """Return the record with less of what a client may make long: its target, method, host, origin, and fields (0: none)."""

    def cut(value: bytes, size: int) -> bytes:
        return value if len(value) <= size else value[:size] + b"..."

    fields = [(name, None if value is None else cut(value, field_bytes)) for name, value in record.fields if field_bytes]
    return record.changed(
        method=cut(record.method, name_bytes),
        target=cut(record.target, target_bytes),
        host=cut(record.host, name_bytes),
        origin=None if record.origin is None else cut(record.origin, name_bytes),
        fields=tuple(fields),
    )
