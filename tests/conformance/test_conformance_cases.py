"""The whole table against xoproxy: every case to the byte, each followed by a marker."""

from collections import Counter

import pytest

from conformance.model import Case
from conformance.runner import Verdict
from conformance.scenarios import Scenario
from conformance.table import ROWS


@pytest.mark.parametrize("case", ROWS, ids=lambda case: case.id)
def test_xoproxy_does_what_the_table_says(verdicts: dict[str, Verdict], case: Case | Scenario) -> None:
    verdict = verdicts[case.id]

    assert verdict.fault is None, verdict.told


def test_every_case_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(case.id for case in ROWS).items() if count > 1] == []
