"""Transfer-Encoding: exactly `chunked`, alone, in HTTP/1.1, without Content-Length; or refused.  (RFC 9112 6.1, 6.3)"""

from conformance.model import SMUGGLED, Case, Forwarded, Refused, case, get, post

_TE = b"Transfer-Encoding: "
_CHUNKED = _TE + b"chunked\r\n"
_EMPTY = b"0\r\n\r\n"
_HELLO = b"5\r\nhello\r\n0\r\n\r\n"
_HIDDEN = _EMPTY + SMUGGLED  # to a reader of chunks a second request, to a reader of lengths content
_UNKNOWN = Refused(frozenset((501,)))

# A recipient may go by Transfer-Encoding alone, if the message goes on without the length (RFC 9112 6.1).
_BY_CHUNKS = Forwarded(b"hello", exact=False)
_ENDS = Forwarded(exact=False)  # and the connection ends after it


def _length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(body)


def _both(name: str, lines: bytes, body: bytes = _HELLO, *lawful: Forwarded) -> Case:
    return case("length and coding", name, "RFC 9112 6.1", post(lines, body), Refused(), lawful=lawful)


_SPELLINGS = (
    # Name, field lines, and whether the value is `chunked` to whoever reads lists as RFC 9110 5.6.1 says.
    ("in capitals", _TE + b"CHUNKED\r\n", True),
    ("after a tab", b"Transfer-Encoding:\tchunked\r\n", True),
    ("before a space", _TE + b"chunked \r\n", True),
    ("after a vertical tab", b"Transfer-Encoding:\x0bchunked\r\n", False),
    ("after a form feed", b"Transfer-Encoding: \x0cchunked\r\n", False),
    ("before a NUL", _TE + b"chunked\x00\r\n", False),
    ("before a no-break space", _TE + b"chunked\xa0\r\n", False),
    ("with a letter before", _TE + b"xchunked\r\n", False),
    ("with a letter after", _TE + b"chunkedx\r\n", False),
    ("cut short", _TE + b"chunke\r\n", False),
    ("quoted", _TE + b'"chunked"\r\n', False),
    ("in single quotes", _TE + b"'chunked'\r\n", False),
    ("with a parameter", _TE + b"chunked;q=1\r\n", False),
    ("with an empty parameter", _TE + b"chunked;\r\n", False),
    ("before identity", _TE + b"chunked, identity\r\n", False),
    ("twice in a list", _TE + b"chunked, chunked\r\n", False),
    ("before another word", _TE + b"chunked foo\r\n", False),
    ("a space before the colon", b"Transfer-Encoding : chunked\r\n", False),
    ("a tab before the colon", b"Transfer-Encoding\t: chunked\r\n", False),
    ("a space before the name", b" Transfer-Encoding: chunked\r\n", False),
    ("on a folded line", b"Transfer-Encoding:\r\n chunked\r\n", True),
    ("folded after a comma", _TE + b"identity,\r\n chunked\r\n", False),
    ("after a bare CR", b"X: y\rTransfer-Encoding: chunked\r\n", False),
    ("after a bare LF", b"X: y\nTransfer-Encoding: chunked\r\n", True),
    ("after a NUL in the name", b"\x00Transfer-Encoding: chunked\r\n", False),
    ("a colon twice", b"Transfer-Encoding:: chunked\r\n", False),
    ("before a comma", _TE + b"chunked,\r\n", True),
    ("after a comma", _TE + b",chunked\r\n", True),
    ("in two lines, identity last", _CHUNKED + _TE + b"identity\r\n", False),
    ("in two lines, twice", _CHUNKED + _CHUNKED, False),
    ("in two lines, one empty", _CHUNKED + b"Transfer-Encoding:\r\n", True),
    ("nothing", b"Transfer-Encoding:\r\n", False),
    ("only a comma", _TE + b",\r\n", False),
    ("identity", _TE + b"identity\r\n", False),
    ("an unknown coding", _TE + b"cow\r\n", False),
)
_OURS = ("in capitals", "after a tab", "before a space")
_STATUS_501 = ("before a comma", "after a comma", "in two lines, one empty")


def _spelled(name: str, lines: bytes, *, lawful: bool) -> tuple[Case, Case]:
    """Return the spelling alone, and with a length that covers a hidden request."""
    refused = _UNKNOWN if name in _STATUS_501 else Refused()
    alone = case(
        "transfer codings",
        f"chunked {name}" if name not in ("nothing", "only a comma", "identity", "an unknown coding") else name,
        "RFC 9112 6.1",
        post(lines, _HELLO),
        Forwarded(b"hello", fields=(("transfer-encoding", (b"chunked",)),)) if name in _OURS else refused,
        lawful=(Forwarded(b"hello", exact=False),) if lawful else (),
    )
    body = _HELLO if lawful else _HIDDEN
    both = case(
        "length and coding",
        f"length, and a coding: {name}",
        "RFC 9112 6.3",
        post(_length(body) + lines, body),
        Refused(),
        lawful=(_BY_CHUNKS,) if lawful else (),
    )
    return alone, both


