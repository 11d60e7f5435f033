"""The request line: method, target, version, and single spaces between.  (RFC 9112 2.3, 3)"""

from conformance.model import HOST, TOKEN, Answered, Case, Forwarded, Refused, case, get

_LINES = "request line"
_END = b"\r\n" + HOST + b"\r\n"
_REFUSED_505 = Refused(frozenset((505,)))


def _line(name: str, line: bytes, *lawful: Forwarded, section: str = "RFC 9112 3") -> Case:
    return case(_LINES, name, section, line + _END, Refused(), lawful=lawful)


# Any white space may be taken for the space between the parts (RFC 9112 3).
_SPACED = Forwarded(exact=False, target=b"/" + TOKEN)
_TARGET = b"/" + TOKEN


REQUEST_LINES = (
    _line("two spaces after the method", b"GET  " + _TARGET + b" HTTP/1.1", _SPACED),
    _line("two spaces before the version", b"GET " + _TARGET + b"  HTTP/1.1", _SPACED),
    _line("a tab after the method", b"GET\t" + _TARGET + b" HTTP/1.1", _SPACED),
    _line("a tab before the version", b"GET " + _TARGET + b"\tHTTP/1.1", _SPACED),
    _line("tabs and spaces", b"GET \t " + _TARGET + b" \t HTTP/1.1", _SPACED),
    _line("a vertical tab for a space", b"GET\x0b" + _TARGET + b" HTTP/1.1", _SPACED),
    _line("a space at the end", b"GET " + _TARGET + b" HTTP/1.1 ", _SPACED),
    _line("a tab at the end", b"GET " + _TARGET + b" HTTP/1.1\t", _SPACED),
    _line("a space in the target", b"GET " + _TARGET + b" x HTTP/1.1"),
    _line("a version in the target", b"GET " + _TARGET + b" HTTP/1.1 HTTP/1.1"),
    _line("two versions", b"GET " + _TARGET + b" HTTP/1.1 HTTP/1.0"),
    _line("no target", b"GET HTTP/1.1"),
    _line("an empty target", b"GET  HTTP/1.1"),
    _line("no method", b"/" + TOKEN + b" HTTP/1.1"),
    _line("an empty method", b" " + _TARGET + b" HTTP/1.1"),
    _line("only a method", b"GET"),
    _line("a colon after the method", b"GET: " + _TARGET + b" HTTP/1.1"),
    _line("a method in parentheses", b"(GET) " + _TARGET + b" HTTP/1.1"),
    _line("a slash in the method", b"GET/" + _TARGET + b" HTTP/1.1"),
    _line("a method that is not ASCII", b"G\xc9T " + _TARGET + b" HTTP/1.1"),
    _line("a field for a request line", b"X-A: " + _TARGET),
)

_VERSIONS = "versions"


def _version(name: str, version: bytes, *lawful: Forwarded, status: int = 400, section: str = "RFC 9112 2.3") -> Case:
    sent = b"GET " + _TARGET + b" " + version + _END
    return case(_VERSIONS, name, section, sent, Refused(frozenset((status,))), lawful=lawful)


_ANSWERED_0_9 = Answered(frozenset((0,)), complete=False)  # content without a head
_OLD = b"GET " + _TARGET + b" HTTP/1.0\r\n"

