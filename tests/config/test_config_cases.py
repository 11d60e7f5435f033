"""Whole files: those of `cases/invalid` name the problems they must give, those of `cases/valid` must load."""

import re
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from support.configs import compiled, problems_of

from xoproxy.config.problems import Id

CASES = Path(__file__).parent / "cases"
ENVIRON = {"EMPTY": "", "INJECTED": "isolated\nadmin: off", "NESTED": "${EMPTY}"}
# Problems of files as such and of files too long for a table: test_config_source.py, test_config_directory.py and
# test_config_properties.py have them.
OF_FILES = {Id.UNREADABLE, Id.TOO_LARGE, Id.TOO_MANY, Id.CONFLICT, Id.EMPTY_DIRECTORY}


def texts(kind: str) -> list[ParameterSet]:
    return [pytest.param(path.read_bytes().decode("utf-8"), id=path.stem) for path in sorted((CASES / kind).glob("*.yaml"))]


def expected(text: str, word: str) -> list[str]:
    first = text.partition("\n")[0]
    return re.findall(r"XO[0-9]{3}(?: [0-9]+:[0-9]+)?", first) if first.startswith(f"# {word}: ") else []


def found(text: str) -> list[str]:
    return [
        f"{problem.id} {problem.line}:{problem.column}" if problem.line else problem.id
        for problem in problems_of(text, environ=ENVIRON)
    ]


@pytest.mark.parametrize("text", texts("invalid"))
def test_invalid_file_gives_exactly_the_problems_it_names(text: str) -> None:
    """Each with its identifier, line and column, in the order of the file."""
    assert found(text) == expected(text, "expect") != []


@pytest.mark.parametrize("text", texts("valid"))
def test_valid_file_loads_with_exactly_the_warnings_it_names(text: str) -> None:
    assert compiled(text).generation.number == 1
    assert found(text) == expected(text, "warns")


def test_every_identifier_is_unique_and_documented() -> None:
    codes = [kind.code for kind in Id]

    assert len(set(codes)) == len(codes) == len(Id.__members__)
    assert all(re.fullmatch(r"XO[0-4][0-9]{2}", code) for code in codes)
    assert all(kind.meaning and "\n" not in kind.meaning for kind in Id)


def test_every_identifier_has_a_case() -> None:
    named: set[str] = set()
    for path in CASES.glob("*/*.yaml"):
        named.update(re.findall(r"XO[0-9]{3}", path.read_text("utf-8").partition("\n")[0]))

    of_policy_files = {kind.code for kind in Id if not kind.code.startswith("XO4")}  # those are of files of policy tests
    assert named | {kind.code for kind in OF_FILES} == of_policy_files


@pytest.mark.parametrize("text", texts("invalid"))
def test_problem_is_one_line_that_says_where_and_what(text: str) -> None:
    """Messages are lower case without a full stop, and no value can break the line."""
    for problem in problems_of(text, environ=ENVIRON):
        assert str(problem).isprintable()
        assert not problem.message.endswith(".")
        assert re.match(r'[a-z"`\'A-Z0-9]', problem.message)
