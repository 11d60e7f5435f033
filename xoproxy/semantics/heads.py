"""Read a message head once, and say where the fields stand that the proxy must know.

The values made here are the seam of the program: the wire floor makes them, the policy floor reads and edits them.  They hold
the head as the very bytes that came; names are compared in lower case and sent on as received.

What is refused here is refused by grammar or by framing (RFC 9112 §11: smuggling and splitting).  Bad input is a return value,
`HeadFault`, never an exception.
"""

import ipaddress
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from xoproxy.semantics import grammar
from xoproxy.semantics.diagnosis import HeadFault, diagnose_request, diagnose_response
from xoproxy.semantics.field_lines import NO_NAMES, REQUEST_FIELDS, RESPONSE_FIELDS, FieldLine, FieldReader
from xoproxy.semantics.lists import tokens
from xoproxy.semantics.targets import check_target

if TYPE_CHECKING:
    from xoproxy.semantics.forwarded import Hop

CHUNKED: Final = b"chunked"


class Framing(Enum):
    """How far a message's content extends.  (RFC 9112 §6.3)"""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    UNTIL_CLOSE = "until close"


# Where field lines begin in a request's tail.
_TAIL_LINES_AT: Final = len(b" HTTP/1.1\r\n")

_USUAL_METHODS: Final = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"))

# Answers that were computed from a peer's words are remembered only for words up to this length.
MAX_REMEMBERED_BYTES: Final = 64

# An enumeration's members are looked up through Python code in CPython 3.11; the hot path reads these instead.
NONE: Final = Framing.NONE
LENGTH: Final = Framing.LENGTH
_CHUNKED: Final = Framing.CHUNKED
_UNTIL_CLOSE: Final = Framing.UNTIL_CLOSE


