"""Measure in turns, so that what else the machine does falls on all alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from benchmarks.errors import BenchmarkError
from benchmarks.proxies import Proxy, Xoproxy

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Entrant(Generic[R]):
    """Something that is measured again and again.  Without what is essential there is nothing to be compared."""

    name: str
    is_essential: bool
    measure: Callable[[bool], R]  # True: shortly, and not to be counted: connections are opened, caches filled


def is_essential(proxy: Proxy, baseline: Proxy) -> bool:
    """Whether a run without a proxy says nothing."""
    return proxy is baseline or isinstance(proxy, Xoproxy)


def take_turns(entrants: Sequence[Entrant[R]], rounds: int, what: str, tell: Callable[[str], None]) -> list[R]:
    """Return what was measured, round by round; the order is turned around from one round to the next.

    Of an entrant that fails nothing is returned.

    Raises:
        BenchmarkError: one that is essential failed.
    """
    able = list(entrants)
    found: list[tuple[Entrant[R], R]] = []
    for number in range(-1, rounds):
        is_first = number < 0
        tell(what if is_first else f"{what}: round {number + 1} of {rounds}")
        for one in able[::-1] if number % 2 else able[:]:
            try:
                done = one.measure(is_first)
            except BenchmarkError as exc:
                if one.is_essential:
                    raise
                tell(f"{one.name} is left out of {what}: {exc}")
                able.remove(one)
            else:
                found += [] if is_first else [(one, done)]
    return [done for one, done in found if one in able]
