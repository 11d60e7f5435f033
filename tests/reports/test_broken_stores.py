"""A store that cannot be used: one line in the log, what came waits, nothing of anybody's is overwritten."""

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.kept import Kept, Times, report

from xoproxy.config.settings import Collecting, LogLevel, StoreKind, StoreSettings
from xoproxy.reports import gathering, sqlite
from xoproxy.reports.gathering import Gathered
from xoproxy.reports.keeper import MAX_PAUSE_S, Keeper
from xoproxy.reports.model import Query
from xoproxy.telemetry.events import Event


class Bench:
    """A keeper of an SQLite file, with a clock set by hand."""

    def __init__(self, path: Path) -> None:
        self.events: list[Event] = []
        self.times = Times()
        self.settings = Collecting(store=StoreSettings(StoreKind.SQLITE, str(path)))
        self.keeper = Keeper(self.settings, self.events.append, self.times.clock)

    def keep(self, *blocked: str) -> None:
        """Have one report of each written."""
        waiting = Gathered()
        for one in blocked:
            waiting.add(report(blocked=one), self.times.unix)
        self.keeper.write(waiting)

    def pass_pause(self) -> None:
        """Let time pass until the store is tried again, and have it tried."""
        self.times.pass_s(MAX_PAUSE_S + 1)
        self.keeper.write(Gathered())

    @property
    def levels(self) -> list[LogLevel]:
        """Of what was said for the log."""
        return [event.level for event in self.events]

    @property
    def reports(self) -> int:
        """How many are found."""
        return self.keeper.find(Query()).reports


BEGUN_AND_ENDED = [LogLevel.ERROR, LogLevel.INFO]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Return a keeper of `tmp_path/reports.db` that does not wait for locks."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.0)
    made = Bench(tmp_path / "reports.db")
    yield made
    made.keeper.close(Gathered())


def test_a_locked_file_is_written_when_it_is_free_again(bench: Bench, tmp_path: Path) -> None:
    """Meanwhile it can be read, and there is one line in the log however often it is tried."""
    bench.keep("a")
    holder = sqlite3.connect(tmp_path / "reports.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    for _ in range(4):
        bench.keep("b", "c")
        bench.pass_pause()
    while_locked, error, errors = bench.reports, bench.keeper.error, bench.keeper.errors
    holder.execute("ROLLBACK")
    holder.close()
    bench.pass_pause()

    assert (while_locked, bench.keeper.waiting) == (1, 0)
    assert error == "it is locked by another process"
    assert errors >= 4
    assert bench.reports == 9
    assert (bench.keeper.error, bench.keeper.stored, bench.keeper.dropped) == ("", 9, 0)
    assert bench.levels == BEGUN_AND_ENDED
    assert "it is locked by another process" in bench.events[0].message


def test_pauses_grow_while_a_store_fails(bench: Bench, tmp_path: Path) -> None:
    """From one second to half a minute; in between nothing is tried, however much comes."""
    tmp_path.joinpath("reports.db").mkdir()
    pauses = []
    for _ in range(8):
        bench.keep("a")
        pauses.append(bench.keeper.pause_s(bench.times.steady))
        bench.keep("a")
        bench.times.pass_s(pauses[-1])

    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert bench.keeper.errors == 8


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"these are somebody's notes\n" * 200, "it is no SQLite database", id="no-database"),
        pytest.param(b"SQLite format 3\0" + b"\xa5" * 8000, "it is no SQLite database", id="header-only"),
    ],
)
def test_what_is_no_database_is_left_as_it_is(bench: Bench, tmp_path: Path, content: bytes, why: str) -> None:
    """And once it is moved away, a new one is made, into which goes what waited."""
    path = tmp_path / "reports.db"
    path.write_bytes(content)
    for _ in range(3):
        bench.keep("a")
        bench.pass_pause()
    from_memory, error = bench.reports, bench.keeper.error
    left = path.read_bytes()
    path.rename(tmp_path / "moved.db")
    bench.pass_pause()

    assert (left, tmp_path.joinpath("moved.db").read_bytes()) == (content, content)
    assert error.startswith(why)
    assert "move it away" in error
    assert (from_memory, bench.reports) == (3, 3)
    assert bench.levels == BEGUN_AND_ENDED


