"""What the policy in force comes to: route by route, and for one question.

Rule 1: it is the file in force that answers; nobody is asked.  A question must not make the operator's machine send requests.
Rule 2: the work is done in a thread, two requests at a time, because the loop serves.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Final, cast

from aiohttp import web

from xoproxy.admin.answers import UnusableError, answer_text
from xoproxy.admin.service import Service
from xoproxy.config import Loaded
from xoproxy.config.keys import similar
from xoproxy.config.problems import quoted
from xoproxy.insight.explaining import Asked, QuestionError

AT_ONCE: Final = 2

_LISTS: Final = frozenset({"headers", "page_headers", "backend_headers"})
_MEMBERS: Final = tuple(field.name for field in fields(Asked))
_REQUIRED: Final = ("method", "url")
_OPTION: Final = re.compile(r"--([a-z][a-z-]*)")
_MEMBER_OF: Final = {
    "header": "headers",
    "page-header": "page_headers",
    "backend-header": "backend_headers",
    "browser": "browsers",
}


class PolicyHandlers:
    """The requests about the policy."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turns = asyncio.Semaphore(AT_ONCE)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add them."""
        router.add_get("/-/routes", self.routes)
        router.add_post("/-/explain", self.explain)

    async def routes(self, request: web.Request) -> web.Response:  # noqa: ARG002  the signature is aiohttp's
        """The effective policy of every route, with the place of each part."""
        async with self._turns:
            loaded = await self._service.loaded()
            return answer_text(await asyncio.to_thread(_shown, loaded))

    async def explain(self, request: web.Request) -> web.Response:
        """What browsers make of a question, as `xoproxy explain --json` tells it."""
        asked = read_asked(await request.read())
        async with self._turns:
            loaded = await self._service.loaded()
            return answer_text(await asyncio.to_thread(_explained, loaded, asked))


def _shown(loaded: Loaded) -> str:
    from xoproxy.insight.showing import as_json, show  # noqa: PLC0415  a start needs none of it

    return as_json(show(loaded))


def _explained(loaded: Loaded, asked: Asked) -> str:
    """Raises: `UnusableError`."""
    from xoproxy.insight.explaining import explain, read_question  # noqa: PLC0415
    from xoproxy.insight.explaining.as_json import as_json  # noqa: PLC0415

    try:
        return as_json(explain(loaded, read_question(asked, loaded)))
    except QuestionError as exc:
        raise UnusableError(_OPTION.sub(_as_member, str(exc))) from None


def _as_member(option: re.Match[str]) -> str:
    """Return what the JSON calls an option of the command."""
    return f'"{_MEMBER_OF.get(option[1], option[1].replace("-", "_"))}"'


def read_asked(body: bytes) -> Asked:
    """Return the question that a JSON text asks.  Raises: `UnusableError`."""
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        raise UnusableError('the content is no JSON; write an object, as {"method": "GET", "url": "/"}') from None
    if not isinstance(document, dict):
        raise UnusableError('the content is no object; write one, as {"method": "GET", "url": "/"}')
    members = cast("Mapping[str, object]", document)
    for name in _REQUIRED:
        if name not in members:
            raise UnusableError(f'"{name}" is missing; write {{"method": "GET", "url": "/"}}, and what else matters')
    return Asked(**{name: _member(name, value) for name, value in members.items()})  # type: ignore[arg-type]  # of its field's type


def _member(name: str, value: object) -> str | tuple[str, ...]:
    if name not in _MEMBERS:
        close = similar(name, _MEMBERS)
        raise UnusableError(
            f"there is no {quoted(name)}; " + (f'did you mean "{close}"?' if close else f"write some of {', '.join(_MEMBERS)}")
        )
    if name not in _LISTS:
        if not isinstance(value, str):
            raise UnusableError(f'"{name}" is no text; write one in quotes')
        return value
    if not isinstance(value, list) or not all(isinstance(line, str) for line in cast("list[object]", value)):
        raise UnusableError(f'"{name}" is no list of texts; write field lines, as ["X-Total-Count: 1"]')
    return tuple(cast("list[str]", value))
