"""The dashboard's files, as they stand in the package: read when they are asked for, so that a start reads none of them.

Rule: what is served is a file of the package's directory, whatever the path says.
"""

import asyncio
import hashlib
import re
from pathlib import Path
from typing import Final

from aiohttp import web

from xoproxy.admin.answers import COMMON_FIELDS

DIRECTORY: Final = Path(__file__).parent / "dashboard"
# No inline script or style, nothing from elsewhere; plots set styles by script only, which this permits.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FIELDS: Final = {**COMMON_FIELDS, "Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
_NAME: Final = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?P<type>\.[a-z]+)")
_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Pages:
    """The requests for the dashboard."""

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add them."""
        router.add_get("/", self.index)
        router.add_get("/dashboard/{path:.+}", self.file)

    async def index(self, request: web.Request) -> web.Response:
        """The page."""
        return await _answer(request, DIRECTORY / "index.html")

    async def file(self, request: web.Request) -> web.Response:
        """What belongs to it."""
        name = request.match_info["path"]
        found = _NAME.fullmatch(name)
        if found is None or found["type"] not in _TYPES:
            raise web.HTTPNotFound
        return await _answer(request, DIRECTORY / name)


async def _answer(request: web.Request, path: Path) -> web.Response:
    try:
        content = await asyncio.to_thread(path.read_bytes)
    except OSError:
        raise web.HTTPNotFound from None
    digest = hashlib.sha256(content).hexdigest()[:32]
    fields = {**_FIELDS, "ETag": f'"{digest}"'}
    if any(tag.value in (digest, "*") for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=fields)
    return web.Response(body=content, content_type=_TYPES[path.suffix], charset="utf-8", headers=fields)
