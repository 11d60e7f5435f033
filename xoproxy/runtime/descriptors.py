"""Make room for connections: raise the limit of open files to what the system allows."""

import contextlib
import resource
from typing import Final

MAX_DESCRIPTORS: Final = 1 << 20  # containers often allow a thousand times more, and the kernel's own bound (nr_open) is this


def raise_descriptor_limit() -> None:
    """Raise the soft limit to the hard one.

    The soft limit is 1024 nearly everywhere, for programs that still use select(2) on any descriptor; this one does not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # macOS has a lower bound of its own: then it stays as it is
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
