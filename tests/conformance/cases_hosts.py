"""Host and the authority of an absolute target: one, well formed, and the same.  (RFC 9110 7.2, RFC 9112 3.2)"""

from conformance.model import HOST, TOKEN, Case, Forwarded, Refused, case

_GROUP = "hosts"
_SECTION = "RFC 9112 3.2"
_LINE = b"GET /" + TOKEN + b" HTTP/1.1\r\n"


def _good(name: str, host: bytes, *lawful: Refused) -> Case:
    arrives = Forwarded(exact=False)  # others may send the name in lower case or without its port
    return case(_GROUP, name, "RFC 9110 7.2", _LINE + b"Host: " + host + b"\r\n\r\n", Forwarded(), lawful=(arrives, *lawful))


def _bad(name: str, host: bytes, *lawful: Forwarded) -> Case:
    return case(_GROUP, name, _SECTION, _LINE + b"Host: " + host + b"\r\n\r\n", Refused(), lawful=lawful)


def _lines(name: str, lines: bytes) -> Case:
    return case(_GROUP, name, _SECTION, _LINE + lines + b"X-A: 1\r\n\r\n", Refused())


HOSTS = (
    _good("a name", b"front.example"),
    _good("a name and a port", b"front.example:8080"),
    _good("port 65535", b"front.example:65535"),
    _good("leading zeros in the port", b"front.example:00080", Refused()),
    _good("capitals", b"FRONT.Example"),
    _good("a dot at the end", b"front.example."),
    _good("an underscore", b"front_end.example"),
    _good("one label", b"localhost"),
    _good("an IPv4 address", b"127.0.0.1"),
    _good("an IPv6 address", b"[::1]"),
    _good("an IPv6 address and a port", b"[2001:db8::7]:8080"),
    _good("spaces and tabs around", b" \tfront.example\t "),
    _lines("none", b""),
    _lines("two", HOST + b"Host: other.example\r\n"),
    _lines("the same twice", HOST + HOST),
    _lines("two in two cases of the name", HOST + b"hOST: other.example\r\n"),
    _lines("two, one empty", HOST + b"Host:\r\n"),
    _lines("two, the first empty", b"Host:\r\n" + HOST),
    _lines("one and a folded one", HOST + b" Host: other.example\r\n"),
    _lines("one and one with a space before the colon", HOST + b"Host : other.example\r\n"),
    _bad("empty", b"", Forwarded(exact=False)),
    _bad("a list", b"front.example, other.example"),
    _bad("a list of the same", b"front.example,front.example", Forwarded(exact=False)),
    _bad("two words", b"front.example other.example"),
    _bad("a space within", b"front .example"),
    _bad("a tab within", b"front\t.example"),
    _bad("a path", b"front.example/x"),
    _bad("only a slash", b"/"),
    _bad("a query", b"front.example?x"),
    _bad("a fragment", b"front.example#x"),
    _bad("a scheme", b"http://front.example"),
    _bad("a user", b"user@front.example"),
    _bad("a user and a password", b"user:password@front.example"),
    _bad("a backslash", b"front.example\\x"),
    _bad("quoted", b'"front.example"'),
    _bad("angle brackets", b"<front.example>"),
    _bad("a caret", b"front^.example"),
    _bad("a bar", b"front|.example"),
    _bad("braces", b"{front.example}"),
    _bad("a percent sign alone", b"front%.example"),
    _bad("a percent sign before no digits", b"front%zz.example"),
    _bad("latin-1", b"fr\xf6nt.example"),
    _bad("UTF-8", b"fr\xc3\xb6nt.example"),
    _bad("a port and no name", b":80"),
    _bad("a colon and no port", b"front.example:", Forwarded(exact=False)),
    _bad("a negative port", b"front.example:-80"),
    _bad("a port with a sign", b"front.example:+80"),
    _bad("port 65536", b"front.example:65536"),
    _bad("a port of twenty digits", b"front.example:18446744073709551696"),
    _bad("letters for a port", b"front.example:http"),
    _bad("digits and letters for a port", b"front.example:80a"),
    _bad("a hexadecimal port", b"front.example:0x50"),
    _bad("a space before the port", b"front.example: 80"),
    _bad("two ports", b"front.example:80:80"),
    _bad("two colons", b"front.example::80"),
    _bad("a bracket that is not closed", b"[::1"),
    _bad("a bracket that is not closed, and a port", b"[::1:80"),
    _bad("a bracket that is not opened", b"::1]"),
    _bad("an IPv6 address without brackets", b"2001:db8::7"),
    _bad("empty brackets", b"[]"),
    _bad("a name in brackets", b"[front.example]"),
    _bad("letters after the bracket", b"[::1]x"),
    _bad("letters for a port after the bracket", b"[::1]:x"),
    _bad("brackets within", b"front[.]example"),
    _bad("two pairs of brackets", b"[::1][::2]"),
    _bad("colons in brackets", b"[:::::::::]"),
    _bad("a zone", b"[fe80::1%25eth0]", Forwarded(exact=False)),
    _bad("a future address", b"[v1.x]", Forwarded(exact=False)),
    _bad("three hundred characters", b"a" * 300, Forwarded(exact=False)),
)

