"""What a scenario is given and what it finds."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.soak.proxy import Figures, Stage, until
from benchmarks.soak.traffic import still_serves


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything."""

    peers: int  # slow ones, of each kind
    heads: int  # of each kind, in a flood
    connections: int  # in a flood, of which a third is let in
    aborts: int
    body_bytes: int  # each way, past a slow peer
    idle: int  # kept connections
    starved: int  # connections to a process that has no descriptor left


FULL: Final = Sizes(500, 2000, 3000, 5000, 1 << 30, 10_000, 500)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the process held, and what happened."""

    before: Figures
    peak_kib: int  # the most memory in between
    after: Figures
    failures: tuple[str, ...]
    said: str  # what was done, with its numbers
    rounds: int = 0  # of normal traffic meanwhile
    bytes_each: int = 0  # of memory, for one kept connection

    @property
    def growth_kib(self) -> int:
        """Memory that was not given back."""
        return self.after.rss_kib - self.before.rss_kib

    @property
    def peak_growth_kib(self) -> int:
        """The most memory that was needed besides."""
        return self.peak_kib - self.before.rss_kib


Scenario = Callable[[Path, Sizes], Coroutine[Any, Any, Outcome]]


async def ready(stage: Stage) -> Figures:
    """Return what a process holds that has served before and rests, and forget its peak so far."""
    await still_serves(stage)
    await until(lambda: not stage.backend.connections)
    await stage.proxy.rests()
    stage.proxy.reset_peak()
    return await stage.proxy.figures()


async def nothing_left(stage: Stage, before: Figures) -> Figures:
    """Return what a process holds afterwards, when it rests again.  A failure if it does not serve, or something is left."""
    await still_serves(stage)
    stage.require(await until(lambda: not stage.backend.connections), f"{stage.backend.connections} left at the backend")
    after = await stage.proxy.settled(before)
    stage.require(after.descriptors <= before.descriptors, f"{after.descriptors - before.descriptors} descriptors are left")
    stage.require(after.tasks <= before.tasks, f"{after.tasks - before.tasks} tasks are left")
    return after
