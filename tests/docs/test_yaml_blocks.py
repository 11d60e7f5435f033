"""Every YAML block of the documents is loaded.

A block that begins with ``# XO103, XO101`` is a mistake shown on purpose and must give exactly those problems; any other must
give none, and linting finds nothing.  The word after ``yaml`` at the fence says what a fragment is: `top`, keys of the top
level; `policy`, what stands under that key; `tests`, a file of policy tests.  Without a word it is a whole file.
"""

import re
from datetime import date
from pathlib import Path

import pytest
from support.configs import checked
from support.markdown import ROOT, Block, all_blocks, whole_file

from xoproxy.config import ConfigInvalid, Problem
from xoproxy.insight.testing import read_tests


def problems_in(block: Block) -> tuple[Problem, ...]:
    """Return what is wrong with a block: a policy file, or part of one, or policy tests."""
    if block.wrapper != "tests":
        return checked(whole_file(block))
    try:
        read_tests(block.text, block.name, {}, date(2026, 1, 1))
    except ConfigInvalid as invalid:
        return invalid.problems
    return ()


@pytest.mark.parametrize("block", [pytest.param(block, id=block.name) for block in all_blocks("yaml")])
def test_yaml_block_gives_exactly_the_problems_it_names(block: Block) -> None:
    """None, for all that are not shown as a mistake.  Where a line is a second document, the wrapper stands behind it."""
    first = block.text.partition("\n")[0]
    expected = re.findall(r"XO[0-9]{3}", first) if first.startswith("# XO") else []

    found = list(dict.fromkeys(problem.id for problem in problems_in(block)))

    assert found == expected


@pytest.mark.parametrize(
    "path",
    [*ROOT.glob("config/*.yaml"), *ROOT.glob("examples/*/config/*.yaml"), ROOT / "xoproxy/cli/demo/demo.yaml"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_shipped_policy_file_loads_without_problems(path: Path) -> None:
    assert checked(path.read_text("utf-8")) == ()


def test_shipped_policy_file_loads_with_its_comments_taken_away() -> None:
    """The example in `config/xoproxy.yaml` is what a newcomer begins with."""
    text = (ROOT / "config/xoproxy.yaml").read_text("utf-8")
    before, _, example = text.partition("#\n")

    assert checked(before + re.sub(r"^# ?", "", example, flags=re.MULTILINE)) == ()
    assert "allow_origins" in example
