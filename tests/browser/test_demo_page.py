"""The demo's page in Chromium: what it says at its two addresses."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page
from support.processes import XoproxyProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

REFUSED_DIRECT = {"isolated", "memory", "worker", "authorized", "failure", "unauthorized", "exposed"}
CHECKS = {*REFUSED_DIRECT, "picture"}


@pytest.fixture
def addresses(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Run the demo; return the addresses it prints, direct and through."""
    process = XoproxyProcess(["demo", "--port", "0", "--backend-port", "0"], tmp_path / "demo.log")
    process.wait_for_output("Ctrl-C")
    direct, through = re.findall(r"http://localhost:\d+", process.output)
    yield direct, through
    process.stop(signal.SIGINT)


async def verdicts(page: Page, address: str) -> dict[str, str]:
    """Return what the page says about each check."""
    await page.goto(address)
    await page.wait_for_selector("#verdict[data-granted]")
    said: dict[str, str] = await page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('#checks li')].map(item => [item.id, item.dataset.granted]))"
    )
    return said


async def test_demo_page_is_refused_everything_but_the_picture_directly(page: Page, addresses: tuple[str, str]) -> None:
    """Without xoproxy nothing is granted but what never needed a policy."""
    said = await verdicts(page, addresses[0])

    assert said == {name: "no" if name in REFUSED_DIRECT else "yes" for name in CHECKS}
    assert "refuses 7 of 8" in await page.inner_text("#verdict")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_demo_page_is_granted_everything_through_xoproxy(page: Page, addresses: tuple[str, str], host: str) -> None:
    """The same page, through xoproxy, under either name of the machine."""
    said = await verdicts(page, addresses[1].replace("localhost", host))

    assert said == dict.fromkeys(CHECKS, "yes")
    assert "grants everything" in await page.inner_text("#verdict")
    assert "status 500" in await page.inner_text("#failure")


async def test_demo_page_writes_no_error_of_its_own(page: Page, addresses: tuple[str, str]) -> None:
    """Script of the page runs to its end and everything it loads exists."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("response", lambda response: errors.append(response.url) if response.status == 404 else None)

    await verdicts(page, addresses[1])

    assert errors == []
