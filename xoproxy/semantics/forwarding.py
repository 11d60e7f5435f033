"""Remove, keep and add the fields that a gateway is responsible for.  (RFC 9110 §7.6)

Rule 1: everything that changes a forwarded message for protocol reasons lives here.
Rule 2: nothing here knows about cross-origin policy.
"""

import re
from collections.abc import Sequence
from typing import Final

from xoproxy.semantics.forwarded import Hop, believed, forwarded_element
from xoproxy.semantics.grammar import TOKEN
from xoproxy.semantics.heads import NONE, Framing, RequestHead, ResponseHead, edit
from xoproxy.semantics.lists import tokens

PSEUDONYM: Final = b"xoproxy"
_VIA: Final = b"\r\nVia: 1.1 " + PSEUDONYM + b"\r\n"

# Fields of one connection (RFC 9110 §7.6.1).  `upgrade` and `transfer-encoding` are written anew where they go on; `te` is not:
# whoever can read chunks can pass over trailers.
HOP_BY_HOP: Final = frozenset((b"connection", b"proxy-connection", b"keep-alive", b"te", b"transfer-encoding", b"upgrade"))

# From responses also Content-Length, which is among the known fields of those only that must not have it: 1xx and 204.
DROPPED_FROM_RESPONSES: Final = HOP_BY_HOP | {b"content-length"}

