"""What is done beside the connections leaves room for them, and leaves the interpreter as it was."""

import asyncio
import gc
import itertools
import sys
import weakref
from collections.abc import Generator
from contextlib import suppress

import pytest
from support.configs import compiled
from support.wire import until

from xoproxy.config.generation import Generation
from xoproxy.runtime import turns
from xoproxy.runtime.turns import in_slices, let_go, no_collection, release, short_turns

ROUTES = "version: 1\nupstream: http://app:80\nroutes:\n" + "".join(f"  - match: {{path: /{n}/**}}\n" for n in range(300))


@pytest.fixture
def dropped(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many parts were left, each time that some were let go of."""
    left: list[int] = []
    real = turns._drop

    def drop(parts: list[object]) -> Generator[None, None, None]:
        for _ in real(parts):
            left.append(len(parts))
            yield

    monkeypatch.setattr(turns, "_drop", drop)
    return left


def counting(steps: int) -> Generator[None, None, int]:
    for _ in range(steps):
        yield
    return steps


async def test_others_have_their_turn_between_slices() -> None:
    """By this clock a slice is over after two steps."""
    clock = itertools.count(0.0, turns.SLICE_S / 2)
    seen: list[int] = []
    done = 0

    def steps() -> Generator[None, None, str]:
        nonlocal done
        for done in range(1, 7):  # noqa: B007  told to `look`
            yield
        return "result"

    async def look() -> None:
        while done < 6:
            if done not in seen:
                seen.append(done)
            await asyncio.sleep(0)

    result, _ = await asyncio.gather(in_slices(steps(), lambda: next(clock)), look())

    assert result == "result"
    assert seen == [1, 2, 3, 4, 5]


async def test_what_is_done_in_slices_is_done_in_the_thread_of_the_loop_and_may_fail() -> None:
    def failing() -> Generator[None, None, None]:
        yield
        raise RuntimeError("broken")

    assert await in_slices(counting(5)) == 5
    with pytest.raises(RuntimeError, match="broken"):
        await in_slices(failing())


def test_threads_give_way_sooner_as_long_as_the_loop_runs() -> None:
    usual = sys.getswitchinterval()
    within = usual
    with suppress(RuntimeError), short_turns():
        within = sys.getswitchinterval()
        raise RuntimeError("broken")

    assert within == pytest.approx(turns.SWITCH_INTERVAL_S)
    assert sys.getswitchinterval() == usual


def test_what_was_loaded_is_freed_in_parts(dropped: list[int]) -> None:
    """And whole, without a collection."""
    held = [compiled(ROUTES)]
    table = weakref.ref(held[0].generation)
    gc.collect()
    gc.disable()
    try:
        release(held)

        assert len(dropped) > 5  # nodes of 300 routes, and their drafts
        assert not held
        assert table() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("fails", [False, True])
def test_garbage_is_collected_again_afterwards(*, fails: bool) -> None:
    """And nobody looks again at what was made: but for what failed."""
    frozen = gc.get_freeze_count()
    try:
        try:
            with no_collection():
                during = gc.isenabled()
                if fails:
                    raise RuntimeError("broken")  # noqa: TRY301  as whatever is made may
        except RuntimeError:
            pass
        more = gc.get_freeze_count() > frozen

        assert not during
        assert gc.isenabled()
        assert more is not fails
    finally:
        gc.unfreeze()


def test_who_collects_no_garbage_does_not_begin_to() -> None:
    gc.disable()
    try:
        with no_collection():
            pass

        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()


async def test_generation_is_freed_in_parts_once_nobody_has_it(dropped: list[int]) -> None:
    held: list[Generation] = [compiled(ROUTES).generation]
    gone = weakref.ref(held[0])
    let_go(held[0])
    for _ in range(50):
        await asyncio.sleep(0.001)
    kept = gone() is not None and not dropped
    gc.disable()
    try:
        held.clear()
        at_once = gone() is None
        await until(lambda: dropped and dropped[-1] == 0)
    finally:
        gc.enable()

    assert kept
    assert at_once
    assert len(dropped) > 6  # a hundred at a time: entries, what finds them, and nodes
