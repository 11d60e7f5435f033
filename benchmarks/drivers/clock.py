"""Wait more precisely than the kernel does for a process that asks for nothing: it adds 50 microseconds to each wait."""

import contextlib
import ctypes
import gc
from typing import Final

_PR_SET_TIMERSLACK: Final = 29  # prctl(2)


def be_punctual() -> None:
    """Have waits end when they should, and no collector of garbage begin in between."""
    gc.disable()
    with contextlib.suppress(OSError, AttributeError):  # then waits are less precise, for all alike
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
