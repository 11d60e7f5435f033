"""Whatever the text, it loads or is refused with problems: nothing else comes out of the loader."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.configs import HEAD, compiled_options, problems_of

from xoproxy.config import ConfigInvalid, Overrides, Problem, Severity, compile_text, decode
from xoproxy.config.keys import CORS, LIMITS, MATCH, POLICY, ROUTE, TIMEOUTS, TOP, UPSTREAM
from xoproxy.config.problems import MAX_PROBLEMS

CASES = Path(__file__).parent / "cases"
TEXTS = [path.read_bytes().decode() for path in sorted(CASES.glob("*/*.yaml"))]
KEYS = sorted({name for keys in (TOP, POLICY, CORS, ROUTE, MATCH, UPSTREAM, TIMEOUTS, LIMITS) for name in keys.names})
VALUES = [
    "off",
    "'*'",
    "null",
    "true",
    "1",
    "10s",
    "same-origin",
    "isolated",
    "http://a:1",
    "https://a.example",
    "/a/**",
    "${A}",
    "[]",
    "{}",
    "",
]

texts = st.text() | st.text(alphabet="{}[]:,-*&!|>'\"%@`#? \n\ta1$<~.")


def total(text: str) -> None:
    """Compile, and allow only the two outcomes."""
    for problem in problems_of(text, environ={"A": "b"}):
        assert str(problem).isprintable()


@given(texts)
def test_any_text_loads_or_is_refused(text: str) -> None:
    total(text)
    total(HEAD + text)


@given(st.binary())
def test_any_bytes_load_or_are_refused(data: bytes) -> None:
    try:
        text = decode(data, "xoproxy.yaml")
    except ConfigInvalid:
        return
    total(text)


@given(st.sampled_from(TEXTS), st.integers(0, 400), st.integers(0, 30), texts)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_damaged_file_loads_or_is_refused(text: str, at: int, length: int, put: str) -> None:
    """A file that is saved half-way, or mangled."""
    total(text[:at])
    total(text[:at] + put + text[at + length :])


trees = st.recursive(
    st.sampled_from(VALUES),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4).map(
            lambda entries: "{" + ", ".join(f"{key}: {value}" for key, value in entries.items()) + "}"
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(TOP.names), trees, max_size=5))
@example({"listen": "[[a]]"})
@example({"policy": "[[isolated]]"})
def test_any_tree_of_our_keys_loads_or_is_refused(entries: dict[str, str]) -> None:
    total("\n".join(f"{key}: {value}" for key, value in entries.items()))


@given(
    st.builds(
        Overrides,
        st.lists(st.text() | st.sampled_from([":0", "x"]), max_size=2).map(tuple),
        st.none() | st.text() | st.just("http://a"),
        st.none() | st.text() | st.just("isolated"),
        st.lists(st.text() | st.just("https://a.example"), max_size=2).map(tuple),
        st.none() | st.text() | st.just("off"),
    )
)
def test_any_options_load_or_are_refused(overrides: Overrides) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        compiled_options(overrides)
    except ConfigInvalid as invalid:
        problems = invalid.problems

    assert all(str(problem).isprintable() and problem.line == 0 for problem in problems)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("[" * 100_000, "XO006", id="brackets"),
        pytest.param("{a: " * 100_000, "XO006", id="braces"),
        pytest.param("- " * 100_000, "XO006", id="dashes"),
        pytest.param("? " * 100_000, "XO006", id="question-marks"),
        pytest.param("a:\n" + "".join(" " * n + "a:\n" for n in range(1, 300)), "XO006", id="indentation"),
        pytest.param("a" * 1_000_000, "XO011", id="one-word"),
        pytest.param("&a " * 1000, "XO005", id="anchors"),
        pytest.param(HEAD + 'policy: "\\x85\\u2028\\x1b[31m"\n', "XO017", id="terminal-escapes"),
        pytest.param(HEAD + "? |\n  a\n  b\n: c\n", "XO013", id="key-of-two-lines"),
        pytest.param("%YAML " + "9" * 5000 + ".1\n---\n" + HEAD, "XO005", id="version-of-yaml"),
        pytest.param("", "XO004", id="empty"),
    ],
)
def test_hostile_text_is_refused_with_one_problem(text: str, code: str) -> None:
    (problem,) = problems_of(text)

    assert problem.id == code
    assert problem.severity is Severity.ERROR


def test_policies_made_of_thousands_of_policies_are_refused_in_time() -> None:
    text = HEAD + "policies:\n" + "".join(f"  p{n}: [p{n + 1}, p{n + 1}]\n" for n in range(2000)) + "policy: p0\n"

    assert {problem.id for problem in problems_of(text)} == {"XO018", "XO121"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(HEAD + "".join(f"k{n}: x\n" for n in range(300)), id="unknown-keys"),
        pytest.param(HEAD + "policy: isolated\n" * 300, id="duplicate-keys"),
        pytest.param(HEAD + "trusted_proxies: [" + "x, " * 300 + "]\n", id="values"),
    ],
)
def test_reading_stops_at_a_bound_of_problems(text: str) -> None:
    """Each problem may cost a search for similar words; a file of another kind would keep a reload busy for minutes."""
    problems = problems_of(text)

    assert len(problems) == MAX_PROBLEMS + 1
    assert [problem.id for problem in problems].count("XO018") == 1


def test_loader_never_looks_up_what_it_was_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKEND", "http://leaked")
    with pytest.raises(ConfigInvalid, match="BACKEND is not set"):
        compile_text(
            "version: 1\nupstream: ${BACKEND}\n", "x.yaml", Overrides(), environ={}, today=date(2026, 11, 21), number=1
        )
