"""The supervisor's half of several workers, with real workers that misbehave."""

import asyncio
import errno
import os
import signal
import socket
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest
from support.ports import free_port
from support.supervised import is_alive
from support.wire import until

from xoproxy.config import Overrides, Text, Texts, compile_texts
from xoproxy.runtime import interpreters
from xoproxy.runtime.listening.sockets import ListenError
from xoproxy.runtime.source import ConfigSource, Edition
from xoproxy.runtime.workers import member as member_module
from xoproxy.runtime.workers import pool as pool_module
from xoproxy.runtime.workers import roster as roster_module
from xoproxy.runtime.workers.pool import WorkerPool
from xoproxy.runtime.workers.roster import Slot
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.recent import Wanted
from xoproxy.telemetry.workers import WorkerState

DAY = date(2026, 1, 1)
DAYS = (DAY, date(2026, 1, 2))
OPTIONS = Overrides(upstream="http://127.0.0.1:1", allow_origins=("https://app.example",))


@dataclass
class Bench:
    """A pool, its port, and what it told."""

    port: int
    events: list[Event] = field(default_factory=list[Event])
    pool: WorkerPool = field(init=False)

    def __post_init__(self) -> None:
        self.pool = WorkerPool(self.edition(1), ConfigSource(Path("x.yaml"), OPTIONS), self.events.append)

    def text(self, more: str = "", workers: int = 2) -> str:
        """Return a policy file."""
        listen = "" if "listen" in more else f"listen: '127.0.0.1:{self.port}'\n"
        return f"version: 1\nworkers: {workers}\ntimeouts: {{drain: 200ms}}\n{listen}{more}"

    def edition(self, number: int, more: str = "", workers: int = 2) -> Edition:
        """Return the same as the supervisor's environment makes it."""
        texts = Texts("x.yaml", (Text("x.yaml", self.text(more, workers)),))
        return Edition.of(compile_texts(texts, OPTIONS, environ=os.environ, today=DAY, number=number), texts)

    async def reload(self, number: int, more: str = "", workers: int = 2) -> list[str]:
        """Put another text into force."""
        return await self.pool.adopt(self.edition(number, more, workers))

    def pids(self) -> list[int]:
        """Return who serves."""
        return [view.pid for view in self.pool.workers if view.state is WorkerState.SERVING]

    def said(self, state: str) -> list[str]:
        """Return what was told of workers in some state."""
        return [event.message for event in self.events if event.values["state"] == state]

    async def shown(self, path: str = "/") -> str | None:
        """Return a field that every answer has, whoever gives it: here the 502 of an upstream that is not there."""

        def ask() -> str | None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10).close()
            except urllib.error.HTTPError as error:
                with error:
                    return error.headers["X-Mark"]
            raise AssertionError("nobody listens on port 1")

        return await asyncio.to_thread(ask)


@asynccontextmanager
async def running() -> AsyncIterator[Bench]:
    """Open a pool for the time of the block; no worker may be left."""
    bench = Bench(free_port())
    await bench.pool.open()
    pids = bench.pids()
    try:
        yield bench
    finally:
        pids += [view.pid for view in bench.pool.workers]
        await bench.pool.drain(0.2)
    assert not bench.pool.workers
    assert not any(is_alive(pid) for pid in pids)


async def test_refusal_of_one_worker_changes_nothing_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here because their environment lacks a variable that the supervisor's has meanwhile."""
    async with running() as bench:
        before, other = bench.pids(), free_port()
        monkeypatch.setenv("SET_LATER", "isolated")
        with pytest.raises(ListenError, match=r"a worker refused it: .*SET_LATER is not set"):
            await bench.reload(2, f"policy: '${{SET_LATER}}'\nlisten: ['127.0.0.1:{bench.port}', '127.0.0.1:{other}']\n")

        assert bench.pool.generation.number == 1
        assert bench.pool.is_serving
        assert bench.pids() == before
        assert [view.generation for view in bench.pool.workers] == [1, 1]
        assert await bench.shown() is None
        with socket.create_server(("127.0.0.1", other)):
            pass  # the port that was opened for it is free again