def test_a_file_that_turns_out_corrupt_is_left_as_it_is(tmp_path: Path) -> None:
    """Damage in the middle, which shows only when the page is read."""
    path = tmp_path / "reports.db"
    before = Bench(path)
    before.keep(*map(str, range(500)))
    before.keeper.close(Gathered())
    whole = path.read_bytes()
    damaged = whole[:4096] + b"\xff" * (len(whole) - 8192) + whole[-4096:]
    path.write_bytes(damaged)
    bench = Bench(path)
    for _ in range(3):
        bench.keep(*map(str, range(5)))
        bench.pass_pause()
    from_memory = bench.reports
    bench.keeper.close(Gathered())

    assert path.read_bytes() == damaged
    assert bench.keeper.error.startswith("it is corrupt; it is left as it is")
    assert from_memory == 15
    assert bench.levels == [LogLevel.ERROR, LogLevel.WARNING]
    assert bench.keeper.dropped == 15


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()


def _of_tomorrow(path: Path) -> None:
    bench = Bench(path)
    bench.keep("a")
    bench.keeper.close(Gathered())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE xoproxy_schema SET version = 2")
    connection.close()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        pytest.param(_foreign, "it holds another program's data; it is left as it is: name another file", id="foreign"),
        pytest.param(_of_tomorrow, "it was made by another version of xoproxy", id="later-version"),
    ],
)
def test_the_data_of_others_is_left_as_it_is(bench: Bench, tmp_path: Path, make: Callable[[Path], None], why: str) -> None:
    """Another program's, or a later version's of this one, which may know better what it means."""
    path = tmp_path / "reports.db"
    make(path)
    content = path.read_bytes()
    bench.keep("a")
    bench.pass_pause()

    assert bench.keeper.error.startswith(why)
    assert path.read_bytes() == content
    assert bench.reports == 1


def test_a_directory_that_is_missing_is_said_and_used_once_it_is_there(tmp_path: Path) -> None:
    """It is not made: a path may be mistyped, or a volume not mounted yet."""
    bench = Bench(tmp_path / "data" / "reports.db")
    bench.keep("a")
    error = bench.keeper.error
    (tmp_path / "data").mkdir()
    bench.pass_pause()
    bench.keeper.close(Gathered())

    assert error == f"its directory does not exist: make {tmp_path / 'data'}, or name a file elsewhere"
    assert bench.levels == BEGUN_AND_ENDED


