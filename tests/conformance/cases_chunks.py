"""Chunked content: hexadecimal sizes, CRLF everywhere, nothing in the trailers that could reframe.  (RFC 9112 7.1)"""

from conformance.model import SMUGGLED, Case, Forwarded, Marker, Nothing, Refused, case, post

_GROUP = "chunks"
_LINES = b"Transfer-Encoding: chunked\r\n"
_BAD = Refused(begun=True)
_HELLO = Forwarded(b"hello", exact=False)
# Trailers may be left out, whatever they are (RFC 9110 6.5.1).
_DROPPED = Forwarded(exact=False, check=lambda seen: "it went on" if seen.trailers else None)
_LATE = Refused(frozenset((408,)), begun=True)


def _good(
    name: str, body: bytes, content: bytes = b"hello", section: str = "RFC 9112 7.1", trailers: bytes | None = None
) -> Case:
    return case(_GROUP, name, section, post(_LINES, body), Forwarded(content, trailers=trailers))


def _bad(name: str, body: bytes, *lawful: Forwarded, section: str = "RFC 9112 7.1") -> Case:
    return case(_GROUP, name, section, post(_LINES, body), _BAD, lawful=lawful)


def _size(name: str, size: bytes, section: str = "RFC 9112 7.1", *lawful: Forwarded) -> Case:
    """A malformed size line before five bytes."""
    return case(_GROUP, name, section, post(_LINES, size + b"\r\nhello\r\n0\r\n\r\n"), _BAD, lawful=lawful)


def _trailer(name: str, line: bytes, section: str = "RFC 9110 6.5.1") -> Case:
    """A trailer field that is refused here; others may drop it."""
    dropped = Forwarded(b"hello", exact=False, check=lambda seen: "it went on" if seen.trailers else None)
    return case(
        _GROUP, f"trailers: {name}", section, post(_LINES, b"5\r\nhello\r\n0\r\n" + line + b"\r\n\r\n"), _BAD, lawful=(dropped,)
    )


