"""What came and is not written yet: grouped in memory, bounded.

A report that is the same as one that waits costs nothing more; a new group is refused when too many wait.
"""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Final

from xoproxy.reports.agents import OTHER
from xoproxy.reports.model import MAX_AGENTS, Found, Group, Query, Report, Traffic

MAX_WAITING: Final = 10_000  # groups; some 2 KiB each, so 20 MiB while a store is broken
MAX_WAITING_HOURS: Final = 50_000  # of routes: their keys are our own, and this is a thousand routes for two days
HOUR_S: Final = 3600

Key = tuple[str, str, str, str, str, str]


def group_id(key: Key) -> int:
    """Return the number by which stores know a group: 64 bits, so that of 100,000 groups two meet once in 10^9 stores."""
    digest = blake2b("\0".join(key).encode(), digest_size=8).digest()  # texts are printable: no NUL in them
    return int.from_bytes(digest, signed=True)


class Pending:
    """Reports of one group that are not written yet."""

    __slots__ = ("agents", "count", "detail", "first_seen", "last_seen")

    def __init__(self, first_seen: float, detail: str) -> None:
        self.count = 0
        self.first_seen = first_seen
        self.last_seen = first_seen
        self.agents: dict[str, int] = {}
        self.detail = detail

    def add(self, agents: Mapping[str, int], count: int, first_seen: float, last_seen: float, detail: str) -> None:
        """Count further reports of the group."""
        self.count += count
        self.first_seen = min(self.first_seen, first_seen)
        if last_seen >= self.last_seen:
            self.last_seen, self.detail = last_seen, detail
        for agent, times in agents.items():
            named = len(self.agents) - (OTHER in self.agents)
            name = agent if agent in self.agents or named < MAX_AGENTS else OTHER
            self.agents[name] = self.agents.get(name, 0) + times


class Gathered:
    """Groups and page loads that wait to be written."""

    __slots__ = ("groups", "pages", "routes")

    def __init__(self) -> None:
        self.groups: dict[Key, Pending] = {}
        self.pages: dict[tuple[str, int], int] = {}  # by route key and hour
        self.routes: dict[str, tuple[float, float]] = {}  # by route key: when pages of it were first and last told of

    def __bool__(self) -> bool:
        return bool(self.groups or self.pages or self.routes)

    @property
    def reports(self) -> int:
        """How many reports all groups count."""
        return sum(pending.count for pending in self.groups.values())

    def add(self, report: Report, now: float) -> bool:
        """Count one report.  Returns whether there was room for it."""
        seen = now - report.age_s
        pending = self._pending(report.key, seen, report.detail)
        if pending is None:
            return False
        pending.add({report.agent: 1} if report.agent else {}, 1, seen, seen, report.detail)
        return True

    def saw(self, pages: Mapping[str, int], now: float) -> None:
        """Count page loads by route key.  A route with none is one that would have been seen."""
        hour = int(now // HOUR_S)
        for route, count in pages.items():
            self._saw(route, hour, count, (now, now))

    def absorb(self, newer: "Gathered") -> int:
        """Take in what came later.  Returns how many reports there was no room for."""
        dropped = 0
        for key, other in newer.groups.items():
            pending = self._pending(key, other.first_seen, other.detail)
            if pending is None:
                dropped += other.count
                continue
            pending.add(other.agents, other.count, other.first_seen, other.last_seen, other.detail)
        for (route, hour), count in newer.pages.items():
            self._saw(route, hour, count, newer.routes[route])
        for route, times in newer.routes.items():
            self._saw(route, 0, 0, times)
        return dropped

    def find(self, query: Query) -> Found:
        """Answer as a store does, of what waits: for as long as no store can be read."""
        found = [
            Group(*key, pending.count, pending.first_seen, pending.last_seen, dict(pending.agents), pending.detail)
            for key, pending in self.groups.items()
            if pending.last_seen >= query.since and query.type in {"", key[0]}
        ]
        found.sort(key=lambda group: -group.count)
        page = found[query.offset : query.offset + query.limit]
        return Found(tuple(page), len(found), sum(group.count for group in found))

    def traffic(self, since: float) -> dict[str, Traffic]:
        """Answer as a store does, of what waits."""
        first_hour = int(since // HOUR_S)
        counts = dict.fromkeys(self.routes, 0)
        for (route, hour), count in self.pages.items():
            if hour >= first_hour:
                counts[route] += count
        return {route: Traffic(count, self.routes[route][0]) for route, count in counts.items()}

    def in_order(self) -> Iterable[tuple[int, Key, Pending]]:
        """Return the groups by number.  All writers keep this order, or two could wait for each other for ever."""
        return sorted(((group_id(key), key, pending) for key, pending in self.groups.items()), key=lambda row: row[0])

    def _pending(self, key: Key, seen: float, detail: str) -> Pending | None:
        pending = self.groups.get(key)
        if pending is None and len(self.groups) < MAX_WAITING:
            pending = self.groups[key] = Pending(seen, detail)
        return pending

    def _saw(self, route: str, hour: int, count: int, times: tuple[float, float]) -> None:
        first, last = self.routes.get(route, times)
        self.routes[route] = min(first, times[0]), max(last, times[1])
        if count and (len(self.pages) < MAX_WAITING_HOURS or (route, hour) in self.pages):
            self.pages[route, hour] = self.pages.get((route, hour), 0) + count