# What a client we do not trust says of itself is replaced; a trusted proxy's words stay, and its list goes on.
# Spelled with underscores they are dropped whoever sent them: a CGI or WSGI backend could not tell them from ours.
_SPOOFED: Final = frozenset(
    b"x%bforwarded%b%b" % (first, second, name)
    for first, second in ((b"_", b"_"), (b"-", b"_"), (b"_", b"-"))
    for name in (b"for", b"proto", b"host")
)
_DROPPED_TRUSTED: Final = HOP_BY_HOP | _SPOOFED | {b"x-forwarded-for"}
_DROPPED: Final = _DROPPED_TRUSTED | {b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"}


# What else changes in a request's head: the spans that are taken out of its tail, and the lines that are put in.  A plain
# tuple: one is made per request, and a frozen dataclass costs a microsecond to make.
HeadEdit = tuple[tuple[tuple[int, int], ...], bytes]
NO_EDIT: Final[HeadEdit] = ((), b"")

_VERSION: Final = b" HTTP/1.1"


def request_for_upstream(head: RequestHead, hop: Hop, default_host: bytes, also: HeadEdit = NO_EDIT) -> bytes:
    """Return the head that goes to the upstream: always HTTP/1.1, target and all end-to-end fields as they came.

    `default_host` is sent where an HTTP/1.0 client named no host.  What becomes of the tail is remembered with the head, for
    those that repeat it.
    """
    cut, put = also
    known = head.forwarded
    if known is not None and known[0] is hop and not cut:
        tail = known[1]
    else:
        tail = _forwarded_tail(head, hop, default_host, cut)
        if not cut and head.minor == 1:  # else it depends on more than tail and hop
            head.forwarded = hop, tail
    return b"%b %b%b%b\r\n" % (head.method, head.target, tail, put)


def _forwarded_tail(head: RequestHead, hop: Hop, default_host: bytes, also_cut: Sequence[tuple[int, int]]) -> bytes:
    """Return version and field lines, without the empty line, as they go to the upstream."""
    dropped = _DROPPED_TRUSTED if hop.trusted else _DROPPED
    cuts: list[tuple[int, int]] = [(start, end) for field, start, end in head.fields if field.name in dropped]
    if head.named:
        cuts = united(cuts, named_spans(head.tail, head.named))
    if also_cut:
        cuts = united(cuts, also_cut)
    usual = head.minor == 1 and not hop.trusted
    lines = hop.lines + head.host + _VIA if usual else _forwarded_lines(head, hop)
    if head.framing is not NONE or head.upgrade is not None:
        lines += _connection_lines(head)
    if head.minor == 0:
        if not head.host:
            lines = b"Host: " + default_host + b"\r\n" + lines
        cuts = united(cuts, [(start, end) for field, start, end in head.fields if field.name == b"expect"])
    tail = edit(head.tail, cuts, lines)[:-2]
    return tail if head.minor == 1 else _VERSION + tail[len(_VERSION) :]


def _forwarded_lines(head: RequestHead, hop: Hop) -> bytes:
    """Return X-Forwarded-* and Via.  From a trusted peer the lists go on and what it says of scheme and host stays."""
    known = believed(head, hop)
    before = head.values(b"x-forwarded-for") if hop.trusted else []
    lines = [b"X-Forwarded-For: " + b", ".join((*(before or known.chain), hop.client))]
    if not hop.trusted or not head.values(b"x-forwarded-proto"):
        lines.append(b"X-Forwarded-Proto: " + known.scheme)
    if known.authority and not (hop.trusted and head.values(b"x-forwarded-host")):
        lines.append(b"X-Forwarded-Host: " + known.authority)
    if hop.trusted and head.values(b"forwarded"):
        lines.append(b"Forwarded: " + forwarded_element(hop.client))  # a second line goes on with the first one's list
    lines.append(b"Via: 1.%d " % head.minor + PSEUDONYM)
    return b"\r\n".join(lines) + b"\r\n"


def _connection_lines(head: RequestHead) -> bytes:
    """Return the fields of our own connection to the upstream.  (RFC 9110 §7.8, §10.1.4)"""
    if head.framing is Framing.CHUNKED:
        return b"Transfer-Encoding: chunked\r\n"
    if head.upgrade is not None and may_upgrade(head):
        return b"Connection: upgrade\r\nUpgrade: " + head.upgrade + b"\r\n"
    return b""


def may_upgrade(head: RequestHead) -> bool:
    """Whether an Upgrade goes on: from HTTP/1.1, without content, and not to HTTP/2, which would hide requests from us.

    (``h2c`` in clear; ``h2`` is for TLS only and nobody may ask for it so, RFC 9113 §3.1.)
    """
    if head.upgrade is None or head.minor == 0 or head.framing is not Framing.NONE:
        return False
    return not any(protocol.lower().startswith(b"h2") for protocol in tokens(head.upgrade))


def may_switch(head: RequestHead, protocol: bytes) -> bool:
    """Whether the answer 101 with this Upgrade value is one to `head`: to what was asked for, and nothing else."""
    offered = set(tokens((head.upgrade or b"").lower()))
    chosen = set(tokens(protocol.lower()))
    return may_upgrade(head) and bool(chosen) and chosen <= offered


def is_idempotent(method: bytes) -> bool:
    """Whether the method may be sent a second time when the first sending's fate is unknown.  (RFC 9110 §9.2.2)"""
    return method in (b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE")


_FIELD_LINE: Final = re.compile(rb"\n(" + TOKEN + rb"++):[^\r]*+")


def named_spans(block: bytes, names: frozenset[bytes]) -> list[tuple[int, int]]:
    """Return the spans of the field lines that have these names, in lower case."""
    if not names:
        return []
    found = _FIELD_LINE.finditer(block)
    return [(line.start() + 1, line.end() + 2) for line in found if line[1].lower() in names]


def united(first: list[tuple[int, int]], second: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans of whole lines, which are equal or disjoint, in ascending order and each once."""
    return sorted({*first, *second}) if second else first


def interim_for_client(head: ResponseHead) -> bytes:
    """Return an interim response as it goes to the client: as it came, without fields of the connection."""
    cuts = [(start, end) for field, start, end in head.fields if field.name in DROPPED_FROM_RESPONSES]
    cuts = united(cuts, named_spans(head.block, head.named))
    return edit(head.own_version_block, cuts, b"")
