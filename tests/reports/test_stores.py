"""What is kept and how it is found again: the same in memory, in an SQLite file and in PostgreSQL."""

import stat
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from support.kept import Kept, Times, report
from support.postgresql import PASSWORD, PostgresServer, running_server

from xoproxy.config.settings import Collecting, LogLevel, StoreKind, StoreSettings
from xoproxy.reports.gathering import Gathered
from xoproxy.reports.keeper import Keeper
from xoproxy.reports.model import MAX_AGENTS, Group, Query
from xoproxy.telemetry.events import Event

NOW = 1_800_000_000.0


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """Return a running server."""
    yield from running_server()


@pytest.fixture
def database(postgresql: PostgresServer) -> str:
    """Return the name of an empty database."""
    name = f"reports_{uuid.uuid4().hex}"
    with psycopg.connect(postgresql.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return name


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def collecting(request: pytest.FixtureRequest, tmp_path: Path) -> Collecting:
    """Return settings with each kind of store, empty."""
    kind = StoreKind(request.param)
    where = ""
    if kind is StoreKind.SQLITE:
        where = str(tmp_path / "reports.db")
    if kind is StoreKind.POSTGRESQL:
        name = request.getfixturevalue("database")
        where = request.getfixturevalue("postgresql").url(name)
    return Collecting(store=StoreSettings(kind, where))


def gathered(*reports: object, now: float = NOW) -> Gathered:
    waiting = Gathered()
    for one in reports:
        assert waiting.add(one, now)  # type: ignore[arg-type]
    return waiting


async def test_reports_of_one_key_are_one_group(collecting: Collecting) -> None:
    """It counts them, knows when they happened and what said so, and has the detail of the last."""
    kept = Kept(collecting, lambda: NOW)
    kept.collector.keep((report(age_s=60.0, detail='{"a":1}'), report(agent="Firefox 140", age_s=30.0)))
    first = await kept.collector.find(Query())
    kept.collector.keep(
        (report(detail='{"b":2}'), report(age_s=90.0, agent=""), report(type="csp-violation", blocked="inline"))
    )
    found = await kept.collector.find(Query())
    await kept.collector.close()

    assert [group.count for group in first.groups] == [2]
    assert (found.total, found.reports) == (2, 5)
    assert found.groups[0] == Group(*report().key, 4, NOW - 90.0, NOW, {"Chrome 146": 2, "Firefox 140": 1}, '{"b":2}')
    assert (found.groups[1].type, found.groups[1].blocked, found.groups[1].count) == ("csp-violation", "inline", 1)
    assert kept.collector.status.stored == 5
    assert kept.events == []


async def test_groups_are_found_by_type_and_time_most_reports_first(collecting: Collecting) -> None:
    """`limit` and `offset` cut a page out; the totals are of all that is wanted."""
    kept = Kept(collecting, lambda: NOW)
    for number in range(6):
        kept.collector.keep((report(blocked=f"https://cdn.example/{number}", age_s=number * 100.0),) * (number + 1))
    kept.collector.keep((report(type="coop", age_s=50.0),) * 9)
    page = await kept.collector.find(Query(limit=2, offset=1))
    recent = await kept.collector.find(Query(since=NOW - 150.0))
    opener = await kept.collector.find(Query(type="coop"))
    nothing = await kept.collector.find(Query(type="dip"))
    await kept.collector.close()

    assert ([group.count for group in page.groups], page.total, page.reports) == ([6, 5], 7, 30)
    assert [group.count for group in recent.groups] == [9, 2, 1]
    assert [group.type for group in opener.groups] == ["coop"]
    assert (nothing.groups, nothing.total, nothing.reports) == ((), 0, 0)


async def test_a_group_has_a_bounded_number_of_agents(collecting: Collecting) -> None:
    """Further ones count as others, also when they come one by one; those that are known go on counting."""
    kept = Kept(collecting)
    for number in range(MAX_AGENTS + 4):
        kept.collector.keep((report(agent=f"Chrome {number}"), report(agent="Chrome 0")))
        found = await kept.collector.find(Query())
    await kept.collector.close()

    assert dict(found.groups[0].agents) == {
        "Chrome 0": MAX_AGENTS + 5, **{f"Chrome {number}": 1 for number in range(1, MAX_AGENTS)}, "other": 4,
    }  # fmt: skip


async def test_page_loads_are_counted_by_route_and_hour(collecting: Collecting) -> None:
    """A route without any is known to be observed; since when does not change."""
    times = Times(NOW - NOW % 3600 + 1800)
    kept = Kept(collecting, lambda: times.unix)
    begun = times.unix
    kept.collector.saw({"a": 3, "b": 0})
    await kept.collector.traffic(0.0)
    times.pass_s(7200.0)
    kept.collector.saw({"a": 2, "c": 1})
    kept.collector.saw({"a": 1})
    ever = await kept.collector.traffic(0.0)
    lately = await kept.collector.traffic(times.unix - 3600.0)
    await kept.collector.close()

    assert {key: (value.pages, value.observed_since) for key, value in ever.items()} == {
        "a": (6, begun), "b": (0, begun), "c": (1, times.unix),
    }  # fmt: skip
    assert {key: value.pages for key, value in lately.items()} == {"a": 3, "b": 0, "c": 1}


def test_what_is_old_goes(collecting: Collecting) -> None:
    """Groups, their agents and page loads, once they were last seen before `keep`."""
    times, events = Times(), list[Event]()
    keeper = Keeper(replace(collecting, keep_s=86400.0), events.append, times.clock)
    waiting = gathered(report(), report(blocked="https://cdn.example/b"), now=times.unix)
    waiting.saw({"a": 1}, times.unix)
    keeper.write(waiting)
    times.pass_s(80_000.0)
    keeper.write(gathered(report(), now=times.unix))
    times.pass_s(10_000.0)
    keeper.write(Gathered())
    left, traffic = keeper.find(Query()), keeper.traffic(0.0)
    keeper.close(Gathered())

    assert [(group.blocked, group.count, dict(group.agents)) for group in left.groups] == [
        ("https://cdn.example/a.png", 2, {"Chrome 146": 2})
    ]
    assert traffic == {}
    assert events == []


def test_of_too_many_groups_those_go_that_were_seen_longest_ago(collecting: Collecting) -> None:
    """Soon after there are a tenth too many, and before the ten minutes are over in which what is old goes."""
    times = Times()
    keeper = Keeper(replace(collecting, max_groups=10), [].append, times.clock)
    for number in range(25):
        keeper.write(gathered(report(blocked=f"https://cdn.example/{number}", age_s=100.0 - number), now=times.unix))
    keeper.write(gathered(report(blocked="https://cdn.example/0"), now=times.unix))
    times.pass_s(700.0)
    keeper.write(Gathered())
    left = keeper.find(Query())
    keeper.close(Gathered())

    assert {group.blocked.rpartition("/")[2] for group in left.groups} == {"0", *(str(number) for number in range(16, 25))}


async def test_another_store_after_a_reload_gets_what_waits(collecting: Collecting, tmp_path: Path) -> None:
    """And what was kept stays where it was."""
    kept = Kept(collecting)
    kept.collector.keep((report(),))
    await kept.collector.find(Query())
    elsewhere = tmp_path / "elsewhere.db"
    kept.collector.keep((report(type="dip"),))
    kept.collector.configure(replace(collecting, store=StoreSettings(StoreKind.SQLITE, str(elsewhere))))
    found = await kept.collector.find(Query())
    await kept.collector.close()

    assert {group.type for group in found.groups} <= {"dip"}
    assert kept.collector.status.name == str(elsewhere)
    assert kept.said == [f"reports are kept in {elsewhere} from now on"]
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o600


# PostgreSQL alone


def stored_in(url: str) -> Collecting:
    return Collecting(store=StoreSettings(StoreKind.POSTGRESQL, url))


def test_replicas_on_one_server_add_up(postgresql: PostgresServer, database: str) -> None:
    """Many that write the same groups in whatever order, and tidy in between: nothing is lost, no circle of locks."""
    settings = replace(stored_in(postgresql.url(database)), max_groups=50)
    rounds, replicas, groups = 12, 5, 40
    events = list[Event]()

    def replica(seed: int) -> None:
        times, stride = Times(), (1, 3, 7, 9, 11)[seed]
        keeper = Keeper(settings, events.append, times.clock)
        for number in range(rounds):
            order = [(index * stride + number) % groups for index in range(groups)]
            reports = [report(blocked=f"https://cdn.example/{index}", agent=f"Chrome {seed}") for index in order]
            waiting = gathered(*reports, now=times.unix)
            waiting.saw({"a": 1, "b": 1}, times.unix)
            keeper.write(waiting)
            times.pass_s(700.0)
        keeper.close(Gathered())

    threads = [threading.Thread(target=replica, args=(seed,)) for seed in range(replicas)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keeper = Keeper(settings, events.append, Times().clock)
    found, traffic = keeper.find(Query()), keeper.traffic(0.0)
    keeper.close(Gathered())

    assert [event.message for event in events] == []
    assert (found.total, found.reports) == (groups, rounds * replicas * groups)
    assert {tuple(sorted(group.agents.items())) for group in found.groups} == {
        tuple((f"Chrome {seed}", rounds) for seed in range(replicas))
    }
    assert {key: value.pages for key, value in traffic.items()} == {"a": rounds * replicas, "b": rounds * replicas}


async def test_a_server_that_restarts_loses_nothing(postgresql: PostgresServer, database: str) -> None:
    """While it is down reports wait, and queries are answered from them; one line when that begins, one when it ends."""
    kept = Kept(stored_in(postgresql.url(database)))
    kept.collector.keep((report(),))
    await kept.collector.find(Query())
    postgresql.stop()
    try:
        kept.collector.keep((report(type="dip"),) * 2)
        while_down = await kept.collector.find(Query())
        await kept.until(lambda: kept.collector.status.errors > 1)
        status = kept.collector.status
    finally:
        postgresql.start()
    await kept.until(lambda: not kept.collector.status.error)
    found = await kept.collector.find(Query())
    await kept.collector.close()

    assert [(group.type, group.count) for group in while_down.groups] == [("dip", 2)]
    assert (status.waiting, status.dropped) == (1, 0)
    assert "onnection refused" in status.error
    assert {group.type: group.count for group in found.groups} == {"coep": 1, "dip": 2}
    assert [event.level for event in kept.events] == [LogLevel.ERROR, LogLevel.INFO]
    assert PASSWORD not in repr(kept.events) + repr(status)


async def test_a_connection_that_ended_while_idle_is_no_failure(postgresql: PostgresServer, database: str) -> None:
    """Firewalls, poolers and restarts end connections: the next transaction makes another."""
    kept = Kept(stored_in(postgresql.url(database)))
    kept.collector.keep((report(),))
    await kept.collector.find(Query())
    with psycopg.connect(postgresql.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database])
    kept.collector.keep((report(),))
    found = await kept.collector.find(Query())
    await kept.collector.close()

    assert found.reports == 2
    assert kept.events == []


@pytest.mark.parametrize("broken", ["password", "database", "url", "nobody"])
async def test_a_password_is_never_said(postgresql: PostgresServer, broken: str) -> None:
    """Whatever is wrong with a URL: neither in the log nor in the status."""
    secret = "hunter2-of-the-tests"
    url = {
        "password": postgresql.url(password=secret),
        "database": postgresql.url("of-nobody"),
        "url": f"postgresql://reports:{secret}@[::1/x?sslmode={secret}",
        "nobody": f"postgresql://reports:{secret}@127.0.0.1:1/{'x'}",
    }[broken]
    kept = Kept(stored_in(url))
    kept.collector.keep((report(),))
    await kept.until(lambda: bool(kept.events))
    status = kept.collector.status
    found = await kept.collector.find(Query())
    await kept.collector.close()

    assert status.error
    assert found.reports == 1
    assert secret not in repr(kept.events) + repr(status)
    assert PASSWORD not in repr(kept.events) + repr(status)
    assert kept.collector.status.dropped == 1
    assert [event.level for event in kept.events] == [LogLevel.ERROR, LogLevel.WARNING]


async def test_tables_of_a_later_version_are_left_as_they_are(postgresql: PostgresServer, database: str) -> None:
    """They may mean what this version does not know; what comes waits."""
    settings = stored_in(postgresql.url(database))
    first = Kept(settings)
    first.collector.keep((report(),))
    await first.collector.close()
    with psycopg.connect(postgresql.url(database), autocommit=True) as connection:
        connection.execute("UPDATE xoproxy_schema SET version = 2")
    later = Kept(settings)
    later.collector.keep((report(),))
    await later.until(lambda: bool(later.events))
    error = later.collector.status.error
    await later.collector.close()
    with psycopg.connect(postgresql.url(database)) as connection:
        counts = connection.execute("SELECT count FROM xoproxy_groups").fetchall()

    assert error.startswith("it was made by another version of xoproxy")
    assert counts == [(1,)]