class RequestHead:
    """A request head that the grammar and the framing rules accepted.

    A plain class with slots, not a dataclass: one is made per exchange, and a frozen dataclass costs five times as much to
    make.  Nothing changes it after `read_request_head` returned it, but for `forwarded`, which is only remembered there.
    """

    __slots__ = (
        "block",
        "content_length",
        "fields",
        "forwarded",
        "framing",
        "host",
        "keeps_alive",
        "method",
        "minor",
        "named",
        "options",
        "origin",
        "preflight_method",
        "tail",
        "target",
        "upgrade",
    )

    def __init__(self, block: bytes, method: bytes, target: bytes, minor: int, before: "RequestHead | None" = None) -> None:
        """`before`: a head with the same tail, from which all is taken that was read of it."""
        self.block = block
        self.method = method
        self.target = target
        self.minor = minor  # 0 or 1: HTTP/1.0 or HTTP/1.1
        if before is None:
            self.tail = block[len(method) + 1 + len(target) :]  # from the space before the version to the end
            self.host: bytes = b""  # as sent; empty only in HTTP/1.0
            self.origin: bytes | None = None  # several lines are joined with ", ", as Fetch's "get" does: never a valid origin
            self.preflight_method: bytes | None = None  # Access-Control-Request-Method
            self.framing: Framing = NONE
            self.content_length = 0
            self.options: tuple[bytes, ...] = ()  # connection options, lower case
            self.named = NO_NAMES  # the fields that end here because an option names them
            self.keeps_alive = minor == 1  # whether the client wants the connection to persist (RFC 9112 §9.3)
            self.upgrade: bytes | None = None  # the Upgrade field, if a connection option asks for it
            self.fields: list[FieldLine] = []  # places count from the beginning of `tail`
            self.forwarded: tuple[Hop, bytes] | None = None  # by what hop, and what `forwarding` made of `tail`
        else:
            self.tail = before.tail
            self.host = before.host
            self.origin = before.origin
            self.preflight_method = before.preflight_method
            self.framing = before.framing
            self.content_length = before.content_length
            self.options = before.options
            self.named = before.named
            self.keeps_alive = before.keeps_alive
            self.upgrade = before.upgrade
            self.fields = before.fields
            self.forwarded = before.forwarded

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of the *known* field lines called `name` (lower case), in order."""
        return [field.value for field, _, _ in self.fields if field.name == name]


class ResponseHead:
    """A response head that the grammar and the framing rules accepted.  Made once, never changed."""

    __slots__ = ("block", "content_length", "fields", "framing", "keeps_alive", "minor", "named", "options", "status")

    def __init__(self, block: bytes, status: int, minor: int) -> None:
        self.block = block
        self.status = status
        self.minor = minor
        self.framing: Framing = NONE
        self.content_length = 0
        self.options: tuple[bytes, ...] = ()
        self.named = NO_NAMES
        self.keeps_alive = minor == 1  # whether the upstream lets the connection persist (RFC 9112 §9.3)
        self.fields: list[FieldLine] = []

    @property
    def own_version_block(self) -> bytes:
        """The block with our HTTP version in the status line: each hop speaks its own.  (RFC 9110 §6.2)"""
        return self.block if self.minor else b"HTTP/1.1" + self.block[8:]

    @property
    def is_interim(self) -> bool:
        """Whether this is a 1xx response other than 101, so that another head follows.  (RFC 9110 §15.2)"""
        return self.status < 200 and self.status != 101


def _keeps_alive(minor: int, options: tuple[bytes, ...]) -> bool:
    """Whether a connection persists after a message with these connection options.  (RFC 9112 §9.3)"""
    return b"close" not in options and (minor == 1 or b"keep-alive" in options)


def read_repeated_head(block: bytes, before: RequestHead) -> RequestHead | None:
    """Read a request head that differs from the one `before` it in method and target only; None for any other.

    Many clients send the same field lines again and again.  What is the same to the byte need not be read again: with what is
    remembered of its forwarding that is an eighth of the Python of a small exchange, and more with a browser's head.
    """
    if not block.endswith(before.tail):
        return None
    end = len(block) - len(before.tail)
    at = block.find(b" ", 0, end)
    if at < 0:
        return None
    method, target = block[:at], block[at + 1 : end]
    if method not in _USUAL_METHODS or target[:1] != b"/" or target.translate(grammar.TARGET_KEPT) != target:
        return None  # whether a target of another form may be depends on method and host
    return RequestHead(block, method, target, before.minor, before)


def read_request_head(block: bytes, reader: FieldReader = REQUEST_FIELDS) -> RequestHead | HeadFault:
    """Read a request head: `block` ends with its empty line and holds nothing after it.  (RFC 9112 §3, §6)

    Returns `HeadFault` with the status to answer if it is outside the grammar, if its framing is ambiguous or if its Host or
    target cannot be trusted.
    """
    lines = block.split(b"\r\n")
    start_line = grammar.REQUEST_LINE.fullmatch(lines[0])
    known = reader.known_lines(lines, _TAIL_LINES_AT)
    if start_line is None or known is None or not block.endswith(grammar.HEAD_END):
        return diagnose_request(block)
    head = RequestHead(block, start_line[1], start_line[2], 0 if start_line[3] == b"0" else 1)
    fields = head.fields
    hosts = lengths = 0
    codings: list[bytes] = []
    for line in known:
        field = line[0]
        name, value = field.name, field.value
        if name == b"host":
            hosts += 1
            head.host = value
            continue  # it is read, and goes on as it is
        if name == b"origin":
            head.origin = value if head.origin is None else head.origin + b", " + value
            continue
        fields.append(line)
        if name == b"content-length":
            lengths += 1
            head.content_length = field.number
        elif name == b"transfer-encoding":
            codings.append(value)
        elif name == b"connection":
            head.options += field.options
            head.named |= field.named
        elif name == b"access-control-request-method":
            head.preflight_method = value if head.preflight_method is None else head.preflight_method + b", " + value
    fault = None
    if hosts != 1 or head.target[:1] != b"/" or head.method == b"CONNECT" or not _is_host(head.host):
        fault = _check_authority(head, hosts)
    if fault is None and (lengths or codings):
        fault = _frame_request(head, lengths, codings)
    if fault is not None:
        return fault
    if head.options or not head.minor:
        head.keeps_alive = _keeps_alive(head.minor, head.options)
        if b"upgrade" in head.options:
            head.upgrade = b", ".join(head.values(b"upgrade")) or None
    return head


def read_remains(block: bytes, reader: FieldReader = REQUEST_FIELDS) -> RequestHead:
    """Read what can be read of a request head that was refused, to choose how to say so: never to be forwarded.

    Its request line (target empty if that is unreadable), Host, Origin and Access-Control-Request-Method if each stands there
    once, and other known fields, of which it is not said where they stand.
    """
    lines = block.split(b"\r\n")
    start_line = grammar.REQUEST_LINE.fullmatch(lines[0])
    head = RequestHead(block, start_line[1], start_line[2], 1) if start_line is not None else RequestHead(block, b"", b"", 1)
    head.fields = [(field, 0, 0) for field in reader.known(lines[1:])]
    hosts, origins, methods = map(head.values, (b"host", b"origin", b"access-control-request-method"))
    if len(hosts) == 1 and _is_host(hosts[0]):
        head.host = hosts[0]
    if len(origins) == 1:
        head.origin = origins[0]
    if len(methods) == 1:
        head.preflight_method = methods[0]
    return head


# A host name has at most 253 characters (RFC 1035 §2.3.4); with brackets or a port it stays below this.
MAX_HOST_BYTES: Final = 262


def _is_host(value: bytes) -> bool:
    """Whether `value` is a host with an optional port.  (RFC 9110 §7.2)"""
    return len(value) <= MAX_HOST_BYTES and _remembered_host(value)


@lru_cache(maxsize=1024)
def _remembered_host(value: bytes) -> bool:
    """Few hosts are asked for, and often."""
    match = grammar.HOST.fullmatch(value)
    if match is None or (match[2] is not None and int(match[2]) > 65535):
        return False
    return match[1][:1] != b"[" or _is_ipv6(match[1][1:-1].decode("ascii"))


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _check_authority(head: RequestHead, hosts: int) -> HeadFault | None:
    """Refuse a request whose authority or target is missing, doubled or malformed.  (RFC 9112 §3.2)"""
    if hosts > 1:
        return HeadFault(400, "several Host field lines")
    if hosts == 0 and head.minor == 1:
        return HeadFault(400, "no Host field line")
    if hosts == 1 and not _is_host(head.host):
        return HeadFault(400, "the Host field value is not a host with an optional port")
    return check_target(head.method, head.target, head.host)


def _frame_request(head: RequestHead, lengths: int, codings: list[bytes]) -> HeadFault | None:
    """Decide how far the request's content extends; `lengths`: how many Content-Length lines it has.  (RFC 9112 §6.1, §6.3)"""
    if codings:
        if lengths:
            return HeadFault(400, "Content-Length together with Transfer-Encoding")
        if head.minor == 0:
            return HeadFault(400, "Transfer-Encoding in an HTTP/1.0 request")
        if len(codings) > 1 or codings[0].lower() != CHUNKED:
            named = [coding for value in codings for coding in tokens(value.lower())]
            unknown = named.count(CHUNKED) == 1 and named[-1] == CHUNKED
            return HeadFault(501 if unknown else 400, "Transfer-Encoding other than chunked")
        head.framing = _CHUNKED
        return None
    if lengths != 1 or head.content_length < 0:
        return HeadFault(400, "Content-Length is not one plain number")
    head.framing = LENGTH if head.content_length else NONE
    return None


