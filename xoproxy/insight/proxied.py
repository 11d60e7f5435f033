"""What the proxy would answer, without a socket: the very decision and the very rewriting of the data plane, on values.

A question goes in as the browser floor's `WireRequest` and comes out as its `WireResponse`.  What the backend would answer is
for the caller to say: nobody is asked here.
"""

import re
from collections import Counter
from dataclasses import field
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from xoproxy.browser.model import Fields, WireRequest, WireResponse
from xoproxy.config.generation import Generation
from xoproxy.policy.plan import ResponsePlan
from xoproxy.policy.routes import Answer, Collect, Forward, Route
from xoproxy.semantics.diagnosis import HeadFault
from xoproxy.semantics.heads import RequestHead, ResponseHead, read_remains, read_request_head, read_response_head
from xoproxy.slotted import dataclass

OK: Final = WireResponse(200)  # a backend that knows nothing of cross-origin policy

# What browsers write as ws:// goes over the wire as HTTP.  (WebSockets, "establish a WebSocket connection")
_HTTP_SCHEMES: Final = {"ws": b"http", "wss": b"https", "http": b"http", "https": b"https"}
_FIELD_LINE: Final = re.compile(rb"\n([^:\r]+):[ \t]*([^\r]*?)[ \t]*(?=\r)")
# A line of the backend's, which goes on byte for byte or not at all, is told by its second space from one that says the same.
_BACKENDS: Final = b"%b:  %b\r\n"
_BACKENDS_LINE: Final = re.compile(rb"\n([^:\r]+):  ([^\r]*?)[ \t]*(?=\r)")
_PROBLEM: Final = b"Content-Type: application/problem+json\r\n"


@dataclass(frozen=True, slots=True)
class Answered:
    """What the proxy did with one request.  `route` None: no route matches, or the request cannot be read."""

    response: WireResponse
    route: Route | None
    outcome: str  # of the CORS protocol, as the access log says it
    backend: WireResponse | None = None  # None: it was not asked
    refusal: str = ""  # why the proxy refused, in words; empty if it did not
    removed: Fields = field(default=())  # lines of the backend's that did not go on
    added: Fields = field(default=())  # lines that came from the policy


class UnreadableUrlError(ValueError):
    """A URL that no request can be made of.  Its text says why."""


def authority_and_target(url: str) -> tuple[bytes, bytes, bytes]:
    """Return the scheme (``http`` or ``https``), the authority and the request target of an absolute URL.

    Raises: `UnreadableUrlError`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as fault:
        raise UnreadableUrlError(f'"{url}" is not a URL: {fault}') from None
    scheme = _HTTP_SCHEMES.get(parts.scheme.lower())
    if scheme is None or not parts.hostname:
        raise UnreadableUrlError(f'"{url}" is not an absolute http or https URL; write one as https://app.example.com/path')
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = 443 if scheme == b"https" else 80
    authority = host if port in (None, default) else f"{host}:{port}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        return scheme, authority.encode("ascii"), target.encode("ascii")
    except UnicodeEncodeError:
        raise UnreadableUrlError(f'"{url}" has characters that browsers percent-encode; write it so') from None


def request_block(request: WireRequest) -> tuple[bytes, bytes]:
    """Return the head as it comes to the proxy, and the scheme.  Raises: `UnreadableUrlError`."""
    scheme, authority, target = authority_and_target(request.url)
    lines = b"".join(b"%b: %b\r\n" % line for line in request.fields)
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (request.method, target, authority, lines), scheme


def fields_of(block: bytes) -> Fields:
    """Return the field lines of a head."""
    return tuple((name, value) for name, value in _FIELD_LINE.findall(block))


class Proxied:
    """A generation, asked what it would answer."""

    def __init__(self, generation: Generation) -> None:
        self._routes = generation.routes

    def answer(self, request: WireRequest, backend: WireResponse = OK) -> Answered:
        """Return the answer, if the backend's is `backend`.  Raises: `UnreadableUrlError`."""
        block, scheme = request_block(request)
        head = read_request_head(block)
        if isinstance(head, HeadFault):
            plan = self._routes.plan_for_refused(read_remains(block), scheme)
            return _own_answer(head.status, plan, None, head.reason)
        decision = self._routes.decide(head, scheme, head.host)
        match decision:
            case Answer():
                return _own_answer(decision.status, decision.plan, decision.route, decision.detail)
            case Collect():
                return _own_answer(204, decision.plan, None, "")
            case Forward():
                return _forwarded(decision, head, backend)


def _own_answer(status: int, plan: ResponsePlan, route: Route | None, refusal: str) -> Answered:
    lines = _PROBLEM if refusal else b""
    fields = fields_of(plan.apply(ResponseHead(_status_line(status) + lines + b"\r\n", status, 1)))
    added = tuple(line for line in fields if not refusal or line != (b"Content-Type", b"application/problem+json"))
    return Answered(WireResponse(status, fields), route, plan.outcome, refusal=refusal, added=added)


def _forwarded(decision: Forward, head: RequestHead, backend: WireResponse) -> Answered:
    lines = b"".join(_BACKENDS % line for line in backend.fields)
    read = read_response_head(_status_line(backend.status) + lines + b"\r\n", head.method)
    plan, route = decision.plan, decision.route
    if isinstance(read, HeadFault):
        refused = _own_answer(read.status, plan, route, read.reason)
        return Answered(refused.response, route, plan.outcome, backend, read.reason, added=refused.added)
    block = plan.apply(read, _switching_lines(read))
    fields = fields_of(block)
    kept = Counter(_BACKENDS_LINE.findall(block))
    return Answered(
        WireResponse(backend.status, fields),
        route,
        plan.outcome,
        backend,
        removed=tuple((Counter(backend.fields) - kept).elements()),
        added=tuple((Counter(fields) - kept).elements()),
    )


def _switching_lines(head: ResponseHead) -> bytes:
    """Return the connection's own fields of a response that switches protocols.  (RFC 9110 §7.8)"""
    protocols = [field.value for field, _, _ in head.fields if field.name == b"upgrade"]
    if head.status != 101 or not protocols:
        return b""
    return b"Connection: upgrade\r\nUpgrade: " + b", ".join(protocols) + b"\r\n"


def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return b"HTTP/1.1 %d %b\r\n" % (status, phrase.encode("ascii"))