def test_a_file_that_is_deleted_is_made_anew(bench: Bench, tmp_path: Path) -> None:
    """What is still open then is nobody's file: whatever went there would be lost without a word."""
    path = tmp_path / "reports.db"
    bench.keep("a")
    path.unlink()
    bench.keep("b")

    assert path.exists()
    assert [group.blocked for group in bench.keeper.find(Query()).groups] == ["b"]
    assert bench.events == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return the root of a file system of 1 MiB."""
    where = tmp_path / "disk"
    where.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(where)]
    if os.geteuid() != 0 or subprocess.run(mounting, check=False, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here: that takes root and CAP_SYS_ADMIN")
    yield where
    subprocess.run(["umount", "--lazy", str(where)], check=True)


def test_a_full_disk_can_be_read_and_is_written_when_there_is_room(small_disk: Path) -> None:
    """What could not be written waits and is there afterwards, once."""
    filler = small_disk / "filler"
    bench = Bench(small_disk / "reports.db")
    bench.keep("a")
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(b"x" * 2**20)
    for _ in range(3):
        bench.keep(*(f"https://cdn.example/{number}" for number in range(1000)))
        bench.pass_pause()
    while_full, error, waiting = bench.reports, bench.keeper.error, bench.keeper.waiting
    filler.unlink()
    bench.pass_pause()
    found = bench.reports
    bench.keeper.close(Gathered())

    assert (while_full, waiting) == (1, 1000)
    assert error == "the disk is full"
    assert found == 3001
    assert bench.levels == BEGUN_AND_ENDED


def test_a_read_only_file_system_is_said(small_disk: Path) -> None:
    """Queries are answered from what waits."""
    bench = Bench(small_disk / "reports.db")
    bench.keep("a")
    bench.keeper.close(Gathered())
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    later = Bench(small_disk / "reports.db")
    later.keep("b")
    later.pass_pause()

    assert later.keeper.error == "it cannot be opened for writing: Read-only file system"
    assert [group.blocked for group in later.keeper.find(Query()).groups] == ["b"]
    assert later.levels == [LogLevel.ERROR]


async def test_while_a_store_fails_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New groups beyond the bound are dropped and counted; those that wait go on counting."""
    monkeypatch.setattr(gathering, "MAX_WAITING", 10)
    kept = Kept(Collecting(store=StoreSettings(StoreKind.SQLITE, str(tmp_path / "nowhere" / "reports.db"))))
    await kept.until(lambda: bool(kept.events))
    for _ in range(3):
        kept.collector.keep(tuple(report(blocked=str(number)) for number in range(40)))
        await kept.collector.find(Query())
    found, status = await kept.collector.find(Query()), kept.collector.status
    await kept.collector.close()

    assert (found.total, found.reports, status.waiting) == (10, 30, 10)
    assert status.dropped == 90
    assert kept.collector.status.dropped == 120
    assert [event.level for event in kept.events] == [LogLevel.ERROR, LogLevel.WARNING]
    assert kept.said[-1].startswith("30 reports are lost")


async def test_a_collector_that_ended_answers_and_takes_in_silence(tmp_path: Path) -> None:
    """A query that comes late gets nothing, a report that comes late is nobody's; ending twice is ending."""
    kept = Kept(Collecting(store=StoreSettings(StoreKind.SQLITE, str(tmp_path / "reports.db"))))
    kept.collector.keep((report(),))
    await kept.collector.close()
    await kept.collector.close()
    kept.collector.keep((report(),))
    kept.collector.configure(replace(Collecting(), max_groups=5))
    late = await kept.collector.find(Query())
    again = Kept(Collecting(store=StoreSettings(StoreKind.SQLITE, str(tmp_path / "reports.db"))))
    found = await again.collector.find(Query())
    await again.collector.close()

    assert late.groups == ()
    assert await kept.collector.traffic(0.0) == {}
    assert found.reports == 1


async def test_whatever_a_driver_raises_the_thread_lives_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours or of a library is a store that fails, not a proxy that forgets without a word."""
    kept = Kept(Collecting(store=StoreSettings(StoreKind.SQLITE, str(tmp_path / "reports.db"))))
    await kept.collector.find(Query())
    with monkeypatch.context() as patched:
        patched.setattr("xoproxy.reports.sql.write", lambda *_: 1 / 0)
        kept.collector.keep((report(),))
        await kept.until(lambda: bool(kept.collector.status.error))
        error = kept.collector.status.error
    await kept.until(lambda: not kept.collector.status.error)
    found = await kept.collector.find(Query())
    await kept.collector.close()

    assert error == "ZeroDivisionError: division by zero"
    assert found.reports == 1


async def test_without_psycopg_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra: most have one replica."""
    monkeypatch.setitem(__import__("sys").modules, "xoproxy.reports.postgresql", None)
    kept = Kept(Collecting(store=StoreSettings(StoreKind.POSTGRESQL, "postgresql://me:secret@db.example:5433/xoproxy")))
    await kept.until(lambda: bool(kept.events))
    await kept.collector.close()

    assert kept.collector.status.name == "postgresql://db.example:5433/xoproxy"
    assert "pip install 'xoproxy[postgresql]'" in kept.said[0]
    assert "secret" not in kept.said[0]
