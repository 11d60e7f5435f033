"""What a response says: its status, its interim answers, its fields.  (RFC 9110 5, 6, 15; RFC 9112 4, 5)"""

from conformance.answers import ANSWERED, BROKEN, FIN, PASSED, Passed, ResponseCase, Step, ask
from conformance.cases_responses import FAILED, FIVE, HELLO, IN_1_0, NOT_READ, OK, POISON, bad, good
from conformance.observed import Answer

HEAD = ask(method=b"HEAD")
TAIL = b"Content-Length: 5\r\n\r\nhello"
MORE = b"Content-Length: 5\r\n\r\nhello" + POISON

# Status lines.

_STATUS = "answers: status lines"
_LINE = "RFC 9112 4"


def _status(name: str, line: bytes, *lawful: Passed) -> ResponseCase:
    return bad(_STATUS, name, _LINE, (line + b"\r\n" + MORE, FIN), *lawful)


def _odd(name: str, line: bytes, fate: Passed) -> ResponseCase:
    return ResponseCase(_STATUS, name, _LINE, (line + b"\r\n" + TAIL,), (fate,), BROKEN)


STATUS = (
    good(_STATUS, "no reason and no space", _LINE, b"HTTP/1.1 200\r\n" + TAIL),
    good(_STATUS, "no reason", _LINE, b"HTTP/1.1 200 \r\n" + TAIL),
    good(_STATUS, "a reason in Latin-1", _LINE, b"HTTP/1.1 404 Pas trouv\xe9\r\n" + TAIL, Passed(b"hello", 404)),
    _odd("a status without a name", b"HTTP/1.1 299 x", Passed(b"hello", 299)),
    _odd("600", b"HTTP/1.1 600 x", Passed(b"hello", 600)),
    _odd("999", b"HTTP/1.1 999 x", Passed(b"hello", 999)),
    _status("099", b"HTTP/1.1 099 x"),
    _status("000", b"HTTP/1.1 000 x"),
    _status("1000", b"HTTP/1.1 1000 x"),
    _status("2000", b"HTTP/1.1 2000 x"),
    _status("20", b"HTTP/1.1 20 x"),
    _status("2OO", b"HTTP/1.1 2OO x"),
    _status("-200", b"HTTP/1.1 -200 x"),
    _status("+20", b"HTTP/1.1 +20 x"),
    _status("no status", b"HTTP/1.1"),
    _status("no status but a space", b"HTTP/1.1 "),
    _status("no space before the status", b"HTTP/1.1200 OK"),
    _status("two spaces before the status", b"HTTP/1.1  200 OK", HELLO),
    _status("a tab before the status", b"HTTP/1.1\t200 OK", HELLO),
    _status("no space after the status", b"HTTP/1.1 200OK"),
    _status("HTTP/2.0", b"HTTP/2.0 200 OK", HELLO),
    _status("HTTP/1.2", b"HTTP/1.2 200 OK", HELLO),
    _status("HTTP/0.9", b"HTTP/0.9 200 OK"),
    _status("HTTP/3", b"HTTP/3 200 OK"),
    _status("HTTP/11.1", b"HTTP/11.1 200 OK"),
    _status("http in lower case", b"http/1.1 200 OK"),
    _status("another protocol", b"ICY 200 OK"),
    _status("a space first", b" HTTP/1.1 200 OK", HELLO),
    _status("an empty line first", b"\r\nHTTP/1.1 200 OK", HELLO),
    _status("a bare carriage return first", b"\rHTTP/1.1 200 OK", HELLO),
    _status("a bare carriage return in the reason", b"HTTP/1.1 200 O\rK"),
    _status("a NUL in the reason", b"HTTP/1.1 200 O\x00K", HELLO),
    _status("a bare line feed", b"HTTP/1.1 200 OK\nX-A: b", HELLO),
    bad(_STATUS, "content without a head", "RFC 9112 4", (b"<html>X-Poison</html>\r\n\r\n", FIN)),
    bad(_STATUS, "a greeting of SSH", "RFC 9112 4", (b"SSH-2.0-OpenSSH_9.2 X-Poison\r\n", FIN)),
    bad(_STATUS, "a TLS alert", "RFC 9112 4", (b"\x15\x03\x01\x00\x02\x02\x46", FIN)),
)

# Field lines.

_LINES = "answers: field lines"
_FIELD = "RFC 9112 5"
_SPLIT = "RFC 9110 5.5"


