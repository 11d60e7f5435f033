"""What ends is left out when the day comes, by UTC, without a timer that looks all the time."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from xoproxy.runtime.calendar import LONGEST_S, follow, now, today, wait
from xoproxy.telemetry.reloads import Outcome, Report, Trigger

EVENING = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)


class EnoughError(Exception):
    """The script of a test is over."""


class Clock:
    """A clock that only waiting moves; `ends` are what each reload leaves to come."""

    def __init__(self, ends: date | None, *later: date | None, waits: int = 3, at: datetime = EVENING) -> None:
        self.ends: date | None = ends
        self.later = list(later)
        self.adopted = asyncio.Event()
        self.at = at
        self.waits = waits
        self.waited: list[float | None] = []
        self.reloads: list[tuple[datetime, Trigger]] = []

    def now(self) -> datetime:
        return self.at

    async def reload(self, trigger: Trigger) -> Report:
        self.reloads.append((self.at, trigger))
        if self.later:
            self.ends = self.later.pop(0)
            self.adopted.set()
        return Report(Outcome.APPLIED, trigger, 0.0, 2)

    async def pause(self, event: asyncio.Event, delay_s: float | None) -> None:
        if len(self.waited) == self.waits:
            raise EnoughError
        self.waited.append(delay_s)
        self.at += timedelta(seconds=delay_s or 0)

    async def run(self) -> None:
        with pytest.raises(EnoughError):
            await follow(self, self.now, self.pause)


async def test_at_the_beginning_of_the_day_it_reloads_and_then_waits_for_another() -> None:
    clock = Clock(date(2026, 11, 22), None, waits=2)
    await clock.run()

    assert clock.reloads == [(datetime(2026, 11, 22, tzinfo=UTC), Trigger.DATE)]
    assert clock.waited == [1800.0, None]


async def test_without_an_end_nothing_is_waited_for_but_another_configuration() -> None:
    clock = Clock(None, waits=1)
    await clock.run()

    assert (clock.waited, clock.reloads) == ([None], [])


async def test_who_waits_for_long_looks_at_the_clock_each_hour() -> None:
    """It may have been set, and the machine may have slept."""
    clock = Clock(date(2026, 11, 24), waits=3)
    await clock.run()

    assert (clock.waited, clock.reloads) == ([LONGEST_S] * 3, [])


async def test_a_day_that_is_past_is_not_waited_for() -> None:
    clock = Clock(date(2026, 11, 20), date(2026, 11, 22), None, waits=2)
    await clock.run()

    assert [at for at, _ in clock.reloads] == [EVENING, datetime(2026, 11, 22, tzinfo=UTC)]


async def test_a_reload_that_was_refused_is_tried_again_in_an_hour() -> None:
    clock = Clock(date(2026, 11, 21), waits=2)
    await clock.run()

    assert clock.waited == [LONGEST_S] * 2
    assert [at for at, _ in clock.reloads] == [EVENING + timedelta(seconds=LONGEST_S * index) for index in range(3)]


async def test_another_configuration_ends_the_waiting() -> None:
    event = asyncio.Event()
    event.set()
    await wait(event, 1e9)
    await wait(event, None)
    await wait(asyncio.Event(), 0.0)

    assert event.is_set()


def test_days_are_those_of_utc() -> None:
    assert now().tzinfo is UTC
    assert today() in (now().date(), now().date() - timedelta(days=1))
