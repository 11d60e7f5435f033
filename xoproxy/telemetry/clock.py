"""Unix time as RFC 3339 text: UTC, milliseconds."""

import time
from functools import lru_cache


@lru_cache(maxsize=8)
def _second(unix_s: int) -> str:
    """Cached, because under load thousands of lines share one second."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(unix_s))


def timestamp(unix_time: float) -> str:
    """Return `unix_time`, in seconds, as ``2027-01-31T09:05:00.250Z``."""
    second = int(unix_time)
    return f"{_second(second)}.{int((unix_time - second) * 1000):03d}Z"
