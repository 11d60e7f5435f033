"""How far a response extends: lengths, codings, chunks, ends.  (RFC 9112 6 to 8)"""

from conformance.answers import (
    ANSWERED,
    BROKEN,
    DRIP,
    FIN,
    PASSED,
    RESET,
    Aborted,
    Failed,
    Fate,
    Passed,
    ResponseCase,
    Step,
    ask,
)

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
FIVE = OK + b"Content-Length: 5\r\n\r\n"
POISON = b"HTTP/1.1 200 OK\r\nX-Poison: 1\r\nContent-Length: 6\r\n\r\npoison"
HELLO = Passed(b"hello")
NOT_READ = Passed(None, interim=None)  # whatever it says, it is a whole message
FAILED, ABORTED = Failed(), Aborted()
IN_1_0 = ask(version=b"HTTP/1.0")

Script = tuple[bytes | Step, ...]


def _script(sent: bytes | Script) -> Script:
    return sent if isinstance(sent, tuple) else (sent,)


def good(group: str, name: str, section: str, sent: bytes | Script, fate: Passed = HELLO, **options: object) -> ResponseCase:
    """Return a case of a valid answer.  Other proxies may have lower limits."""
    return ResponseCase(group, name, section, _script(sent), (fate,), **options)  # type: ignore[arg-type]


def bad(group: str, name: str, section: str, sent: bytes | Script, *lawful: Fate, **options: object) -> ResponseCase:
    """Return a case of an answer whose head shows that it is broken."""
    return ResponseCase(group, name, section, _script(sent), (FAILED,), (*BROKEN, *lawful), **options)  # type: ignore[arg-type]


def cut(group: str, name: str, section: str, sent: bytes | Script, *lawful: Fate, **options: object) -> ResponseCase:
    """Return a case of an answer that breaks after its head was passed on."""
    return ResponseCase(group, name, section, _script(sent), (ABORTED,), (*BROKEN, *lawful), **options)  # type: ignore[arg-type]


# Lengths and codings.

_LENGTHS = "answers: lengths"
_ONE = (HELLO,)  # several equal lengths may be taken as one (RFC 9110 8.6)


def _length(name: str, line: bytes, *lawful: Fate) -> ResponseCase:
    return bad(_LENGTHS, name, "RFC 9112 6.3", OK + line + b"\r\n\r\nhello" + POISON, *lawful)


LENGTHS = (
    good(_LENGTHS, "a length", "RFC 9112 6.3", FIVE + b"hello"),
    good(_LENGTHS, "a length with leading zeros", "RFC 9110 8.6", OK + b"Content-Length: 0005\r\n\r\nhello"),
    good(_LENGTHS, "a length between tabs and spaces", "RFC 9110 5.5", OK + b"content-LENGTH:\t 5 \t\r\n\r\nhello"),
    good(_LENGTHS, "zero", "RFC 9110 8.6", OK + b"Content-Length: 0\r\n\r\n", Passed(b"")),
    _length("twice the same", b"Content-Length: 5\r\nContent-Length: 5", *_ONE),
    _length("two different", b"Content-Length: 5\r\nContent-Length: 6"),
    _length("two different, the larger first", b"Content-Length: 70\r\nContent-Length: 5"),
    _length("two different in two cases of the name", b"Content-Length: 5\r\ncontent-length: 0"),
    _length("a list of the same", b"Content-Length: 5, 5", *_ONE),
    _length("a list of different ones", b"Content-Length: 5, 6"),
    _length("a list with an empty member", b"Content-Length: 5,", *_ONE),
    _length("a plus sign", b"Content-Length: +5"),
    _length("a minus sign", b"Content-Length: -5"),
    _length("empty", b"Content-Length:"),
    _length("a space within", b"Content-Length: 5 5"),
    _length("hexadecimal", b"Content-Length: 0x5"),
    _length("a word", b"Content-Length: five"),
    _length("a decimal point", b"Content-Length: 5.0"),
    _length("a parameter", b"Content-Length: 5;a=b"),
    _length("2 to the power of 64, and five", b"Content-Length: 18446744073709551621"),
    _length("a thousand digits", b"Content-Length: " + b"9" * 1000),
    _length("a space before the colon", b"Content-Length : 5", HELLO),
)