_PAIRS = tuple(_spelled(name, lines, lawful=lawful) for name, lines, lawful in _SPELLINGS)

CODINGS = (
    _both("the length first", _length(_HELLO) + _CHUNKED, _HELLO, _BY_CHUNKS),
    _both("the coding first", _CHUNKED + _length(_HELLO), _HELLO, _BY_CHUNKS),
    _both("the length first, a request hidden from it", _length(_EMPTY) + _CHUNKED, _EMPTY, Forwarded(b"", exact=False)),
    _both("a request hidden from the coding", _length(_HIDDEN) + _CHUNKED, _HIDDEN, _ENDS),
    _both("a request hidden from the coding, the coding first", _CHUNKED + _length(_HIDDEN), _HIDDEN, _ENDS),
    _both("a length of zero", b"Content-Length: 0\r\n" + _CHUNKED, _HELLO, _BY_CHUNKS),
    _both("an empty length", b"Content-Length:\r\n" + _CHUNKED, _HELLO, _BY_CHUNKS),
    _both("a length that is no number", b"Content-Length: x\r\n" + _CHUNKED, _HELLO, _BY_CHUNKS),
    _both("a length before and after", b"Content-Length: 5\r\n" + _CHUNKED + b"Content-Length: 6\r\n", _HELLO),
    _both("other fields between", _length(_HELLO) + b"X-A: 1\r\n" * 20 + _CHUNKED, _HELLO, _BY_CHUNKS),
    _both("gzip and chunked", _length(_HELLO) + _TE + b"gzip, chunked\r\n", _HELLO),
    *(both for _, both in _PAIRS),
    case(
        "length and coding",
        "in HTTP/1.0",
        "RFC 9112 6.1",
        post(_length(_HELLO) + _CHUNKED, _HELLO, version=b"HTTP/1.0"),
        Refused(),
        lawful=(_BY_CHUNKS,),
    ),
    case(
        "length and coding",
        "in a GET",
        "RFC 9112 6.1",
        get(_length(_HELLO) + _CHUNKED) + _HELLO,
        Refused(),
        lawful=(_BY_CHUNKS,),
    ),
    *(alone for alone, _ in _PAIRS),
    case(
        "transfer codings",
        "identity before chunked",
        "RFC 9112 6.1",
        post(_TE + b"identity, chunked\r\n", _HELLO),
        _UNKNOWN,
        lawful=(_BY_CHUNKS,),
    ),
    case("transfer codings", "gzip before chunked", "RFC 9112 6.1", post(_TE + b"gzip, chunked\r\n", _HELLO), _UNKNOWN),
    case(
        "transfer codings",
        "gzip and chunked in two lines",
        "RFC 9112 6.1",
        post(_TE + b"gzip\r\n" + _CHUNKED, _HELLO),
        _UNKNOWN,
    ),
    case("transfer codings", "gzip alone", "RFC 9112 6.3", post(_TE + b"gzip\r\n", _HELLO), Refused()),
    case("transfer codings", "chunked before gzip", "RFC 9112 6.3", post(_TE + b"chunked, gzip\r\n", _HELLO), Refused()),
    case(
        "transfer codings",
        "in HTTP/1.0",
        "RFC 9112 6.1",
        post(_CHUNKED, _HELLO, version=b"HTTP/1.0"),
        Refused(),
        lawful=(_BY_CHUNKS,),
    ),
    case(
        "transfer codings",
        "in HTTP/1.0 with keep-alive",
        "RFC 9112 6.1",
        post(_CHUNKED + b"Connection: keep-alive\r\n", _HELLO, version=b"HTTP/1.0"),
        Refused(),
        lawful=(_BY_CHUNKS,),
    ),
    case(
        "transfer codings",
        "an underscore in the name frames nothing",
        "RFC 9110 5.1",
        get(b"Transfer_Encoding: chunked\r\n"),
        Forwarded(),
        lawful=(Refused(),),
    ),
    case("transfer codings", "two words for a name", "RFC 9112 5.1", post(b"Transfer Encoding: chunked\r\n", b""), Refused()),
    case(
        "transfer codings",
        "named by Connection",
        "RFC 9110 7.6.1",
        post(b"Connection: Transfer-Encoding\r\n" + _CHUNKED, _HELLO),
        Forwarded(b"hello", drops=("connection",), fields=(("transfer-encoding", (b"chunked",)),)),
        lawful=(Refused(), _BY_CHUNKS),
    ),
    case(
        "transfer codings",
        "TE does not frame",
        "RFC 9110 10.1.4",
        get(b"TE: chunked\r\n"),
        Forwarded(drops=("te",)),
        lawful=(Forwarded(exact=False),),
    ),
)
