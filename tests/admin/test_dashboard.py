"""The dashboard in Chromium: every view, live; no fault, no request to anybody else, nothing that its policy forbids."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from support.admin_service import FakeService, Reported, loaded, problems
from support.board import VIEWS, Board, board
from support.busy_service import PAGE, busy, count, group, refused, sample
from support.legible import FAINT, NAMELESS

from xoproxy.admin import events
from xoproxy.insight.deciding import Verdict
from xoproxy.telemetry.reloads import Outcome, Report, Trigger
from xoproxy.telemetry.workers import AddressView

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FULL = {
    "Overview": ["1 problem", "CORS refused", "Requests per second", "memory", "http://app:5000"],
    "Traffic": ["Requests and errors per second", "Refused by CORS per second", "The last five minutes as a table"],
    "Routes": ["3 routes", "x.yaml:13", "api.example.com", "no route"],
    "Refused": ["https://evil.example", "3 refusals", "the route grants others only", "GET /v1/items"],
    "Reloads": ["rejected", "x.yaml:2", "did you mean", "wider: https://*.partner.example may read"],
    "Upstreams": ["http://app:5000 (192.0.2.1)", "Used", "4711", "starting"],
    "Reports": ["Not yet: 3 things", "let routes[1], which serves it, say corp", "third party", "UnloadHandler"],
    "Explain": ["No request is sent to anybody"],
}
EMPTY = {
    "Overview": ["Nothing to draw yet", "No upstream has an address yet", "No reports are collected"],
    "Traffic": ["Nothing to draw yet"],
    "Routes": ["1 route", "every request"],
    "Refused": ["No origin was refused lately"],
    "Reloads": ["Nothing was reloaded since the start"],
    "Upstreams": ["No upstream has an address yet"],
    "Reports": ["No reports are collected"],
    "Explain": ["URL or path"],
}


OPEN_ALL = """async () => {
    while (document.querySelector('main details:not([open])')) {
        document.querySelectorAll('main details').forEach(each => { each.open = true; });
        await new Promise(resolve => setTimeout(resolve, 20)); // some of it is drawn when it is opened
    }
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def busy_board(chromium: Browser, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Board]:
    """Return the dashboard before a process with something in every view; a turn of its events is short."""
    monkeypatch.setattr(events, "INTERVAL_S", 0.05)
    async with board(chromium, busy()) as shown:
        yield shown


async def test_every_view_shows_what_there_is(busy_board: Board) -> None:
    """And is told apart by its address, its title and its heading."""
    for view, texts in FULL.items():
        await busy_board.open(view)
        for text in texts:
            await busy_board.says(text)

        assert await busy_board.page.title() == f"{view} - xoproxy"
        assert await busy_board.page.locator("nav [aria-current=page]").text_content() == view


async def test_what_is_not_there_is_said_in_words(chromium: Browser) -> None:
    service = FakeService(configuration=loaded("version: 1\nupstream: http://web:3000\n"), workers=())
    async with board(chromium, service) as shown:
        for view, texts in EMPTY.items():
            await shown.open(view)
            for text in texts:
                await shown.says(text)


async def test_what_changes_is_shown_without_loading_anything_again(busy_board: Board) -> None:
    await busy_board.open()
    await busy_board.page.evaluate("document.documentElement.dataset.mark = 'kept'")
    service = busy_board.service
    await busy_board.says(re.compile("^3$"))
    for _ in range(4):
        count(service, refused())
    await busy_board.says(re.compile("^7$"))
    ejected = AddressView("app", "http://app:5000 (192.0.2.1)", 0, 0, 0, ejected=True, healthy=True)
    service.workers = (replace(service.workers[0], addresses=(ejected,)),)
    await busy_board.says("1 address of upstreams not used just now")
    service.is_draining = True
    await busy_board.says("Stopping", "#state")

    assert await busy_board.page.evaluate("document.documentElement.dataset.mark") == "kept"


async def test_rejected_reload_is_seen_everywhere_and_said_aloud(busy_board: Board) -> None:
    service = busy_board.service
    service.reloads, service.last_reload = [], None
    await busy_board.open("Reloads")
    await busy_board.says("Nothing was reloaded")
    service.last_reload = Report(Outcome.REJECTED, Trigger.WATCH, 1_800_000_000.0, 1, problems())
    service.reloads.append(service.last_reload)
    await busy_board.says("XO013")
    await busy_board.says("x.yaml:2")
    await busy_board.says("Last reload rejected", "#state")

    assert await busy_board.page.locator("#said").text_content() == "A reload was rejected with 1 problem."


async def test_reload_can_be_asked_for(busy_board: Board) -> None:
    await busy_board.open("Reloads")
    await busy_board.page.get_by_role("button", name="Reload now").click()
    await busy_board.says("asked for here")

    assert busy_board.service.reloads[-1] is busy_board.service.report


async def test_new_sample_goes_into_plots_and_table(busy_board: Board) -> None:
    await busy_board.open("Traffic")
    await busy_board.page.get_by_text("The last five minutes as a table").click()
    samples = busy_board.service.history.samples
    samples.append(sample(samples[-1].time + 10, 7770))
    await busy_board.says(re.compile("^777$"))

    plot = busy_board.page.get_by_role("img").first
    assert "requests 777 /s" in (await plot.get_attribute("aria-label") or "")
    assert await busy_board.page.locator("canvas").count() == 4


async def test_lost_connection_is_shown_and_found_again(busy_board: Board) -> None:
    await busy_board.open()
    await busy_board.vanish()
    await busy_board.says("Connection lost", "#link")
    busy_board.service.is_draining = True
    await busy_board.serve()
    await busy_board.says("Stopping", "#state")
    await busy_board.says("Live", "#link")

    assert [fault for fault in busy_board.faults if "net::ERR" not in fault] == []
    busy_board.faults.clear()


async def test_refused_origin_is_explained_with_the_form_filled_in(busy_board: Board) -> None:
    await busy_board.open("Refused")
    await busy_board.page.get_by_role("link", name="Explain why https://evil.example is refused").click()
    await busy_board.heading("Explain")
    await busy_board.says("Blocked")
    await busy_board.says("Access-Control-Allow-Origin is missing")

    page = busy_board.page
    values = [await page.get_by_label(name, exact=True).input_value() for name in ("URL or path", "Host, for a path")]
    assert values == ["/v1/items", "api.example.com"]
    assert await page.get_by_label("Origin of the page that asks").input_value() == "https://evil.example"
    assert "allow_origins" in (await page.locator(".yaml code").first.text_content() or "")


async def test_question_that_means_nothing_is_answered_with_what_to_write(busy_board: Board) -> None:
    await busy_board.open("Explain")
    await busy_board.page.get_by_label("URL or path").fill("https://api.example.com/v1/x")
    await busy_board.page.get_by_label("Header fields that the page sets, one a line").fill("no colon")
    await busy_board.page.get_by_role("button", name="Explain").click()
    await busy_board.says('"headers" "no colon" has no colon')

    assert all("400" in fault for fault in busy_board.faults)
    busy_board.faults.clear()


async def test_every_verdict_has_its_words_and_what_is_blocked_comes_first(chromium: Browser) -> None:
    """Each of those that a decision may have: one that the page does not know would stand there bare, and last."""
    values = [verdict.value for verdict in Verdict]
    async with board(chromium, busy()) as shown:
        await shown.open("Reports")
        words = await shown.page.evaluate(
            """async values => {
                const { VERDICTS } = await import('/dashboard/views/reports.js');
                return [values.filter(value => !(value in VERDICTS)), Object.keys(VERDICTS)[0]];
            }""",
            values,
        )

        assert words == [[], Verdict.BLOCKED.value]


async def test_what_is_safe_comes_with_the_change_that_enforces_it(chromium: Browser) -> None:
    service = busy()
    assert service.collector is not None
    service.collector.groups = []
    async with board(chromium, service) as shown:
        await shown.open("Reports")
        await shown.says("Everything that is observed is safe to enforce.")
        await shown.says("Nothing was reported in this period.")
        await shown.page.get_by_text("How to enforce it").first.click()

        assert await shown.page.locator(".yaml code").all_text_contents() == ["coop: same-origin"]


async def test_a_thousand_routes_are_found_by_any_word_and_drawn_a_page_at_a_time(chromium: Browser) -> None:
    routes = "\n".join(f"  - match: {{path: /part-{n}/**}}\n    policy: {{corp: same-site}}" for n in range(1000))
    service = FakeService(configuration=loaded(f"version: 1\nupstream: http://web:3000\nroutes:\n{routes}\n"))
    async with board(chromium, service) as shown:
        await shown.open("Routes")
        await shown.says("1 to 40 of 1,000 routes")
        drawn = await shown.page.locator("details").count()
        await shown.page.get_by_role("button", name="Next").click()
        await shown.says("41 to 80 of 1,000 routes")
        await shown.page.get_by_label("Filter").fill("part-777 same-site")
        await shown.says("1 of 1,000 routes")
        await shown.page.locator("summary", has_text="routes[777]").click()
        await shown.says("Cross-Origin-Resource-Policy: same-site")

        assert drawn == 41  # with what answers without a route


async def test_a_hundred_thousand_groups_are_decided_and_listed_a_page_at_a_time(chromium: Browser) -> None:
    service = busy()
    one = group()
    service.collector = Reported(
        [
            replace(one, document=f"{PAGE}{page}", blocked=f"{one.blocked}/{script}")
            for page in range(1000)
            for script in range(100)
        ]
    )
    async with board(chromium, service) as shown:
        await shown.open("Reports")
        await shown.says("1 to 50 of 100,000 groups")
        await shown.says("500,000 reports in 100,000 groups")
        await shown.says("Not yet")
        await shown.page.get_by_role("button", name="Next").click()
        await shown.says("51 to 100 of 100,000 groups")
        elements = await shown.page.evaluate("document.querySelectorAll('*').length")

        assert elements < 10_000


@pytest.mark.parametrize("view", ["Reports", "Refused", "Explain"])
async def test_what_a_stranger_sent_is_text(chromium: Browser, view: str) -> None:
    """Neither script nor markup nor an address that would be one: not in reports, not in origins and targets."""
    markup = '<img src="https://evil.example/x" onerror="window.done = true"><script>window.done = true</script>'
    script = "javascript:window.done=true//"
    service = busy()
    hostile = {"kind": markup, "destination": markup, "agents": {markup: 1}, "type": "csp-violation"}
    observed = {"kind": "corp", "destination": "image"}
    service.collector = Reported(
        [
            group(script, markup, **hostile),
            group(PAGE + markup, script, **observed),
            group(PAGE, f"https://user:password@evil.example/{markup}", **observed),
        ]
    )
    count(service, refused(markup.encode(), markup.encode(), markup))
    async with board(chromium, service) as shown:
        await shown.open(view, "?" + "&".join(f"{name}={markup}" for name in ("url", "origin")) if view == "Explain" else "")
        await shown.says(re.compile("<script>") if view != "Explain" else "is not")
        links = await shown.page.eval_on_selector_all("main a", "links => links.map(link => [link.protocol, link.username])")

        assert await shown.page.evaluate("window.done") is None
        assert await shown.page.locator("main img, main script").count() == 0
        assert all(protocol in ("http:", "https:") and not user for protocol, user in links)
        shown.faults = [fault for fault in shown.faults if "400" not in fault]  # of a question that is none


async def test_keyboard_reaches_every_view_and_is_led_to_its_heading(busy_board: Board) -> None:
    await busy_board.open()
    page = busy_board.page
    focused = "document.activeElement.textContent.trim()"
    await page.keyboard.press("Tab")

    assert await page.evaluate(focused) == "Skip to the content"
    for view in VIEWS:
        for _ in range(20):
            await page.keyboard.press("Tab")
            if await page.evaluate(focused) == view and await page.evaluate("!!document.activeElement.closest('nav')"):
                break
        outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        await page.keyboard.press("Enter")
        await busy_board.heading(view)
        at = "document.activeElement.tagName"
        assert outline == "solid"
        assert await page.evaluate(at) == ("H1" if view != "Overview" else "A")
        await page.evaluate("document.querySelector('.brand').focus()")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everything_can_be_read_and_named(chromium: Browser, scheme: str) -> None:
    """In either scheme; what needs a width of its own scrolls in itself, down to 400 pixels."""
    async with board(chromium, busy(), color_scheme=scheme, viewport={"width": 400, "height": 800}) as shown:
        for view, texts in FULL.items():
            query = "?method=GET&url=/v1/items&host=api.example.com&origin=https://evil.example"
            await shown.open(view, query if view == "Explain" else "")
            await shown.says("Blocked" if view == "Explain" else texts[-1])
            await shown.page.evaluate(OPEN_ALL)

            assert await shown.page.evaluate(FAINT) == []
            assert await shown.page.evaluate(NAMELESS) == []
            assert await shown.page.evaluate("document.documentElement.scrollWidth") == 400


async def test_landmarks_tell_the_page_apart(busy_board: Board) -> None:
    await busy_board.open("Upstreams")
    await busy_board.says("http://app:5000 (192.0.2.1)")
    page = busy_board.page

    assert await page.get_by_role("banner").count() == await page.get_by_role("main").count() == 1
    assert await page.get_by_role("navigation", name="Views").get_by_role("link").all_text_contents() == list(VIEWS)
    assert await page.get_by_role("table", name="Addresses of upstreams").count() == 1
    assert {await each.get_attribute("aria-label") for each in await page.get_by_role("status").all()} >= {
        "State of the proxy",
        "Connection to the proxy",
        "News",
    }


async def test_browser_gets_in_with_the_token_as_its_password(chromium: Browser) -> None:
    """What the page asks for, its events too, is sent along by the browser."""
    credentials = {"username": "operator", "password": "secret"}
    async with board(chromium, busy(), http_credentials=credentials) as shown:
        await shown.vanish()
        await shown.serve("secret")
        await shown.open("Routes")
        await shown.says("3 routes")
        shown.faults = [fault for fault in shown.faults if "401" not in fault]  # asked for, and then given
