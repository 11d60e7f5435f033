"""Where the bytes are cut makes no difference: cases in two writes, cut at every byte."""

import asyncio
from collections import defaultdict

import pytest

from conformance.against import run_against
from conformance.model import Case, Marker
from conformance.runner import Verdict, splits
from conformance.table import CASES

# `python -m tests.conformance --splits` cuts all of them; here some of every group, or it would take a minute.
_SHORT = [case for case in CASES if len(case.sent) < 300 and case.marker is not Marker.NONE and case.reply is None]
SELECTED = _SHORT[::12]


@pytest.fixture(scope="module")
def cut(request: pytest.FixtureRequest) -> dict[str, list[Verdict]]:
    """Return the verdicts of every cut of each case, by the case's id."""
    verdicts = asyncio.run(run_against("xoproxy", [one for case in SELECTED for one in splits(case)]))
    found: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        found[verdict.case.id].append(verdict)
    return found


@pytest.mark.parametrize("case", SELECTED, ids=lambda case: case.id)
def test_a_case_cut_at_any_byte_ends_as_in_one_piece(cut: dict[str, list[Verdict]], case: Case) -> None:
    verdicts = cut[case.id]

    assert len(verdicts) > 20
    assert [one for one in verdicts if one.fault is not None] == []
