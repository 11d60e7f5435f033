"""What the data plane tells about an exchange that ended.  Values only; `access_log` renders them, `counters` count them."""

from dataclasses import replace
from typing import Final, NamedTuple

from xoproxy.slotted import dataclass


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


@dataclass(slots=True)
class ExchangeRecord:
    """One exchange, filled in by the data plane as it goes and handed over once, at its end.

    Bytes are as they came from the wire: whoever renders them must escape them.  Times are seconds; `started_at` is a Unix
    time, durations come from a monotonic clock.
    """

    client: str  # address of the peer, or of the client a trusted proxy names
    started_at: float
    method: bytes = b""
    target: bytes = b""
    host: bytes = b""
    origin: bytes | None = None
    status: int = 0  # 0: the connection ended before a status was sent
    request_bytes: int = 0  # content only
    response_bytes: int = 0  # content only
    began_s: float = 0.0  # monotonic time of its start
    duration_s: float = 0.0
    upstream_s: float | None = None  # from the head's sending to the response head's arrival
    forward_to: str = ""  # name of the upstream that it is for, empty if we answer ourselves
    upstream: str = ""  # endpoint, empty if none was asked
    route: str = ""
    cors: str = "none"  # a CorsOutcome's value
    reason: str = ""  # why CORS refused; else, of an error, why in words
    error: str = ""  # an ErrorKind's value
    conflicts: tuple[bytes, ...] = ()  # fields of the backend's that the policy decides about, by names in lower case
    generation: int = 0
    page: bool = False  # asked for as a page, by a browser that reports, where something is observed by us
    request_id: str = ""  # ASCII, without anything that needs escaping; empty: requests have none
    trace: Trace = UNTRACED
    fields: tuple[tuple[str, bytes | None], ...] = ()  # those of `log.request_fields`: name and value, None if it was not sent


def shortened(record: ExchangeRecord, target_bytes: int, name_bytes: int, field_bytes: int = 0) -> ExchangeRecord:
    """Return the record with less of what a client may make long: its target, method, host, origin, and fields (0: none)."""

    def cut(value: bytes, size: int) -> bytes:
        return value if len(value) <= size else value[:size] + b"..."

    fields = [(name, None if value is None else cut(value, field_bytes)) for name, value in record.fields if field_bytes]
    return replace(
        record,
        method=cut(record.method, name_bytes),
        target=cut(record.target, target_bytes),
        host=cut(record.host, name_bytes),
        origin=None if record.origin is None else cut(record.origin, name_bytes),
        fields=tuple(fields),
    )
