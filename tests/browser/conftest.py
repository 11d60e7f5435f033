"""Chromium, once for the session; a fresh context for each test; a page of another origin to ask from."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page
from support.backends import Backend, Reply, plain_backend
from support.chromium import Script, require_chromium, running_chromium

HTML = Reply(b"<!doctype html><title>a page</title>")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Run one Chromium for all tests."""
    async with running_chromium(require_chromium()) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    """Return a context with no cookies and no cache."""
    context = await chromium.new_context()
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> Page:
    """Return an empty tab."""
    return await context.new_page()


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[Backend]:
    """Return a server of empty pages that xoproxy does not stand in front of: the other origins."""
    with plain_backend({}, default=HTML) as backend:
        yield backend


@pytest_asyncio.fixture(loop_scope="session")
async def script(page: Page, elsewhere: Backend) -> Script:
    """Return script running in a page of the origin `http://app.localhost:*`."""
    await page.goto(elsewhere.origin("app.localhost"))
    return Script(page)
