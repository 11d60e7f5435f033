"""What Chromium makes of the other typed fields: it understands what the policy writes, and obeys."""

import asyncio

import pytest
from playwright.async_api import Page
from support.backends import Reply
from support.fixtures import PlainFactory, ProxyFactory

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PAGE = Reply(b"<!doctype html><title>a page</title><script src=/ran.js></script>")
SCRIPT = Reply(b"window.ran = true", "text/javascript")
ISOLATED = "[crossOriginIsolated, typeof SharedArrayBuffer]"


@pytest.mark.parametrize("value", ["isolate-and-require-corp", "isolate-and-credentialless"])
async def test_document_isolation_isolates_by_itself(proxy: ProxyFactory, plain: PlainFactory, page: Page, value: str) -> None:
    """Without COOP and COEP, in a Chromium that has it (137 and later, on desktops)."""
    backend = plain({"/": PAGE})
    running = proxy(f"version: 1\nupstream: {backend.url}\npolicy: {{document_isolation: {value}}}\n")

    await page.goto(running.origin("localhost"))

    assert await page.evaluate(ISOLATED) == [True, "function"]


@pytest.mark.parametrize("asked", [True, False])
async def test_agent_cluster_is_as_asked_for(proxy: ProxyFactory, plain: PlainFactory, page: Page, asked: bool) -> None:
    backend = plain({"/": PAGE})
    running = proxy(f"version: 1\nupstream: {backend.url}\npolicy: {{origin_agent_cluster: {str(asked).lower()}}}\n")

    await page.goto(running.origin("cluster.localhost"))

    assert await page.evaluate("window.originAgentCluster") is asked


async def test_permissions_are_read_as_they_are_meant(proxy: ProxyFactory, plain: PlainFactory, page: Page) -> None:
    """Nobody, everybody, oneself, an origin, and whole labels below a host."""
    backend = plain({"/": PAGE})
    running = proxy(
        f"version: 1\nupstream: {backend.url}\n"
        "reporting: {endpoints: {main: /r}}\n"
        "policy:\n"
        "  permissions_policy:\n"
        "    value:\n"
        "      camera: none\n"
        '      geolocation: "*"\n'
        "      microphone: self\n"
        "      fullscreen: [self, https://player.example]\n"
        '      usb: "https://*.example"\n'
        "    report_to: main\n"
    )
    own, player, deep = running.origin("app.localhost"), "https://player.example", "https://a.b.example"

    await page.goto(own)
    allowed = {
        feature: [
            origin
            for origin in (own, player, deep, "https://example", "https://other.test")
            if await page.evaluate(
                "([feature, origin]) => document.featurePolicy.allowsFeature(feature, origin)", [feature, origin]
            )
        ]
        for feature in ("camera", "geolocation", "microphone", "fullscreen", "usb")
    }

    assert allowed == {
        "camera": [],
        "geolocation": [own, player, deep, "https://example", "https://other.test"],
        "microphone": [own],
        "fullscreen": [own, player],
        "usb": [player, deep],
    }


@pytest.mark.parametrize("key", ["permissions_policy", "observe"])
async def test_permissions_report_to_the_endpoint_that_is_named(
    proxy: ProxyFactory, plain: PlainFactory, page: Page, key: str
) -> None:
    """`report-to` is a Token here; as a String Chromium passes over it and names the endpoint "default"."""
    permissions = "permissions_policy: {geolocation: none}"
    policy = f"{{observe: {{{permissions}}}, report_to: main}}" if key == "observe" else f"{{{permissions}, report_to: main}}"
    backend = plain({"/": PAGE})
    running = proxy(
        f"version: 1\nupstream: {backend.url}\nreporting: {{endpoints: {{main: https://reports.test/in}}}}\npolicy: {policy}\n"
    )
    reports: list[dict[str, object]] = []
    added = asyncio.Event()
    session = await page.context.new_cdp_session(page)
    session.on("Network.reportingApiReportAdded", lambda event: (reports.append(event["report"]), added.set()))
    await session.send("Network.enable")
    await session.send("Network.enableReportingApi", {"enable": True})

    await page.goto(running.origin("localhost"))
    await page.evaluate("new Promise(done => navigator.geolocation.getCurrentPosition(done, done, {timeout: 1}))")
    await asyncio.wait_for(added.wait(), 20)

    assert [(report["type"], report["destination"]) for report in reports] == [("permissions-policy-violation", "main")]


@pytest.mark.parametrize(
    ("policy", "ran"), [("{integrity_policy: {blocked_destinations: [script]}}", None), ("untouched", True)]
)
async def test_scripts_without_integrity_do_not_run(
    proxy: ProxyFactory, plain: PlainFactory, page: Page, policy: str, ran: bool | None
) -> None:
    """Integrity-Policy, in a Chromium that has it (138 and later)."""
    backend = plain({"/": PAGE, "/ran.js": SCRIPT})
    running = proxy(f"version: 1\nupstream: {backend.url}\npolicy: {policy}\n")

    await page.goto(running.origin("localhost"))

    assert await page.evaluate("window.ran ?? null") is ran


@pytest.mark.parametrize(
    ("own", "isolated"),
    [
        pytest.param({}, True, id="nothing"),
        pytest.param({"Cross-Origin-Embedder-Policy": "require-corp;"}, True, id="what-browsers-do-not-heed"),
        pytest.param({"Cross-Origin-Embedder-Policy": "credentialless"}, True, id="another-value-that-isolates"),
        pytest.param({"Cross-Origin-Embedder-Policy": "unsafe-none"}, False, id="a-value-that-does-not"),
    ],
)
async def test_filling_keeps_what_browsers_heed(
    proxy: ProxyFactory, plain: PlainFactory, page: Page, own: dict[str, str], isolated: bool
) -> None:
    """Chromium judges the backend's field as `fill` does: what it would not heed is ours to mend."""
    backend = plain({"/": Reply(PAGE.body, PAGE.content_type, fields=own)})
    running = proxy(f"version: 1\nupstream: {backend.url}\npolicy: [isolated, {{upstream_fields: fill}}]\n")

    await page.goto(running.origin("localhost"))

    assert await page.evaluate(ISOLATED) == [isolated, "function" if isolated else "undefined"]
