"""How many processes `workers` means."""

import os


def worker_count(workers: int | None) -> int:
    """Return how many processes serve; `workers` None: one for each processor that this process may use."""
    return processors() if workers is None else workers


def processors() -> int:
    """Return how many processors this process may use: `taskset` and container runtimes may grant fewer than there are."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # no such call on macOS
        return os.cpu_count() or 1
