"""What browsers reported, and what that means for the policy in force.

A decision looks at every group, which takes seconds where there are a hundred thousand.  It is made in a thread, one at a time,
and holds for a moment: so several who look at the dashboard cost what one does.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from aiohttp import web

from xoproxy.admin import queries
from xoproxy.admin.answers import answer_text
from xoproxy.admin.service import Service
from xoproxy.config import Loaded
from xoproxy.reports.model import Found, Query, StoreStatus, Traffic
from xoproxy.slotted import dataclass

MAX_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 100
HOLDS_S: Final = 5.0  # a decision
MAX_OFFSET: Final = 999_999_999
_NAMES: Final = ("since", "type", "limit", "offset", "outlook")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Decision:
    """An outlook, what it is of (the period and the generation), and until when it holds."""

    of: tuple[int, int]
    until: float
    outlook: Json


class ReportHandlers:
    """The request about reports."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turn = asyncio.Lock()
        self._decision: _Decision | None = None

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add it."""
        router.add_get("/-/reports", self.reports)

    async def reports(self, request: web.Request) -> web.Response:
        """A page of the groups that a query wants; and the decision by all of that period, unless it is not wanted."""
        query = request.query
        queries.known(query, _NAMES)
        period_s = queries.age_s(query, "since", "24h")
        since = time.time() - period_s
        wanted = Query(
            since,
            queries.text(query, "type"),
            queries.number(query, "limit", DEFAULT_LIMIT, MAX_LIMIT),
            queries.number(query, "offset", 0, MAX_OFFSET),
        )
        with_outlook = queries.flag(query, "outlook", default=True)
        found, traffic = await self._find(wanted), await self._service.traffic(since)
        document = {"since": since, **_found(found, traffic, self._service.store)}
        if with_outlook:
            document["outlook"] = await self._outlook(period_s, since, traffic)
        return answer_text(await asyncio.to_thread(json.dumps, document))

    async def _outlook(self, period_s: int, since: float, traffic: Mapping[str, Traffic]) -> Json:
        async with self._turn:
            of = period_s, self._service.generation.number
            held = self._decision
            if held is None or held.of != of or time.monotonic() >= held.until:
                loaded = await self._service.loaded()
                found = await self._find(Query(since, limit=loaded.generation.settings.collecting.max_groups))
                outlook = await asyncio.to_thread(_decided, loaded, found, traffic, since, self._service.store)
                held = self._decision = _Decision(of, time.monotonic() + HOLDS_S, outlook)
            return held.outlook

    async def _find(self, query: Query) -> Found:
        collector = self._service.collector
        return Found((), 0, 0) if collector is None else await collector.find(query)


def _decided(loaded: Loaded, found: Found, traffic: Mapping[str, Traffic], since: float, store: StoreStatus | None) -> Json:
    from xoproxy.insight.deciding import as_json, decide, doubt_of  # noqa: PLC0415  a start needs none of it

    doubt = doubt_of("" if store is None else store.error, len(found.groups), found.total)
    return as_json(decide(loaded, found.groups, traffic, since, time.time(), doubt))


def _found(found: Found, traffic: Mapping[str, Traffic], store: StoreStatus | None) -> Json:
    return {
        "store": None if store is None else asdict(store),
        "groups": [{**asdict(group), "detail": _detail(group.detail)} for group in found.groups],
        "total": found.total,
        "reports": found.reports,
        "traffic": {key: asdict(each) for key, each in traffic.items()},
    }


def _detail(text: str) -> object:
    """Return what else a report said; it was JSON when it came, and was perhaps cut."""
    try:
        return json.loads(text)
    except ValueError:
        return text
