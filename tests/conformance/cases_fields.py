"""Which fields of a response reach the client, and how; and what the policy owns.  (RFC 9110 5.3, 7.6.1)"""

from conformance.answers import BROKEN, Passed, ResponseCase, ask
from conformance.cases_responses import FAILED, HELLO, OK, good
from conformance.observed import Answer

TAIL = b"Content-Length: 5\r\n\r\nhello"

# Fields on their way.

_FIELDS = "answers: fields"
_HOP = "RFC 9110 7.6.1"


def _fields(name: str, lines: bytes, *expected: tuple[str, tuple[bytes, ...]], section: str = _HOP) -> ResponseCase:
    return good(_FIELDS, name, section, OK + lines + TAIL, Passed(b"hello", fields=expected))


def _in_order(answer: Answer) -> str | None:
    wanted = [b"X-b: 1", b"x-A: 2", b"X-B:3", b"Set-Cookie: a=b", b"X-a:\t4", b"set-cookie: c=d"]
    lines = [line for line in answer.head.split(b"\r\n") if line[:2].lower() in (b"x-", b"se")]
    lines = [line for line in lines if not line.lower().startswith((b"x-request-id", b"server:"))]
    return None if lines == wanted else f"the lines arrived as {lines}"


_IN_TURN = (("x-a", (b"2", b"4")), ("x-b", (b"1", b"3")), ("set-cookie", (b"a=b", b"c=d")))


def _large(name: str, size: int, *, passes: bool = True) -> ResponseCase:
    line = b"X-Large: " + b"a" * size + b"\r\n"
    fate = Passed(b"hello", fields=(("x-large", (b"a" * size,)),))
    return ResponseCase(_FIELDS, name, "RFC 9110 5.4", (OK + line + TAIL,), (fate if passes else FAILED,), (*BROKEN, fate))


_FRAME = len(OK + b"X-Large: \r\n" + b"Content-Length: 5\r\n\r\n")
_LIMIT = 64 * 1024

FIELDS = (
    ResponseCase(
        _FIELDS,
        "order, case and duplicates",
        "RFC 9110 5.3",
        (OK + b"X-b: 1\r\nx-A: 2\r\nX-B:3\r\nSet-Cookie: a=b\r\nX-a:\t4\r\nset-cookie: c=d\r\n" + TAIL,),
        (Passed(b"hello", check=_in_order),),
        (Passed(b"hello", fields=_IN_TURN),),
    ),
    _fields("Connection names a field", b"Connection: X-A\r\nX-A: 1\r\nX-B: 2\r\n", ("x-a", ()), ("x-b", (b"2",))),
    _fields("Connection names it in another case", b"Connection: close, x-a\r\nX-A: 1\r\n", ("x-a", ())),
    _fields("Connection names it in a second line", b"Connection: x-b\r\nX-A: 1\r\nConnection: X-A\r\n", ("x-a", ())),
    _fields("Connection names Content-Length", b"Connection: content-length\r\n"),
    _fields("Connection names Vary", b"Connection: vary\r\nVary: Accept\r\n", ("vary", (b"Accept",))),
    _fields("Connection names Cache-Control", b"Connection: cache-control\r\nCache-Control: a\r\n", ("cache-control", (b"a",))),
    _fields("Keep-Alive", b"Keep-Alive: timeout=5\r\nConnection: keep-alive\r\n", ("keep-alive", ())),
    _fields("Proxy-Connection", b"Proxy-Connection: keep-alive\r\n", ("proxy-connection", ())),
    _fields("Upgrade", b"Upgrade: h2c\r\nConnection: upgrade\r\n", ("upgrade", ())),
    _fields("Connection: close is not for the client", b"Connection: close\r\n", section="RFC 9112 9.6"),
    _fields(
        "two Set-Cookie lines",
        b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n",
        ("set-cookie", (b"a=1", b"b=2")),
        section="RFC 6265 3",
    ),
    ResponseCase(
        _FIELDS,
        "a hundred Set-Cookie lines",
        "RFC 6265 3",
        (OK + b"Set-Cookie: a=1\r\n" * 100 + TAIL,),
        (Passed(b"hello", fields=(("set-cookie", (b"a=1",) * 100),)),),
        BROKEN,
    ),
    _fields("two Vary lines", b"Vary: A\r\nVary: B\r\n", ("vary", (b"A", b"B")), section="RFC 9110 12.5.5"),
    _large("a field of 10 KiB", 10 * 1024),
    _large("a field of 60 KiB", 60 * 1024),
    _large("a head as large as the limit", _LIMIT - _FRAME),
    _large("a head one byte larger than the limit", _LIMIT - _FRAME + 1, passes=False),
    ResponseCase(
        _FIELDS, "a head of 1 MiB", "RFC 9110 5.4", (OK + b"X-A: b\r\n" * 131072 + TAIL,), (FAILED,), (*BROKEN, HELLO)
    ),
    good(_FIELDS, "HTTP/1.0 that is kept", "RFC 9112 9.3", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + TAIL),
    good(
        _FIELDS,
        "a body of 1 MiB",
        "RFC 9112 6.2",
        OK + b"Content-Length: 1048576\r\n\r\n" + b"a" * 1048576,
        Passed(b"a" * 1048576),
    ),
)

