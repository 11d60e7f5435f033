"""The benchmark of reports keeps every report that it sends, in stores of its own."""

import os
import sys
from pathlib import Path

import pytest

from benchmarks import reports
from benchmarks.report import reports_table
from benchmarks.running import Stage

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark reads /proc")


def test_reports_costs_are_of_reports_that_were_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run fails if one was dropped or could not be stored; the table has a row for each."""
    monkeypatch.setattr(reports, "REPORTS", 400)
    monkeypatch.setattr(reports, "GROUPS", (40,))
    costs = reports.measure_reports(Stage(tmp_path, 0, frozenset(os.sched_getaffinity(0))), None, lambda _: None)

    assert [(cost.store, cost.groups, cost.reports) for cost in costs] == [("memory", 40, 400), ("sqlite", 40, 400)]
    assert all(cost.read_per_s > 0 and cost.kept_per_s > 0 and cost.after_mib > 1 for cost in costs)
    assert (tmp_path / "reports-40.db").exists()
    assert len(reports_table(costs).splitlines()) == 3
