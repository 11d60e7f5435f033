"""Every recipe of the cookbook does what it says: its policy tests are run under its policy file."""

from datetime import date

import pytest
from support.markdown import ROOT, Block, blocks

from xoproxy.config import Loaded, Overrides, compile_text
from xoproxy.insight.testing import read_tests, run_cases

COOKBOOK = ROOT / "docs" / "cookbook.md"
TODAY = date(2026, 11, 21)


def recipes() -> list[tuple[Block, Block]]:
    """Pair each policy file with the tests that follow it."""
    found = blocks(COOKBOOK, "yaml")
    assert [block.wrapper for block in found] == ["", "tests"] * (len(found) // 2)
    return [*zip(found[::2], found[1::2], strict=True)]


def compiled(block: Block) -> Loaded:
    return compile_text(block.text, block.name, Overrides(), environ={}, today=TODAY, number=1)


@pytest.mark.parametrize(("policy", "tests"), [pytest.param(*pair, id=pair[0].name) for pair in recipes()])
def test_a_recipe_passes_its_own_tests(policy: Block, tests: Block) -> None:
    file = read_tests(tests.text, tests.name, {}, TODAY)
    results = [*run_cases(compiled(policy), file.cases, file.hosts)]

    assert results
    assert [(result.case.name, result.case.engine.value, *result.failures) for result in results if not result.passed] == []
