"""Regular expressions by RE2: whole matches, in linear time, with bounded memory."""

import subprocess
import sys

import pytest

from xoproxy.semantics.regexes import RegexError, RegexSet


@pytest.mark.parametrize(
    ("patterns", "text", "matched"),
    [
        pytest.param(["a+"], b"aaa", True, id="whole"),
        pytest.param(["a+"], b"aaab", False, id="prefix"),
        pytest.param(["a+"], b"baaa", False, id="suffix"),
        pytest.param(["a+"], b"aaa\n", False, id="newline"),
        pytest.param(["a|ab"], b"ab", True, id="the-longer-alternative"),
        pytest.param(["a", "b+"], b"bb", True, id="one-of-several"),
        pytest.param(["(?P<x>a)", "(?P<x>b)"], b"b", True, id="one-name-in-two-patterns"),
        pytest.param([r"\Qa|", "b)?c"[:1]], b"a|", True, id="a-pattern-cannot-reach-into-the-next"),
        pytest.param(["."], b"\xff", True, id="a-byte-is-a-character"),
        pytest.param([], b"", False, id="no-pattern"),
    ],
)
def test_one_of_the_patterns_matches_the_whole_text(patterns: list[str], text: bytes, matched: bool) -> None:
    assert RegexSet(patterns).matches(text) is matched


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(?=a)", "invalid perl operator"),
        (r"(a)\1", "invalid escape sequence"),
        ("(", "missing )"),
        ("a)", "unexpected )"),
        ("*a", "no argument for repetition operator"),
        ("a{1001}", "invalid repetition size"),
    ],
)
def test_what_re2_does_not_take_is_told_in_its_words(pattern: str, reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    """And not written to standard error by RE2 itself."""
    with pytest.raises(RegexError, match=reason.replace("(", r"\(").replace(")", r"\)")):
        RegexSet(["a", pattern])

    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "patterns", [["((((a{10}){10}){10}){1}b?){1}" * 400], [f"{number}[a-z]{{900}}" for number in range(400)]]
)
def test_what_takes_too_much_memory_is_refused(patterns: list[str]) -> None:
    with pytest.raises(RegexError):
        RegexSet(patterns)


def test_texts_cannot_make_a_match_slow_or_large() -> None:
    """Patterns and texts that send a backtracking matcher round for years."""
    regexes = RegexSet([r"(a|aa)*b", r"(a*)*b", r"(a|b)*a(a|b){30}c"])

    assert not regexes.matches(b"a" * 100_000)
    assert regexes.matches(b"a" * 100_000 + b"b")
    assert not regexes.matches(b"b" * 100_000 + b"c")


def test_re2_is_loaded_only_for_patterns() -> None:
    """A process without regular expressions does not pay for it."""
    code = (
        "import sys, xoproxy.cli; from xoproxy.semantics.regexes import RegexSet; before = 're2' in sys.modules; "
        "RegexSet([]); print(before, 're2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "True"]
