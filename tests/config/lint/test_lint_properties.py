"""Linting never fails, tells every identifier somewhere, and does not look at all pairs."""

import re
from pathlib import Path
from random import Random

import pytest
from _pytest.mark import ParameterSet
from hypothesis import given, settings
from hypothesis import strategies as st
from support.configs import checked, compiled

from xoproxy.config import ConfigInvalid
from xoproxy.config.lint import CHECKS, lint
from xoproxy.config.presets import PRESETS
from xoproxy.config.problems import Id, Severity

CASES = Path(__file__).parents[1] / "cases"
LINTS = {kind.code for kind in Id if "XO305" <= kind.code <= "XO369"}


def cases(kind: str) -> list[ParameterSet]:
    return [pytest.param(path.read_bytes().decode("utf-8"), id=path.stem) for path in sorted((CASES / kind).glob("*.yaml"))]


@pytest.mark.parametrize("text", cases("valid"))
def test_every_valid_file_is_linted_and_all_findings_are_warnings(text: str) -> None:
    """In the order of the file, each once, what reading saw among them."""
    loaded = compiled(text)
    found = lint(loaded)

    assert all(problem.severity is Severity.WARNING for problem in found)
    assert len(set(found)) == len(found)
    assert list(found) == sorted(found, key=lambda problem: (problem.line, problem.column))
    assert set(loaded.warnings) <= set(found)


@pytest.mark.parametrize("text", cases("lint"))
def test_file_gives_exactly_the_findings_it_names(text: str) -> None:
    """Each with its identifier, line and column."""
    named = re.findall(r"XO[0-9]{3} [0-9]+:[0-9]+", text.partition("\n")[0])

    assert [f"{problem.id} {problem.line}:{problem.column}" for problem in checked(text)] == named != []


@pytest.mark.parametrize("text", cases("lint"))
def test_finding_is_one_line_that_says_where_and_what(text: str) -> None:
    for problem in checked(text):
        assert str(problem).isprintable()
        assert not problem.message.endswith(".")


def test_every_lint_has_a_case() -> None:
    """Here, or where reading saw it."""
    firsts = [str(text).partition("\n")[0] for kind in ("lint", "valid") for (text,) in (case.values for case in cases(kind))]

    assert set(re.findall(r"XO[0-9]{3}", " ".join(firsts))) >= LINTS


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_without_fault(preset: str) -> None:
    assert checked(f"version: 1\nupstream: http://app:5000\npolicy: {preset}\n") == ()


def test_checks_are_each_there_once() -> None:
    assert len(set(CHECKS)) == len(CHECKS) > 20


TEXTS = [str(text) for kind in ("lint", "valid") for (text,) in (case.values for case in cases(kind))]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(TEXTS), st.randoms(use_true_random=False))
def test_whatever_loads_is_linted(text: str, random: Random) -> None:
    """Of a file some lines are left out and some stand elsewhere."""
    lines = [line for line in text.splitlines(keepends=True) if random.random() > 0.15]
    for _ in range(random.randrange(3)):
        lines.insert(random.randrange(len(lines) + 1), random.choice(lines or [""]))
    try:
        loaded = compiled("".join(lines))
    except ConfigInvalid:
        return

    assert all(problem.severity is Severity.WARNING for problem in lint(loaded))
