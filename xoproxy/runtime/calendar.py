"""Reload when the day comes on which something of the configuration ends.  (`expires` of origins and routes)

Days are those of UTC.  The clock may be set, and a machine may sleep: who waits for long looks at the clock again each hour.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time
from typing import Final, Protocol

from xoproxy.telemetry.reloads import Report, Trigger

LONGEST_S: Final = 3600.0


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """Return the day, in UTC."""
    return now().date()


class Ending(Protocol):
    """Something that ends, as a `Reloader`."""

    @property
    def ends(self) -> date | None:
        """The first day on which what is in force means something else."""
        ...

    @property
    def adopted(self) -> asyncio.Event:
        """Set whenever something else comes into force."""
        ...

    async def reload(self, trigger: Trigger) -> Report:
        """Reload now."""
        ...


async def wait(event: asyncio.Event, delay_s: float | None) -> None:
    """Wait for an event; None: for as long as it takes."""
    with suppress(TimeoutError):
        async with asyncio.timeout(delay_s):
            await event.wait()


async def follow(
    reloader: Ending,
    clock: Callable[[], datetime] = now,
    pause: Callable[[asyncio.Event, float | None], Awaitable[None]] = wait,
) -> None:
    """Have `reloader` reload on each day on which something ends, until cancelled."""
    while True:
        reloader.adopted.clear()
        left_s = _left_s(reloader.ends, clock())
        if left_s is not None and left_s <= 0:
            await reloader.reload(Trigger.DATE)
            left_s = _left_s(reloader.ends, clock())
            if left_s is not None and left_s <= 0:  # refused: the log says why
                left_s = LONGEST_S
        await pause(reloader.adopted, None if left_s is None else min(left_s, LONGEST_S))


def _left_s(ends: date | None, at: datetime) -> float | None:
    return None if ends is None else (datetime.combine(ends, time(), UTC) - at).total_seconds()
