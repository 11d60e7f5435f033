"""The patterns by themselves: each byte where it belongs, and linear however hostile.  (RFC 9110 §5, RFC 9112 §2-§5)"""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoproxy.semantics import grammar

TOKEN = set(b"!#$%&'*+-.^_`|~" + string.digits.encode() + string.ascii_letters.encode())  # RFC 9110 §5.6.2
VALUE = {0x09, 0x20} | set(range(0x21, 0x7F)) | set(range(0x80, 0x100))  # RFC 9110 §5.5
TARGET = set(range(0x21, 0x7F)) - set(b"#")


@pytest.mark.parametrize("byte", range(256))
def test_every_byte_where_it_belongs(byte: int) -> None:
    """In methods, names, values, targets and reasons, alone and among others."""
    for one in (bytes([byte]), b"a" + bytes([byte]) + b"b"):
        request = b"%s %s HTTP/1.1\r\n%s:%s\r\n\r\n"

        assert bool(grammar.TOKEN_ONLY.fullmatch(one)) is (byte in TOKEN)
        assert bool(grammar.REQUEST_HEAD.fullmatch(request % (one, b"/", b"a", b""))) is (byte in TOKEN)
        assert bool(grammar.REQUEST_HEAD.fullmatch(request % (b"A", one, b"a", b""))) is (byte in TARGET)
        if byte != 0x3A:  # a colon ends the name, and the rest is its value
            assert bool(grammar.REQUEST_HEAD.fullmatch(request % (b"A", b"/", one, b""))) is (byte in TOKEN)
        assert bool(grammar.REQUEST_HEAD.fullmatch(request % (b"A", b"/", b"a", one))) is (byte in VALUE)
        assert bool(grammar.RESPONSE_HEAD.fullmatch(b"HTTP/1.1 200 %s\r\n\r\n" % one)) is (byte in VALUE)
        assert bool(grammar.RESPONSE_HEAD.fullmatch(b"HTTP/1.1 200 OK\r\na:%s\r\n\r\n" % one)) is (byte in VALUE)


lines = st.lists(st.sampled_from([b"A: b\r\n", b"Host:\r\n", b"x-y: \xff\t\r\n"]), max_size=4).map(b"".join)


@given(lines, lines, st.sampled_from([b"A\r\n", b"A : b\r\n", b" A: b\r\n", b"A: b\n", b"A: \0\r\n", b": b\r\n", b"\r\n"]))
def test_one_bad_line_anywhere_spoils_the_head(before: bytes, after: bytes, bad: bytes) -> None:
    """Whatever was matched before it; no engine may give back what it holds and try again (CPython gh-106052)."""
    assert grammar.REQUEST_HEAD.fullmatch(b"GET / HTTP/1.1\r\n" + before + after + b"\r\n")
    assert not grammar.REQUEST_HEAD.fullmatch(b"GET / HTTP/1.1\r\n" + before + bad + after + b"\r\n")
    assert not grammar.RESPONSE_HEAD.fullmatch(b"HTTP/1.1 200 OK\r\n" + before + bad + after + b"\r\n")


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


def test_known_fields_are_found_by_whole_names() -> None:
    """In any case, at the beginning of a line, with the value to its end."""
    pattern = grammar.known_fields((b"te", b"test-[a-z]++"))
    block = b"S\r\nTE: a \r\nTest-X:b\r\nTex: c\r\nX: te: d\r\n test-y: e\r\ntest-: f\r\nTEST-q:\t\r\n\r\n"

    assert [found.groups() for found in pattern.finditer(block)] == [(b"TE", b"a "), (b"Test-X", b"b"), (b"TEST-q", b"")]


def test_patterns_are_linear() -> None:
    """A megabyte of what makes a backtracking engine hang."""
    for part in (b"a", b"a:", b"a:b\r\n", b"\r\n", b"\r", b" ", b"\n", b"a: \r\n", b"-", b"."):
        data = part * (1_000_000 // len(part))
        for pattern in (grammar.REQUEST_HEAD, grammar.RESPONSE_HEAD, grammar.TOKEN_ONLY, grammar.HOST):
            assert not pattern.fullmatch(b"GET / HTTP/1.1\r\n" + data + b"\0")
            pattern.fullmatch(data)
        assert grammar.LENIENT_HEAD_END.search(b"\n" + data) is not None or part not in (b"\n", b"\r\n")
        assert len(grammar.KNOWN_REQUEST_FIELDS.findall(data)) == 0