# What the policy owns: only of xoproxy.

_POLICY = "answers: policy"
_OWN = "Fetch 3.2, HTML 7.1"
_ASK = ask(b"Origin: https://app.example\r\n", path=b"/policy/")


def _policy(name: str, lines: bytes, *expected: tuple[str, tuple[bytes, ...]]) -> ResponseCase:
    fate = Passed(b"hello", fields=expected)
    return good(_POLICY, name, _OWN, OK + lines + TAIL, fate, ask=_ASK, only_xoproxy=True)


_ALLOWED = ("access-control-allow-origin", (b"https://app.example",))
_COEP, _COOP = ("cross-origin-embedder-policy", (b"require-corp",)), ("cross-origin-opener-policy", (b"same-origin",))
_CORP = ("cross-origin-resource-policy", (b"same-origin",))

POLICY = (
    _policy("none from the backend", b"", _ALLOWED, _COEP, _COOP, _CORP, ("vary", (b"Origin",))),
    _policy("ACAO twice", b"Access-Control-Allow-Origin: *\r\naccess-control-allow-origin: https://evil.example\r\n", _ALLOWED),
    _policy("COEP twice", b"Cross-Origin-Embedder-Policy: unsafe-none\r\n" * 2, _COEP),
    _policy("COOP and CORP twice", b"Cross-Origin-Opener-Policy: x\r\nCross-Origin-Resource-Policy: y\r\n" * 2, _COOP, _CORP),
    _policy("Connection names ACAO", b"Connection: access-control-allow-origin\r\n", _ALLOWED, ("vary", (b"Origin",))),
    _policy("Connection names Vary", b"Connection: vary\r\nVary: Accept\r\n", _ALLOWED, ("vary", (b"Accept, Origin",))),
    _policy("Connection names COEP", b"Connection: cross-origin-embedder-policy\r\n", _COEP),
    _policy("Vary in two lines", b"Vary: A\r\nX: y\r\nvary: B\r\n", ("vary", (b"A, B, Origin",))),
    _policy("Vary has it", b"Vary: origin\r\n", ("vary", (b"origin",))),
    _policy("Vary is *", b"Vary: *\r\n", ("vary", (b"*",))),
    ResponseCase(
        _POLICY,
        "on an error of our own",
        _OWN,
        (b"HTTP/1.1 099 x\r\n\r\n",),
        (FAILED,),
        ask=_ASK,
        only_xoproxy=True,
    ),
)
WAYS: tuple[ResponseCase, ...] = (*FIELDS, *POLICY)
