"""Size, order and paths: what is too large, what comes ahead, and that a target arrives as it was sent."""

from conformance.model import HOST, SMUGGLED, TOKEN, Case, Forwarded, Marker, Refused, case, get, post

_LIMITS = "limits"
_TOO_LARGE = Refused(frozenset((431,)))
_PASSES = Forwarded(exact=False)  # no limit is prescribed
_TOO_LONG = Refused(frozenset((414, 431)))


def _large(name: str, sent: bytes, *, marker: Marker = Marker.PIPELINED, section: str = "RFC 6585 5") -> Case:
    return case(_LIMITS, name, section, sent, _TOO_LONG if "target" in name else _TOO_LARGE, lawful=(_PASSES,), marker=marker)


LIMITS = (
    case(_LIMITS, "a target of 7,000 bytes", "RFC 9112 3", get(target=b"/" + TOKEN + b"x" * 7000), Forwarded()),
    case(_LIMITS, "a field of 7,000 bytes", "RFC 9110 5.4", get(b"X-A: " + b"x" * 7000 + b"\r\n"), Forwarded()),
    case(_LIMITS, "ninety field lines", "RFC 9110 5.4", get(b"X-A: 1\r\n" * 90), Forwarded()),
    case(_LIMITS, "a thousand field lines", "RFC 9110 5.4", get(b"X-A: 1\r\n" * 1000), Forwarded(), lawful=(Refused(),)),
    case(
        _LIMITS,
        "a head of 32 KiB less some",
        "RFC 9110 5.4",
        get(b"".join(b"X-%03d: " % n + b"x" * 1000 + b"\r\n" for n in range(32))),
        Forwarded(),
        lawful=(Refused(),),
    ),
    _large("a target of 40 KiB", get(target=b"/" + TOKEN + b"x" * 40960), section="RFC 9110 15.5.15"),
    _large("a target of 1 MiB", get(target=b"/" + TOKEN + b"x" * (1 << 20)), section="RFC 9110 15.5.15"),
    _large("a query of 40 KiB in the target", get(target=b"/" + TOKEN + b"?" + b"x" * 40960), section="RFC 9110 15.5.15"),
    _large("a field of 40 KiB", get(b"X-A: " + b"x" * 40960 + b"\r\n")),
    _large("a field name of 40 KiB", get(b"x" * 40960 + b": 1\r\n")),
    _large("a method of 40 KiB", get(method=b"G" * 40960)),
    _large("10,000 field lines", get(b"X-A: 1\r\n" * 10000)),
    _large("100,000 field lines", get(b"X-A: 1\r\n" * 100000)),
    _large("one line of 40 KiB without an end", b"GET /" + TOKEN + b"x" * 40960, marker=Marker.NONE),
    _large("field lines without an end", get(b"X-A: 1\r\n" * 10000)[:-2], marker=Marker.NONE),
    _large("a cookie of 64 KiB", get(b"Cookie: a=" + b"x" * 65536 + b"\r\n")),
    case(_LIMITS, "empty lines without an end", "RFC 9112 2.2", b"\r\n" * 50000 + get(), Forwarded(), lawful=(Refused(),)),
    case(_LIMITS, "a head that never ends", "RFC 9112 9.8", get()[:-2], Refused(frozenset((408,))), marker=Marker.NONE),
    case(
        _LIMITS,
        "a request line that never ends",
        "RFC 9112 9.8",
        b"GET /" + TOKEN,
        Refused(frozenset((408,))),
        marker=Marker.NONE,
    ),
    case(
        _LIMITS,
        "a client that ends within the head",
        "RFC 9112 8",
        get()[:-2],
        marker=Marker.NONE,
        half_closes=True,
        lawful=((Refused(),),),
    ),
    case(
        _LIMITS,
        "a client that ends after its request gets its answer",
        "RFC 9112 9.6",
        get(),
        Forwarded(),
        marker=Marker.NONE,
        half_closes=True,
    ),
    case(
        _LIMITS,
        "a client that ends after its content gets its answer",
        "RFC 9112 9.6",
        post(b"Content-Length: 2\r\n", b"hi"),
        Forwarded(b"hi"),
        marker=Marker.NONE,
        half_closes=True,
    ),
)

