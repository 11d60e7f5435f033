"""Where others fall: one row, or a few, for each fault that was seen in a proxy that is used a lot."""

import re

from conformance.model import (
    HOST,
    TOKEN,
    Answered,
    Case,
    Forwarded,
    Marker,
    Nothing,
    Outcome,
    Refused,
    Reply,
    Then,
    case,
    get,
    post,
)
from conformance.observed import Answer, Observation

_GROUP = "others fall"
_502 = Answered(frozenset((502,)))
_CUT = Answered(frozenset((200,)), complete=False)
_LINE = b"GET /" + TOKEN + b" HTTP/1.1\r\n"


def _host(name: str, host: bytes) -> Case:
    return case(_GROUP, f"Host: {name}", "RFC 9112 3.2", _LINE + b"Host: " + host + b"\r\n\r\n", Refused())


def _h2c(name: str, value: bytes) -> Case:
    def check(observation: Observation) -> str | None:
        found = [one for seen in observation.seen for one in seen.values("upgrade") if b"h2c" in one.lower()]
        return f"it was forwarded: {found}" if found else None

    lines = b"Connection: Upgrade\r\nUpgrade: " + value + b"\r\n"
    expect = Forwarded(drops=("connection", "upgrade"))
    return case(_GROUP, f"Upgrade: {name}", "RFC 9110 7.8", get(lines), expect, lawful=(Refused(),), check=check)


def _broken(name: str, reply: bytes, section: str = "RFC 9112 6.3", status_line: bytes = b"HTTP/1.1 200 OK") -> Case:
    """An answer that is wrong before its content begins: 502."""
    return case(
        _GROUP,
        name,
        section,
        get(),
        _502,
        lawful=(Nothing(seen=1), _CUT),
        reply=Reply((status_line + b"\r\n" + reply,), Then.CLOSE),
    )


_STATUS_LINE = re.compile(rb"HTTP/1\.[01] [0-9]{3}")


def _one_head(observation: Observation) -> str | None:
    return "a second head in the content" if len(_STATUS_LINE.findall(observation.received)) > 1 else None


def _cut_off(name: str, reply: bytes, then: Then = Then.CLOSE, expect: Outcome = _CUT) -> Case:
    """An answer that is wrong within its content: the client must be able to see that it is not whole."""
    return case(
        _GROUP,
        name,
        "RFC 9112 8",
        get(),
        expect,
        lawful=(_502, Nothing(seen=1), _CUT),
        reply=Reply((b"HTTP/1.1 200 OK\r\n" + reply,), then),
        marker=Marker.NONE,
        check=_one_head,
    )


_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
_FIELD = b"x" * 10240


def _no_interim(answer: Answer) -> str | None:
    return f"interim responses {answer.interim}" if answer.interim else None


def _own_version(name: str, sent: bytes, status: int) -> Case:
    """The judge wants HTTP/1.1 of every refusal; others may say HTTP/1.0, which they speak as well, never what was claimed."""

    def check(observation: Observation) -> str | None:
        claimed = [answer for answer in observation.answers if not answer.status]
        return f"the answer begins with {claimed[0].head[:20]!r}" if claimed else None

    own = f"the version in an error is ours: {name}"
    normalised = Forwarded(exact=False)
    return case(_GROUP, own, "RFC 9110 6.2", sent, Refused(frozenset((status,))), lawful=(normalised,), check=check)


_BAD = b"GET /" + TOKEN + b"/second HTTP/1.1\r\n" + HOST + b"X-A : 1\r\n\r\n"