@lru_cache(maxsize=256)
def _remembered_status(line: bytes) -> tuple[int, int]:
    """Backends have few different status lines."""
    return _status_of(line)


def _status_of(line: bytes) -> tuple[int, int]:
    """Return the status and the minor version that a status line names; status 0 if it is outside the grammar."""
    match = grammar.STATUS_LINE.fullmatch(line)
    return (0, 0) if match is None else (int(match[2]), 0 if match[1] == b"0" else 1)


def read_response_head(block: bytes, request_method: bytes) -> ResponseHead | HeadFault:
    """Read a response head to a request made with `request_method`.  (RFC 9112 §4, §6.3)

    Returns `HeadFault` (status 502) if it is outside the grammar or its framing is ambiguous.
    """
    lines = block.split(b"\r\n")
    status_line = lines[0]
    status, minor = (_remembered_status if len(status_line) <= MAX_REMEMBERED_BYTES else _status_of)(status_line)
    known = RESPONSE_FIELDS.known_lines(lines, len(status_line) + 2)
    if not status or known is None or not block.endswith(grammar.HEAD_END):
        return diagnose_response(block)
    head = ResponseHead(block, status, minor)
    fields = head.fields
    lengths = length = 0
    codings: list[bytes] = []
    for line in known:
        field = line[0]
        name = field.name
        if name == b"content-length":
            lengths += 1
            length = field.number
            if status >= 200 and status != 204:
                continue  # it is read, and goes on as it is; others must not have it (RFC 9110 §8.6)
        fields.append(line)
        if name == b"transfer-encoding":
            codings.append(field.value)
        elif name == b"connection":
            head.options += field.options
            head.named |= field.named
    if codings or lengths > 1 or length < 0:
        fault = _faulty_framing(head, lengths, codings)
        if fault is not None:
            return fault
    if request_method != b"HEAD" and status >= 200 and status not in (204, 304):  # else no content (§6.3)
        if lengths:
            head.framing = LENGTH if length else NONE
            head.content_length = length
        else:
            head.framing = _CHUNKED if codings else _UNTIL_CLOSE
    if head.framing is _UNTIL_CLOSE:
        head.keeps_alive = False
    elif head.options or not head.minor:
        head.keeps_alive = _keeps_alive(head.minor, head.options)
    return head


def _faulty_framing(head: ResponseHead, lengths: int, codings: list[bytes]) -> HeadFault | None:
    """Refuse a response whose extent two readers could see differently.  (RFC 9112 §6.1, §6.3)"""
    if codings and lengths:
        return HeadFault(502, "Content-Length together with Transfer-Encoding")
    if not codings:
        return HeadFault(502, "Content-Length is not one plain number")
    if head.minor == 0 or len(codings) > 1 or codings[0].lower() != CHUNKED:
        return HeadFault(502, "Transfer-Encoding other than chunked in HTTP/1.1")
    return None


def edit(block: bytes, cuts: Sequence[tuple[int, int]], lines: bytes) -> bytes:
    """Return the head with the spans `cuts` (ascending, disjoint) taken out and `lines` put in at the end."""
    if not cuts:
        return b"%b%b\r\n" % (block[:-2], lines)
    parts: list[bytes] = []
    at = 0
    for start, end in cuts:
        parts.append(block[at:start])
        at = end
    parts += (block[at:-2], lines, b"\r\n")
    return b"".join(parts)