_PIPELINES = "pipelining"
_TWO = b"/" + TOKEN + b"/second"
_BAD = get(b"X-A : 1\r\n")
_CHUNKED = post(b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n")
_LENGTH = post(b"Content-Length: 5\r\n", b"hello")
_SECOND = Forwarded(target=_TWO)
_AS_1_1 = Forwarded(exact=False, target=_TWO)


def _then(name: str, first: bytes, outcome: Forwarded, second: bytes, status: int = 400, *lawful: Forwarded) -> Case:
    """A good request and a bad one in one segment: the first is answered, then the second is refused."""
    others = tuple((outcome, one) for one in lawful)
    return case(_PIPELINES, name, "RFC 9112 9.3.2", first + second, outcome, Refused(frozenset((status,))), lawful=others)


PIPELINES = (
    case(_PIPELINES, "two", "RFC 9112 9.3.2", get() + get(target=_TWO), Forwarded(), _SECOND),
    case(
        _PIPELINES,
        "twelve",
        "RFC 9112 9.3.2",
        b"".join(get(target=b"/%b/%d" % (TOKEN, n)) for n in range(12)),
        *(Forwarded(target=b"/%b/%d" % (TOKEN, n)) for n in range(12)),
    ),
    case(
        _PIPELINES, "HEAD and GET", "RFC 9112 9.3.2", get(method=b"HEAD") + get(target=_TWO), Forwarded(method=b"HEAD"), _SECOND
    ),
    case(
        _PIPELINES, "content of a length, and GET", "RFC 9112 9.3.2", _LENGTH + get(target=_TWO), Forwarded(b"hello"), _SECOND
    ),
    case(_PIPELINES, "chunks, and GET", "RFC 9112 9.3.2", _CHUNKED + get(target=_TWO), Forwarded(b"hello"), _SECOND),
    case(
        _PIPELINES,
        "GET, and content of a length",
        "RFC 9112 9.3.2",
        get(target=_TWO) + _LENGTH,
        _SECOND,
        Forwarded(b"hello", exact=False, target=b"/" + TOKEN),
    ),
    case(
        _PIPELINES,
        "a length of zero, and GET",
        "RFC 9112 9.3.2",
        post(b"Content-Length: 0\r\n", b"") + get(target=_TWO),
        Forwarded(),
        _SECOND,
    ),
    case(
        _PIPELINES, "an empty line between", "RFC 9112 2.2", _LENGTH + b"\r\n" + get(target=_TWO), Forwarded(b"hello"), _SECOND
    ),
    case(
        _PIPELINES,
        "content that looks like a request, and GET",
        "RFC 9112 9.3.2",
        post(b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED) + get(target=_TWO),
        Forwarded(SMUGGLED),
        _SECOND,
    ),
    case(
        _PIPELINES,
        "GET with content that looks like a request",
        "RFC 9110 9.3.1",
        get(b"Content-Length: %d\r\n" % len(SMUGGLED)) + SMUGGLED,
        Forwarded(SMUGGLED),
        lawful=(Refused(),),
    ),
    case(
        _PIPELINES,
        "HEAD with content that looks like a request",
        "RFC 9110 9.3.2",
        get(b"Content-Length: %d\r\n" % len(SMUGGLED), method=b"HEAD") + SMUGGLED,
        Forwarded(SMUGGLED, method=b"HEAD"),
        lawful=(Refused(),),
    ),
    case(
        _PIPELINES,
        "nothing after close",
        "RFC 9112 9.6",
        get(b"Connection: close\r\n") + get(target=b"/" + TOKEN + b"/smuggled"),
        Forwarded(drops=("connection",)),
        keeps=False,
    ),
    case(
        _PIPELINES,
        "nothing after HTTP/1.0",
        "RFC 9112 9.3",
        get(version=b"HTTP/1.0") + get(target=b"/" + TOKEN + b"/smuggled"),
        Forwarded(),
        keeps=False,
    ),
    case(_PIPELINES, "a bad one first", "RFC 9112 9.3.2", _BAD + get(target=b"/" + TOKEN + b"/smuggled"), Refused()),
    _then("GET, and a space before a colon", get(), Forwarded(), _BAD),
    _then("GET, and two lengths", get(), Forwarded(), post(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello")),
    _then(
        "GET, and a length with a coding",
        get(),
        Forwarded(),
        post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        400,
        Forwarded(exact=False),
    ),
    _then("GET, and no Host", get(), Forwarded(), b"GET /" + TOKEN + b"/second HTTP/1.1\r\n\r\n"),
    _then("GET, and another version", get(), Forwarded(), get(target=_TWO, version=b"HTTP/2.0"), 505, _AS_1_1),
    _then(
        "GET, and CONNECT", get(), Forwarded(), b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nX-Case: " + TOKEN + b"\r\n\r\n", 501
    ),
    _then("GET, and junk", get(), Forwarded(), b"\x00\x01\x02 junk\r\n\r\n"),
    _then(
        "GET, and a head that is too large",
        get(),
        Forwarded(),
        get(b"X-A: " + b"x" * 40960 + b"\r\n"),
        431,
        Forwarded(exact=False),
    ),
    _then("content of a length, and junk", _LENGTH, Forwarded(b"hello"), b"junk\r\n\r\n"),
    _then("chunks, and junk", _CHUNKED, Forwarded(b"hello"), b"junk\r\n\r\n"),
    _then("content longer than its length", _LENGTH, Forwarded(b"hello"), b"more\r\n\r\n"),
    _then("HEAD, and junk", get(method=b"HEAD"), Forwarded(method=b"HEAD"), b"junk\r\n\r\n"),
    case(
        _PIPELINES,
        "two good ones and a bad one",
        "RFC 9112 9.3.2",
        get() + get(target=_TWO) + _BAD,
        Forwarded(),
        _SECOND,
        Refused(),
    ),
    case(
        _PIPELINES,
        "a good one and bad chunks",
        "RFC 9112 9.3.2",
        get(target=_TWO) + post(b"Transfer-Encoding: chunked\r\n", b"x\r\n"),
        _SECOND,
        Refused(begun=True),
    ),
    case(
        _PIPELINES,
        "a head in two segments after another",
        "RFC 9112 9.3.2",
        (get() + b"GET ", _TWO + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
        Forwarded(),
        _SECOND,
    ),
)

_PATHS = "paths"
_DIRECTORY = b"/" + TOKEN


def _path(name: str, target: bytes, *lawful: Forwarded | Refused) -> Case:
    """With one route for all, nothing could be mistaken: the target arrives as it was sent."""
    return case(_PATHS, name, "RFC 3986 6.2.2", get(target=target), Forwarded(), lawful=lawful)


def _refused(name: str, target: bytes, *lawful: Forwarded, section: str = "RFC 9112 3.2", keeps: bool = False) -> Case:
    return case(_PATHS, name, section, get(target=target), Refused(), lawful=lawful, keeps=keeps)


PATHS = (
    _path("two slashes first", b"//" + TOKEN),
    _path("two slashes within", _DIRECTORY + b"//x"),
    _path("many slashes", b"////" + TOKEN + b"///x//"),
    _path("an encoded dot segment", _DIRECTORY + b"/%2e%2e/x", Refused()),
    _path("an encoded dot segment in capitals", _DIRECTORY + b"/%2E%2E/x", Refused()),
    _path("a dot segment, half encoded", _DIRECTORY + b"/.%2e/x", Refused()),
    _path("a dot segment", _DIRECTORY + b"/../" + TOKEN, Refused()),
    _path("a single dot segment", _DIRECTORY + b"/./x", Refused()),
    _path("a dot segment above the root", b"/../../" + TOKEN, Refused()),
    _path("a dot segment at the end", _DIRECTORY + b"/..", Refused()),
    _path("an encoded slash", _DIRECTORY + b"%2fx", Refused()),
    _path("an encoded slash in capitals", _DIRECTORY + b"%2Fx", Refused()),
    _path("encoded twice", _DIRECTORY + b"/%252e%252e/x"),
    _path("a semicolon", _DIRECTORY + b";a=b/x"),
    _path("a dot segment and a semicolon", _DIRECTORY + b"/..;/x", Refused()),
    _path("an encoded letter", _DIRECTORY + b"/%41"),
    _path("an encoded byte that is not ASCII", _DIRECTORY + b"/%c3%a4"),
    _path("an encoded space", _DIRECTORY + b"/a%20b"),
    _path("an encoded question mark", _DIRECTORY + b"/a%3fb"),
    _path("an encoded hash sign", _DIRECTORY + b"/a%23b"),
    _path("a query", _DIRECTORY + b"?a=b&&c=%zz&d=/../e"),
    _path("an empty query", _DIRECTORY + b"?"),
    _path("two question marks", _DIRECTORY + b"?a?b"),
    _path("sub-delimiters", _DIRECTORY + b"/!$&'()*+,;=:@-._~"),
    _path("brackets in the query", _DIRECTORY + b"?a[]=1&b[x]=2", Refused()),
    _refused("a backslash", _DIRECTORY + b"\\x", keeps=True),
    _refused("a dot segment with a backslash", _DIRECTORY + b"/..\\x", keeps=True),
    _refused("an encoded NUL", _DIRECTORY + b"%00x", Forwarded(exact=False), keeps=True),
    _refused("a fragment", _DIRECTORY + b"#x", Forwarded(exact=False, target=_DIRECTORY)),
    _refused("latin-1", _DIRECTORY + b"\xe4"),
    _refused("UTF-8", _DIRECTORY + b"\xc3\xa4"),
    _refused("UTF-8 in the query", _DIRECTORY + b"?\xc3\xa4", section="RFC 9112 3.2"),
)
