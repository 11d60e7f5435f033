"""What is of one connection only: Connection, Upgrade, Expect; and what clients say of themselves.  (RFC 9110 7.6, 7.8)"""

from conformance.model import TOKEN, Case, Forwarded, Refused, case, get, post
from conformance.observed import Seen

_CONNECTION = "connection options"
_OPTIONS = "RFC 9110 7.6.1"
_WHO = b"Origin: https://app.example\r\nAuthorization: Basic YTpi\r\nCookie: a=b\r\n"
_FOR = ("x-forwarded-for", (b"127.0.0.1",))
_KEPT = (
    ("host", (b"front.example",)),
    ("content-length", (b"2",)),
    ("origin", (b"https://app.example",)),
    ("authorization", (b"Basic YTpi",)),
    ("cookie", (b"a=b",)),
    _FOR,
)


def _names(option: bytes) -> Case:
    """Connection names a field for all recipients: it does not vanish.

    For what tells who asks, the letter of RFC 9110 7.6.1 lets a proxy drop it; for framing and routing nothing does.
    """
    vanished = (option.decode().lower(), ())
    may = option in (b"Origin", b"Authorization", b"Cookie")
    kept = tuple(pair for pair in _KEPT if pair[0] != vanished[0])
    return case(
        _CONNECTION,
        f"Connection: {option.decode()}",
        _OPTIONS,
        post(_WHO + b"Content-Length: 2\r\nConnection: " + option + b"\r\n", b"hi"),
        Forwarded(b"hi", drops=("connection",), fields=_KEPT),
        lawful=(Refused(), *((Forwarded(b"hi", exact=False, fields=(*kept, vanished)),) if may else ())),
    )


def _drops(name: str, lines: bytes, *names: str, keeps: bool | None = None) -> Case:
    gone = tuple((name, ()) for name in names if name not in ("connection", "close"))
    return case(_CONNECTION, name, _OPTIONS, get(lines), Forwarded(drops=names, fields=gone), keeps=keeps)


CONNECTIONS = (
    *(
        _names(option)
        for option in (
            b"Host",
            b"Content-Length",
            b"Origin",
            b"Authorization",
            b"Cookie",
            b"X-Forwarded-For",
            b"X-Forwarded-Proto",
            b"X-Forwarded-Host",
            b"host, content-length,x-forwarded-for",
        )
    ),
    _drops("close", b"Connection: close\r\n", "connection", keeps=False),
    _drops("close in capitals", b"CONNECTION: CLOSE\r\n", "connection", keeps=False),
    _drops("close in a list", b"Connection: x-a, close\r\nX-A: 1\r\n", "connection", "x-a", keeps=False),
    _drops("close in a second line", b"Connection: keep-alive\r\nConnection: close\r\n", "connection", keeps=False),
    _drops("close and keep-alive", b"Connection: close, keep-alive\r\n", "connection", keeps=False),
    _drops("a word that begins with close", b"Connection: closed\r\n", "connection"),
    _drops("keep-alive", b"Connection: keep-alive\r\n", "connection"),
    _drops(
        "Keep-Alive as a field", b"Connection: keep-alive\r\nKeep-Alive: timeout=5, max=100\r\n", "connection", "keep-alive"
    ),
    _drops("a private field", b"Connection: X-Private\r\nX-Private: 1\r\nx-private: 2\r\n", "connection", "x-private"),
    _drops(
        "private fields in two lines", b"Connection: x-a\r\nX-A: 1\r\nConnection: x-b\r\nX-B: 1\r\n", "connection", "x-a", "x-b"
    ),
    _drops("empty members of the list", b"Connection: , ,x-a,,\r\nX-A: 1\r\n", "connection", "x-a"),
    _drops("empty", b"Connection:\r\n", "connection"),
    _drops("Proxy-Connection", b"Proxy-Connection: keep-alive\r\n", "proxy-connection"),
    _drops("TE", b"TE: trailers, deflate;q=0.5\r\nConnection: TE\r\n", "connection", "te"),
    case(
        _CONNECTION,
        "trailers may be asked for",
        "RFC 9110 10.1.4",
        get(b"TE: trailers\r\nConnection: TE\r\n"),
        Forwarded(drops=("te", "connection")),
        lawful=(Forwarded(exact=False),),
    ),
)

