"""Keep signals from the first moment, so that none is lost while the program starts.

As the first process of a container we would not even get SIGTERM without a handler: the kernel ignores it there.
"""

import signal
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # the first thing that is imported: asyncio takes 40 ms in which a signal would be lost
    import asyncio

HANDLED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class HeldSignals:
    """Signals that came before the event loop could take them."""

    def __init__(self) -> None:
        self._held: list[signal.Signals] = []
        self._before = {number: signal.getsignal(number) for number in HANDLED}
        self.hold()

    def hold(self) -> None:
        """Keep signals until they are handed over."""
        for number in HANDLED:
            signal.signal(number, self._keep)

    def _keep(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  the signature is signal's
        self._held.append(signal.Signals(number))

    def hand_over(self, loop: "asyncio.AbstractEventLoop", handle: Callable[[signal.Signals], None]) -> None:
        """Let `handle` take every signal in the loop from now on, and those that came before."""
        for number in HANDLED:
            loop.add_signal_handler(number, handle, number)
        held, self._held = self._held, []
        for number in held:
            handle(number)

    def release(self) -> None:
        """Put back the handlers that were there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
