"""What this process takes of the machine."""

import os
import resource
import sys
import time
from pathlib import Path
from typing import Final

_STATM: Final = Path("/proc/self/statm")
_MAXRSS_BYTES: Final = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, KiB elsewhere


def cpu_s() -> float:
    """Return the processor time that this process has used, in user mode and in the kernel."""
    return time.process_time()


def resident_bytes() -> int:
    """Return how much of the memory is this process's; where the system does not say, the most that ever was."""
    try:
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_BYTES
