"""However reports come, wait and are written, every one is counted once."""

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st
from support.kept import Times, report

from xoproxy.config.settings import Collecting
from xoproxy.reports.agents import OTHER
from xoproxy.reports.gathering import Gathered
from xoproxy.reports.keeper import Keeper
from xoproxy.reports.model import MAX_AGENTS, Found, Query, Report

NOW = 1_800_000_000.0

reports = st.builds(
    report,
    type=st.sampled_from(["coep", "coop"]),
    blocked=st.sampled_from(["a", "b", "inline"]),
    agent=st.sampled_from(["", OTHER, *(f"Chrome {number}" for number in range(12))]),
    age_s=st.floats(0.0, 86400.0),
    detail=st.sampled_from(["{}", '{"a":1}']),
)
# What came in one turn, and whether it was written then or had to wait.
turns = st.lists(st.tuples(st.lists(reports, max_size=20), st.booleans()), max_size=6)


def _counts(found: Found) -> dict[tuple[str, ...], tuple[int, float, float]]:
    return {
        (group.type, group.kind, group.disposition, group.document, group.blocked, group.destination): (
            group.count,
            group.first_seen,
            group.last_seen,
        )
        for group in found.groups
    }


@given(turns)
def test_every_report_is_counted_once(history: list[tuple[list[Report], bool]]) -> None:
    """In its group, with the times between which it happened, and once among the agents of the group, which are few."""
    keeper = Keeper(Collecting(), [].append, Times(NOW).clock)
    waiting = Gathered()
    expected: dict[tuple[str, ...], list[float]] = defaultdict(list)
    named: Counter[tuple[str, ...]] = Counter()
    for turn, is_written in history:
        later = Gathered()
        for one in turn:
            later.add(one, NOW)
            expected[one.key].append(NOW - one.age_s)
            named[one.key] += one.agent != ""
        assert waiting.absorb(later) == 0
        if is_written:
            keeper.write(waiting)
            waiting = Gathered()
    from_memory = waiting.find(Query())
    keeper.write(waiting)
    found = keeper.find(Query())
    keeper.close(Gathered())

    assert _counts(found) == {key: (len(seen), min(seen), max(seen)) for key, seen in expected.items()}
    assert found.reports == sum(map(len, expected.values()))
    assert from_memory.reports == waiting.reports
    for group in found.groups:
        key = (group.type, group.kind, group.disposition, group.document, group.blocked, group.destination)
        assert sum(group.agents.values()) == named[key]
        assert len(group.agents) <= MAX_AGENTS + 1


@given(turns, st.integers(0, 5), st.integers(0, 5), st.sampled_from(["", "coep", "dip"]), st.floats(NOW - 90000.0, NOW))
def test_what_waits_is_found_like_what_is_stored(
    history: list[tuple[list[Report], bool]], limit: int, offset: int, kind: str, since: float
) -> None:
    """Two implementations of one query: that of memory, for a store that fails, says what the store would have said."""
    waiting = Gathered()
    for turn, _ in history:
        for one in turn:
            waiting.add(one, NOW)
    query = Query(since, kind, limit, offset)
    keeper = Keeper(Collecting(), [].append, Times(NOW).clock)
    from_memory = waiting.find(query)
    keeper.write(waiting)
    stored = keeper.find(query)
    keeper.close(Gathered())

    assert (from_memory.total, from_memory.reports) == (stored.total, stored.reports)
    assert [group.count for group in from_memory.groups] == [group.count for group in stored.groups]


@given(
    st.lists(
        st.tuples(st.dictionaries(st.sampled_from("abc"), st.integers(0, 5)), st.integers(0, 7200), st.booleans()), max_size=8
    )
)
def test_every_page_load_is_counted_once(history: list[tuple[dict[str, int], int, bool]]) -> None:
    """By route; the store and what waits for it agree."""
    times = Times(NOW)
    keeper, all_of_it, waiting = Keeper(Collecting(), [].append, times.clock), Gathered(), Gathered()
    total: Counter[str] = Counter()
    for pages, pause_s, is_written in history:
        times.pass_s(pause_s)
        all_of_it.saw(pages, times.unix)
        later = Gathered()
        later.saw(pages, times.unix)
        waiting.absorb(later)
        total.update(pages)
        if is_written:
            keeper.write(waiting)
            waiting = Gathered()
    keeper.write(waiting)
    stored, lately = keeper.traffic(0.0), keeper.traffic(times.unix - 3600.0)
    keeper.close(Gathered())

    assert {route: one.pages for route, one in stored.items()} == dict(total)
    assert stored == all_of_it.traffic(0.0)
    assert lately == all_of_it.traffic(times.unix - 3600.0)
