"""Give the proxy a core of its own, and everything else the others.

A proxy that shares its core with the load is measured with the load's cache misses and waits, so one core is not enough.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.errors import MissingError


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores are whose."""

    proxy: frozenset[int]
    others: frozenset[int]  # of load, backend and this process


def divide_cores() -> Cores:
    """Take the last core this process may use for the proxy; the rest is for the others, which includes this process.

    Raises:
        MissingError: there is one core only.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise MissingError("a second core is needed: one for the proxy, one for load and backend")
    divided = Cores(frozenset(cores[-1:]), frozenset(cores[:-1]))
    os.sched_setaffinity(0, divided.others)
    return divided


@contextmanager
def on_cores(cores: frozenset[int]) -> Iterator[None]:
    """Have processes that are started meanwhile run on `cores`: they inherit it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
