"""Comma-separated lists, as a recipient must read them.  (RFC 9110 §5.6.1)"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoproxy.semantics.lists import tokens


@pytest.mark.parametrize(
    ("value", "members"),
    [
        (b"", []),
        (b" \t", []),
        (b",", []),
        (b", ,\t,", []),
        (b"a", [b"a"]),
        (b" a\t", [b"a"]),
        (b"a,b", [b"a", b"b"]),
        (b",a , ,\tb ,", [b"a", b"b"]),
        (b"a b", [b"a b"]),
        (b"a,a", [b"a", b"a"]),
        (b"A\x0b", [b"A\x0b"]),
        (b"\xa0a", [b"\xa0a"]),
    ],
)
def test_members(value: bytes, members: list[bytes]) -> None:
    """Empty members are passed over, space and tab around members go; order and duplicates stay."""
    assert list(tokens(value)) == members


@given(st.lists(st.from_regex(rb"[!-+\--~]{1,5}", fullmatch=True)), st.sampled_from([b",", b" , ", b",,", b",\t"]))
def test_what_was_joined_comes_apart(members: list[bytes], comma: bytes) -> None:
    """Joining and reading are inverse."""
    assert list(tokens(comma.join(members))) == members
