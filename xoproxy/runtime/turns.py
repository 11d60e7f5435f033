"""Work beside the connections that this process serves: a little at a time, so that no exchange waits for it.

In the loop's own thread nothing waits for the interpreter's lock, which costs an exchange up to a switch interval each time
that the loop wakes up; so what can be cut into steps is done there.  What cannot is done in threads that are made to give way.
"""

import asyncio
import gc
import sys
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from xoproxy.config import Loaded
from xoproxy.config.generation import Generation
from xoproxy.config.nodes import Mapping, Node, Sequence
from xoproxy.telemetry.tasks import spawn

SLICE_S: Final = 0.001  # of work, then as long a rest
SWITCH_INTERVAL_S: Final = 0.0005  # Python's own is ten times that
PARTS: Final = 100  # let go of at once, with the thousand objects that they are made of

R = TypeVar("R")


async def in_slices(steps: Generator[None, None, R], clock: Callable[[], float] = time.perf_counter) -> R:
    """Return what `steps` returns, having served between any two of them; each is to take much less than a millisecond."""
    while True:
        until = clock() + SLICE_S
        while clock() < until:
            try:
                next(steps)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # what the generator says it returns
        await asyncio.sleep(SLICE_S)


@contextmanager
def short_turns() -> Generator[None]:
    """Let threads hand the interpreter over sooner, to the loop that is.  It costs nothing while no thread computes."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)


@contextmanager
def no_collection() -> Generator[None]:
    """Collect no garbage while many objects are made that will live, and never look at these.

    A collection that finds a hundred thousand of them takes tens of milliseconds.  Whatever else lives at the end is not looked
    at again either; it is freed with the last reference to it, as nearly everything is.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if enabled:
            gc.enable()


def let_go(generation: Generation) -> None:
    """Have a generation that is no longer in force freed a little at a time, once the last exchange has let go of it.

    Freed all at once, one of five thousand routes stops everything for ten milliseconds.
    """
    spawn(_let_go([generation]), name="letting go")


async def _let_go(held: list[Generation]) -> None:
    parts: list[object] = []
    await in_slices(_collect(held[0].routes.parts(), parts))
    ended = asyncio.Event()
    watched = weakref.ref(held.pop(), lambda _: ended.set())
    await ended.wait()
    del watched
    await in_slices(_drop(parts))


def release(held: list[Loaded]) -> None:
    """Free what `held` has, and nobody else, a little at a time.  To be called in a thread: it is half a million objects."""
    parts: list[object] = [*_members(held[0].tree), *held[0].routes]
    held.clear()
    for _ in _drop(parts):
        pass


def _members(tree: Mapping) -> Iterator[Node]:
    """Yield what the sections of a file consist of: the routes, above all."""
    for _, section in tree.entries:
        if isinstance(section, Sequence):
            yield from section.items
        elif isinstance(section, Mapping):
            yield from (value for _, value in section.entries)


def _collect(parts: Iterable[object], collected: list[object]) -> Generator[None, None, None]:
    for number, part in enumerate(parts):
        collected.append(part)
        if number % PARTS == 0:
            yield


def _drop(parts: list[object]) -> Generator[None, None, None]:
    while parts:
        del parts[-PARTS:]
        yield
