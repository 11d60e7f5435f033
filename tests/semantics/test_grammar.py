"""The patterns by themselves: each byte where it belongs, and linear however hostile.  (RFC 9110 §5, RFC 9112 §2-§5)"""

import string

import pytest

from xoproxy.semantics import grammar

TOKEN = set(b"!#$%&'*+-.^_`|~" + string.digits.encode() + string.ascii_letters.encode())  # RFC 9110 §5.6.2
VALUE = {0x09, 0x20} | set(range(0x21, 0x7F)) | set(range(0x80, 0x100))  # RFC 9110 §5.5
TARGET = set(range(0x21, 0x7F)) - set(b"#")


@pytest.mark.parametrize("byte", range(256))
def test_every_byte_where_it_belongs(byte: int) -> None:
    """In methods, names, values, targets and reasons, alone and among others."""
    for one in (bytes([byte]), b"a" + bytes([byte]) + b"b"):
        assert bool(grammar.TOKEN_ONLY.fullmatch(one)) is (byte in TOKEN)
        assert bool(grammar.REQUEST_LINE.fullmatch(b"%s / HTTP/1.1" % one)) is (byte in TOKEN)
        assert bool(grammar.REQUEST_LINE.fullmatch(b"A %s HTTP/1.1" % one)) is (byte in TARGET)
        if byte != 0x3A:  # a colon ends the name, and the rest is its value
            assert bool(grammar.FIELD_LINE.fullmatch(one + b":")) is (byte in TOKEN)
        assert bool(grammar.FIELD_LINE.fullmatch(b"a:" + one)) is (byte in VALUE)
        assert bool(grammar.STATUS_LINE.fullmatch(b"HTTP/1.1 200 " + one)) is (byte in VALUE)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", True),
        (b"GET / HTTP/1.1\nHost: a\n\n", True),
        (b"GET / HTTP/1.1\r\nHost: a\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\n", True),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", False),
        (b"GET / HTTP/1.1\r\n", False),
        (b"GET / HTTP/1.1\r\r", False),
    ],
)
def test_the_end_of_a_head_in_any_spelling(data: bytes, found: bool) -> None:
    """So that a lenient peer's head is refused at once and not at the deadline."""
    assert bool(grammar.LENIENT_HEAD_END.search(data)) is found


def test_empty_lines_before_a_request() -> None:
    """RFC 9112 §2.2: whole empty lines, at the very beginning."""
    assert grammar.EMPTY_LINES.sub(b"", b"\r\n\r\nGET", count=1) == b"GET"
    assert grammar.EMPTY_LINES.sub(b"", b"\n\r\nGET", count=1) == b"\n\r\nGET"
    assert grammar.EMPTY_LINES.sub(b"", b"GET\r\n\r\n", count=1) == b"GET\r\n\r\n"


def test_patterns_are_linear() -> None:
    """A megabyte of what makes a backtracking engine hang."""
    for part in (b"a", b"a:", b"a:b\r\n", b"\r\n", b"\r", b" ", b"\n", b"a: \r\n", b"-", b"."):
        data = part * (1_000_000 // len(part))
        for pattern in (grammar.REQUEST_LINE, grammar.STATUS_LINE, grammar.FIELD_LINE, grammar.TOKEN_ONLY, grammar.HOST):
            for before in (b"", b"GET / HTTP/1.1", b"HTTP/1.1 200 ", b"a:"):
                assert not pattern.fullmatch(before + data + b"\0")
                pattern.fullmatch(before + data)
        assert grammar.LENIENT_HEAD_END.search(b"\n" + data) is not None or part not in (b"\n", b"\r\n")
        for names in (grammar.KNOWN_REQUEST_NAMES, grammar.KNOWN_RESPONSE_NAMES):
            assert not names.fullmatch(data)


def test_a_target_is_kept_as_it_is() -> None:
    """And nothing else is."""
    for byte in range(256):
        assert (bytes((byte,)).translate(grammar.TARGET_KEPT) == bytes((byte,))) is (byte in TARGET)
