"""One coarse clock and one timer for all deadlines.

A connection moves its deadline several times per exchange; that costs it an addition and a comparison.  The wheel looks at a
connection only when the slot it is filed under comes up, and files it again if its deadline has moved on meanwhile.  (A timer
wheel with lazy deletion.  The road not taken is a timer of the loop per connection: setting and cancelling one takes a
microsecond, three times per exchange.)
"""

import asyncio
import math
from typing import Final

SLOT_S: Final = 0.1
NEVER: Final = math.inf


class Timed:
    """What has a deadline.  `expired` is called at most two slots late, and up to one slot early."""

    __slots__ = ("_deadlines", "deadline", "filed_until")

    def __init__(self, deadlines: "Deadlines") -> None:
        self._deadlines = deadlines
        self.deadline = NEVER  # in the loop's clock
        self.filed_until = NEVER  # when the wheel looks; NEVER: it does not watch this

    def due_in(self, seconds: float) -> None:
        """Set the deadline."""
        deadline = self.deadline = self._deadlines.now + seconds
        if deadline < self.filed_until:
            self._deadlines.file(self)

    def not_due(self) -> None:
        """Have no deadline."""
        self.deadline = NEVER

    def expired(self) -> None:
        """The deadline has passed: act, and set another one if there is to be one."""
        raise NotImplementedError


class Deadlines:
    """The wheel.  It turns only while something is filed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: dict[int, set[Timed]] = {}
        self._turning = False
        self._last = 0  # the last slot that was looked at
        self.now = loop.time()  # at most one slot old while the wheel turns

    def file(self, timed: Timed) -> None:
        """Watch `timed`, from a deadline that is earlier than the one it is filed under."""
        if not self._turning:
            self._turning = True
            stale = self.now
            self.now = self._loop.time()
            timed.deadline += self.now - stale
            self._last = int(self.now / SLOT_S)
            self._loop.call_later(SLOT_S, self._turn)
        filed = self._slots.get(self._slot(timed.filed_until)) if timed.filed_until != NEVER else None
        if filed is not None:
            filed.discard(timed)
        self._put(timed)

    def forget(self, timed: Timed) -> None:
        """Stop watching what ended."""
        timed.deadline = NEVER
        if timed.filed_until != NEVER:
            filed = self._slots.get(self._slot(timed.filed_until))
            if filed is not None:
                filed.discard(timed)
            timed.filed_until = NEVER

    @staticmethod
    def _slot(time: float) -> int:
        return int(time / SLOT_S) + 1

    def _put(self, timed: Timed) -> None:
        timed.filed_until = timed.deadline
        self._slots.setdefault(max(self._slot(timed.deadline), self._last + 1), set()).add(timed)

    def _turn(self) -> None:
        self.now = self._loop.time()
        current = int(self.now / SLOT_S)
        due = [self._slots.pop(slot, ()) for slot in range(self._last + 1, current + 1)]
        self._last = current
        self._loop.call_later(SLOT_S, self._turn_on)
        for members in due:
            for timed in members:
                self._look_at(timed)

    def _turn_on(self) -> None:
        """Turn again, or stop where nothing is filed."""
        self._turning = bool(self._slots)
        if self._turning:
            self._turn()

    def _look_at(self, timed: Timed) -> None:
        timed.filed_until = NEVER
        if timed.deadline <= self.now:
            timed.deadline = NEVER
            try:
                timed.expired()
            except Exception as error:  # noqa: BLE001  one that fails must not stop the others
                self._loop.call_exception_handler({"message": f"a deadline of {timed!r} failed", "exception": error})
        elif timed.deadline != NEVER:
            self._put(timed)