_CODINGS = "answers: codings"
_IN_CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"


def _coding(name: str, lines: bytes, *lawful: Fate, section: str = "RFC 9112 6.1", start: bytes = OK) -> ResponseCase:
    return bad(_CODINGS, name, section, (start + lines + b"\r\n\r\n" + _IN_CHUNKS + POISON, FIN), *lawful)


def _no_length(fate_body: bytes) -> Passed:
    """Transfer-Encoding overrides the length, which must not go on.  (RFC 9112 6.3)"""
    return Passed(fate_body, fields=(("content-length", ()),))


CODINGS = (
    good(_CODINGS, "chunked", "RFC 9112 7.1", CHUNKED + _IN_CHUNKS),
    good(_CODINGS, "chunked in capitals", "RFC 9112 7", OK + b"transfer-encoding:\tCHUNKED \r\n\r\n" + _IN_CHUNKS),
    _coding("a length, then chunked", b"Content-Length: 5\r\nTransfer-Encoding: chunked", _no_length(b"hello")),
    _coding("chunked, then a length", b"Transfer-Encoding: chunked\r\nContent-Length: 5", _no_length(b"hello")),
    _coding("chunked between two lengths", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Length: 6"),
    _coding("a length of zero and chunked", b"Content-Length: 0\r\nTransfer-Encoding: chunked", _no_length(b"hello")),
    _coding("a length and identity", b"Content-Length: 5\r\nTransfer-Encoding: identity"),
    _coding("chunked twice in two lines", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", HELLO),
    _coding("chunked twice in a list", b"Transfer-Encoding: chunked, chunked"),
    _coding("chunked, identity", b"Transfer-Encoding: chunked, identity"),
    _coding("gzip, chunked", b"Transfer-Encoding: gzip, chunked", NOT_READ),
    _coding("chunked, gzip", b"Transfer-Encoding: chunked, gzip"),
    _coding("an unknown coding", b"Transfer-Encoding: xchunked"),
    _coding("a trailing comma", b"Transfer-Encoding: chunked,", HELLO),
    _coding("a vertical tab before", b"Transfer-Encoding: \x0bchunked"),
    _coding("a parameter", b"Transfer-Encoding: chunked;a=b"),
    _coding("quoted", b'Transfer-Encoding: "chunked"'),
    _coding("empty", b"Transfer-Encoding:"),
    _coding("a space before the colon", b"Transfer-Encoding : chunked", HELLO),
    _coding("folded", b"Transfer-Encoding:\r\n chunked", HELLO),
    _coding("chunked in HTTP/1.0", b"Transfer-Encoding: chunked", HELLO, start=b"HTTP/1.0 200 OK\r\n"),
)

# Chunks.  What breaks in the first read may become an error; later it is too late for one.

_CHUNKS = "answers: chunks"
_CHUNK = "RFC 9112 7.1"
_BAD_CHUNKS = (
    ("a size that is no number", b"xyz\r\nhello\r\n0\r\n\r\n", ()),
    ("a size with a minus sign", b"-5\r\nhello\r\n0\r\n\r\n", ()),
    ("a size with a plus sign", b"+5\r\nhello\r\n0\r\n\r\n", ()),
    ("a size with 0x", b"0x5\r\nhello\r\n0\r\n\r\n", ()),
    ("no size", b"\r\nhello\r\n0\r\n\r\n", ()),
    ("a space before the size", b" 5\r\nhello\r\n0\r\n\r\n", (HELLO,)),
    ("a space after the size", b"5 \r\nhello\r\n0\r\n\r\n", (HELLO,)),
    ("a size of 2 to the power of 64 and five", b"10000000000000005\r\nhello\r\n0\r\n\r\n", ()),
    ("a size of 2 to the power of 64 less one", b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n", ()),
    ("a bare line feed after the size", b"5\nhello\r\n0\r\n\r\n", (HELLO,)),
    ("a bare carriage return after the size", b"5\rhello\r\n0\r\n\r\n", ()),
    ("a bare line feed after the data", b"5\r\nhello\n0\r\n\r\n", (HELLO,)),
    ("no line end after the data", b"5\r\nhello0\r\n\r\n", ()),
    ("data that is longer than its size", b"5\r\nhello!\r\n0\r\n\r\n", ()),
    ("data that is shorter than its size", b"7\r\nhello\r\n0\r\n\r\n", ()),
    ("a line feed within an extension", b"5;a\nhello\r\n0\r\n\r\n", (HELLO,)),
    ("a NUL in an extension", b"5;a=\x00\r\nhello\r\n0\r\n\r\n", (HELLO,)),
    ("an extension of 20 KiB", b"5;" + b"a" * 20480 + b"\r\nhello\r\n0\r\n\r\n", (HELLO,)),
    ("a last chunk in bare line feeds", b"5\r\nhello\r\n0\n\n", (HELLO,)),
    ("a length among the trailers", b"5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n", (HELLO,)),
    ("a coding among the trailers", b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", (HELLO,)),
    ("Set-Cookie among the trailers", b"5\r\nhello\r\n0\r\nSet-Cookie: a=b\r\n\r\n", (HELLO,)),
    ("a trailer without a colon", b"5\r\nhello\r\n0\r\nX-A\r\n\r\n", (HELLO,)),
    ("a trailer with a space before the colon", b"5\r\nhello\r\n0\r\nX-A : b\r\n\r\n", (HELLO,)),
    ("a folded trailer", b"5\r\nhello\r\n0\r\nX-A: b\r\n c\r\n\r\n", (HELLO,)),
    ("a bare carriage return in a trailer", b"5\r\nhello\r\n0\r\nX-A: b\rc\r\n\r\n", (HELLO,)),
    ("a NUL in a trailer", b"5\r\nhello\r\n0\r\nX-A: \x00\r\n\r\n", (HELLO,)),
    ("trailers of 20 KiB", b"5\r\nhello\r\n0\r\n" + b"X-A: b\r\n" * 2560 + b"\r\n", (HELLO,)),
)


def _at_once(body: bytes) -> tuple[Fate, ...]:
    """What is small comes in one read: nothing is sent on before the fault is seen."""
    return (FAILED,) if len(body) < 4096 else (FAILED, ABORTED)


def _more(fates: tuple[Fate, ...]) -> tuple[Fate, ...]:
    """The same with the good chunk before it."""
    return tuple(Passed(b"good" + fate.body) if isinstance(fate, Passed) and fate.body else fate for fate in fates)


CHUNKS = (
    good(_CHUNKS, "extensions", _CHUNK, CHUNKED + b'5;a;b=c;d="e;f"\r\nhello\r\n0;g\r\n\r\n'),
    good(_CHUNKS, "sizes in capitals with zeros", _CHUNK, CHUNKED + b"00A\r\n0123456789\r\n00\r\n\r\n", Passed(b"0123456789")),
    good(_CHUNKS, "trailers", "RFC 9112 7.1.2", CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"),
    good(_CHUNKS, "a thousand chunks of one byte", _CHUNK, CHUNKED + b"1\r\na\r\n" * 1000 + b"0\r\n\r\n", Passed(b"a" * 1000)),
    good(_CHUNKS, "data that looks like an end", _CHUNK, CHUNKED + b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", Passed(b"0\r\n\r\n")),
    good(
        _CHUNKS,
        "taken out for HTTP/1.0",
        "RFC 9112 6.1",
        CHUNKED + _IN_CHUNKS,
        Passed(b"hello", fields=(("transfer-encoding", ()),)),
        ask=IN_1_0,
        keeps=False,
    ),
    *(
        ResponseCase(_CHUNKS, name, _CHUNK, (CHUNKED + body + POISON, FIN), _at_once(body), (*BROKEN, *lawful))
        for name, body, lawful in _BAD_CHUNKS
    ),
    *(
        cut(
            _CHUNKS,
            f"{name}, after a good chunk",
            _CHUNK,
            (CHUNKED + b"4\r\ngood\r\n", PASSED, body + POISON, FIN),
            *_more(lawful),
        )
        for name, body, lawful in _BAD_CHUNKS
    ),
)

_TRUNCATED = "answers: cut off"
_PARTS = (
    ("in its head", b"HTTP/1.1 200 OK\r\nContent-Le"),
    ("after its status line", b"HTTP/1.1 200 OK\r\n"),
    ("before the empty line's end", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r"),
)
_CHUNK_PARTS = (
    ("before a chunk", b""),
    ("in a size", b"1"),
    ("in a size line's end", b"5\r"),
    ("before the data", b"5\r\n"),
    ("in the data", b"5\r\nhel"),
    ("after the data", b"5\r\nhello"),
    ("in the data's end", b"5\r\nhello\r"),
    ("before the last chunk", b"5\r\nhello\r\n"),
    ("in the last chunk's line", b"5\r\nhello\r\n0"),
    ("before the trailers", b"5\r\nhello\r\n0\r\n"),
    ("in the trailers", b"5\r\nhello\r\n0\r\nX-A: b"),
    ("after a trailer", b"5\r\nhello\r\n0\r\nX-A: b\r\n"),
    ("in the very last line", b"5\r\nhello\r\n0\r\n\r"),
)

TRUNCATED = (
    *(bad(_TRUNCATED, f"{name}, closed", "RFC 9112 8", (part, FIN)) for name, part in _PARTS),
    *(bad(_TRUNCATED, f"{name}, reset", "RFC 9112 8", (part, RESET)) for name, part in _PARTS),
    *(cut(_TRUNCATED, f"chunks, {name}", "RFC 9112 8", (CHUNKED + part, PASSED, FIN)) for name, part in _CHUNK_PARTS),
    *(cut(_TRUNCATED, f"chunks, {name}, closed at once", "RFC 9112 8", (CHUNKED + part, FIN)) for name, part in _CHUNK_PARTS),
    cut(_TRUNCATED, "chunks, reset", "RFC 9112 8", (CHUNKED + b"5\r\nhello\r\n", PASSED, RESET)),
    cut(_TRUNCATED, "chunks for HTTP/1.0, closed", "RFC 9112 8", (CHUNKED + b"5\r\nhello\r\n", PASSED, FIN), ask=IN_1_0),
    cut(_TRUNCATED, "chunks for HTTP/1.0, reset", "RFC 9112 8", (CHUNKED + b"5\r\nhello\r\n", PASSED, RESET), ask=IN_1_0),
    cut(_TRUNCATED, "a length, closed", "RFC 9112 8", (FIVE + b"hell", PASSED, FIN)),
    cut(_TRUNCATED, "a length, closed at once", "RFC 9112 8", (FIVE + b"hell", FIN)),
    cut(_TRUNCATED, "a length, reset", "RFC 9112 8", (FIVE + b"hell", PASSED, RESET)),
    cut(_TRUNCATED, "a length and no content, closed", "RFC 9112 8", (FIVE, PASSED, FIN)),
    cut(_TRUNCATED, "a length for HTTP/1.0, closed", "RFC 9112 8", (FIVE + b"hell", PASSED, FIN), ask=IN_1_0),
    cut(_TRUNCATED, "until close, reset", "RFC 9112 8", (OK + b"\r\nhello", PASSED, RESET), Passed(b"hello")),
    cut(
        _TRUNCATED,
        "until close for HTTP/1.0, reset",
        "RFC 9112 8",
        (OK + b"\r\nhello", PASSED, RESET),
        Passed(b"hello"),
        ask=IN_1_0,
    ),
    good(_TRUNCATED, "until close, closed", "RFC 9112 6.3", (OK + b"\r\nhello", PASSED, FIN)),
    good(_TRUNCATED, "until close, closed at once", "RFC 9112 6.3", (OK + b"\r\nhello", FIN)),
    good(_TRUNCATED, "until close for HTTP/1.0", "RFC 9112 6.3", (OK + b"\r\nhello", PASSED, FIN), ask=IN_1_0, keeps=False),
    good(_TRUNCATED, "until close without content", "RFC 9112 6.3", (OK + b"\r\n", PASSED, FIN), Passed(b"")),
    good(_TRUNCATED, "until close from HTTP/1.0", "RFC 9112 6.3", (b"HTTP/1.0 200 OK\r\n\r\nhello", PASSED, FIN)),
    bad(_TRUNCATED, "nothing at all, closed", "RFC 9110 15.6.3", (FIN,)),
    bad(_TRUNCATED, "nothing at all, reset", "RFC 9110 15.6.3", (RESET,)),
)

# What follows the end of a message belongs to nobody.

_MORE = "answers: more than asked for"
_NEXT = "RFC 9112 9.2"

MORE = (
    good(_MORE, "another answer in the same read", _NEXT, FIVE + b"hello" + POISON),
    good(_MORE, "another answer after chunks", _NEXT, CHUNKED + _IN_CHUNKS + POISON),
    good(_MORE, "another answer later, unasked", _NEXT, (FIVE + b"hello", ANSWERED, POISON)),
    good(_MORE, "another answer later, after chunks", _NEXT, (CHUNKED + _IN_CHUNKS, ANSWERED, POISON)),
    good(_MORE, "another answer later, then closed", _NEXT, (FIVE + b"hello", ANSWERED, POISON, FIN)),
    good(_MORE, "half an answer later", _NEXT, (FIVE + b"hello", ANSWERED, POISON[:30])),
    good(_MORE, "an interim answer later", _NEXT, (FIVE + b"hello", ANSWERED, b"HTTP/1.1 103 x\r\nX-Poison: 1\r\n\r\n")),
    good(_MORE, "one byte more", _NEXT, FIVE + b"hello!"),
    good(_MORE, "one byte more, later", _NEXT, (FIVE + b"hello", ANSWERED, b"!")),
    good(_MORE, "an empty line more", _NEXT, FIVE + b"hello\r\n"),
    good(_MORE, "an empty line more, later", _NEXT, (FIVE + b"hello", ANSWERED, b"\r\n")),
    good(_MORE, "100 KiB more", _NEXT, FIVE + b"hello" + POISON * 1500),
    good(_MORE, "closed after it was kept", "RFC 9112 9.3", (FIVE + b"hello", ANSWERED, FIN)),
    good(_MORE, "reset after it was kept", "RFC 9112 9.3", (FIVE + b"hello", ANSWERED, RESET)),
    ResponseCase(
        _MORE,
        "an answer before the request",
        _NEXT,
        (FIVE + b"hello",),
        (FAILED, HELLO, NOT_READ),
        (*BROKEN, HELLO, NOT_READ),
        unasked=True,
    ),
    ResponseCase(
        _MORE,
        "a broken answer before the request",
        _NEXT,
        (b"220 mail.example ESMTP\r\n\r\n",),
        (FAILED, NOT_READ),
        (*BROKEN, NOT_READ),
        unasked=True,
    ),
)

# Nothing may wait for ever.

_SLOW = "answers: slow"
_LATE = Failed(frozenset((502, 504)))

SLOW = (
    ResponseCase(_SLOW, "nothing", "RFC 9110 15.6.5", (DRIP, b""), (_LATE,), BROKEN, slow=True),
    ResponseCase(_SLOW, "half a head", "RFC 9110 15.6.5", (OK, DRIP, b""), (_LATE,), BROKEN, slow=True),
    ResponseCase(_SLOW, "a head that never ends", "RFC 9110 15.6.5", (OK, DRIP, b"X-A: b\r\n"), (_LATE,), BROKEN, slow=True),
    ResponseCase(_SLOW, "a head that drips", "RFC 9110 15.6.5", (OK + b"X-A: ", DRIP, b"b"), (_LATE,), BROKEN, slow=True),
    ResponseCase(_SLOW, "a body that hangs", "RFC 9112 8", (FIVE + b"hell", DRIP, b""), (ABORTED,), BROKEN, slow=True),
    ResponseCase(
        _SLOW, "chunks that hang", "RFC 9112 8", (CHUNKED + b"5\r\nhello\r\n", DRIP, b""), (ABORTED,), BROKEN, slow=True
    ),
    ResponseCase(
        _SLOW,
        "interim answers without end",
        "RFC 9110 15.2",
        (DRIP, b"HTTP/1.1 102 Processing\r\n\r\n"),
        (_LATE,),
        BROKEN,
        slow=True,
    ),
)

EXTENTS: tuple[ResponseCase, ...] = (*LENGTHS, *CODINGS, *CHUNKS, *TRUNCATED, *MORE, *SLOW)
