"""Chromium as Debian, macOS and the like install it, for one test session."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")

ARGUMENTS = [
    "--no-sandbox",  # root, as in a container, has no user namespace to sandbox in
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.test 127.0.0.1",  # names that are no secure context, unlike those under localhost
]


def find_chromium() -> str | None:
    """Return the path of an installed Chromium."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def require_chromium() -> str:
    """Return the path of Chromium; without one skip, saying so, but fail where a gate promises it (`CI` is set)."""
    path = find_chromium()
    if path is None:
        message = f"no Chromium found (looked for {', '.join(NAMES[:3])})"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


@asynccontextmanager
async def running_chromium(path: str, *arguments: str) -> AsyncIterator[Browser]:
    """Run Chromium with a fresh profile, talking to nobody but the tests' own servers."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, headless=True, args=[*ARGUMENTS, *arguments])
        try:
            yield browser
        finally:
            await browser.close()


class Script:
    """What script of one page may do across origins; every answer is what the script itself can see."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def fetch(self, url: str, options: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fetch `url`; return status, fields and text, or `{"refused": ...}` where the browser hides the response."""
        answer: dict[str, Any] = await self.page.evaluate(
            """async ([url, options]) => {
                try {
                    const response = await fetch(url, options);
                    return {
                        status: response.status,
                        fields: Object.fromEntries(response.headers),
                        text: await response.text(),
                    };
                } catch (error) {
                    return {refused: String(error)};
                }
            }""",
            [url, options or {}],
        )
        return answer

    async def shows_image(self, url: str) -> bool:
        """Return whether an `<img>` of `url` loads."""
        shown: bool = await self.page.evaluate(
            """url => new Promise(resolve => {
                const image = new Image();
                image.onload = () => resolve(true);
                image.onerror = () => resolve(false);
                image.src = url;
            })""",
            url,
        )
        return shown
