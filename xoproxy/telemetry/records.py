"""What the data plane tells about an exchange that ended.  Values only; `access_log` renders them, `counters` count them."""

from dataclasses import dataclass, replace


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


def shortened(record: ExchangeRecord, target_bytes: int, name_bytes: int) -> ExchangeRecord:
    """Return the record with less of what a client may make long: its target, and method, host and origin."""

    def cut(value: bytes, size: int) -> bytes:
        return value if len(value) <= size else value[:size] + b"..."

    return replace(
        record,
        method=cut(record.method, name_bytes),
        target=cut(record.target, target_bytes),
        host=cut(record.host, name_bytes),
        origin=None if record.origin is None else cut(record.origin, name_bytes),
    )
