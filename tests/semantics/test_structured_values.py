"""Structured field values that we write.  (RFC 9651 §4.1)"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoproxy.semantics.structured import serialize_string, serialize_string_dictionary


@pytest.mark.parametrize(
    ("text", "value"),
    [("", b'""'), ("main", b'"main"'), ('a"b', b'"a\\"b"'), ("a\\b", b'"a\\\\b"'), ('\\"', b'"\\\\\\""'), ("a b", b'"a b"')],
)  # fmt: skip
def test_strings(text: str, value: bytes) -> None:
    """Quoted; quotes and backslashes escaped (RFC 9651 §4.1.6)."""
    assert serialize_string(text) == value


def parsed(value: bytes) -> str:
    """Parse a String by RFC 9651 §4.2.5."""
    assert value[:1] == b'"'
    out, at = "", 1
    while value[at : at + 1] != b'"':
        if value[at : at + 1] == b"\\":
            at += 1
            assert value[at : at + 1] in (b'"', b"\\")
        out += chr(value[at])
        at += 1
    assert at == len(value) - 1
    return out


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_strings_are_read_back(text: str) -> None:
    """By the RFC's own algorithm, and nothing is left over."""
    assert parsed(serialize_string(text)) == text


@pytest.mark.parametrize("text", ["\u00e9", "a\nb", "a\0", "\x7f"])
def test_what_a_string_cannot_hold_is_our_own_fault(text: str) -> None:
    """`config` has checked it; a line feed here would be a field line of its own."""
    with pytest.raises(AssertionError):
        serialize_string(text)


def test_dictionaries() -> None:
    """Members in order, Strings as values (RFC 9651 §4.1.2)."""
    assert serialize_string_dictionary([]) == b""
    assert serialize_string_dictionary([("b", "/x"), ("a", 'y"')]) == b'b="/x", a="y\\""'
