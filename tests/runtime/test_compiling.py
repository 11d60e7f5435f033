"""A large configuration is compiled by another process, a small one in a thread; the edition is the same."""

import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import threading
import weakref
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.wire import until

from xoproxy.config import ConfigInvalid, Loaded, Overrides, Text, Texts
from xoproxy.config.generation import Generation
from xoproxy.config.settings import LogLevel
from xoproxy.runtime import apart, compiler
from xoproxy.runtime.apart import Answer, Earlier, Fault, Refusal, Request
from xoproxy.runtime.compiling import MAX_CHARACTERS_HERE, compiling
from xoproxy.runtime.packing import unpack
from xoproxy.runtime.reload import Reloader
from xoproxy.runtime.review import Review
from xoproxy.runtime.source import ConfigSource, Edition
from xoproxy.runtime.turns import in_slices, let_go
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.reloads import Outcome, Trigger

DAY = date(2026, 1, 1)
SOURCE = ConfigSource(None, Overrides())
SMALL = "version: 1\nupstream: http://first:80\n"


def large(policy: str = "untouched") -> str:
    """Return a text of many routes with this policy."""
    routes = "".join(f"  - match: {{path: /route-{number}/**}}\n" for number in range(MAX_CHARACTERS_HERE // 30))
    return f"{SMALL}policy: {policy}\nroutes:\n{routes}"


def of(text: str) -> Texts:
    return Texts("x.yaml", (Text("x.yaml", text),))


def edition(text: str) -> Edition:
    return Edition.of(SOURCE.compile(of(text), 1, DAY), of(text))


class Processes:
    """The processes that are started, and in which threads this process compiles by itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        self.here: list[bool] = []  # whether in the thread of the loop
        start, compile_here = subprocess.Popen, ConfigSource.compile

        def started(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
            self.started.append(start(*args, **options))
            return self.started[-1]

        def compiled(source: ConfigSource, texts: Texts, number: int, today: date) -> Loaded:
            self.here.append(threading.current_thread() is threading.main_thread())
            return compile_here(source, texts, number, today)

        monkeypatch.setattr(apart.subprocess, "Popen", started)
        monkeypatch.setattr(ConfigSource, "compile", compiled)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Processes:
    return Processes(monkeypatch)


async def test_small_text_is_compiled_in_a_thread(processes: Processes) -> None:
    async with compiling(SOURCE, of(SMALL), 7, DAY) as compiled:
        pass

    assert compiled.edition.generation.number == 7
    assert processes.here == [False]
    assert not processes.started


async def test_large_text_is_compiled_by_another_process_that_ends(processes: Processes) -> None:
    before = edition(large())
    processes.here.clear()
    async with compiling(SOURCE, of(large("isolated")), 7, DAY, before) as compiled:
        review = await compiled.review()
    generation = compiled.edition.generation

    assert (generation.number, compiled.edition.texts, compiled.edition.today) == (7, of(large("isolated")), DAY)
    assert len(generation.routes.routes) == MAX_CHARACTERS_HERE // 30
    assert review.changes[0] == (LogLevel.INFO, "3 narrower, 1 changed")
    assert not review.faults
    assert not processes.here
    assert [process.poll() is None for process in processes.started] == [False]


async def test_problems_of_a_large_text_are_those_of_compiling_it_here(processes: Processes) -> None:
    broken = of(large("isolated") + "upstraem: x\n")
    with pytest.raises(ConfigInvalid) as expected:
        SOURCE.compile(broken, 7, DAY)
    with pytest.raises(ConfigInvalid) as found:
        async with compiling(SOURCE, broken, 7, DAY):
            pass

    assert found.value.problems == expected.value.problems
    assert [process.poll() is None for process in processes.started] == [False]


async def test_process_that_cannot_be_started_is_done_without(monkeypatch: pytest.MonkeyPatch, processes: Processes) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(apart.subprocess, "Popen", refuse)
    async with compiling(SOURCE, of(large()), 7, DAY) as compiled:
        pass

    assert compiled.edition.generation.number == 7
    assert processes.here == [False]


async def test_who_waits_no_longer_leaves_no_process(processes: Processes) -> None:
    async def wait() -> None:
        async with compiling(SOURCE, of(large()), 7, DAY):
            raise AssertionError("it was cancelled")

    waiting = asyncio.ensure_future(wait())
    await until(lambda: bool(processes.started))
    os.kill(processes.started[0].pid, signal.SIGSTOP)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert processes.started[0].poll() == -signal.SIGKILL


class Reloading:
    """A reloader of a file, and what it did."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: list[Event] = []
        self.adopted: list[Generation] = []
        source = ConfigSource(path, Overrides())
        texts = source.read()
        first = Edition.of(source.compile(texts, 1, DAY), texts)
        self.reloader = Reloader(source, first, self._adopt, self.events.append, lambda: DAY)

    async def _adopt(self, edition: Edition) -> tuple[str, ...]:
        let_go(self.reloader.generation)
        self.adopted = [edition.generation]
        return ()


@pytest.fixture
def reloading(tmp_path: Path) -> Reloading:
    path = tmp_path / "x.yaml"
    path.write_text(large())
    return Reloading(path)


async def test_process_that_is_killed_changes_nothing_and_the_next_reload_is_tried(
    reloading: Reloading, processes: Processes
) -> None:
    reloading.path.write_text(large("isolated"))
    reload = asyncio.ensure_future(reloading.reloader.reload(Trigger.SIGNAL))
    await until(lambda: bool(processes.started))
    processes.started[0].kill()
    failed = await reload
    applied = await reloading.reloader.reload(Trigger.SIGNAL)

    assert failed.outcome is Outcome.REJECTED
    assert failed.notes == (
        "the reload failed: the process that compiles ended: killed by SIGKILL; generation 1 stays in force",
    )
    assert applied.outcome is Outcome.APPLIED
    assert [generation.number for generation in reloading.adopted] == [2]


async def test_process_that_is_killed_while_it_compares_takes_nothing_back(
    monkeypatch: pytest.MonkeyPatch, reloading: Reloading, processes: Processes
) -> None:
    real = reloading.reloader._adopt

    async def adopt(edition: Edition) -> tuple[str, ...]:
        processes.started[0].kill()
        return await real(edition)

    monkeypatch.setattr(reloading.reloader, "_adopt", adopt)
    reloading.path.write_text(large("isolated"))
    report = await reloading.reloader.reload(Trigger.SIGNAL)

    assert (report.outcome, report.generation, report.changes) == (Outcome.APPLIED, 2, ())
    assert [event.message for event in reloading.events if event.name == "review"] == [
        "comparing and linting failed: the process that compiles ended: killed by SIGKILL"
    ]


async def test_generations_that_nobody_uses_are_gone_without_a_collection(reloading: Reloading) -> None:
    seen = [weakref.ref(reloading.reloader.generation)]
    gc.collect()
    gc.disable()
    try:
        for policy in ("isolated", "public-asset", "untouched"):
            reloading.path.write_text(large(policy))
            await reloading.reloader.reload(Trigger.SIGNAL)
            seen.append(weakref.ref(reloading.reloader.generation))
        await until(lambda: [ref() is None for ref in seen] == [True, True, True, False])
    finally:
        gc.enable()
        gc.unfreeze()


def answers(request: Request) -> list[Answer | Review]:
    """Return what the other process says."""
    said: list[Answer | Review] = []
    compiler.carry_out(request, said.append)
    return said


async def test_other_process_says_what_it_compiled_and_then_what_it_found() -> None:
    earlier = Earlier(of(SMALL), 1, DAY)
    packed, review = answers(Request(SOURCE, of(large("isolated")), 2, DAY, earlier))
    assert isinstance(packed, tuple)
    assert isinstance(review, Review)
    came, _ = await in_slices(unpack(packed, of(large("isolated"))))

    assert came.generation.number == 2
    assert review.changes[0] == (LogLevel.INFO, "4 narrower, 1 changed")
    assert len(answers(Request(SOURCE, of(SMALL), 2, DAY, None))) == 1


def test_other_process_says_why_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    (refusal,) = answers(Request(SOURCE, of("version: 2\n"), 2, DAY, None))
    monkeypatch.setattr(ConfigSource, "compile", fail)
    (fault,) = answers(Request(SOURCE, of(SMALL), 2, DAY, None))

    assert isinstance(refusal, Refusal)
    assert refusal.problems
    assert fault == Fault("RuntimeError: broken")


def test_other_process_that_nobody_asks_ends() -> None:
    """Whoever started it has died."""
    process = apart.Apart()
    with contextlib.closing(process._process.stdout):  # type: ignore[arg-type]
        process._process.stdin.close()  # type: ignore[union-attr]

        assert process._process.wait(30) == 0
