"""The whole table of responses against xoproxy; after each case both its client and another one get their own answers."""

import asyncio
from collections import Counter

import pytest

from conformance.answer_table import ANSWERS, play_against
from conformance.answers import ResponseCase
from conformance.playing import Judged


@pytest.fixture(scope="session")
def judged(request: pytest.FixtureRequest) -> dict[str, Judged]:
    """Return what became of each case, by its id, that a selected test asks for."""
    asked = [case for item in request.session.items if isinstance(case := _case_of(item), ResponseCase)]
    return {one.case.id: one for one in asyncio.run(play_against("xoproxy", asked))}


def _case_of(item: pytest.Item) -> object:
    return item.callspec.params.get("case") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.id)
def test_the_client_gets_what_the_table_says(judged: dict[str, Judged], case: ResponseCase) -> None:
    one = judged[case.id]

    assert one.fault is None, one.told


def test_every_response_case_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(case.id for case in ANSWERS).items() if count > 1] == []
