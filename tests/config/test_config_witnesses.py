"""Texts made from a regular expression: each is matched by it, and shows what it leaves open."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from xoproxy.config.witnesses import CHOSEN, FIXED, MAX_DEPTH, REPEATED, TooDeepError, Witness, witnesses
from xoproxy.semantics.origins import MAX_ORIGIN_BYTES
from xoproxy.semantics.regexes import RegexError, RegexSet

ATOMS = (
    *("a", "-", "/", ":", "://", "https", " ", "}", "{", "{,3}", "]"),
    *(r"\.", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\x61", r"\x{7a}", r"\141", r"\0", r"\n", r"\/", r"\-", r"\C"),
    *(r"\Qa.b\E", r"\Q+", "[a-z]", "[^a-z]", "[]a]", "[^]a]", "[a-]", r"[\d.-]", r"[\]\\]", "[[:alpha:]_]", "[[:^digit:]]"),
    *("[[:word:]]", "[[:space:]]", r"[\x61-\x63]", "[+--]", ".", "^", "$", r"\b", r"\B", r"\A", r"\z", r"\pL", r"\p{Greek}"),
    *(r"\PL", "[a-c-e]", r"[a\-z]"),
)
QUANTIFIERS = ("", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{0}", "{1,2}", "{2,}", "{0,1}", "{3}?")


def group(inner: str, opening: str) -> str:
    return f"{opening}{inner})"


patterns = st.recursive(
    st.builds("".join, st.lists(st.builds(str.__add__, st.sampled_from(ATOMS), st.sampled_from(QUANTIFIERS)), max_size=4)),
    lambda inner: st.one_of(
        st.builds(
            str.__add__,
            st.builds(group, inner, st.sampled_from(["(", "(?:", "(?i:", "(?i-s:", "(?P<x>", "(?<y>", "(?i)(", "(?-i:"])),
            st.sampled_from(QUANTIFIERS),
        ),
        st.builds("{}|{}".format, inner, inner),
        st.builds(str.__add__, inner, inner),
    ),
    max_leaves=6,
)


@given(patterns)
def test_whatever_re2_takes_can_be_read(pattern: str) -> None:
    """With as many marks as characters, and nothing longer than an origin can be."""
    try:
        RegexSet((pattern,))
    except RegexError:
        assume(False)

    for witness in witnesses(pattern):
        assert len(witness.text) == len(witness.marks) <= MAX_ORIGIN_BYTES
        assert set(witness.marks) <= {FIXED, CHOSEN, REPEATED}


PLAIN = ("a", "b", r"\.", r"\d", "[a-z]", "[^/]", ".", r"\w", "(a|b)", "(?:ab)", "(?i:Ab)", "[[:alnum:].]", r"\Q.+\E", r"\x2d")


@given(st.lists(st.builds(str.__add__, st.sampled_from(PLAIN), st.sampled_from(QUANTIFIERS)), min_size=1, max_size=5))
def test_every_text_is_matched(parts: list[str]) -> None:
    """For what patterns over origins are made of.  A text that is not matched would accuse a pattern of what it does not do."""
    pattern = "".join(parts)
    regex = RegexSet((pattern,))

    assert [made.text for made in witnesses(pattern) if not regex.matches(made.text.encode("ascii"))] == []


@pytest.mark.parametrize(
    ("pattern", "text", "marks"),
    [
        pytest.param(r"https://a\.b", "https://a.b", "===========", id="literal"),
        pytest.param(r"https://a.b", "https://a.b", "=========?=", id="a-dot-is-any-character"),
        pytest.param(r"[0-9]", "1", "?", id="one-of-several"),
        pytest.param(r"[a]", "a", "=", id="one-of-one"),
        pytest.param(r"(?i)a", "a", "=", id="one-in-two-cases"),
        pytest.param(r"(?i)A(?-i:B)c", "aBc", "===", id="case-by-group"),
        pytest.param(r"(a(?i)b)C", "abC", "===", id="a-flag-ends-with-its-group"),
        pytest.param(r"(?i:[a-b])", "a", "?", id="a-class-in-two-cases"),
        pytest.param(r"[a-z]+", "a.a"[:1], "*", id="repeated"),
        pytest.param(r".+", "https://a", "*********", id="anything-may-be-an-origin"),
        pytest.param(r"[a-z]{3}", "aaa", "***", id="repeated-so-often"),
        pytest.param(r"(ab)?", "ab", "==", id="optional"),
        pytest.param(r"(ab)+", "abab", "****", id="a-group-again"),
        pytest.param(r"(ab){2}", "abab", "====", id="a-group-twice-is-fixed"),
        pytest.param(r"([0-9]b){2}", "1b1b", "****", id="a-group-twice-of-several"),
        pytest.param(r"a|b", "b", "=", id="alternative"),
        pytest.param(r"\bfoo$", "foo", "===", id="places-are-nothing"),
        pytest.param(r"a{2,}", "aaa", "***", id="one-character-again"),
        pytest.param(r"\D\D", "aa", "??", id="two-of-several"),
    ],
)
def test_marks_tell_what_the_pattern_leaves_open(pattern: str, text: str, marks: str) -> None:
    assert Witness(text, marks) in witnesses(pattern)


def test_what_no_origin_can_be_has_no_witness() -> None:
    assert list(witnesses("[a-z]{1000}")) == []
    assert list(witnesses("(ab){200}")) == []


def test_optional_is_also_left_out() -> None:
    assert {made.text for made in witnesses("a(bc)?d?")} == {"a", "abc", "ad", "abcd"}


def test_there_are_some_hundred_however_much_a_pattern_leaves_open() -> None:
    """And they are of all kinds: what is left out is not what stands last."""
    made = witnesses(".*.*.*.*")

    assert len(made) == 1024
    assert len({witness.text for witness in made if witness.text.startswith("https://")}) > 50
    assert len({witness.text for witness in made if witness.text.endswith(".a")}) > 10


def test_depth_is_bounded() -> None:
    assert witnesses("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH)
    with pytest.raises(TooDeepError):
        witnesses("(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1))
