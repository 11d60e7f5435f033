"""Count durations by how long they were: cheap to observe, exact to add up, good for quantiles of any stretch of time."""

from collections.abc import Sequence
from typing import Final

# Upper bounds in seconds, inclusive: from what a cache on the same machine takes to the default of most timeouts.
BOUNDS_S: Final[tuple[float, ...]] = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Histogram:
    """Durations that were observed.

    To observe one is ``h.buckets[bisect_left(BOUNDS_S, s)] += 1; h.sum_s += s``, which `Counters.count` does itself: the call
    of a method would cost as much again.
    """

    __slots__ = ("buckets", "sum_s")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS_S) + 1)  # the last: longer than all bounds
        self.sum_s = 0.0

    def add(self, buckets: Sequence[int], sum_s: float) -> None:
        """Add what another observed."""
        for index, count in enumerate(buckets):
            self.buckets[index] += count
        self.sum_s += sum_s

    def clear(self) -> None:
        """Forget everything."""
        self.buckets[:] = [0] * len(self.buckets)
        self.sum_s = 0.0


def quantile(buckets: Sequence[int], share: float) -> float | None:
    """Return the duration in seconds below which `share` (0 to 1) of them are; None of none.

    Within a bucket they are taken to be spread evenly, as Prometheus does; what is longer than all bounds counts as the last.
    """
    total = sum(buckets)
    if not total:
        return None
    rank = share * total
    below, lower = 0, 0.0
    for count, upper in zip(buckets, BOUNDS_S, strict=False):
        if count and below + count >= rank:
            return lower + (upper - lower) * max(0.0, rank - below) / count
        below, lower = below + count, upper
    return BOUNDS_S[-1]
