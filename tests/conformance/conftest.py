"""xoproxy as users start it, once; the cases to be tested run against it side by side, and each is judged by itself."""

import asyncio

import pytest

from conformance.against import run_against
from conformance.model import Case
from conformance.runner import Verdict
from conformance.scenarios import Scenario


@pytest.fixture(scope="session")
def verdicts(request: pytest.FixtureRequest) -> dict[str, Verdict]:
    """Return the verdict of each case, by its id, that a selected test asks for."""
    asked = {case.id: case for item in request.session.items if isinstance(case := _case_of(item), Case | Scenario)}
    return {verdict.case.id: verdict for verdict in asyncio.run(run_against("xoproxy", list(asked.values())))}


def _case_of(item: pytest.Item) -> object:
    return item.callspec.params.get("case") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
