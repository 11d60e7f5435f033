"""Lines of a head: how they end, what a name and a value may hold.  (RFC 9112 2.2, 5; RFC 9110 5)"""

from conformance.model import HOST, SMUGGLED, TOKEN, Case, Forwarded, Refused, case, get
from conformance.observed import Seen

_LF = "RFC 9112 2.2"
_FIELDS = "RFC 9112 5"
_LINE = b"GET /" + TOKEN + b" HTTP/1.1\r\n"
# A single LF may be taken for the end of a line (RFC 9112 2.2).
_NORMALISED = Forwarded(exact=False, target=b"/" + TOKEN)


def _without(name: str) -> Forwarded:
    """The line may be left out."""
    return Forwarded(exact=False, fields=((name, ()),))


def _bad(group: str, name: str, section: str, sent: bytes, *lawful: Forwarded) -> Case:
    return case(group, name, section, sent, Refused(), lawful=lawful)


def _unfolded(seen: Seen) -> str | None:
    return None if b" ".join(seen.values("x-a")).split() == [b"one", b"two"] else f"it arrived as {seen.values('x-a')}"


_ENDS = "line ends"
LINE_ENDS = (
    _bad(_ENDS, "bare LF after the request line", _LF, b"GET /" + TOKEN + b" HTTP/1.1\n" + HOST + b"\r\n", _NORMALISED),
    _bad(_ENDS, "bare LF after a field", _LF, _LINE + b"Host: front.example\nX-A: 1\r\n\r\n", _NORMALISED),
    _bad(_ENDS, "bare LF at the end", _LF, _LINE + HOST + b"\n", _NORMALISED),
    _bad(_ENDS, "bare LF twice at the end", _LF, _LINE + b"Host: front.example\n\n", _NORMALISED),
    _bad(_ENDS, "bare LF and CRLF at the end", _LF, _LINE + b"Host: front.example\n\r\n", _NORMALISED),
    _bad(_ENDS, "bare LF everywhere", _LF, b"GET /" + TOKEN + b" HTTP/1.1\nHost: front.example\n\n", _NORMALISED),
    _bad(_ENDS, "bare LF in a value, before a framing field", _LF, get(b"X-A: 1\nContent-Length: 0\r\n"), _NORMALISED),
    _bad(_ENDS, "bare LF within a name", _LF, get(b"X-\nA: 1\r\n")),
    _bad(_ENDS, "bare CR after the request line", _LF, b"GET /" + TOKEN + b" HTTP/1.1\r" + HOST + b"\r\n"),
    _bad(_ENDS, "bare CR after a field", _LF, _LINE + b"Host: front.example\rX-A: 1\r\n\r\n"),
    _bad(_ENDS, "bare CR in a value", _LF, get(b"X-A: a\rb\r\n"), Forwarded(exact=False, fields=(("x-a", (b"a b",)),))),
    _bad(_ENDS, "bare CR in front of a value", _LF, get(b"X-A:\rb\r\n"), Forwarded(exact=False, fields=(("x-a", (b"b",)),))),
    _bad(_ENDS, "bare CR in a name", _LF, get(b"X-\rA: 1\r\n")),
    _bad(_ENDS, "bare CR before a name", _LF, get(b"\rX-A: 1\r\n")),
    _bad(_ENDS, "bare CR before the colon", _LF, get(b"X-A\r: 1\r\n")),
    _bad(_ENDS, "bare CR in the target", _LF, get(target=b"/" + TOKEN + b"\rx")),
    _bad(_ENDS, "bare CR in the method", _LF, get(method=b"G\rET")),
    _bad(_ENDS, "bare CR for a space", _LF, b"GET\r/" + TOKEN + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    _bad(_ENDS, "bare CR before the version", _LF, b"GET /" + TOKEN + b"\rHTTP/1.1\r\n" + HOST + b"\r\n"),
    _bad(_ENDS, "CR CR LF after the request line", _LF, b"GET /" + TOKEN + b" HTTP/1.1\r\r\n" + HOST + b"\r\n"),
    _bad(_ENDS, "CR CR LF after a field", _LF, get(b"X-A: 1\r\r\n"), Forwarded(exact=False, fields=(("x-a", (b"1",)),))),
    _bad(_ENDS, "CR CR LF at the end", _LF, _LINE + HOST + b"\r\r\n\r\n"),
    _bad(_ENDS, "CR LF CR and a request", _LF, _LINE + HOST + b"\r\n\r"[2:] + SMUGGLED),
    _bad(_ENDS, "LF CR at the end", _LF, _LINE + b"Host: front.example\n\r" + b"\r\n"),
    _bad(_ENDS, "obsolete folding", "RFC 9112 5.2", get(b"X-A: one\r\n two\r\n"), Forwarded(exact=False, check=_unfolded)),
    _bad(
        _ENDS,
        "obsolete folding by a tab",
        "RFC 9112 5.2",
        get(b"X-A: one\r\n\ttwo\r\n"),
        Forwarded(exact=False, check=_unfolded),
    ),
    _bad(_ENDS, "a folded line of spaces only", "RFC 9112 5.2", get(b"X-A: one\r\n  \r\nX-B: 1\r\n"), _NORMALISED),
    _bad(_ENDS, "a folded line at the end", "RFC 9112 5.2", get(b"X-A: one\r\n \r\n"), _NORMALISED),
    _bad(
        _ENDS,
        "Host on a folded line",
        "RFC 9112 5.2",
        _LINE + b"Host:\r\n front.example\r\n\r\n",
        Forwarded(exact=False, fields=(("host", (b"front.example",)),)),
    ),
    _bad(_ENDS, "a space before the first field", _LF, _LINE + b" X-A: 1\r\n" + HOST + b"\r\n", _without("x-a")),
    _bad(_ENDS, "a tab before the first field", _LF, _LINE + b"\tX-A: 1\r\n" + HOST + b"\r\n", _without("x-a")),
    _bad(_ENDS, "a space before Host, which is first", _LF, _LINE + b" " + HOST + b"\r\n"),
    _bad(_ENDS, "a folded line that looks like a request", "RFC 9112 5.2", get(b"X-A: 1\r\n " + SMUGGLED[:-2]), _NORMALISED),
    case(_ENDS, "an empty line before", _LF, b"\r\n" + get(), Forwarded()),
    case(_ENDS, "three empty lines before", _LF, b"\r\n\r\n\r\n" + get(), Forwarded(), lawful=(Refused(),)),
    _bad(_ENDS, "an empty line with a bare LF before", _LF, b"\n" + get(), _NORMALISED),
    _bad(_ENDS, "a bare CR before", _LF, b"\r" + get()),
    _bad(_ENDS, "a space before the method", "RFC 9112 3", b" " + get()),
    _bad(_ENDS, "an empty line of spaces before", _LF, b"  \r\n" + get()),
    _bad(_ENDS, "a NUL before", _LF, b"\x00" + get()),
)

_NAMES = "field lines"


def _name(name: str, line: bytes, *lawful: Forwarded) -> Case:
    return _bad(_NAMES, name, "RFC 9110 5.1", get(line + b"\r\n"), *lawful)


def _good(
    name: str, lines: bytes, *values: tuple[str, tuple[bytes, ...]], lawful: tuple[Forwarded | Refused, ...] = ()
) -> Case:
    return case(_NAMES, name, "RFC 9110 5.5", get(lines), Forwarded(fields=values), lawful=lawful)


FIELD_LINES = (
    _name("a space before the colon", b"X-A : 1"),
    _name("a tab before the colon", b"X-A\t: 1"),
    _name("Host with a space before the colon", b"Host : other.example"),
    _name("no colon", b"X-A"),
    _name("no colon, two words", b"X-A 1"),
    _name("no name", b": 1", Forwarded(exact=False)),
    _name("no name and no value", b":", Forwarded(exact=False)),
    _name("a space for a name", b" : 1"),
    _name("a space within the name", b"X A: 1"),
    *(
        _name(
            f"the delimiter {chr(byte)} in a name",
            b"X" + bytes((byte,)) + b"A: 1",
            Forwarded(
                exact=False,
                check=lambda seen: (
                    None if not [line for line in seen.lines if line[:1] == b"X" and line[2:5] == b"A: "] else "it went on"
                ),
            ),
        )
        for byte in b'"(),/;<=>?@[\\]{}'
    ),
    _name(
        "a byte that is not ASCII in a name",
        b"X-\xe4: 1",
        Forwarded(exact=False, check=lambda seen: None if b"\xe4" not in seen.head else "it went on"),
    ),
    _name(
        "a name in quotes",
        b'"X-A": 1',
        Forwarded(exact=False, check=lambda seen: "it went on" if b'"X-A"' in seen.head else None),
    ),
    _good("every character that a name may have", b"!#$%&'*+-.^_`|~09azAZ: 1\r\n", lawful=(Forwarded(exact=False), Refused())),
    _good("an empty value", b"X-A:\r\n", ("x-a", (b"",)), lawful=(Forwarded(exact=False, fields=(("x-a", ()),)),)),
    _good("a value of spaces", b"X-A:  \t \r\n", ("x-a", (b"",)), lawful=(Forwarded(exact=False, fields=(("x-a", ()),)),)),
    _good("spaces and tabs around and within", b"X-A: \t one \t two\t \r\n", ("x-a", (b"one \t two",))),
    _good("latin-1", b"X-A: \xe4\xf6\xfc\xdf \xff\xa0\x80\r\n", ("x-a", (b"\xe4\xf6\xfc\xdf \xff\xa0\x80",))),
    _good("UTF-8", b"X-A: \xe2\x82\xac\xf0\x9f\x92\xa9\r\n", ("x-a", (b"\xe2\x82\xac\xf0\x9f\x92\xa9",))),
    _good("every visible character", b"X-A: " + bytes(range(0x21, 0x7F)) + b"\r\n", ("x-a", (bytes(range(0x21, 0x7F)),))),
    _good("case and order", b"x-lOwEr: 1\r\nX-B: 2\r\nx-LoWeR: 3\r\nX-A: 4\r\n", ("x-lower", (b"1", b"3"))),
    _good(
        "the same line twice",
        b"X-A: 1\r\nX-A: 1\r\n",
        ("x-a", (b"1", b"1")),
        lawful=(Forwarded(exact=False, fields=(("x-a", (b"1, 1",)),)),),
    ),
    _good(
        "two Cookie lines are not joined by a comma",
        b"Cookie: a=1\r\nCookie: b=2\r\n",
        ("cookie", (b"a=1", b"b=2")),
        lawful=(Forwarded(exact=False, fields=(("cookie", (b"a=1; b=2",)),)),),
    ),
    _good(
        "two Authorization lines",
        b"Authorization: Basic YQ==\r\nAuthorization: Basic Yg==\r\n",
        ("authorization", (b"Basic YQ==", b"Basic Yg==")),
        lawful=(Refused(),),
    ),
    _good("a value with a colon", b"X-A: b: c\r\n", ("x-a", (b"b: c",))),
    _good("a value that looks like a header", b"X-A: Content-Length: 5\r\n", ("x-a", (b"Content-Length: 5",))),
)

_CONTROLS = "control characters"
_BYTES = [byte for byte in (*range(0x20), 0x7F) if byte not in b"\r\n"]


def _in_value(byte: int) -> Case:
    """Controls other than NUL, CR and LF may be kept where that is safe.  (RFC 9110 5.5)"""
    value = b"a" + bytes((byte,)) + b"b"
    kept = Forwarded(exact=False, fields=(("x-a", (value,)),))
    spaced = Forwarded(exact=False, fields=(("x-a", (b"a b",)),))
    lawful = (spaced, _without("x-a")) if byte == 0 else (kept, spaced, _without("x-a"))
    return _bad(_CONTROLS, f"0x{byte:02x} in a value", "RFC 9110 5.5", get(b"X-A: " + value + b"\r\n"), *lawful)


CONTROLS = (
    *(_in_value(byte) for byte in _BYTES if byte != 9),
    *(_bad(_CONTROLS, f"0x{byte:02x} in a name", "RFC 9110 5.1", get(b"X-" + bytes((byte,)) + b"A: 1\r\n")) for byte in _BYTES),
    *(
        _bad(_CONTROLS, f"0x{byte:02x} in the target", "RFC 9112 3.2", get(target=b"/" + TOKEN + bytes((byte,)) + b"x"))
        for byte in _BYTES
    ),
    *(
        _bad(_CONTROLS, f"0x{byte:02x} in the method", "RFC 9110 9.1", get(method=b"G" + bytes((byte,)) + b"T"))
        for byte in _BYTES
    ),
    *(
        _bad(_CONTROLS, f"0x{byte:02x} after the version", "RFC 9112 2.3", get(version=b"HTTP/1.1" + bytes((byte,))))
        for byte in _BYTES
    ),
    *(
        _bad(_CONTROLS, f"0x{byte:02x} in Host", "RFC 9112 3.2", _LINE + b"Host: front" + bytes((byte,)) + b".example\r\n\r\n")
        for byte in _BYTES
    ),
)