def _line(name: str, line: bytes, *lawful: Passed, section: str = _FIELD) -> ResponseCase:
    return bad(_LINES, name, section, (OK + b"X-Z: y\r\n" + line + b"\r\n" + MORE, FIN), *lawful)


def _arrives(name: str, value: bytes) -> ResponseCase:
    return good(_LINES, name, _SPLIT, OK + b"X-A: " + value + b"\r\n" + TAIL, Passed(b"hello", fields=(("x-a", (value,)),)))


def _without_breaks(answer: Answer) -> str | None:
    """No proxy may hand these on: a client could see another line."""
    rest = answer.head.replace(b"\r\n", b"")
    return next((f"{byte!r} in the head" for byte in (b"\r", b"\n", b"\0") if byte in rest), None)


def _no_fold(answer: Answer) -> str | None:
    return "a folded line" if b"\r\n " in answer.head or b"\r\n\t" in answer.head else None


_UNBROKEN = Passed(b"hello", check=_without_breaks)
_UNFOLDED = Passed(b"hello", check=_no_fold)

FIELD_LINES = (
    _arrives("an empty value", b""),
    _arrives("Latin-1 in a value", b"caf\xe9"),
    _arrives("UTF-8 in a value", b"caf\xc3\xa9"),
    good(_LINES, "every letter of a name", _FIELD, OK + b"!#$%&'*+-.^_`|~09AZaz: b\r\n" + TAIL),
    _line("a bare carriage return in a value", b"X-A: b\rSet-Cookie: evil=1", _UNBROKEN, section=_SPLIT),
    _line("a bare carriage return before the line end", b"X-A: b\r", _UNBROKEN, section=_SPLIT),
    _line("a bare line feed in a value", b"X-A: b\nSet-Cookie: evil=1", _UNBROKEN, section=_SPLIT),
    _line("a line feed and a carriage return", b"X-A: b\n\rSet-Cookie: evil=1", _UNBROKEN, section=_SPLIT),
    _line("a NUL in a value", b"X-A: b\x00c", _UNBROKEN, section=_SPLIT),
    _line("a control byte in a value", b"X-A: b\x01c", HELLO, section=_SPLIT),
    _line("DEL in a value", b"X-A: b\x7fc", HELLO, section=_SPLIT),
    _line("a folded line", b"X-A: b\r\n folded", _UNFOLDED, section="RFC 9112 5.2"),
    _line("a folded line with a tab", b"X-A: b\r\n\tfolded", _UNFOLDED, section="RFC 9112 5.2"),
    _line("a folded line that is empty", b"X-A: b\r\n ", _UNFOLDED, section="RFC 9112 5.2"),
    bad(_LINES, "the first line folded", "RFC 9112 2.2", (OK + b" X-A: b\r\n" + MORE, FIN), _UNFOLDED),
    _line("a space before the colon", b"X-A : b", Passed(b"hello", fields=(("x-a ", ()),)), section="RFC 9112 5.1"),
    _line("a tab before the colon", b"X-A\t: b", HELLO, section="RFC 9112 5.1"),
    _line("no colon", b"X-A", HELLO),
    _line("an empty name", b": b", HELLO),
    _line("a space in a name", b"X A: b", HELLO),
    _line("a bracket in a name", b"X(A): b", HELLO),
    _line("a name that is not ASCII", b"X-\xe9: b", HELLO),
    _line("a NUL in a name", b"X-\x00A: b", HELLO),
    bad(
        _LINES, "all lines end in bare line feeds", "RFC 9112 2.2", (b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", FIN), HELLO
    ),
    bad(_LINES, "the empty line is a bare line feed", "RFC 9112 2.2", (OK + b"Content-Length: 5\r\n\nhello", FIN), HELLO),
)

# Interim answers.

_INTERIM = "answers: interim"
_1XX = "RFC 9110 15.2"
_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
_UPGRADE = b"Connection: upgrade\r\nUpgrade: websocket\r\n"
_WEBSOCKET = _UPGRADE + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
_SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n"


def _after(*statuses: int) -> Passed:
    return Passed(b"hello", interim=statuses)


INTERIM = (
    good(_INTERIM, "100 that nobody waited for", _1XX, b"HTTP/1.1 100 Continue\r\n\r\n" + FIVE + b"hello", _after(100)),
    good(_INTERIM, "102", _1XX, b"HTTP/1.1 102 Processing\r\n\r\n" + FIVE + b"hello", _after(102)),
    good(_INTERIM, "103 twice", _1XX, _HINTS * 2 + FIVE + b"hello", _after(103, 103)),
    good(_INTERIM, "103, then a pause", _1XX, (_HINTS, PASSED, FIVE + b"hello"), _after(103)),
    good(_INTERIM, "199", _1XX, b"HTTP/1.1 199 x\r\n\r\n" + FIVE + b"hello", _after(199)),
    good(_INTERIM, "103 from HTTP/1.0", _1XX, b"HTTP/1.0 103 x\r\n\r\n" + FIVE + b"hello", _after(103)),
    good(_INTERIM, "102 to HTTP/1.0", _1XX, b"HTTP/1.1 102 x\r\n\r\n" + FIVE + b"hello", ask=IN_1_0, keeps=False),
    good(_INTERIM, "103 to HTTP/1.0", _1XX, _HINTS + FIVE + b"hello", ask=IN_1_0, keeps=False),
    good(
        _INTERIM,
        "100 with a length",
        "RFC 9110 8.6",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n" + FIVE + b"hello",
        _after(100),
    ),
    good(
        _INTERIM,
        "103 in chunks",
        "RFC 9112 6.1",
        b"HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n\r\n" + FIVE + b"hello",
        _after(103),
    ),
    bad(
        _INTERIM,
        "100 with content",
        "RFC 9110 15.2",
        (b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello" + FIVE + b"X-Poison", FIN),
    ),
    bad(_INTERIM, "a hundred", _1XX, _HINTS * 100 + FIVE + b"hello", NOT_READ),
    bad(_INTERIM, "no final answer, closed", _1XX, (_HINTS, FIN)),
    bad(_INTERIM, "no final answer but content", _1XX, (_HINTS + b"<html>X-Poison\r\n\r\n", FIN)),
    bad(_INTERIM, "a broken final answer", _1XX, (_HINTS + b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", FIN)),
    bad(_INTERIM, "101 that nobody asked for", "RFC 9110 7.8", (_SWITCH + _UPGRADE + b"\r\nX-Poison", FIN)),
    bad(_INTERIM, "101 without fields", "RFC 9110 7.8", (_SWITCH + b"\r\nX-Poison", FIN)),
    bad(_INTERIM, "101 to a HEAD", "RFC 9110 7.8", (_SWITCH + _UPGRADE + b"\r\nX-Poison", FIN), ask=HEAD),
    bad(
        _INTERIM,
        "101 to HTTP/1.0",
        "RFC 9110 7.8",
        (_SWITCH + _UPGRADE + b"\r\nX-Poison", FIN),
        ask=ask(_WEBSOCKET, version=b"HTTP/1.0"),
        keeps=False,
    ),
    bad(
        _INTERIM,
        "101 to another protocol",
        "RFC 9110 7.8",
        (_SWITCH + b"Connection: upgrade\r\nUpgrade: other\r\n\r\nX-Poison", FIN),
        ask=ask(_WEBSOCKET),
    ),
    bad(_INTERIM, "101 to no protocol", "RFC 9110 7.8", (_SWITCH + b"\r\nX-Poison", FIN), ask=ask(_WEBSOCKET)),
    good(_INTERIM, "another answer than 101", "RFC 9110 7.8", FIVE + b"hello", ask=ask(_WEBSOCKET)),
)

# Answers without content.

_EMPTY = "answers: without content"
_NONE = "RFC 9112 6.3"
_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
_CHUNKS = _CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"
_66 = b"Content-Length: 66\r\n\r\n" + POISON
_LENGTH_KEPT = Passed(b"", fields=(("content-length", (b"5",)),))
_204, _304 = b"HTTP/1.1 204 No Content\r\n", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n"


def _head(name: str, *script: bytes | Step, fate: Passed = Passed(b"")) -> ResponseCase:  # noqa: B008  immutable
    return good(_EMPTY, f"HEAD, {name}", _NONE, script, fate, ask=HEAD)


def _empty(
    name: str, status: int, *script: bytes | Step, fields: tuple[tuple[str, tuple[bytes, ...]], ...] = ()
) -> ResponseCase:
    return good(_EMPTY, name, _NONE, script, Passed(b"", status, fields))


EMPTY = (
    _head("with a length", FIVE, fate=_LENGTH_KEPT),
    _head("with a length and content", FIVE + b"hello", fate=_LENGTH_KEPT),
    _head("with another answer as content", OK + _66),
    _head("chunked", OK + _CHUNKED),
    _head("in chunks", OK + _CHUNKS),
    _head("without framing", OK + b"\r\n"),
    _head("content in a later read", FIVE, ANSWERED, POISON, fate=_LENGTH_KEPT),
    bad(_EMPTY, "HEAD, with a broken length", _NONE, OK + b"Content-Length: 5, 6\r\n\r\n", Passed(b""), ask=HEAD),
    bad(_EMPTY, "HEAD, with a length and chunked", _NONE, OK + b"Content-Length: 5\r\n" + _CHUNKED, Passed(b""), ask=HEAD),
    _empty("204", 204, _204 + b"\r\n"),
    _empty("204 with content", 204, _204 + b"\r\n" + POISON),
    _empty("204 with a length of zero", 204, _204 + b"Content-Length: 0\r\n\r\n"),
    _empty("204 with a length", 204, _204 + b"Content-Length: 66\r\n\r\n", fields=(("content-length", ()),)),  # RFC 9110 8.6
    _empty("204 with a length and content", 204, _204 + _66),
    _empty("204 in chunks", 204, _204 + _CHUNKS, fields=(("transfer-encoding", ()),)),
    _empty("204 and content in a later read", 204, _204 + b"\r\n", ANSWERED, POISON),
    _empty("304", 304, _304 + b"\r\n"),
    _empty("304 with a length", 304, _304 + b"Content-Length: 5\r\n\r\n"),
    _empty("304 with a length and content", 304, _304 + _66),
    _empty("304 in chunks", 304, _304 + _CHUNKS),
    _empty("205 with a length of zero", 205, b"HTTP/1.1 205 x\r\nContent-Length: 0\r\n\r\n"),
    ResponseCase(
        _EMPTY,
        "205 with content",
        "RFC 9110 15.3.6",
        (b"HTTP/1.1 205 x\r\n" + MORE,),
        (Passed(b"hello", 205),),
        (*BROKEN, Passed(b"", 205)),
    ),
)

# Answers that do not wait for the request.

_EARLY = "answers: early"
_413 = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nhello"
_TOO_LARGE = Passed(b"hello", 413)
_HALF = ask(b"Content-Length: 1000\r\n", b"POST", body=b"half")
_HALF_CHUNKED = ask(b"Transfer-Encoding: chunked\r\n", b"POST", body=b"4\r\nhalf\r\n")


def _early(name: str, asked: bytes, *script: bytes, fate: Passed = _TOO_LARGE, closes: bool = False) -> ResponseCase:
    whole = (*script, PASSED, FIN) if closes else script
    return ResponseCase(_EARLY, name, "RFC 9112 9.5", whole, (fate,), BROKEN, asked, early=True, keeps=False)


EARLY = (
    _early("413 to half a body", _HALF, _413),
    _early("413 to half a body, then closed", _HALF, _413, closes=True),
    _early("413 to chunks", _HALF_CHUNKED, _413),
    _early("413 in chunks", _HALF, b"HTTP/1.1 413 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    _early("413 until close", _HALF, b"HTTP/1.1 413 x\r\n\r\nhello", closes=True),
    _early("413 with Connection: close", _HALF, _413.replace(b"\r\n", b"\r\nConnection: close\r\n", 1), closes=True),
    _early("200 to half a body", _HALF, FIVE + b"hello", fate=HELLO),
    _early("401 to half a body", _HALF, b"HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n", fate=Passed(b"", 401)),
    _early("204 to half a body", _HALF, b"HTTP/1.1 204 x\r\n\r\n", fate=Passed(b"", 204)),
    _early(
        "417 to an expectation",
        ask(b"Content-Length: 5\r\nExpect: 100-continue\r\n", b"POST"),
        b"HTTP/1.1 417 x\r\nContent-Length: 5\r\n\r\nhello",
        fate=Passed(b"hello", 417, interim=None),
    ),
    ResponseCase(
        _EARLY,
        "a broken answer to half a body",
        "RFC 9112 9.5",
        (b"HTTP/1.1 413 x\r\nContent-Length: x\r\n\r\n",),
        (FAILED,),
        BROKEN,
        _HALF,
        early=True,
        keeps=False,
    ),
)

MEANINGS: tuple[ResponseCase, ...] = (*STATUS, *FIELD_LINES, *INTERIM, *EMPTY, *EARLY)
