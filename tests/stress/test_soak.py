"""The command `python -m benchmarks.soak`: a table of what each scenario found, and an exit code that says if all is well."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.soak import __main__ as soak
from benchmarks.soak.proxy import Figures
from benchmarks.soak.scenario import FULL, Outcome, Sizes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory and descriptors are read from /proc")

BEFORE, AFTER = Figures(30 * 1024, 15, 1), Figures(31 * 1024, 17, 2)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Outcome | Exception], None]:
    """Return `only(name, found)`: the scenario of that name finds this, and there is no other."""
    scenarios: dict[str, object] = {}
    monkeypatch.setattr(soak, "SCENARIOS", scenarios)

    def put(name: str, found: Outcome | Exception) -> None:
        async def run(directory: Path, sizes: Sizes) -> Outcome:
            if isinstance(found, Exception):
                raise found
            return found

        scenarios[name] = run

    return put


Only = Callable[[str, Outcome | Exception], None]


def test_what_a_process_held_is_shown_before_and_after(only: Only, capsys: pytest.CaptureFixture[str]) -> None:
    only("idle", Outcome(BEFORE, 40 * 1024, AFTER, (), "10 connections", rounds=7))

    assert soak.main([]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("idle"))
    assert row.split() == ["idle", "10", "connections", "30.0", "40.0", "31.0", "15", "17", "1", "2", "7", "0"]


def test_failure_is_said_and_is_exit_code_1(only: Only, capsys: pytest.CaptureFixture[str]) -> None:
    only("aborts", Outcome(BEFORE, 0, AFTER, ("2 descriptors are left",), ""))

    assert soak.main([]) == 1
    assert "aborts: 2 descriptors are left" in capsys.readouterr().out


def test_scenario_that_cannot_be_run_does_not_end_the_others(only: Only, capsys: pytest.CaptureFixture[str]) -> None:
    only("idle", BenchmarkError("xoproxy does not listen"))
    only("upload", Outcome(BEFORE, 0, BEFORE, (), "1 MiB"))

    assert soak.main([]) == 1
    shown = capsys.readouterr().out
    assert "idle: BenchmarkError: xoproxy does not listen" in shown
    assert "1 MiB" in shown


def test_a_fraction_of_everything_is_at_least_two_and_even() -> None:
    sizes = soak.scaled(FULL, 0.001)

    assert (sizes.peers, sizes.aborts, sizes.idle) == (2, 4, 10)
