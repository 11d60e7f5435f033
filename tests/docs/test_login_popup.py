"""The README's recipe for a login in a popup, gone through in Chromium."""

import pytest
from playwright.async_api import BrowserContext
from support.backends import Reply
from support.chromium import require_chromium, running_chromium
from support.fixtures import PlainFactory, ProxyFactory
from support.markdown import ROOT, blocks

pytestmark = pytest.mark.browser

PAGE = Reply(b"<!doctype html><title>a page</title>")
RECIPE = next(block.text for block in blocks(ROOT / "README.md", "yaml") if "/oauth/callback" in block.text)


async def popup_finds_its_opener(context: BrowserContext, start: str, provider: str, callback: str) -> bool:
    """Open the provider in a popup from `start`, let it send the popup on to `callback`; return whether it can speak back."""
    page = await context.new_page()
    await page.goto(start)
    async with context.expect_page() as opened:
        await page.evaluate("url => { window.popup = window.open(url); }", provider)
    popup = await opened.value
    await popup.wait_for_url(provider)
    async with popup.expect_navigation(url=callback):
        await popup.evaluate("url => { location.href = url; }", callback)
    found: bool = await popup.evaluate("opener !== null")
    return found


@pytest.mark.parametrize(
    ("start", "callback", "found"),
    [
        pytest.param("/login", "/oauth/callback", True, id="as-the-recipe-says"),
        pytest.param("/isolated", "/oauth/callback", False, id="from-an-isolated-page"),
        pytest.param("/login", "/isolated", False, id="back-to-an-isolated-page"),
    ],
)
async def test_popup_finds_its_opener_only_by_the_recipe(
    proxy: ProxyFactory, plain: PlainFactory, start: str, callback: str, found: bool
) -> None:
    """And every other page stays isolated."""
    backend = plain({}, PAGE)
    provider = plain({}, PAGE).origin("provider.localhost") + "/authorize"
    ours = proxy(f"version: 1\nupstream: {backend.url}\n{RECIPE}").origin("app.localhost")

    async with running_chromium(require_chromium()) as browser:
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(ours + "/isolated")

        assert await page.evaluate("crossOriginIsolated") is True
        assert await popup_finds_its_opener(context, ours + start, provider, ours + callback) is found
