"""What the browser floor concludes of pages, popups, workers and WebSockets, against what Chromium makes of the very same."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Frame, Page
from support.page_cases import OPEN_SOCKET, START_WORKER, Case, Maker, frames_case, popup_case, socket_case, worker_case
from support.verification import Made, Teller, cases_wanted, dice, telling

from xoproxy.browser.isolation import isolation
from xoproxy.browser.model import Document, Engine

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TABS: Final = 4
Try = Callable[[Page, Teller, Case], Awaitable[Any]]


@pytest.fixture(scope="module")
def teller() -> Iterator[Teller]:
    with telling() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def tabs(chromium: Browser) -> AsyncIterator[list[Page]]:
    """Return empty tabs, each of a context of its own."""
    contexts = [await chromium.new_context() for _ in range(TABS)]
    yield [await context.new_page() for context in contexts]
    for context in contexts:
        await context.close()


async def differences(tabs: list[Page], teller: Teller, cases: list[Case], ask: Try) -> str:
    """Let Chromium decide all cases; return those in which it decides otherwise, told in full."""
    waiting = list(reversed(cases))
    different: list[str] = []

    async def work(page: Page) -> None:
        while waiting:
            case = waiting.pop()
            await page.goto(case.begin)
            decided = await ask(page, teller, case)
            if decided != case.concluded:
                different.append(case.told(decided))

    await asyncio.gather(*(work(page) for page in tabs))
    return "\n".join(different[:10])


def made(kind: str, make: Maker, teller: Teller, by_default: int) -> list[Case]:
    chance = dice(kind)
    return [make(teller, chance, f"{kind}{number}", Engine.CHROME) for number in range(cases_wanted(by_default))]


async def ask_frames(page: Page, teller: Teller, case: Case) -> list[bool | None]:
    """Return what each page has reported of itself, None for those that were not shown.  A page's load waits for its frames."""
    reports = [teller.reports.get(f"/{case.name}/{level}") for level in range(len(case.pages))]
    for report in reports:
        assert report is None or report["isolated"] is report["shared"]
    return [None if report is None else report["isolated"] for report in reports]


async def ask_popup(page: Page, teller: Teller, case: Case) -> bool:
    """Return whether the popup has an opener; one that shows an error page has none."""
    opener: Frame = page.frames[-1]
    async with page.context.expect_page() as opened:
        await opener.evaluate("url => { window.popup = open(url); }", case.arguments[0])
    popup = await opened.value
    await popup.wait_for_load_state("load")
    report = teller.reports.get(f"/{case.name}/popup")
    await popup.close()
    return report is not None and report["opener"]


async def ask_worker(page: Page, teller: Teller, case: Case) -> bool:
    started: bool = await page.evaluate(START_WORKER, case.arguments)
    return started


async def ask_socket(page: Page, teller: Teller, case: Case) -> bool:
    opened: bool = await page.evaluate(OPEN_SOCKET, case.arguments)
    return opened


@pytest.mark.parametrize(
    ("kind", "make", "ask", "by_default"),
    [
        pytest.param("frames", frames_case, ask_frames, 30, id="isolation-of-pages-and-frames"),
        pytest.param("popups", popup_case, ask_popup, 20, id="openers-of-popups"),
        pytest.param("workers", worker_case, ask_worker, 20, id="workers"),
        pytest.param("sockets", socket_case, ask_socket, 30, id="websockets"),
    ],
)
async def test_chromium_decides_as_concluded(
    tabs: list[Page],
    teller: Teller,
    kind: str,
    make: Maker,
    ask: Try,
    by_default: int,
) -> None:
    cases = made(kind, make, teller, by_default)

    assert await differences(tabs, teller, cases, ask) == ""
    assert len({str(case.concluded) for case in cases}) > 1  # or nothing was tried


async def test_chromium_still_takes_a_decimal_that_ends_in_its_point(tabs: list[Page], teller: Teller) -> None:
    """RFC 8941 and 9651 (§4.2.4) refuse ``1.``; Chromium 156 reads it (November 2026).  The floor keeps to the RFC."""
    coop = (b"Cross-Origin-Opener-Policy", b"same-origin")
    fields = (coop, (b"Cross-Origin-Embedder-Policy", b"require-corp; foo=1."), (b"Content-Type", b"text/html"))
    url = teller.url("app.localhost", "/decimal")
    teller.answers["/decimal"] = Made(fields, b"<!doctype html>")

    await tabs[0].goto(url)

    assert await tabs[0].evaluate("crossOriginIsolated")
    assert not isolation(Document(url, fields), Engine.CHROME).allowed