_ABSOLUTE = "absolute targets"
_HOST = b"http://front.example"


def _absolute(
    name: str, target: bytes, *outcomes: Forwarded | Refused, lines: bytes = HOST, section: str = "RFC 9112 3.2.2"
) -> Case:
    expect, *lawful = outcomes
    return case(_ABSOLUTE, name, section, b"GET " + target + b" HTTP/1.1\r\n" + lines + b"\r\n", expect, lawful=tuple(lawful))


def _origin_form(host: bytes = b"front.example", target: bytes = b"/" + TOKEN) -> Forwarded:
    """What a proxy makes of it that goes by the target, and writes Host anew (RFC 9112 3.2.2)."""
    return Forwarded(exact=False, target=target, fields=(("host", (host,)),))


_SAME = Forwarded(), _origin_form(), Forwarded(exact=False)

ABSOLUTE = (
    _absolute("the same host", _HOST + b"/" + TOKEN, *_SAME),
    _absolute("the same host in another case", b"http://FRONT.example/" + TOKEN, *_SAME, _origin_form(b"FRONT.example")),
    _absolute("the scheme in capitals", b"HTTP://front.example/" + TOKEN, *_SAME, Refused()),
    _absolute(
        "the same host and port",
        _HOST + b":8080/" + TOKEN,
        Forwarded(),
        _origin_form(b"front.example:8080"),
        _origin_form(),
        lines=b"Host: front.example:8080\r\n",
    ),
    _absolute(
        "no path",
        _HOST,
        Forwarded(),
        _origin_form(target=b"/"),
        Forwarded(exact=False),
        lines=HOST + b"X-Case: " + TOKEN + b"\r\n",
    ),
    _absolute(
        "a query and no path", _HOST + b"?" + TOKEN, Forwarded(), _origin_form(target=b"/?" + TOKEN), Forwarded(exact=False)
    ),
    _absolute("another host", b"http://other.example/" + TOKEN, Refused(), _origin_form(b"other.example")),
    _absolute(
        "another host that Host's begins with",
        b"http://front.example.evil.example/" + TOKEN,
        Refused(),
        _origin_form(b"front.example.evil.example"),
    ),
    _absolute("another port", _HOST + b":81/" + TOKEN, Refused(), _origin_form(b"front.example:81"), _origin_form()),
    _absolute("a port where Host has none", _HOST + b":80/" + TOKEN, Refused(), _origin_form(b"front.example:80"), *_SAME[1:]),
    _absolute(
        "no port where Host has one", _HOST + b"/" + TOKEN, Refused(), _origin_form(), lines=b"Host: front.example:81\r\n"
    ),
    _absolute("a user", b"http://user@front.example/" + TOKEN, Refused(), _origin_form()),
    _absolute(
        "a user that looks like the host",
        b"http://front.example@other.example/" + TOKEN,
        Refused(),
        _origin_form(b"other.example"),
    ),
    _absolute("a backslash after the host", b"http://front.example\\@other.example/" + TOKEN, Refused()),
    _absolute("no host", b"http:///" + TOKEN, Refused()),
    _absolute("no host but a port", b"http://:80/" + TOKEN, Refused()),
    _absolute("a bad port", _HOST + b":x/" + TOKEN, Refused()),
    _absolute("a negative port", _HOST + b":-1/" + TOKEN, Refused()),
    _absolute("a bracket that is not closed", b"http://[::1/" + TOKEN, Refused()),
    _absolute("one slash after the scheme", b"http:/front.example/" + TOKEN, Refused()),
    _absolute("no scheme", b"front.example/" + TOKEN, Refused(), section="RFC 9112 3.2"),
    _absolute("another scheme", b"ftp://front.example/" + TOKEN, Refused(), _origin_form()),
    _absolute("https on a listener without TLS", b"https://front.example/" + TOKEN, *_SAME, Refused()),
    _absolute("no Host", _HOST + b"/" + TOKEN, Refused(), lines=b"X-A: 1\r\n", section="RFC 9112 3.2"),
    _absolute("an empty Host", _HOST + b"/" + TOKEN, Refused(), _origin_form(), lines=b"Host:\r\n"),
    _absolute("two Hosts", _HOST + b"/" + TOKEN, Refused(), lines=HOST + HOST, section="RFC 9112 3.2"),
    _absolute("a fragment", _HOST + b"/" + TOKEN + b"#x", Refused(), _origin_form()),
    _absolute(
        "authority form", b"front.example:80", Refused(), lines=HOST + b"X-Case: " + TOKEN + b"\r\n", section="RFC 9112 3.2.3"
    ),
    _absolute("a relative path", TOKEN, Refused(), section="RFC 9112 3.2.1"),
    _absolute("a question mark first", b"?" + TOKEN, Refused(), section="RFC 9112 3.2.1"),
)
