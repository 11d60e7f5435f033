"""The endpoint's answers: JSON that nobody keeps, and that no page of another origin reads or embeds."""

import asyncio
import json
from collections.abc import Iterator
from typing import Final

from aiohttp import web

from xoproxy.insight.effective import Json

COMMON_FIELDS: Final = {
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
FIELDS: Final = {
    **COMMON_FIELDS,
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


# What is made in a thread at a time, and written.  Of a document of some MiB the loop would encode and copy for tens of
# milliseconds, and garbage be looked for in all that it consists of.
PIECE_BYTES: Final = 64 * 1024


class UnusableError(ValueError):
    """A request that means nothing.  Its text says what to write instead."""


def answer(document: Json, status: int = 200) -> web.Response:
    """Return a JSON answer."""
    return web.json_response(document, status=status, headers=FIELDS)


def answer_text(document: str) -> web.Response:
    """Return an answer that is JSON already."""
    return web.Response(text=document, content_type="application/json", headers=FIELDS)


async def answer_in_pieces(
    request: web.Request, turns: asyncio.Semaphore, document: dict[str, Json], name: str, items: Iterator[Json]
) -> web.StreamResponse:
    """Answer with `document`, whose last member is the list `name` of as many `items` as a policy file has routes.

    They are made piece by piece in a thread, which each time takes one of the `turns`; a document of one piece is sent whole.
    """
    pieces = _pieces(document, name, items)
    piece = await _next(pieces, turns)
    following = await _next(pieces, turns)
    if not following:
        return web.Response(body=piece, content_type="application/json", charset="utf-8", headers=FIELDS)
    response = web.StreamResponse(headers=FIELDS)
    response.content_type, response.charset = "application/json", "utf-8"
    await response.prepare(request)
    if request.method != "HEAD":
        while piece:
            await response.write(piece)
            piece, following = following, await _next(pieces, turns)
    return response


def _pieces(document: dict[str, Json], name: str, items: Iterator[Json]) -> Iterator[bytes]:
    """Yield a JSON document in pieces of some size."""
    piece = bytearray(json.dumps(document).encode()[:-1])
    piece += b", %b: [" % json.dumps(name).encode()
    before = b""
    for item in items:
        piece += before + json.dumps(item).encode()
        before = b", "
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece) + b"]}"


async def _next(pieces: Iterator[bytes], turns: asyncio.Semaphore) -> bytes:
    async with turns:
        return await asyncio.to_thread(next, pieces, b"")
