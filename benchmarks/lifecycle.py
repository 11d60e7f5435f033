"""The other parts: how long a start takes, how much memory is held, how long until a changed policy is in force."""

import contextlib
import http.client
import itertools
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks.accounting import Memory
from benchmarks.errors import BenchmarkError
from benchmarks.load import Load, load_once
from benchmarks.policy import POLICY
from benchmarks.proxies import Proxy
from benchmarks.running import Running, Stage, running
from benchmarks.wire import Connection, ask
from benchmarks.workloads import WORKLOADS

IDLE_CONNECTIONS: Final = 1000
_SETTLE_S: Final = 1.0  # what a process still does after its first answer (imports in the background, watches)
_WARM_UP_REQUESTS: Final = 100
LOADED_CONNECTIONS: Final = 256
_LOADING: Final = next(workload for workload in WORKLOADS if workload.name == "body-64k")
_LOOK_S: Final = 0.05
_RELOAD_S: Final = 30.0
_BETWEEN_S: Final = 0.3  # HAProxy's new worker answers before its master minds signals again, and one meanwhile is lost
_POLL_S: Final = 0.002
OPENER: Final = "Cross-Origin-Opener-Policy"


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Memory of a proxy after its start and under load, and what an idle client connection adds."""

    idle: Memory
    loaded: Memory | None  # the most that was seen; None: it does not stand the load
    rss_per_connection_bytes: int
    uss_per_connection_bytes: int  # more than RSS where a worker's pages were its parent's until written to, as nginx's


def measure_start(proxy: Proxy, stage: Stage) -> float:
    """Return the seconds from starting the program to the first answer through it."""
    with running(proxy, stage) as started:
        return started.start_s


def measure_memory(proxy: Proxy, stage: Stage, seconds: int) -> MemoryUse:
    """Return the memory after the start, per client connection that was used once and then kept, and under load."""
    with running(proxy, stage) as started:
        time.sleep(_SETTLE_S)
        idle = started.server.memory()
        for _ in range(_WARM_UP_REQUESTS):
            ask(started.port, "/small")
        before = started.server.memory()
        with hold_connections(started, IDLE_CONNECTIONS):
            after = started.server.memory()
        loaded = _memory_under_load(started, stage, seconds)
    rss_kib, uss_kib = after.rss_kib - before.rss_kib, after.uss_kib - before.uss_kib
    return MemoryUse(idle, loaded, rss_kib * 1024 // IDLE_CONNECTIONS, uss_kib * 1024 // IDLE_CONNECTIONS)


def _memory_under_load(started: Running, stage: Stage, seconds: int) -> Memory | None:
    """Return the most memory that was seen while bodies of 64 KiB went over many connections."""
    ended = threading.Event()
    seen = [started.server.memory()]

    def look() -> None:
        while not ended.wait(_LOOK_S):
            seen.append(started.server.memory())

    looking = threading.Thread(target=look)
    looking.start()
    try:
        load_once(started, _LOADING, Load(LOADED_CONNECTIONS, seconds, 1), stage.directory / "load.lua")
    except BenchmarkError:
        return None
    finally:
        ended.set()
        looking.join()
    return max(seen, key=lambda memory: memory.rss_kib)


@contextmanager
def hold_connections(started: Running, count: int) -> Iterator[None]:
    """Have so many client connections stay open, each used once."""
    with ExitStack() as opened:
        for _ in range(count):
            connection = Connection(started.port)
            opened.callback(connection.close)
            connection.ask("/small")
        yield


@contextmanager
def many_files() -> Iterator[None]:
    """Allow this process, and those it starts meanwhile, as many open files as the system lets it."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def write_in_place(path: Path, text: str) -> None:
    """Save as a shell's redirection does."""
    path.write_text(text, encoding="utf-8")


def write_and_rename(path: Path, text: str) -> None:
    """Save as editors do."""
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.rename(path)


SAVES: Final[dict[str, Callable[[Path, str], None]]] = {"in place": write_in_place, "rename": write_and_rename}


def measure_reloads(proxy: Proxy, stage: Stage, times: int) -> dict[str, list[float]]:
    """Return, for each way of saving, the seconds from saving to the first answer by the new policy, `times` times.

    A proxy that does not watch its file gets its signal right after the saving.
    """
    found: dict[str, list[float]] = {way: [] for way in SAVES}
    with running(proxy, stage) as started:
        time.sleep(_SETTLE_S)
        openers = itertools.cycle(("unsafe-none", POLICY.opener))  # always another than before
        for _ in range(times):
            for way, save in SAVES.items():
                found[way].append(_reload_once(started, next(openers), save))
                time.sleep(_BETWEEN_S)
    return found


def change_policies(started: Running, count: int) -> None:
    """Put so many policies into force, one after the other."""
    openers = itertools.cycle(("unsafe-none", POLICY.opener))
    for _ in range(count):
        _reload_once(started, next(openers), write_and_rename)


def _reload_once(started: Running, opener: str, save: Callable[[Path, str], None]) -> float:
    text = started.proxy.config(started.place, replace(POLICY, opener=opener))
    began = time.monotonic()
    save(started.proxy.config_file(started.place), text)
    if started.proxy.reload_signal is not None:
        started.server.signal(started.proxy.reload_signal)
    while _opener(started.port) != [opener]:
        if time.monotonic() - began > _RELOAD_S:
            raise BenchmarkError(f"{started.proxy.name} did not take a new policy within {_RELOAD_S:g} s")
        time.sleep(_POLL_S)
    return time.monotonic() - began


def _opener(port: int) -> list[str]:
    """Return the opener policy of an answer; none if the proxy dropped the connection, as some do for a moment."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return ask(port, "/small").values(OPENER)
    return []
