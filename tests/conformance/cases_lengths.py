"""Content-Length: one plain number, or refused.  (RFC 9110 8.6, RFC 9112 6.3)"""

from conformance.model import SMUGGLED, TOKEN, Case, Forwarded, Refused, case, get, post

_GROUP = "lengths"
_SECTION = "RFC 9110 8.6"
# Several identical lengths may be taken as one (RFC 9110 8.6).
_AS_ONE = Forwarded(b"hi", fields=(("content-length", (b"2",)),), exact=False)
_BODY = SMUGGLED
_SIZE = b"%d" % len(_BODY)


def _good(name: str, lines: bytes, body: bytes) -> Case:
    return case(_GROUP, name, _SECTION, post(lines, body), Forwarded(body))


def _bad(name: str, lines: bytes, body: bytes = b"hi", *lawful: Forwarded) -> Case:
    return case(_GROUP, name, _SECTION, post(lines, body), Refused(), lawful=lawful)


LENGTHS = (
    _good("a length", b"Content-Length: 5\r\n", b"hello"),
    _good("content that looks like a request", b"Content-Length: " + _SIZE + b"\r\n", _BODY),
    _good("content that looks like the end of chunks", b"Content-Length: 5\r\n", b"0\r\n\r\n"),
    _good("zero", b"Content-Length: 0\r\n", b""),
    _good("leading zeros", b"Content-Length: 0005\r\n", b"hello"),
    _good("no space after the colon", b"Content-Length:2\r\n", b"hi"),
    _good("tabs and spaces around", b"Content-Length: \t 2\t \r\n", b"hi"),
    _good("another case of the name", b"cOnTent-LENGTH: 2\r\n", b"hi"),
    _bad("twice the same", b"Content-Length: 2\r\nContent-Length: 2\r\n", b"hi", _AS_ONE),
    _bad("twice, zero first", b"Content-Length: 0\r\nContent-Length: " + _SIZE + b"\r\n", _BODY),
    _bad("twice, zero last", b"Content-Length: " + _SIZE + b"\r\nContent-Length: 0\r\n", _BODY),
    _bad("twice in two cases of the name", b"Content-Length: 0\r\ncontent-length: " + _SIZE + b"\r\n", _BODY),
    _bad("a list of the same", b"Content-Length: 2, 2\r\n", b"hi", _AS_ONE),
    _bad("a list of different ones", b"Content-Length: 0, " + _SIZE + b"\r\n", _BODY),
    _bad("a list with an empty member", b"Content-Length: 2,\r\n", b"hi", _AS_ONE),
    _bad("a list in a second line", b"Content-Length: 2\r\nContent-Length: 2, 2\r\n", b"hi", _AS_ONE),
    _bad("a plus sign", b"Content-Length: +2\r\n"),
    _bad("a minus sign", b"Content-Length: -2\r\n"),
    _bad("minus zero", b"Content-Length: -0\r\n"),
    _bad("empty", b"Content-Length:\r\n"),
    _bad("only spaces", b"Content-Length:   \r\n"),
    _bad("a space within", b"Content-Length: 1 2\r\n"),
    _bad("hexadecimal", b"Content-Length: 0x2\r\n"),
    _bad("hexadecimal digits", b"Content-Length: 2a\r\n"),
    _bad("a decimal point", b"Content-Length: 2.0\r\n"),
    _bad("an exponent", b"Content-Length: 2e0\r\n"),
    _bad("an underscore", b"Content-Length: 0_2\r\n"),
    _bad("quoted", b'Content-Length: "2"\r\n'),
    _bad("a word", b"Content-Length: two\r\n"),
    _bad("with a parameter", b"Content-Length: 2;a=b\r\n"),
    _bad("digits that are not ASCII", b"Content-Length: \xb2\r\n"),
    _bad("Arabic-Indic digits in UTF-8", b"Content-Length: \xd9\xa2\r\n"),
    _bad("2 to the power of 64, and two", b"Content-Length: 18446744073709551618\r\n"),
    _bad("2 to the power of 32, and a vertical tab", b"Content-Length: 4294967298\x0b\r\n"),
    _bad("a thousand digits", b"Content-Length: " + b"9" * 1000 + b"\r\n"),
    _bad("a vertical tab before", b"Content-Length: \x0b2\r\n"),
    _bad("a form feed after", b"Content-Length: 2\x0c\r\n"),
    _bad("a NUL after", b"Content-Length: 2\x00\r\n"),
    _bad("a space before the colon", b"Content-Length : 2\r\n"),
    _bad("a folded value", b"Content-Length:\r\n 2\r\n", b"hi", Forwarded(b"hi", exact=False)),
    case(
        _GROUP,
        "an underscore in the name frames nothing",
        _SECTION,
        get(b"Content_Length: 5\r\n"),
        Forwarded(),
        lawful=(Refused(),),
    ),
    case(
        _GROUP,
        "no length in a POST",
        "RFC 9112 6.3",
        get(method=b"POST"),
        Forwarded(),
        lawful=(Refused(frozenset((411,))),),
    ),
    case(
        _GROUP,
        "a length in a field that is no framing",
        "RFC 9110 5.1",
        get(b"X-Content-Length: 50\r\n" + b"Content-Lengthy: 50\r\n"),
        Forwarded(target=b"/" + TOKEN),
    ),
)
