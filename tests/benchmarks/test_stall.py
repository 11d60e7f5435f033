"""The part `stall` reloads a file of many routes, and compares before with meanwhile."""

import sys
from pathlib import Path

import pytest
from support.benchmarking import needs_nginx, staged

from benchmarks import stall
from benchmarks.proxies import PROXIES
from benchmarks.report import stalls_table

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="the benchmark reads /proc"), needs_nginx]


@pytest.mark.parametrize("name", ["nginx", "xoproxy"])
def test_each_reload_came_into_force_while_requests_went_on(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for constant in ("_QUIET_S", "_SETTLE_S", "_TAIL_S"):
        monkeypatch.setattr(stall, constant, 0.2)
    proxy = next(one for one in PROXIES if one.name == name)
    with staged(tmp_path) as stage:
        found = stall.measure_stalls(proxy, stage, lambda _: None, times=2, routes=50)

    assert len(found) == 2
    assert all(0 < one.quiet_p99_ms <= one.quiet_longest_ms for one in found)
    assert all(0 < one.p99_ms <= one.longest_ms for one in found)
    assert all(one.in_force_s > 0 for one in found)
    assert stalls_table({name: found}).splitlines()[1].startswith(name)
