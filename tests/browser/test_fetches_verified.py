"""What the browser floor concludes of fetches, against what Chromium does with the very same requests and answers."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext
from support.chromium import require_chromium, running_chromium
from support.compared import COOKIE, compare, differing
from support.scripted import Scripted, scripted
from support.verification import cases_wanted

from xoproxy.browser.model import Engine

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CASES = 2000
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


def cookies() -> list[dict[str, object]]:
    hosts = ("app.site.example", "api.site.example", "other.example", "one.co.uk", "two.co.uk")
    hosts += ("app.localhost", "sub.app.localhost", "other.localhost", "127.0.0.1")
    return [{"name": COOKIE, "value": "me", "domain": host, "path": "/", "secure": True, "sameSite": "None"} for host in hosts]


async def test_chromium_decides_as_concluded(server: Scripted, everywhere: BrowserContext) -> None:
    """Outcome, fields that script sees, and every request on the way, preflights included, are as foretold."""
    compared = await compare(server, Engine.CHROME, cases_wanted(CASES), everywhere.new_page)

    assert not differing(compared), differing(compared)
    assert {each.verdict.steps[-1].name for each in compared} >= DECISIVE or len(compared) < CASES
