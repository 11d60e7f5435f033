"""One timer for all deadlines.

Connections set `deadline` as often as they like, at the price of an attribute; the wheel looks at each only when the slot it
was filed under comes up, and files it again if it has moved on meanwhile.  (A timer wheel with lazy deletion: a timer per
connection, set and cancelled per exchange, costs more than the exchange's parsing.)
"""

import asyncio
import math
from typing import Final, Protocol

SLOT_S: Final = 0.1
NEVER: Final = math.inf


class Timed(Protocol):
    """What has a deadline, in the loop's clock; `filed_at` belongs to the wheel."""

    deadline: float
    filed_at: int

    def expired(self) -> None:
        """The deadline has passed: act, and set another one if there is to be one."""
        ...


class Deadlines:
    """Calls `expired` of what is filed, at most one slot after its deadline."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: dict[int, set[Timed]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = 0

    def due_in(self, timed: Timed, seconds: float) -> None:
        """Set the deadline of `timed` to `seconds` from now."""
        timed.deadline = self._loop.time() + seconds
        slot = int(timed.deadline / SLOT_S) + 1
        if timed.filed_at < 0 or slot < timed.filed_at:
            members = self._slots.get(timed.filed_at)
            if members is not None:
                members.discard(timed)
            self._put(timed, slot)

    def forget(self, timed: Timed) -> None:
        """Stop watching `timed`, until its next `due_in`."""
        timed.deadline = NEVER
        members = self._slots.get(timed.filed_at)
        if members is not None:
            members.discard(timed)
        timed.filed_at = -1

    def _put(self, timed: Timed, slot: int) -> None:
        timed.filed_at = slot
        self._slots.setdefault(slot, set()).add(timed)
        if self._timer is None or slot < self._armed_for:
            self._arm(slot)

    def _arm(self, slot: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = slot
        self._timer = self._loop.call_at(slot * SLOT_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._loop.time()
        for slot in sorted(slot for slot in self._slots if slot * SLOT_S <= now):
            for timed in self._slots.pop(slot):
                self._look_at(timed, now)
        if self._slots:
            self._arm(min(self._slots))

    def _look_at(self, timed: Timed, now: float) -> None:
        timed.filed_at = -1
        if timed.deadline <= now:
            timed.expired()
        elif timed.deadline != NEVER:
            self._put(timed, int(timed.deadline / SLOT_S) + 1)
