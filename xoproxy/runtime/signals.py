"""Take signals from the first moment to the last, so that none is lost while the program starts and none breaks its end.

As the first process of a container we would not even get SIGTERM without a handler: the kernel ignores it there.  The handlers
are Python's, not the loop's: a loop gives its own up when it closes, and a second Ctrl-C would meet the default.
"""

import signal
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # the first thing that is imported: asyncio takes 40 ms in which a signal would be lost
    import asyncio

HANDLED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class HeldSignals:
    """Keeps signals until an event loop can take them."""

    def __init__(self) -> None:
        self._held: list[signal.Signals] = []
        self._deliver: Callable[[signal.Signals], object] = self._held.append
        self._before = {number: signal.signal(number, self._take) for number in HANDLED}

    def _take(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  the signature is signal's
        self._deliver(signal.Signals(number))

    def hand_over(self, loop: "asyncio.AbstractEventLoop", handle: Callable[[signal.Signals], None]) -> None:
        """Let `handle` take every signal in the loop from now on, and those that came before."""
        self._deliver = lambda number: loop.call_soon_threadsafe(handle, number)
        held, self._held = self._held, []
        for number in held:
            handle(number)

    def ignore(self) -> None:
        """Ignore signals, because the process is ending.  The interpreter puts the defaults back for any other handler."""
        for number in HANDLED:
            signal.signal(number, signal.SIG_IGN)

    def release(self) -> None:
        """Put back the handlers that were there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
