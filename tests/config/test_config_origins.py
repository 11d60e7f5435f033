"""Origin patterns: what is taken means what it says, what is refused is mended in words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoproxy.config.origins import NULL, Null, covers_public_suffix, is_insecure, origin_pattern
from xoproxy.config.problems import Refused
from xoproxy.semantics.origins import OriginPattern, OriginSet


@pytest.mark.parametrize(
    "text",
    [
        "https://a.example",
        "https://a.example:8443",
        "https://*.a.example",
        "https://*.a.example:8443",
        "https://*.a.example:*",
        "http://localhost:*",
        "http://localhost:3000",
        "http://127.0.0.1:3000",
        "http://[::1]:3000",
        "https://[2001:db8::1]",
        "https://xn--bcher-kva.example",
        "https://under_score.example",
        "chrome-extension://abcdefghijklmnop",
        "capacitor://localhost",
    ],
)
def test_pattern_is_taken_and_written_back_the_same(text: str) -> None:
    pattern = origin_pattern(text)

    assert isinstance(pattern, OriginPattern)
    assert pattern.text() == text


@pytest.mark.parametrize("text", ["null", "NULL", "Null"])
def test_null_is_the_opaque_origin(text: str) -> None:
    assert origin_pattern(text) is NULL


@pytest.mark.parametrize(
    ("text", "insecure", "public"),
    [
        ("https://a.example", False, False),
        ("http://a.example", True, False),
        ("http://*.localhost", False, False),
        ("http://*.localhost:*", False, False),
        ("https://github.io", False, False),
        ("https://*.github.io", False, True),
        ("https://*.me.github.io", False, False),
        ("https://*.co.uk", False, True),
        ("https://*.xn--p1ai", False, True),
        ("https://*.internal", False, False),
        ("https://*.home.arpa", False, False),
        ("https://*.unknowntld", False, True),
    ],
)
def test_insecure_and_public_patterns_are_known(text: str, *, insecure: bool, public: bool) -> None:
    pattern = origin_pattern(text)

    assert isinstance(pattern, OriginPattern)
    assert (is_insecure(pattern), covers_public_suffix(pattern)) == (insecure, public)


@given(st.text(max_size=40) | st.from_regex(r"[hH]ttps?://[a-zA-Z0-9.*:@/\[\]é_-]{1,20}", fullmatch=True))
def test_any_text_is_a_pattern_or_refused_with_a_better_one(text: str) -> None:
    """Nothing else is raised; a corrected text in the message is taken as it is."""
    try:
        pattern = origin_pattern(text)
    except Refused as refused:
        if better := re.search(r'; write "([^"\\]+)"$', refused.message):
            assert origin_pattern(better[1])
        return
    assert isinstance(pattern, Null) or pattern.text() == text


@given(st.from_regex(r"https?://([a-z0-9]{1,5}\.){0,3}[a-z]{2,5}(:[1-9][0-9]{0,3})?", fullmatch=True))
def test_exact_pattern_covers_the_origin_it_spells(text: str) -> None:
    try:
        pattern = origin_pattern(text)
    except Refused:
        assert re.search(r":(80|443)$", text)
        return
    assert isinstance(pattern, OriginPattern)
    assert OriginSet([pattern]).covers(text.encode())