async def test_worker_that_does_not_answer_is_replaced_by_one_that_serves_by_the_new_generation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(member_module, "LOAD_S", 0.3)
    monkeypatch.setattr(member_module, "ANSWER_S", 0.3)
    monkeypatch.setattr(member_module, "KILL_AFTER_S", 0.1)
    async with running() as bench:
        stuck, other = bench.pids()
        os.kill(stuck, signal.SIGSTOP)
        notes = await bench.reload(2, "policy: {headers: {set: {X-Mark: second}}}\n")

        assert notes == []
        assert bench.said("replaced") == [f"worker 0 (process {stuck}) is to be replaced: it did not answer within 0.3 s"]
        assert other in bench.pids()
        assert stuck not in bench.pids()
        assert bench.pool.is_serving
        assert {await bench.shown() for _ in range(8)} == {"second"}
        await until(lambda: not is_alive(stuck))
        await until(lambda: bench.said("died") == [f"worker 0 (process {stuck}) died: killed by SIGKILL"])


async def test_workers_compile_all_files_and_for_the_day_that_the_supervisor_has() -> None:
    """By their own clocks the route would have ended long ago: they would diverge around midnight."""
    async with running() as bench:
        routes = "routes: [{match: {path: /old}, policy: old, expires: 2026-01-01}, {policy: new}]\n"
        marks = "".join(f"  {name}: {{headers: {{set: {{X-Mark: {name}}}}}}}\n" for name in ("old", "new"))
        texts = Texts("conf.d", (Text("a", bench.text(routes)), Text("b", "policies:\n" + marks)))
        made = {day: compile_texts(texts, OPTIONS, environ=os.environ, today=day, number=day.day + 1) for day in DAYS}
        shown = []
        for day in DAYS:
            assert await bench.pool.adopt(Edition.of(made[day], texts)) == []
            shown.append({await bench.shown("/old") for _ in range(8)})

        assert shown == [{"old"}, {"new"}]


async def test_worker_whose_loop_does_not_turn_is_killed_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_module, "MAX_SILENT_TICKS", 4)
    monkeypatch.setattr(roster_module, "TICK_S", 0.5)
    async with running() as bench:
        stuck, other = bench.pids()
        os.kill(stuck, signal.SIGSTOP)
        await until(lambda: bench.said("silent"))
        await until(lambda: bench.pool.is_serving and stuck not in bench.pids())

        assert bench.said("silent") == [f"worker 0 (process {stuck}) said nothing for 2 s, is killed"]
        assert other in bench.pids()


