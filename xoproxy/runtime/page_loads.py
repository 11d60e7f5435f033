"""Tell the collector which observed pages were loaded, by route key: the evidence beside which silence proves something.

A route is under observation from the moment on when its policy takes effect, so it is told of at once, with no page yet.
"""

import asyncio
from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from typing import Final

from xoproxy.config.generation import Generation
from xoproxy.policy.reporting import observed
from xoproxy.policy.routes import Route
from xoproxy.runtime.keeping import Keeper
from xoproxy.runtime.turns import in_slices
from xoproxy.telemetry.counters import Counters

INTERVAL_S: Final = 10.0
LATE_S: Final = 2.0  # counts of workers come once a second: what they counted by the policy before must not count for the next


class PageLoads:
    """Page loads as they are counted by the names of routes, on their way to the collector."""

    def __init__(self, counters: Counters, keeper: Keeper, *, late_s: float) -> None:
        """`late_s`: how long after a reload counts may still be of the generation before."""
        self._counters = counters
        self._keeper = keeper
        self._late_s = late_s
        self._told: Counter[str] = Counter(counters.pages)
        self._keys: Mapping[str, str] = {}
        self._next: Mapping[str, str] = {}
        self._waiting: asyncio.TimerHandle | None = None

    async def adopt(self, generation: Generation, since: float) -> None:
        """Count for the routes of a generation that took effect after a time, before which no page could have been under it."""
        keys = {} if self._keeper.collector is None else await in_slices(_keys_of(generation.routes.routes))
        self._turn_over()
        if self._keeper.collector is not None and keys:
            self._keeper.collector.saw(dict.fromkeys(keys.values(), 0), since)
        if self._late_s and self._keys:
            self._next = keys
            self._waiting = asyncio.get_running_loop().call_later(self._late_s, self._turn_over)
        else:
            self._keys = keys

    def tell(self) -> None:
        """Tell the collector what was counted since it was last told."""
        counted = Counter(self._counters.pages)
        pages: Counter[str] = Counter()
        for name, count in (counted - self._told).items():
            if name in self._keys:
                pages[self._keys[name]] += count
        self._told = counted
        if pages and self._keeper.collector is not None:
            self._keeper.collector.saw(pages)

    async def run(self) -> None:
        """Tell it every few seconds."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            self.tell()

    def _turn_over(self) -> None:
        """Tell what was counted by the keys so far, and go on with the next."""
        self.tell()
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            self._keys = self._next


def _keys_of(routes: Iterable[Route]) -> Generator[None, None, dict[str, str]]:
    """Return the keys of the routes that observe, by their names."""
    from xoproxy.insight.deciding.keys import route_key  # noqa: PLC0415  a process that collects nothing needs none of it

    keys: dict[str, str] = {}
    for route in routes:
        yield
        if observed(route.policy):
            keys[route.name] = route_key(route)
    return keys