CHUNKS = (
    _good("one chunk", b"5\r\nhello\r\n0\r\n\r\n"),
    _good("none but the last", b"0\r\n\r\n", b""),
    _good("several", b"1\r\nh\r\n2\r\nel\r\n2\r\nlo\r\n0\r\n\r\n"),
    _good("fifty of one byte", b"1\r\nx\r\n" * 50 + b"0\r\n\r\n", b"x" * 50),
    _good("sizes in capitals", b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    _good("sizes in lower case", b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    _good("leading zeros", b"0000005\r\nhello\r\n0\r\n\r\n"),
    _good("a last chunk of three zeros", b"5\r\nhello\r\n000\r\n\r\n"),
    _good("content that looks like the end", b"7\r\n0\r\n\r\nGE\r\n0\r\n\r\n", b"0\r\n\r\nGE"),
    _good("content that looks like a request", b"%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n0\r\n\r\n", SMUGGLED),
    _good("an extension", b"5;a=b\r\nhello\r\n0\r\n\r\n", section="RFC 9112 7.1.1"),
    _good("an extension without a value", b"5;a\r\nhello\r\n0;b\r\n\r\n", section="RFC 9112 7.1.1"),
    _good("a quoted extension", b'5;a="b;c"\r\nhello\r\n0\r\n\r\n', section="RFC 9112 7.1.1"),
    _good("three extensions", b"5;a;b=c; d = e\r\nhello\r\n0\r\n\r\n", section="RFC 9112 7.1.1"),
    _good("an extension that looks like a size", b"5;0\r\nhello\r\n0\r\n\r\n", section="RFC 9112 7.1.1"),
    _good("trailers", b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", section="RFC 9112 7.1.2", trailers=b"X-Sum: 1\r\n"),
    _good("two trailers", b"0\r\nX-A: 1\r\nX-B: 2\r\n\r\n", b"", "RFC 9112 7.1.2", b"X-A: 1\r\nX-B: 2\r\n"),
    _bad("white space before an extension", b"5 ;a=b\r\nhello\r\n0\r\n\r\n", _HELLO, section="RFC 9112 7.1.1"),
    _size("size: empty", b""),
    _size("size: no digits but an extension", b";a=b"),
    _size("size: 0x", b"0x5"),
    _size("size: 0X0", b"0X0"),
    _size("size: minus", b"-5"),
    _size("size: plus", b"+5"),
    _size("size: minus zero", b"-0"),
    _size("size: no hexadecimal digit", b"g"),
    _size("size: h after", b"5h"),
    _size("size: an underscore", b"0_5"),
    _size("size: quoted", b'"5"'),
    _size("size: a decimal point", b"5.0"),
    _size("size: a comma", b"5,a=b"),
    _size("size: a space before", b" 5"),
    _size("size: a tab before", b"\t5"),
    _size("size: a space after", b"5 ", "RFC 9112 7.1.1", _HELLO),
    _size("size: a tab after", b"5\t", "RFC 9112 7.1.1", _HELLO),
    _size("size: two", b"5 5"),
    _size("size: a NUL after", b"5\x00"),
    _size("size: a vertical tab after", b"5\x0b"),
    _size("size: digits that are not ASCII", b"\xb5"),
    _size("size: 2 to the power of 64, and five", b"10000000000000005"),
    _size("size: 2 to the power of 64, less one", b"ffffffffffffffff"),
    _size("size: 2 to the power of 63", b"8000000000000000"),
    _size("size: 2 to the power of 32, and five, in 17 digits", b"00000000100000005" + b"0" * 8),
    _size("size: a thousand digits", b"f" * 1000),
    _size("an extension of 20 KB", b"5;" + b"a" * 20000, "RFC 9112 7.1.1", _HELLO),
    _size("extension: a bare CR", b"5;a\rb", "RFC 9112 7.1.1"),
    _size("extension: a bare LF", b"5;a\nhello\r\n0\r\n\r\n" + SMUGGLED, "RFC 9112 7.1.1"),
    _size("extension: nothing", b"5;", "RFC 9112 7.1.1", _HELLO),
    _size("extension: no name", b"5;=b", "RFC 9112 7.1.1", _HELLO),
    _size("extension: a byte that is not ASCII", b"5;\xe9=1", "RFC 9112 7.1.1", _HELLO),
    _size("extension: a quote that is not closed", b'5;a="b', "RFC 9112 7.1.1", _HELLO),
    _size("extension: two words", b"5;a b", "RFC 9112 7.1.1", _HELLO),
    _size("extension: a NUL", b"5;a=\x00", "RFC 9112 7.1.1"),
    _bad("bare LF after the size", b"5\nhello\r\n0\r\n\r\n"),
    _bad("bare CR after the size", b"5\rhello\r\n0\r\n\r\n"),
    _bad("CR CR LF after the size", b"5\r\r\nhello\r\n0\r\n\r\n"),
    _bad("bare LF after the data", b"5\r\nhello\n0\r\n\r\n"),
    _bad("bare CR after the data", b"5\r\nhello\r0\r\n\r\n"),
    _bad("bare LF after the last chunk", b"5\r\nhello\r\n0\n\r\n"),
    _bad("bare LF at the end", b"5\r\nhello\r\n0\r\n\n"),
    _bad("bare LFs after the last chunk and at the end", b"5\r\nhello\r\n0\n\n"),
    _bad("bare LF everywhere", b"5\nhello\n0\n\n"),
    _bad("no CRLF after the data", b"5\r\nhello0\r\n\r\n"),
    _bad("other bytes for the CRLF after the data", b"5\r\nhelloXX0\r\n\r\n"),
    _bad("data longer than its size", b"4\r\nhello\r\n0\r\n\r\n"),
    _bad("data shorter than its size", b"6\r\nhello\r\n0\r\n\r\n"),
    _bad("a size that covers the last chunk", b"a\r\nhello\r\n0\r\n\r\n"),
    _bad("an empty line before the first chunk", b"\r\n5\r\nhello\r\n0\r\n\r\n"),
    _bad("an empty line between chunks", b"1\r\nh\r\n\r\n4\r\nello\r\n0\r\n\r\n"),
    _bad("no chunks at all", b"hello\r\n\r\n"),
    _trailer("Content-Length", b"Content-Length: 100"),
    _trailer("Transfer-Encoding", b"Transfer-Encoding: chunked"),
    _trailer("Host", b"Host: other.example"),
    _trailer("Connection", b"Connection: close"),
    _trailer("Authorization", b"Authorization: Basic YTpi"),
    _trailer("Cookie", b"Cookie: a=b"),
    _bad("trailers: no colon", b"0\r\nbad\r\n\r\n", _DROPPED),
    _bad("trailers: a space before the colon", b"0\r\nX-Sum : 1\r\n\r\n", _DROPPED),
    _bad("trailers: a space first", b"0\r\n X-Sum: 1\r\n\r\n", _DROPPED),
    _bad("trailers: folded", b"0\r\nX-Sum: 1\r\n 2\r\n\r\n", Forwarded(exact=False)),
    _bad("trailers: a bare LF", b"0\r\nX-Sum: 1\n\r\n", Forwarded(exact=False)),
    _bad("trailers: a bare LF and a request", b"0\r\nX-Sum: 1\n\n" + SMUGGLED),
    _bad("trailers: a bare CR", b"0\r\nX-Sum: 1\rX-B: 2\r\n\r\n", _DROPPED),
    _bad("trailers: a NUL", b"0\r\nX-Sum: \x00\r\n\r\n", _DROPPED),
    _bad("trailers: no name", b"0\r\n: 1\r\n\r\n", _DROPPED),
    _bad("trailers: a request line", b"0\r\n" + SMUGGLED, _DROPPED),
    _bad(
        "trailers: too long",
        b"0\r\n" + b"".join(b"X-%05d: 123456789\r\n" % n for n in range(2000)) + b"\r\n",
        Forwarded(exact=False),
    ),
    case(
        _GROUP,
        "the client ends before the last chunk",
        "RFC 9112 8",
        post(_LINES, b"5\r\nhello\r\n"),
        Nothing(),
        lawful=(_BAD,),
        marker=Marker.NONE,
        half_closes=True,
    ),
    case(
        _GROUP,
        "the client ends within a chunk",
        "RFC 9112 8",
        post(_LINES, b"5\r\nhel"),
        Nothing(),
        lawful=(_BAD,),
        marker=Marker.NONE,
        half_closes=True,
    ),
    case(_GROUP, "the last chunk never comes", "RFC 9112 8", post(_LINES, b"5\r\nhello\r\n"), _LATE, marker=Marker.NONE),
    case(
        _GROUP,
        "the empty line after the last chunk never comes",
        "RFC 9112 7.1",
        post(_LINES, b"5\r\nhello\r\n0\r\n"),
        _LATE,
        marker=Marker.NONE,
    ),
    case(_GROUP, "a chunk never ends", "RFC 9112 8", post(_LINES, b"ff\r\nhello\r\n0\r\n\r\n"), _LATE, marker=Marker.NONE),
    case(
        _GROUP,
        "content of a length never ends",
        "RFC 9112 8",
        post(b"Content-Length: 6\r\n", b"hello"),
        _LATE,
        marker=Marker.NONE,
    ),
    case(
        _GROUP,
        "the client ends within content of a length",
        "RFC 9112 8",
        post(b"Content-Length: 6\r\n", b"hello"),
        Nothing(),
        lawful=(_BAD,),
        marker=Marker.NONE,
        half_closes=True,
    ),
)
