"""Times as text: Unix time as RFC 3339 has it (UTC, milliseconds), and durations in milliseconds.

Several are made per exchange.  Digits come from a table: the format ``.3f`` takes five times as long.
"""

import time
from typing import Final

_THOUSANDTHS: Final = [f"{number:03d}" for number in range(1000)]
_MAX_REMEMBERED: Final = 64
_seconds: Final[dict[int, str]] = {}  # under load thousands of lines share one second


def timestamp(unix_time: float) -> str:
    """Return `unix_time`, in seconds, as ``2027-01-31T09:05:00.250Z``."""
    second = int(unix_time)
    shown = _seconds.get(second) or _second(second)
    return f"{shown}.{_THOUSANDTHS[int((unix_time - second) * 1000)]}Z"


def milliseconds(seconds: float) -> str:
    """Return a duration, which is not negative, in milliseconds with three decimals."""
    microseconds = int(seconds * 1_000_000 + 0.5)
    return f"{microseconds // 1000}.{_THOUSANDTHS[microseconds % 1000]}"


def _second(unix_s: int) -> str:
    if len(_seconds) >= _MAX_REMEMBERED:
        _seconds.clear()
    shown = _seconds[unix_s] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(unix_s))
    return shown
