"""The endpoint's answers: JSON that nobody keeps, and that no page of another origin reads or embeds."""

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


class UnusableError(ValueError):
    """A request that means nothing.  Its text says what to write instead."""


def answer(document: Json, status: int = 200) -> web.Response:
    """Return a JSON answer."""
    return web.json_response(document, status=status, headers=FIELDS)


def answer_text(document: str) -> web.Response:
    """Return an answer that is JSON already."""
    return web.Response(text=document, content_type="application/json", headers=FIELDS)
