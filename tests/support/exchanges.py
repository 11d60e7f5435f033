"""Exchanges without a wire: heads made of lines, put through a route table, and what a client would see of them.

Nothing here knows what is right: the expectations stand in the tests.
"""

from dataclasses import dataclass

from xoproxy.policy.cors import CorsOutcome
from xoproxy.policy.model import Policy, ReportingEndpoints
from xoproxy.policy.routes import Answer, Match, Route, RouteTable
from xoproxy.semantics.heads import RequestHead, ResponseHead, read_request_head, read_response_head
from xoproxy.semantics.origins import OriginPattern, parse_origin

HOST = b"shop.example"
OWN = b"https://shop.example"

# The field names that a policy decides; every other line of a response is the backend's.
DECIDED = (
    b"access-control-", b"cross-origin-", b"vary", b"timing-allow-origin", b"reporting-endpoints", b"origin-agent-cluster",
    *(name + twin for name in (b"document-isolation", b"permissions", b"integrity") for twin in (b"-policy", b"-policy-")),
)  # fmt: skip


def exact(text: str) -> OriginPattern:
    """Return the pattern of one origin."""
    origin = parse_origin(text.encode("ascii"))
    assert origin is not None
    return OriginPattern(origin.scheme, origin.host, origin.port)


def subdomains(host: str, *, scheme: str = "https", port: int | None = 443) -> OriginPattern:
    """Return the pattern ``scheme://*.host``; `port` None is ``:*``."""
    return OriginPattern(scheme.encode(), host.encode(), port, any_subdomain=True)


def head_of(start: bytes, *lines: bytes) -> bytes:
    """Return a head block."""
    return b"".join(line + b"\r\n" for line in (start, *lines)) + b"\r\n"


def request(method: bytes = b"GET", target: bytes = b"/", *lines: bytes, host: bytes = HOST) -> RequestHead:
    """Return an HTTP/1.1 request head that must be readable."""
    head = read_request_head(head_of(b"%s %s HTTP/1.1" % (method, target), b"Host: " + host, *lines))
    assert isinstance(head, RequestHead), head
    return head


def preflight(origin: bytes, method: bytes, *lines: bytes, target: bytes = b"/", host: bytes = HOST) -> RequestHead:
    """Return a CORS-preflight request.  (Fetch, "CORS-preflight fetch")"""
    asked = (b"Origin: " + origin, b"Access-Control-Request-Method: " + method, *lines)
    return request(b"OPTIONS", target, *asked, host=host)


def response(status: int, *lines: bytes, method: bytes = b"GET") -> ResponseHead:
    """Return a response head that must be readable."""
    head = read_response_head(head_of(b"HTTP/1.1 %d Reason" % status, *lines), method)
    assert isinstance(head, ResponseHead), head
    return head


def table_of(policy: Policy, endpoints: ReportingEndpoints | None = None) -> RouteTable:
    """Return a table whose one route matches everything."""
    route = Route("routes[0]", Match(), "web", policy, "test")
    return RouteTable((route,), Policy(), endpoints or ReportingEndpoints())


@dataclass(frozen=True)
class Seen:
    """What the client gets: `decided` are the lines of fields a policy decides, sorted; `others` the rest, in order."""

    status: int
    outcome: CorsOutcome
    reason: str
    decided: list[bytes]
    others: list[bytes]
    forwarded: bool

    def named(self, name: bytes) -> list[bytes]:
        """Return the values of the decided lines called `name` (lower case)."""
        pairs = (line.split(b":", 1) for line in self.decided)
        return [value.strip() for found, value in pairs if found.lower() == name]

    def cors(self) -> list[bytes]:
        """Return the Access-Control lines."""
        return [line for line in self.decided if line.lower().startswith(b"access-control-")]


def lines_of(block: bytes) -> list[bytes]:
    """Return a head's field lines; the head must be whole."""
    assert block.endswith(b"\r\n\r\n")
    return block[:-4].split(b"\r\n")[1:]


def is_decided(line: bytes) -> bool:
    """Whether a policy decides this line."""
    name = line.partition(b":")[0].lower()
    return any(name.startswith(decided) if decided.endswith(b"-") else name == decided for decided in DECIDED)


def exchange(table: RouteTable, head: RequestHead, backend: ResponseHead, *, scheme: bytes = b"https") -> Seen:
    """Put a request through a table; the backend answers with `backend` if it is asked at all."""
    decision = table.decide(head, scheme, head.host)
    if isinstance(decision, Answer):
        backend = ResponseHead(b"HTTP/1.1 %d Own\r\n\r\n" % decision.status, decision.status, 1)
    plan = decision.plan
    lines = lines_of(plan.apply(backend))
    return Seen(
        backend.status,
        plan.outcome,
        plan.reason,
        sorted(line for line in lines if is_decided(line)),
        [line for line in lines if not is_decided(line)],
        not isinstance(decision, Answer),
    )