async def test_successor_that_cannot_start_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other worker goes on; a reload tells which slot has nobody."""
    monkeypatch.setattr(pool_module, "SETTLE_S", 0.1)
    async with running() as bench:
        program = interpreters._PROGRAM
        monkeypatch.setattr(interpreters, "_PROGRAM", "raise SystemExit(7)")
        victim, other = bench.pids()
        os.kill(victim, signal.SIGKILL)
        await until(lambda: len(bench.said("failed")) == 3)
        notes = await bench.reload(2, "policy: {headers: {set: {X-Mark: second}}}\n")

        assert notes == ["no worker serves by generation 2 yet in slot 0"]
        assert not bench.pool.is_serving
        assert bench.pids() == [other]
        assert bench.said("failed")[1] == ("no worker could be started in slot 0: exit code 7; the next is started in 0.2 s")
        monkeypatch.setattr(interpreters, "_PROGRAM", program)
        await until(lambda: bench.pool.is_serving)
        assert {await bench.shown() for _ in range(8)} == {"second"}


async def test_worker_that_starts_while_a_reload_goes_by_serves_by_the_new_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as bench:
        victim, _ = bench.pids()
        os.kill(victim, signal.SIGKILL)
        await until(lambda: len(bench.said("started")) == 3)
        assert await bench.reload(2, "policy: {headers: {set: {X-Mark: second}}}\n") == []

        assert bench.pool.is_serving
        assert [view.generation for view in bench.pool.workers if view.state is WorkerState.SERVING] == [2, 2]
        async with asyncio.timeout(20):  # its predecessor may take one more connection before it hears that it is to drain
            while {await bench.shown() for _ in range(8)} != {"second"}:
                pass


async def test_more_workers_than_there_are_sockets_for_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as bench:
        monkeypatch.setattr(bench.pool._shares, "grow", lambda workers: ["cannot listen"])

        assert await bench.reload(2, workers=3) == ["cannot listen (the number of workers stays 2)"]
        assert len(bench.pids()) == 2


async def test_signals_that_come_while_a_worker_starts_are_kept_for_it() -> None:
    """From the first moment on, when the interpreter does not run yet.  It serves, and gets a successor."""
    bench = Bench(free_port())
    told: list[int] = []

    def tell(event: Event) -> None:
        bench.events.append(event)
        if event.values["state"] == "started" and len(told) < 2:
            told.append(int(event.values["pid"]))
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
                os.kill(told[-1], number)

    bench.pool = WorkerPool(bench.edition(1), ConfigSource(Path("x.yaml"), OPTIONS), tell)
    await bench.pool.open()
    await until(lambda: len(bench.said("ended")) == 2)

    assert not set(told) & set(bench.pids())
    assert bench.pool.is_serving
    assert not bench.said("died")
    await bench.pool.drain(0.2)


async def test_machine_that_can_start_no_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(channel: socket.socket) -> None:
        raise BlockingIOError(errno.EAGAIN, "resource temporarily unavailable")

    async with running() as bench:
        monkeypatch.setattr(member_module, "_start_process", refuse)
        with pytest.raises(ListenError, match=r"no worker could be started: .*resource temporarily unavailable"):
            await Bench(free_port()).pool.open()
        os.kill(bench.pids()[0], signal.SIGKILL)
        await until(lambda: bench.said("failed"))
        monkeypatch.undo()
        await until(lambda: bench.pool.is_serving)


async def test_decisions_of_all_workers_are_recalled_and_who_does_not_answer_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as bench:
        for number in range(12):
            await bench.shown(f"/{number}")
        found = await bench.pool.recall(Wanted(outcome="connection_refused"))
        first = await bench.pool.recall(Wanted(limit=3))
        monkeypatch.setattr(member_module, "RECALL_S", 0.05)
        for pid in bench.pids():
            os.kill(pid, signal.SIGSTOP)
        silence = await bench.pool.recall(Wanted())
        for pid in bench.pids():
            os.kill(pid, signal.SIGCONT)

    assert {decision["target"] for decision in found} == {f"/{number}" for number in range(12)}
    assert [str(decision["time"]) for decision in found] == sorted((str(one["time"]) for one in found), reverse=True)
    assert len(first) == 3
    assert silence == []


async def test_abort_while_workers_start_leaves_none() -> None:
    bench = Bench(free_port())
    opening = asyncio.ensure_future(bench.pool.open())
    await until(lambda: len(bench.pool.workers) == 2)
    pids = [view.pid for view in bench.pool.workers]
    bench.pool.abort()
    with pytest.raises(ListenError, match="no worker could be started: killed by SIGKILL"):
        await opening

    assert not any(is_alive(pid) for pid in pids)


@pytest.mark.parametrize(
    ("served", "delays"),
    [
        pytest.param([60.0], [0.0], id="old"),
        pytest.param([60.0, 60.0, 60.0], [0.0, 0.0, 0.0], id="now-and-then"),
        pytest.param([0.1] * 9, [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0], id="always-young"),
        pytest.param([0.1, 0.1, 60.0, 0.1], [0.0, 0.1, 0.0, 0.1], id="old-again"),
    ],
)
def test_who_dies_young_again_and_again_is_replaced_later_and_later(served: list[float], delays: list[float]) -> None:
    slot, found = Slot(0), []
    for served_s in served:
        slot.died(served_s)
        found.append(slot.delay_s)

    assert found == pytest.approx(delays)
