"""The wheel: calls what is due, once, and lets everything else alone."""

import asyncio

import pytest
from support.builds import pure_only
from support.wire import until

from xoproxy.dataplane.deadlines import Deadlines, Timed

pytestmark = pure_only


class Watched(Timed):
    """Counts its calls."""

    __slots__ = ("calls", "then")

    def __init__(self, deadlines: Deadlines) -> None:
        super().__init__(deadlines)
        self.calls = 0
        self.then = None

    def expired(self) -> None:
        self.calls += 1
        if self.then is not None:
            self.then()


@pytest.fixture
async def wheel() -> Deadlines:
    return Deadlines(asyncio.get_running_loop())


async def test_what_is_due_is_called_once(wheel: Deadlines) -> None:
    first, second = Watched(wheel), Watched(wheel)
    first.due_in(0.05)
    second.due_in(0.5)
    await until(lambda: second.calls)

    assert (first.calls, second.calls) == (1, 1)


async def test_a_deadline_that_moved_away_is_called_later(wheel: Deadlines) -> None:
    moved, watch = Watched(wheel), Watched(wheel)
    moved.due_in(0.1)
    moved.due_in(0.9)
    watch.due_in(0.4)
    await until(lambda: watch.calls)

    assert moved.calls == 0
    await until(lambda: moved.calls)


async def test_a_deadline_that_moved_nearer_is_called_sooner(wheel: Deadlines) -> None:
    moved, watch = Watched(wheel), Watched(wheel)
    moved.due_in(1000.0)
    moved.due_in(0.1)
    watch.due_in(0.6)
    await until(lambda: watch.calls)

    assert moved.calls == 1


async def test_what_has_no_deadline_any_more_is_not_called(wheel: Deadlines) -> None:
    resting, forgotten, watch = Watched(wheel), Watched(wheel), Watched(wheel)
    resting.due_in(0.1)
    forgotten.due_in(0.1)
    resting.not_due()
    wheel.forget(forgotten)
    wheel.forget(watch)  # it was never watched
    watch.due_in(0.4)
    await until(lambda: watch.calls)

    assert (resting.calls, forgotten.calls) == (0, 0)


async def test_what_is_called_may_set_its_next_deadline_and_forget_others(wheel: Deadlines) -> None:
    first, second, again = Watched(wheel), Watched(wheel), Watched(wheel)
    first.then = lambda: (wheel.forget(second), first.not_due())
    second.then = lambda: (wheel.forget(first), second.not_due())
    again.then = lambda: again.due_in(0.1) if again.calls < 3 else None
    for timed in (first, second, again):
        timed.due_in(0.1)
    await until(lambda: again.calls == 3)

    assert first.calls + second.calls == 1


async def test_the_wheel_starts_again_after_it_stood_still(wheel: Deadlines) -> None:
    timed = Watched(wheel)
    for calls in (1, 2):
        timed.due_in(0.1)
        await until(lambda calls=calls: timed.calls == calls)
        await until(lambda: not wheel._turning)
    assert wheel._slots == {}


async def test_a_wheel_that_stood_still_counts_from_the_present(wheel: Deadlines) -> None:
    timed = Watched(wheel)
    wheel.now -= 100.0  # as if nothing had been watched for so long
    before = asyncio.get_running_loop().time()
    timed.due_in(5.0)

    assert timed.deadline >= before + 5.0


async def test_one_that_fails_does_not_stop_the_others(wheel: Deadlines) -> None:
    """Deadlines are what bounds everything else: the wheel must outlive a fault in what it calls."""
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    failing, same, later = Watched(wheel), Watched(wheel), Watched(wheel)
    failing.then = lambda: 1 // 0
    failing.due_in(0.1)
    same.due_in(0.1)
    later.due_in(0.4)
    await until(lambda: later.calls)

    assert (failing.calls, same.calls) == (1, 1)
    assert [type(fault) for fault in faults] == [ZeroDivisionError]