_UPGRADE = "upgrades"
_H2C = b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"


def _no_h2c(seen: Seen) -> str | None:
    found = [value for value in seen.values("upgrade") if b"h2" in value.lower()]
    return f"it was forwarded: {found}" if found else None


def _h2c(name: str, lines: bytes, body: bytes = b"", *, lines_dropped: tuple[str, ...] = ("http2-settings",)) -> Case:
    sent = post(lines + b"Content-Length: %d\r\n" % len(body), body) if body else get(lines)
    drops = ("connection", "upgrade", *lines_dropped)
    return case(_UPGRADE, name, "RFC 9110 7.8", sent, Forwarded(body, drops=drops, check=_no_h2c), lawful=(Refused(),))


_WEBSOCKET = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def _none(seen: Seen) -> str | None:
    return f"it was forwarded: {seen.values('upgrade')}" if seen.values("upgrade") else None


UPGRADES = (
    _h2c("h2c", b"Connection: Upgrade\r\nUpgrade: h2c\r\n", lines_dropped=()),
    _h2c("h2c with HTTP2-Settings", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" + _H2C),
    _h2c(
        "h2c, and HTTP2-Settings that Connection does not name",
        b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + _H2C,
        lines_dropped=(),
    ),
    _h2c("H2C in capitals", b"Connection: upgrade\r\nUpgrade: H2C\r\n", lines_dropped=()),
    _h2c("h2c after websocket", b"Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n", lines_dropped=()),
    _h2c("h2c before websocket", b"Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n", lines_dropped=()),
    _h2c("h2c in a second line", b"Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n", lines_dropped=()),
    _h2c("h2c with a draft's number", b"Connection: Upgrade\r\nUpgrade: h2c-14\r\n", lines_dropped=()),
    _h2c("h2", b"Connection: Upgrade\r\nUpgrade: h2\r\n", lines_dropped=()),
    _h2c("h2c in a POST", b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b"hello", lines_dropped=()),
    _h2c("h2c without a connection option", b"Upgrade: h2c\r\n", lines_dropped=()),
    case(
        _UPGRADE,
        "websocket without a connection option",
        "RFC 9110 7.8",
        get(b"Upgrade: websocket\r\n"),
        Forwarded(drops=("upgrade",), check=_none),
        lawful=(Refused(),),
    ),
    case(
        _UPGRADE,
        "websocket with content",
        "RFC 6455 4.1",
        post(_WEBSOCKET + b"Content-Length: 5\r\n", b"hello"),
        Forwarded(b"hello", drops=("upgrade", "connection"), check=_none),
        lawful=(Refused(), Forwarded(b"hello", exact=False)),
    ),
    case(
        _UPGRADE,
        "websocket in HTTP/1.0",
        "RFC 9110 7.8",
        get(_WEBSOCKET, version=b"HTTP/1.0"),
        Forwarded(drops=("upgrade", "connection"), check=_none),
        lawful=(Refused(),),
        keeps=False,
    ),
    case(
        _UPGRADE,
        "websocket to a backend that does not switch",
        "RFC 9110 7.8",
        get(_WEBSOCKET),
        Forwarded(exact=False, fields=(("connection", (b"upgrade",)), ("upgrade", (b"websocket",)))),
        lawful=(Forwarded(exact=False),),
    ),
)

_EXPECT = "expectations"

EXPECTATIONS = (
    case(
        _EXPECT,
        "100-continue, content at once",
        "RFC 9110 10.1.1",
        post(b"Expect: 100-continue\r\nContent-Length: 5\r\n", b"hello"),
        Forwarded(b"hello"),
        lawful=(Forwarded(b"hello", exact=False),),
    ),
    case(
        _EXPECT,
        "100-continue in another case",
        "RFC 9110 10.1.1",
        post(b"expect: 100-Continue\r\nContent-Length: 5\r\n", b"hello"),
        Forwarded(b"hello"),
        lawful=(Forwarded(b"hello", exact=False), Refused()),
    ),
    case(
        _EXPECT,
        "100-continue without content",
        "RFC 9110 10.1.1",
        get(b"Expect: 100-continue\r\n"),
        Forwarded(),
        lawful=(Forwarded(exact=False),),
    ),
    case(_EXPECT, "an unknown expectation", "RFC 9110 10.1.1", get(b"Expect: 200-ok\r\n"), Forwarded(), lawful=(Refused(),)),
    case(
        _EXPECT,
        "an unknown expectation with content",
        "RFC 9110 10.1.1",
        post(b'Expect: x="y"\r\nContent-Length: 5\r\n', b"hello"),
        Forwarded(b"hello"),
        lawful=(Refused(),),
    ),
    case(
        _EXPECT,
        "an empty expectation",
        "RFC 9110 10.1.1",
        get(b"Expect:\r\n"),
        Forwarded(),
        lawful=(Refused(), Forwarded(exact=False)),
    ),
    case(
        _EXPECT,
        "two expectations",
        "RFC 9110 10.1.1",
        post(b"Expect: 100-continue, y\r\nContent-Length: 5\r\n", b"hello"),
        Forwarded(b"hello"),
        lawful=(Refused(), Forwarded(b"hello", exact=False)),
    ),
)

_SAID = "what clients say of themselves"


def _spoofed(name: str, lines: bytes, *names: str, more: tuple[tuple[str, tuple[bytes, ...]], ...] = ()) -> Case:
    gone = tuple((name, ()) for name in names)
    return case(_SAID, name, "RFC 7239 8.1", get(lines), Forwarded(drops=names, fields=(*gone, *more)), lawful=(Refused(),))


def _spelled(name: str) -> Case:
    """A name with an underscore is to CGI and WSGI the same as the one with a hyphen."""
    return _spoofed(name, name.encode() + b": 192.0.2.1\r\n", name.lower(), more=(_FOR,))


SAID = (
    _spoofed("X-Forwarded-For", b"X-Forwarded-For: 192.0.2.1\r\n", more=(_FOR,)),
    _spoofed("X-Forwarded-For in another case", b"x-forwarded-FOR: 192.0.2.1\r\n", more=(_FOR,)),
    _spoofed("X-Forwarded-For twice", b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n", more=(_FOR,)),
    _spoofed("X-Forwarded-Proto", b"X-Forwarded-Proto: https\r\n", more=(("x-forwarded-proto", (b"http",)),)),
    _spoofed("X-Forwarded-Host", b"X-Forwarded-Host: evil.example\r\n", more=(("x-forwarded-host", (b"front.example",)),)),
    _spoofed("Forwarded", b"Forwarded: for=192.0.2.1;host=evil.example\r\n", more=(("forwarded", ()),)),
    *(
        _spelled(name)
        for name in (
            "X_Forwarded_For",
            "X-Forwarded_For",
            "X_Forwarded-For",
            "x_forwarded_for",
            "X_Forwarded_Host",
            "X_Forwarded_Proto",
            "X-Forwarded_Proto",
        )
    ),
    case(
        _SAID,
        "a list that others wrote before",
        "RFC 9110 7.6.3",
        get(b"Via: 1.0 old\r\n", target=b"/" + TOKEN),
        Forwarded(
            check=lambda seen: None if seen.values("via")[:1] == (b"1.0 old",) else f"Via arrived as {seen.values('via')}"
        ),
        lawful=(
            Forwarded(exact=False, check=lambda seen: None if b"1.0 old" in b",".join(seen.values("via")) else "Via is lost"),
        ),
    ),
)