OTHERS_FALL = (
    _host("a negative port", b"front.example:-1"),
    _host("a port that is too large", b"front.example:65536"),
    _host("a port of letters", b"front.example:abc"),
    _host("a bracket that is not closed", b"[::1"),
    _host("a bracket that is not closed, and a port", b"[::1:80"),
    case(_GROUP, "Host: missing", "RFC 9112 3.2", _LINE + b"X-A: 1\r\n\r\n", Refused()),
    _h2c("h2c", b"h2c"),
    _h2c("h2c in a list", b"websocket, h2c"),
    _broken("status 099", b"Content-Length: 2\r\n\r\nok", "RFC 9110 15", b"HTTP/1.1 099 Odd"),
    _broken("a status line that claims HTTP/2.0", b"Content-Length: 2\r\n\r\nok", "RFC 9112 4", b"HTTP/2.0 200 OK"),
    _broken("a status line that claims HTTP/2", b"Content-Length: 2\r\n\r\nok", "RFC 9112 4", b"HTTP/2 200 OK"),
    case(
        _GROUP,
        "fields that the response's Connection names",
        "RFC 9110 7.6.1",
        get(),
        Answered(frozenset((200,)), b"ok", fields=(("x-private", ()), ("keep-alive", ()), ("x-kept", (b"1",)))),
        reply=b"HTTP/1.1 200 OK\r\nConnection: X-Private, keep-alive\r\nKeep-Alive: timeout=5\r\nX-Private: 1\r\nX-Kept: 1\r\n"
        b"Content-Length: 2\r\n\r\nok",
    ),
    case(
        _GROUP,
        "no interim response to a client of HTTP/1.0",
        "RFC 9110 15.2",
        get(version=b"HTTP/1.0"),
        Answered(frozenset((200,)), b"ok", check=_no_interim),
        reply=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        keeps=False,
    ),
    case(
        _GROUP,
        "a client that half-closes gets its answer",
        "RFC 9112 9.6",
        get(),
        Forwarded(),
        marker=Marker.NONE,
        half_closes=True,
    ),
    case(
        _GROUP,
        "a client that half-closes after content gets its answer",
        "RFC 9112 9.6",
        post(b"Content-Length: 5\r\n", b"hello"),
        Forwarded(b"hello"),
        marker=Marker.NONE,
        half_closes=True,
    ),
    *(
        case(
            _GROUP,
            f"trailers: {name.decode()}",
            "RFC 9110 6.5.1",
            post(b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n" + name + b": " + value + b"\r\n\r\n"),
            Refused(begun=True),
            lawful=(Forwarded(b"hello", exact=False, check=lambda seen: "it went on" if seen.trailers else None),),
        )
        for name, value in ((b"Content-Length", b"3"), (b"Transfer-Encoding", b"chunked"), (b"Host", b"other.example"))
    ),
    _cut_off("chunks from the backend without a last one", _CHUNKED + b"5\r\nhello\r\n"),
    _cut_off("a chunk from the backend that ends early", _CHUNKED + b"ff\r\nhello"),
    _cut_off("a chunk from the backend with a bad size", _CHUNKED + b"5\r\nhello\r\nzz\r\nhello\r\n0\r\n\r\n", expect=_502),
    _cut_off("a chunk from the backend that is too long", _CHUNKED + b"5\r\nhello, world\r\n0\r\n\r\n", expect=_502),
    _cut_off("chunks from the backend that end in a reset", _CHUNKED + b"5\r\nhello\r\n", Then.RESET),
    _cut_off("a backend that dies in mid-body", b"Content-Length: 100\r\n\r\nhello"),
    _cut_off("a backend that dies in mid-body by a reset", b"Content-Length: 100\r\n\r\nhello", Then.RESET),
    _broken(
        "a 101 that nobody asked for",
        b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "RFC 9110 7.8",
        b"HTTP/1.1 101 Switching Protocols",
    ),
    *(
        _broken(f"a response length of {value.decode() or 'nothing'}", b"Content-Length: " + value + b"\r\n\r\nok")
        for value in (b"-2", b"+2", b"0x2", b"2, 3", b"2 2", b"two", b"", b"99999999999999999999")
    ),
    _broken("two different response lengths", b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"),
    case(
        _GROUP,
        "two Cookie lines are not joined by a comma",
        "RFC 6265 4.2.1",
        get(b"Cookie: a=1\r\nCookie: b=2\r\n"),
        Forwarded(fields=(("cookie", (b"a=1", b"b=2")),)),
        lawful=(Forwarded(exact=False, fields=(("cookie", (b"a=1; b=2",)),)),),
    ),
    case(_GROUP, "an error later in a segment replaces no answer", "RFC 9112 9.3.2", get() + _BAD, Forwarded(), Refused()),
    case(
        _GROUP,
        "nor does one after content",
        "RFC 9112 9.3.2",
        post(b"Content-Length: 2\r\n", b"hi") + b"\x00junk\r\n\r\n",
        Forwarded(b"hi"),
        Refused(),
    ),
    _own_version("HTTP/2.0", b"GET /" + TOKEN + b" HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    _own_version("HTTP/1.0", b"GET /" + TOKEN + b" HTTP/1.0\r\n" + HOST + b"X-A : 1\r\n\r\n", 400),
    _own_version("HTTP/9.9", b"GET /" + TOKEN + b" HTTP/9.9\r\n" + HOST + b"\r\n", 505),
    case(_GROUP, "//x stays //x", "RFC 3986 3.3", get(target=b"//" + TOKEN), Forwarded()),
    case(
        _GROUP,
        "latin-1 survives both ways",
        "RFC 9110 5.5",
        get(b"X-A: \xe4\xf6\xfc\xff\r\n"),
        Answered(frozenset((200,)), b"ok", fields=(("x-b", (b"\xe4\xf6\xfc\xff",)),)),
        reply=b"HTTP/1.1 200 OK\r\nX-B: \xe4\xf6\xfc\xff\r\nContent-Length: 2\r\n\r\nok",
        check=lambda observation: (
            None if (b"\xe4\xf6\xfc\xff",) in [seen.values("x-a") for seen in observation.seen] else "it did not arrive"
        ),
    ),
    case(
        _GROUP,
        "a response field of 10 KiB",
        "RFC 9110 5.4",
        get(),
        Answered(frozenset((200,)), b"ok", fields=(("x-large", (_FIELD,)),)),
        reply=b"HTTP/1.1 200 OK\r\nX-Large: " + _FIELD + b"\r\nContent-Length: 2\r\n\r\nok",
    ),
)
