"""What comes in quick succession is written together, and a burst before there is no room for it."""

import asyncio

import pytest
from support.kept import Times, report

from xoproxy.config.settings import Collecting
from xoproxy.reports import collector, sql
from xoproxy.reports.collector import Collector
from xoproxy.reports.gathering import Gathered
from xoproxy.reports.model import Query
from xoproxy.reports.sql import Session


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many groups each transaction wrote; nothing is written by the clock, as ten minutes do not pass."""
    sizes: list[int] = []
    write = sql.write

    def noting(session: Session, gathered: Gathered) -> None:
        sizes.append(len(gathered.groups))
        write(session, gathered)

    monkeypatch.setattr(sql, "write", noting)
    monkeypatch.setattr(collector, "GATHER_S", 600.0)
    return sizes


async def test_reports_after_a_pause_are_gathered_too(batches: list[int]) -> None:
    """The time to gather begins with the first of them, not with the pause before."""
    times = Times()
    collects = Collector(Collecting(), [].append, times.clock)
    collects.keep((report(),))
    await collects.find(Query())
    times.pass_s(3600.0)
    for number in range(5):
        collects.keep((report(blocked=str(number)),))
        await asyncio.sleep(0.001)
    found = await collects.find(Query())
    await collects.close()

    assert batches == [1, 5]
    assert found.total == 6


async def test_a_burst_is_written_at_once(batches: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Long before the time to gather is over, so that nothing of it is dropped."""
    monkeypatch.setattr(collector, "FULL_GROUPS", 100)
    collects = Collector(Collecting(), [].append, Times().clock)
    await collects.find(Query())
    for number in range(120):
        collects.keep((report(blocked=str(number)),))
    async with asyncio.timeout(20.0):
        while not collects.status.stored:
            await asyncio.sleep(0.005)
    stored = collects.status.stored
    await collects.close()

    assert stored >= 100
    assert collects.status.stored == 120
    assert collects.status.dropped == 0


def test_what_comes_later_is_dropped_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """By reports, not by groups; what is counted already goes on counting."""
    monkeypatch.setattr("xoproxy.reports.gathering.MAX_WAITING", 2)
    waiting, later = Gathered(), Gathered()
    for blocked in ("a", "b"):
        waiting.add(report(blocked=blocked), 0.0)
    for blocked in ("b", "c", "c", "c"):
        later.add(report(blocked=blocked), 0.0)
    dropped = waiting.absorb(later)

    assert dropped == 3
    assert {group.blocked: group.count for group in waiting.find(Query()).groups} == {"a": 1, "b": 2}
