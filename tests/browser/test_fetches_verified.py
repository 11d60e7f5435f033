"""What the browser floor concludes of fetches, against what Chromium does with the very same requests and answers."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page
from support.chromium import require_chromium, running_chromium
from support.compared import COOKIE, Compared, ask_chromium
from support.fetches import Maker, pages_of
from support.scripted import Answer, Scripted, scripted
from support.verification import cases_wanted, dice

from xoproxy.browser.model import Document, WireResponse
from xoproxy.browser.urls import parse

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CASES = 2000
BATCH = 30
# Each of them has to be what decides some of the cases, or they would say nothing about it.
DECISIVE = {
    "new Request()",
    "should fetching request be blocked as mixed content?",
    "subresource requests with embedded credentials",
    "main fetch",
    "CORS check of the preflight",
    "CORS-preflight fetch",
    "CORS check",
    "cross-origin resource policy check",
    "HTTP-redirect fetch",
    "basic filtered response",
    "CORS filtered response",
    "opaque filtered response",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server() -> AsyncIterator[Scripted]:
    async with scripted() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def everywhere(server: Scripted) -> AsyncIterator[BrowserContext]:
    """Return a Chromium for which every name is this machine, and the server's certificate good."""
    async with running_chromium(require_chromium(), *server.chromium_arguments) as browser:
        context = await browser.new_context()
        await context.add_cookies(cookies())  # type: ignore[arg-type]
        yield context


async def open_page(context: BrowserContext, document: Document, server: Scripted) -> Page:
    url = parse(document.url)
    assert url is not None
    html = b"<!doctype html><title>a page</title>"
    fields = (*document.fields, (b"Content-Type", b"text/html"), (b"Content-Length", b"%d" % len(html)))
    server.answers[url.path] = Answer(WireResponse(200, fields), body=html)
    page = await context.new_page()
    await page.goto(document.url)
    return page


def cookies() -> list[dict[str, object]]:
    hosts = ("app.site.example", "api.site.example", "other.example", "one.co.uk", "two.co.uk")
    hosts += ("app.localhost", "sub.app.localhost", "other.localhost", "127.0.0.1")
    return [{"name": COOKIE, "value": "me", "domain": host, "path": "/", "secure": True, "sameSite": "None"} for host in hosts]


async def compare_all(server: Scripted, context: BrowserContext, maker: Maker, count: int) -> list[Compared]:
    documents = pages_of(server)
    cases = [maker.case(number, maker.chance.choice(documents)) for number in range(count)]

    async def of(document: Document) -> list[Compared]:
        page = await open_page(context, document, server)
        own = [case for case in cases if case.page is document]
        compared = []
        for start in range(0, len(own), BATCH):
            compared += await ask_chromium(page, own[start : start + BATCH], server)
        return compared

    compared = await asyncio.gather(*(of(document) for document in documents))
    return [each for group in compared for each in group]


async def test_chromium_decides_as_concluded(server: Scripted, everywhere: BrowserContext) -> None:
    """Outcome, fields that script sees, and every request on the way, preflights included, are as foretold."""
    compared = await compare_all(server, everywhere, Maker(dice("fetches"), server), cases_wanted(CASES))
    different = [each for each in compared if each.differences]

    assert not different, "\n".join([f"{len(different)} of {len(compared)} differ", *(each.told() for each in different[:10])])
    assert {each.verdict.steps[-1].name for each in compared} >= DECISIVE or len(compared) < CASES
