"""What the policy in force comes to: route by route, and for one question.

Rule 1: it is the file in force that answers; nobody is asked.  A question must not make the operator's machine send requests.
Rule 2: the work is done in a thread, two requests at a time, because the loop serves.
"""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from aiohttp import web

from xoproxy.admin.answers import UnusableError, answer_in_pieces, answer_text
from xoproxy.admin.service import Service
from xoproxy.config import Loaded
from xoproxy.insight.effective import Json

if TYPE_CHECKING:
    from xoproxy.insight.explaining import Asked

AT_ONCE: Final = 2


class PolicyHandlers:
    """The requests about the policy."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turns = asyncio.Semaphore(AT_ONCE)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add them."""
        router.add_get("/-/routes", self.routes)
        router.add_post("/-/explain", self.explain)

    async def routes(self, request: web.Request) -> web.StreamResponse:
        """The effective policy of every route, with the place of each part."""
        async with self._turns:
            loaded = await self._service.loaded()
            document = await asyncio.to_thread(_besides_routes, loaded)
        return await answer_in_pieces(request, self._turns, document, "routes", _routes(loaded))

    async def explain(self, request: web.Request) -> web.Response:
        """What browsers make of a question, as `xoproxy explain --json` tells it."""
        asked = await asyncio.to_thread(_asked, await request.read())
        async with self._turns:
            loaded = await self._service.loaded()
            return answer_text(await asyncio.to_thread(_explained, loaded, asked))


# What follows imports what it needs: a start needs none of it, and it takes a tenth of a second.


def _asked(body: bytes) -> "Asked":
    """Raises: `UnusableError`."""
    from xoproxy.admin.asking import read_asked  # noqa: PLC0415

    return read_asked(body)


def _besides_routes(loaded: Loaded) -> dict[str, Json]:
    from xoproxy.insight.showing import route_as_json, shown_unmatched  # noqa: PLC0415

    generation = loaded.generation
    return {"source": generation.source, "digest": generation.digest, "unmatched": route_as_json(shown_unmatched(loaded))}


def _routes(loaded: Loaded) -> Iterator[Json]:
    from xoproxy.insight.showing import route_as_json, shown_routes  # noqa: PLC0415

    yield from map(route_as_json, shown_routes(loaded))


def _explained(loaded: Loaded, asked: "Asked") -> str:
    """Raises: `UnusableError`."""
    from xoproxy.admin.asking import in_members  # noqa: PLC0415
    from xoproxy.insight.explaining import QuestionError, explain, read_question  # noqa: PLC0415
    from xoproxy.insight.explaining.as_json import as_json  # noqa: PLC0415

    try:
        return as_json(explain(loaded, read_question(asked, loaded)))
    except QuestionError as exc:
        raise UnusableError(in_members(str(exc))) from None
