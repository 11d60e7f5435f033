"""xoproxy as users start it, once; the cases to be tested run against it side by side, and each is judged by itself."""

import asyncio

import pytest

from conformance.model import Case
from conformance.recorder import Recorder
from conformance.runner import Verdict, run_cases
from conformance.targets import KINDS, Target


@pytest.fixture(scope="session")
def verdicts(request: pytest.FixtureRequest) -> dict[str, Verdict]:
    """Return the verdict of each case, by its id, that a selected test asks for."""
    asked = [case for item in request.session.items if isinstance(case := _case_of(item), Case)]
    return {verdict.case.id: verdict for verdict in asyncio.run(run_against_xoproxy(asked))}


def _case_of(item: pytest.Item) -> object:
    return item.callspec.params.get("case") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None


async def run_against_xoproxy(cases: list[Case], config: str | None = None) -> list[Verdict]:
    """Run `cases` against a process of their own; it must have logged no fault."""
    recorder = Recorder()
    await recorder.start()
    try:
        with Target(KINDS["xoproxy"], recorder.port, config) as target:
            verdicts = await run_cases(cases, target.address, recorder, exact=True)
            output = target.output
    finally:
        recorder.stop()

    assert "Traceback" not in output
    assert "internal error" not in output
    return verdicts
