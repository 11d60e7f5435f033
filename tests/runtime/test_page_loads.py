"""The collector is told of page loads by route key, each once, and of a route that is observed as soon as it is."""

from collections.abc import Mapping
from typing import cast

from support.configs import compiled
from support.wire import until

from xoproxy.insight.deciding import route_key
from xoproxy.runtime.keeping import Keeper
from xoproxy.runtime.page_loads import PageLoads
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.events import Event

FILE = """\
version: 1
upstream: http://web:3000
routes:
  - match: {host: a.example}
    policy: {report_to: r, observe: {coep: require-corp}}
  - policy: {corp: same-site}
reporting: {endpoints: {r: /r}}
"""
BEFORE, AFTER = compiled(FILE), compiled(FILE.replace("require-corp", "credentialless"))
BEGAN, CHANGED = 1_800_000_000.0, 1_800_003_600.0
KEYS = [route_key(loaded.routes[0].route) for loaded in (BEFORE, AFTER)]


class FakeCollector:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[dict[str, int]] = []
        self.times: list[float | None] = []  # None: now

    def saw(self, pages: Mapping[str, int], at: float | None = None) -> None:
        self.told.append(dict(pages))
        self.times.append(at)


def keeper_with(collector: FakeCollector | None, events: list[Event]) -> Keeper:
    keeper = Keeper(events.append)
    keeper.collector = cast("None", collector)
    return keeper


async def test_page_loads_are_told_once_by_the_key_of_their_time(events: list[Event]) -> None:
    counters, collector = Counters(), FakeCollector()
    loads = PageLoads(counters, keeper_with(collector, events), late_s=0.0)
    await loads.adopt(BEFORE.generation, BEGAN)
    counters.pages["routes[0]"] += 3
    counters.pages["routes[1]"] += 5
    loads.tell()
    loads.tell()
    counters.pages["routes[0]"] += 1
    await loads.adopt(AFTER.generation, CHANGED)
    counters.pages["routes[0]"] += 2
    loads.tell()

    before, after = KEYS
    assert collector.told == [{before: 0}, {before: 3}, {before: 1}, {after: 0}, {after: 2}]
    assert collector.times == [BEGAN, None, None, CHANGED, None]


async def test_what_workers_count_late_is_not_taken_for_evidence_about_the_next_policy(events: list[Event]) -> None:
    counters, collector = Counters(), FakeCollector()
    loads = PageLoads(counters, keeper_with(collector, events), late_s=0.02)
    await loads.adopt(BEFORE.generation, BEGAN)
    await loads.adopt(AFTER.generation, CHANGED)
    counters.pages["routes[0]"] += 1
    await until(lambda: len(collector.told) == 3)
    counters.pages["routes[0]"] += 1
    loads.tell()

    before, after = KEYS
    assert collector.told == [{before: 0}, {after: 0}, {before: 1}, {after: 1}]


async def test_nothing_is_told_where_nothing_is_collected(events: list[Event]) -> None:
    counters = Counters()
    loads = PageLoads(counters, keeper_with(None, events), late_s=0.0)
    await loads.adopt(BEFORE.generation, BEGAN)
    counters.pages["routes[0]"] += 1
    loads.tell()

    assert not events
