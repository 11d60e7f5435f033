"""Where llhttp reads what we forward otherwise than h11 and the RFC, and why that does no harm.

A row is a predicate over a request (as h11 read it) and bytes that show the difference: a test asserts that they still do.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from support.readers import Read

# The methods that llhttp takes in a request; all others it refuses, against RFC 9110 §9.1.
LLHTTP_METHODS = frozenset(
    b"DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND UNBIND "
    b"ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK UNLINK SOURCE "
    b"QUERY".split()
)

_HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_VALUE = _TOKEN + rb'|"[^"\\]*"'
_STRICT_EXTENSION = re.compile(rb"(?:;" + _TOKEN + rb"(?:=(?:" + _VALUE + rb"))?)*")
_SIZE_LINE = re.compile(rb"(?:^|\n)[0-9A-Fa-f]{1,15}(;[^\r\n]*)\r\n")


@dataclass(frozen=True)
class Difference:
    """One way in which llhttp differs: it refuses what we and h11 take.  `shown` is a request that we forward so."""

    name: str
    reason: str
    shown: bytes
    applies: Callable[[Read, bytes], bool]


def odd_extension(stream: bytes) -> bool:
    """Whether a line in the stream may be a chunk size with an extension that llhttp refuses."""
    return any(_STRICT_EXTENSION.fullmatch(match[1]) is None for match in _SIZE_LINE.finditer(stream))


DIFFERENCES = (
    Difference(
        "method",
        "llhttp knows a closed list of methods and refuses the others; RFC 9110 §9.1 lets any token be one",
        b"CHICKEN / HTTP/1.1\r\nHost: a\r\n\r\n",
        lambda request, _: request.method not in LLHTTP_METHODS,
    ),
    Difference(
        "chunk-extension",
        "llhttp refuses extensions with white space; RFC 9112 §7.1.1 has recipients take it",
        _HEAD + b"5; a = b\r\nhello\r\n0\r\n\r\n",
        lambda request, stream: b"chunked" in request.codings and odd_extension(stream),
    ),
)


# An interim response that ends the connection: llhttp reads no final one.  We pass the final one on, and our own fields.
INTERIM_CLOSE = b"HTTP/1.1 103 x\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_INTERIM_CLOSE = re.compile(rb"(?i)HTTP/1\.[01] 1[0-9][0-9][^\n]*\n(?:[^\r\n]+\r\n)*(?:proxy-)?connection:[^\n]*close")


def llhttp_differs_on(response: bytes) -> bool:
    """Whether llhttp may read an upstream's answer otherwise: for an extension, or for an interim response that closes."""
    return odd_extension(response) or _INTERIM_CLOSE.search(response) is not None


def llhttp_differs(request: Read, stream: bytes) -> bool:
    """Whether this request of a stream is in the table."""
    return any(difference.applies(request, stream) for difference in DIFFERENCES)
