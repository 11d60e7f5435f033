"""What the browser floor concludes for Firefox, against what Firefox makes of the very same pages.

Skipped where there is none: Firefox is no part of what the other tests need.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

import pytest
import pytest_asyncio
from support.firefox import Tab, new_tab, require_firefox, running_firefox
from support.page_cases import OPEN_SOCKET, START_WORKER, Case, Maker, frames_case, popup_case, socket_case, worker_case
from support.verification import Teller, cases_wanted, dice, telling

from xoproxy.browser.model import Engine

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

Try = Callable[[Tab, Teller, Case], Awaitable[Any]]
PATIENCE_S: Final = 20


@pytest.fixture(scope="module")
def teller() -> Iterator[Teller]:
    with telling() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tab]:
    async with running_firefox(require_firefox(), tmp_path_factory.mktemp("profile")) as firefox:
        tab = await new_tab(firefox)
        while not firefox.windows.empty():
            firefox.windows.get_nowait()  # those that no page has opened
        yield tab


async def ask_frames(_: Tab, teller: Teller, case: Case) -> list[bool | None]:
    reports = [teller.reports.get(f"/{case.name}/{level}") for level in range(len(case.pages))]
    return [None if report is None else report["isolated"] for report in reports]


async def ask_popup(tab: Tab, teller: Teller, case: Case) -> bool:
    if case.verdicts[0].steps[-1].name == "create navigation params by fetching":
        return False  # an error page tells nobody that it is one
    await tab.evaluate("url => { open(url); }", case.arguments[0], await tab.innermost())
    window = await tab.firefox.windows.get()
    await tab.firefox.loading(window, case.pages[-1].url).wait()
    report = teller.reports.get(f"/{case.name}/popup")
    await tab.firefox.command("browsingContext.close", context=window)
    return report is not None and report["opener"]


async def ask_worker(tab: Tab, _: Teller, case: Case) -> bool:
    started: bool = await tab.evaluate(START_WORKER, case.arguments)
    return started


async def ask_socket(tab: Tab, _: Teller, case: Case) -> bool:
    opened: bool = await tab.evaluate(OPEN_SOCKET, case.arguments)
    return opened


@pytest.mark.parametrize(
    ("kind", "make", "ask", "by_default"),
    [
        pytest.param("frames", frames_case, ask_frames, 10, id="isolation-of-pages-and-frames"),
        pytest.param("popups", popup_case, ask_popup, 6, id="openers-of-popups"),
        pytest.param("workers", worker_case, ask_worker, 8, id="workers"),
        pytest.param("sockets", socket_case, ask_socket, 8, id="websockets"),
    ],
)
async def test_firefox_decides_as_concluded(
    tab: Tab, teller: Teller, kind: str, make: Maker, ask: Try, by_default: int
) -> None:
    chance = dice(kind)
    different = []
    for number in range(cases_wanted(by_default)):
        case = make(teller, chance, f"{kind}{number}", Engine.FIREFOX)
        await asyncio.wait_for(tab.goto(case.begin), PATIENCE_S)
        decided = await asyncio.wait_for(ask(tab, teller, case), PATIENCE_S)
        if decided != case.concluded:
            different.append(case.told(decided))

    assert "\n".join(different) == ""
