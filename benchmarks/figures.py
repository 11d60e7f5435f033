"""Figures of many values."""

import math
from collections.abc import Sequence
from statistics import median


def spread(values: Sequence[float], digits: int) -> str:
    """Return the median and, behind it, the least and the greatest."""
    low, middle, high = (f"{value:.{digits}f}" for value in (min(values), median(values), max(values)))
    return f"{middle} ({low}-{high})"


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the least of the values that at least `percent` of them do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
