"""The collector is there when something is collected, and takes what came before it."""

import subprocess
import sys
from dataclasses import replace

import pytest
from support.wire import until

from xoproxy.config.settings import Collecting
from xoproxy.reports.model import Query, Report
from xoproxy.runtime import keeping
from xoproxy.runtime.keeping import Keeper
from xoproxy.telemetry.events import Event

COLLECTING = Collecting((b"/reports",))
REPORT = Report("coep", "corp", "report", "https://a.example/", "https://b.example/", "image")


async def test_nothing_is_made_for_what_collects_nothing(events: list[Event]) -> None:
    keeper = Keeper(events.append)
    await keeper.configure(Collecting())
    await keeper.close()

    assert keeper.collector is None


async def test_what_comes_early_is_kept_and_what_is_too_much_is_not(
    events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MAX_EARLY", 10)
    keeper = Keeper(events.append)
    for _ in range(20):
        keeper.keep((REPORT,) * 3)
    await keeper.configure(COLLECTING)
    assert keeper.collector is not None
    keeper.keep((REPORT,))
    found = await keeper.collector.find(Query())
    await keeper.close()

    assert found.reports == 13


async def test_collector_outlives_every_reload(events: list[Event]) -> None:
    """Also one that collects nothing any more: what was reported can still be asked for."""
    keeper = Keeper(events.append)
    await keeper.configure(COLLECTING)
    first = keeper.collector
    assert first is not None
    keeper.keep((REPORT,))
    await until(lambda: first.status.stored)
    for settings in (replace(COLLECTING, keep_s=3600.0), Collecting(), COLLECTING):
        await keeper.configure(settings)
    found = await first.find(Query())
    await keeper.close()

    assert keeper.collector is first
    assert found.reports == 1


def test_process_that_collects_nothing_imports_no_store() -> None:
    """It would cost time and memory."""
    program = "import sys, xoproxy.runtime.process, xoproxy.runtime.local; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()

    assert "xoproxy.reports.model" in modules
    assert not {"xoproxy.reports.collector", "sqlite3", "xoproxy.reports.stores"} & set(modules)