VERSIONS = (
    # A higher minor version is to be taken as the highest that is known (RFC 9110 6.2): forwarding it is right, too.
    _version("HTTP/1.2", b"HTTP/1.2", Forwarded(exact=False), section="RFC 9110 6.2"),
    _version("HTTP/1.9", b"HTTP/1.9", Forwarded(exact=False), section="RFC 9110 6.2"),
    _version("HTTP/2.0", b"HTTP/2.0", Forwarded(exact=False), status=505, section="RFC 9110 15.6.6"),
    _version("HTTP/3.0", b"HTTP/3.0", Forwarded(exact=False), status=505, section="RFC 9110 15.6.6"),
    _version("HTTP/0.9", b"HTTP/0.9", Forwarded(exact=False), status=505, section="RFC 9110 15.6.6"),
    _version("HTTP/9.9", b"HTTP/9.9", Forwarded(exact=False), status=505, section="RFC 9110 15.6.6"),
    _version("HTTP/1.10", b"HTTP/1.10"),
    _version("HTTP/1.01", b"HTTP/1.01"),
    _version("HTTP/01.1", b"HTTP/01.1"),
    _version("HTTP/1", b"HTTP/1"),
    _version("HTTP/2", b"HTTP/2"),
    _version("HTTP/11", b"HTTP/11"),
    _version("HTTP/1.", b"HTTP/1."),
    _version("HTTP/.1", b"HTTP/.1"),
    _version("HTTP/1.1.1", b"HTTP/1.1.1"),
    _version("HTTP/1,1", b"HTTP/1,1"),
    _version("HTTP/-1.1", b"HTTP/-1.1"),
    _version("HTTP/1.+1", b"HTTP/1.+1"),
    _version("HTTP/1.x", b"HTTP/1.x"),
    _version("HTTP/1.1x", b"HTTP/1.1x"),
    _version("HTTP/ 1.1", b"HTTP/ 1.1"),
    _version("HTTP1.1", b"HTTP1.1"),
    _version("lower case", b"http/1.1"),
    _version("mixed case", b"Http/1.1"),
    _version("HTTPS/1.1", b"HTTPS/1.1"),
    _version("ICY/1.1", b"ICY/1.1"),
    _version("nothing", b""),
    case(_VERSIONS, "HTTP/0.9, one line", "RFC 9112 2.3", b"GET " + _TARGET + b"\r\n", Refused(), lawful=(_ANSWERED_0_9,)),
    case(
        _VERSIONS,
        "HTTP/0.9, and an empty line",
        "RFC 9112 2.3",
        b"GET " + _TARGET + b"\r\n\r\n",
        Refused(),
        lawful=(_ANSWERED_0_9,),
    ),
    case(
        _VERSIONS, "the preface of HTTP/2", "RFC 9113 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", _REFUSED_505
    ),
    case(_VERSIONS, "a TLS handshake", "RFC 9112 3", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\x11" * 32, Refused()),
    case(_VERSIONS, "HTTP/1.0 closes", "RFC 9112 9.3", _OLD + HOST + b"\r\n", Forwarded(), keeps=False),
    case(
        _VERSIONS,
        "HTTP/1.0 with keep-alive is kept",
        "RFC 9112 9.3",
        _OLD + HOST + b"Connection: keep-alive\r\n\r\n",
        Forwarded(drops=("connection",)),
        keeps=True,
    ),
    case(
        _VERSIONS,
        "HTTP/1.0 with Keep-Alive in another case",
        "RFC 9112 9.3",
        _OLD + HOST + b"connection: Keep-Alive\r\nKeep-Alive: timeout=5\r\n\r\n",
        Forwarded(drops=("connection", "keep-alive"), fields=(("keep-alive", ()),)),
        lawful=(Forwarded(),),
        keeps=True,
    ),
    case(
        _VERSIONS,
        "HTTP/1.0 without Host",
        "RFC 9112 3.2",
        _OLD + b"X-A: 1\r\n\r\n",
        Forwarded(exact=False, fields=(("x-a", (b"1",)),)),
        lawful=(Refused(),),
        keeps=False,
    ),
    case(
        _VERSIONS,
        "HTTP/1.0 with a length",
        "RFC 9112 6.3",
        b"POST" + _OLD[3:] + HOST + b"Content-Length: 2\r\n\r\nhi",
        Forwarded(b"hi"),
        keeps=False,
    ),
    case(
        _VERSIONS,
        "HTTP/1.0 expects nothing",
        "RFC 9110 10.1.1",
        b"POST" + _OLD[3:] + HOST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
        Forwarded(b"hi", drops=("expect",)),
        keeps=False,
        check=lambda seen: "an interim response" if seen.answers and seen.answers[0].interim else None,
    ),
)

_METHODS = "methods"
_HELLO = b"Content-Length: 5\r\n\r\nhello"


def _method(method: bytes, *lawful: Refused) -> Case:
    return case(_METHODS, f"{method[:20].decode()} goes on", "RFC 9110 9.1", get(method=method), Forwarded(), lawful=lawful)


def _content(method: bytes) -> Case:
    return case(
        _METHODS,
        f"content with {method.decode()}",
        "RFC 9110 9.3",
        method + b" " + _TARGET + b" HTTP/1.1\r\n" + HOST + _HELLO,
        Forwarded(b"hello", method=method),
        lawful=(Refused(),),
    )


METHODS = (
    *(_method(method) for method in (b"GET", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"PROPFIND")),
    *(_method(method, Refused()) for method in (b"get", b"patch", b"NEW", b"M-SEARCH", b"!#$%&'*+-.^_`|~", b"A" * 40, b"PRI")),
    case(_METHODS, "HEAD has an answer without content", "RFC 9110 9.3.2", get(method=b"HEAD"), Forwarded(method=b"HEAD")),
    *(_content(method) for method in (b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"PUT")),
    case(
        _METHODS,
        "chunks with GET",
        "RFC 9110 9.3.1",
        get(b"Transfer-Encoding: chunked\r\n") + b"5\r\nhello\r\n0\r\n\r\n",
        Forwarded(b"hello"),
        lawful=(Refused(),),
    ),
    case(_METHODS, "TRACE goes on", "RFC 9110 9.3.8", get(method=b"TRACE"), Forwarded(), lawful=(Refused(),)),
    case(
        _METHODS,
        "CONNECT",
        "RFC 9110 9.3.6",
        b"CONNECT front.example:80 HTTP/1.1\r\n" + HOST + b"X-Case: " + TOKEN + b"\r\n\r\n",
        Refused(frozenset((501,))),
    ),
    case(_METHODS, "CONNECT with a path", "RFC 9110 9.3.6", get(method=b"CONNECT"), Refused(frozenset((501,)))),
    case(
        _METHODS,
        "CONNECT, and a request in the tunnel",
        "RFC 9110 9.3.6",
        b"CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1:80\r\nX-Case: "
        + TOKEN
        + b"\r\n\r\n"
        + get(target=b"/" + TOKEN + b"/smuggled"),
        Refused(frozenset((501,))),
    ),
    case(
        _METHODS,
        "OPTIONS for the server itself",
        "RFC 9112 3.2.4",
        b"OPTIONS * HTTP/1.1\r\n" + HOST + b"X-Case: " + TOKEN + b"\r\n\r\n",
        Forwarded(),
        lawful=(Refused(), Answered(frozenset((200, 204)), seen=0)),
    ),
    case(
        _METHODS,
        "GET for the server itself",
        "RFC 9112 3.2.4",
        b"GET * HTTP/1.1\r\n" + HOST + b"X-Case: " + TOKEN + b"\r\n\r\n",
        Refused(),
    ),
    case(
        _METHODS,
        "a preflight is answered here, without a route's policy it goes on",
        "Fetch, CORS-preflight",
        get(b"Origin: https://o.example\r\nAccess-Control-Request-Method: PUT\r\n", method=b"OPTIONS"),
        Forwarded(),
    ),
)
