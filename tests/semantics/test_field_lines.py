"""Field lines are what they are, whatever was read before them, and what is remembered of them stays small."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoproxy.semantics import field_lines
from xoproxy.semantics.diagnosis import HeadFault
from xoproxy.semantics.field_lines import MAX_REMEMBERED, MAX_REMEMBERED_BYTES, FieldReader
from xoproxy.semantics.heads import read_request_head, read_response_head

NAMES = re.compile(b"te|test-[a-z]+|connection|content-length|cookie")
TOKEN = ("!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters).encode()
START = b"GET / HTTP/1.1"
AT = len(START) + 2

good = st.sampled_from(
    [b"A: b", b"Host:", b"x-y: \xff\t", b"TE: a", b"te:a ", b"Test-X: \t", b"Connection: A,,b", b"Cookie: a"]
)
bad = st.sampled_from([b"A", b"A : b", b" A: b", b"A: b\nB: c", b"A: b\rB: c", b"A: \0", b": b", b"", b"te", b"A:b\x7f"])


def known(reader: FieldReader, *lines: bytes) -> list[tuple[bytes, bytes, bytes]] | None:
    """Return names and values of the lines of a head that are known, and where the reader says that each stands."""
    block = b"".join(line + b"\r\n" for line in (START, *lines)) + b"\r\n"
    found = reader.known_lines([START, *lines, b"", b""], AT)
    return None if found is None else [(field.name, field.value, block[start:end]) for field, start, end in found]


@given(st.lists(st.lists(good | bad | st.binary(max_size=8), max_size=5), max_size=5))
def test_what_was_read_before_makes_no_difference(heads: list[list[bytes]]) -> None:
    """A reader that has read much reads as one that has read nothing."""
    reader = FieldReader(NAMES)

    for lines in heads:
        assert known(reader, *lines) == known(FieldReader(NAMES), *lines)


@given(st.lists(good, max_size=4), st.lists(good, max_size=4), bad)
def test_one_bad_line_anywhere_spoils_the_head(before: list[bytes], after: list[bytes], line: bytes) -> None:
    reader = FieldReader(NAMES)

    assert known(reader, *before, *after) is not None
    assert known(reader, *before, line, *after) is None
    block = b"\r\n".join((*before, line, *after, b"", b""))
    assert isinstance(read_request_head(b"GET / HTTP/1.1\r\nHost: a\r\n" + block), HeadFault)
    assert isinstance(read_response_head(b"HTTP/1.1 200 OK\r\n" + block, b"GET"), HeadFault)


def test_known_fields_are_found_by_whole_names() -> None:
    """In any case, with the value to its end, without the white space around it."""
    reader = FieldReader(NAMES)

    for _ in range(2):
        assert known(reader, b"TE: a \t", b"Test-X:b", b"Tex: c", b"X: te: d", b"TEST-q:\t") == [
            (b"te", b"a", b"TE: a \t\r\n"),
            (b"test-x", b"b", b"Test-X:b\r\n"),
            (b"test-q", b"", b"TEST-q:\t\r\n"),
        ]


@pytest.mark.parametrize(
    ("line", "options", "number"),
    [
        pytest.param(b"Connection: Close,, x-Y ,", (b"close", b"x-y"), -1, id="options"),
        pytest.param(b"connection:", (), -1, id="no-options"),
        pytest.param(b"Content-Length: 0", (), 0, id="zero"),
        pytest.param(b"Content-Length:\t007 ", (), 7, id="zeros-before-it"),
        pytest.param(b"Content-Length: " + b"9" * 18, (), 10**18 - 1, id="eighteen-digits"),
        pytest.param(b"Content-Length: " + b"9" * 19, (), -1, id="nineteen-digits"),
        pytest.param(b"Content-Length: -1", (), -1, id="negative"),
        pytest.param(b"Content-Length: 1, 1", (), -1, id="two"),
        pytest.param(b"Content-Length: \xb2", (), -1, id="a-digit-elsewhere"),
        pytest.param(b"Content-Length:", (), -1, id="empty"),
        pytest.param(b"TE: 7", (), -1, id="another-field"),
    ],
)
def test_what_connection_and_content_length_say(line: bytes, options: tuple[bytes, ...], number: int) -> None:
    (field,) = FieldReader(NAMES).known([line])

    assert (field.options, field.number) == (options, number)


def test_only_known_lines_of_any() -> None:
    """What is no field line is passed over where a head was refused already."""
    found = FieldReader(NAMES).known([b"te: a", b"nothing", b"A: b", b"", b"te : b", b"TE:c"])

    assert [(field.name, field.value) for field in found] == [(b"te", b"a"), (b"te", b"c")]


@pytest.mark.parametrize(
    "name", [b"Cookie", b"AUTHORIZATION", b"Proxy-Authorization", b"set-cookie", b"X-Api-Key", b"X-CSRF-Token", b"X-Session-Id"]
)
def test_secrets_are_not_remembered(name: bytes) -> None:
    """Nor what is long; what is usual is."""
    reader = FieldReader(NAMES)

    known(reader, name + b": a", b"A: " + b"b" * MAX_REMEMBERED_BYTES, b"TE: a", b"A: b")

    assert set(reader.remembered) == {b"TE: a", b"A: b"}


def test_what_is_remembered_is_bounded() -> None:
    """Whoever sends ever new lines gets the same answers, and no more of our memory."""
    reader = FieldReader(NAMES)
    for number in range(3 * MAX_REMEMBERED):
        line = b"TE: %d" % number

        assert known(reader, line, b"X: a") == [(b"te", b"%d" % number, line + b"\r\n")]
        assert len(reader.remembered) <= MAX_REMEMBERED


@pytest.mark.parametrize("reader", [field_lines.REQUEST_FIELDS, field_lines.RESPONSE_FIELDS], ids=["requests", "responses"])
def test_every_token_is_a_name(reader: FieldReader) -> None:
    assert known(reader, TOKEN + b": a") == []
