"""What Chromium grants to pages behind xoproxy: isolation, embeds, popups."""

import pytest
from playwright.async_api import BrowserContext, Page
from support.backends import Reply
from support.chromium import Script
from support.fixtures import PlainFactory, ProxyFactory

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PAGE = Reply(b"<!doctype html><title>a page</title>")
WORKER = Reply(b"postMessage([crossOriginIsolated, typeof SharedArrayBuffer])", "text/javascript")
PICTURE = Reply(b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>', "image/svg+xml")

WORKER_SAYS = """url => new Promise((resolve, reject) => {
    const worker = new Worker(url);
    worker.onmessage = event => resolve(event.data);
    worker.onerror = () => reject(new Error("the worker did not start"));
})"""


@pytest.mark.parametrize(
    ("policy", "isolated"),
    [
        pytest.param("isolated", True, id="isolated"),
        pytest.param("isolated-credentialless", True, id="isolated-credentialless"),
        pytest.param("isolated-auto", True, id="isolated-auto"),
        pytest.param("untouched", False, id="untouched"),
    ],
)
async def test_presets_isolate_page_and_worker(
    proxy: ProxyFactory, plain: PlainFactory, page: Page, policy: str, isolated: bool
) -> None:
    """The page and its dedicated worker are cross-origin isolated under each `isolated` preset, and only there."""
    backend = plain({"/": PAGE, "/worker.js": WORKER})
    running = proxy(f"version: 1\nupstream: {backend.url}\npolicy: {policy}\n")

    await page.goto(running.origin("localhost"))

    assert await page.evaluate("[crossOriginIsolated, typeof SharedArrayBuffer]") == [
        isolated,
        "function" if isolated else "undefined",
    ]
    assert await page.evaluate(WORKER_SAYS, "/worker.js") == [isolated, "function" if isolated else "undefined"]


async def test_worker_without_embedder_policy_does_not_start_under_require_corp(
    proxy: ProxyFactory, plain: PlainFactory, page: Page
) -> None:
    """The worker script needs the field too: this is what a policy for pages alone would break."""
    backend = plain({"/": PAGE, "/worker.js": WORKER})
    running = proxy(
        f"version: 1\nupstream: {backend.url}\n"
        "routes:\n  - {match: {path: /worker.js}, policy: untouched}\n  - policy: isolated\n"
    )

    await page.goto(running.origin("localhost"))
    started = await page.evaluate(f"url => ({WORKER_SAYS})(url).then(() => true, () => false)", "/worker.js")

    assert not started


@pytest.mark.parametrize(
    ("policy", "resource", "shown"),
    [
        pytest.param("isolated", {}, False, id="require-corp-no-field"),
        pytest.param("isolated", {"Cross-Origin-Resource-Policy": "cross-origin"}, True, id="require-corp-cross-origin"),
        pytest.param("isolated", {"Cross-Origin-Resource-Policy": "same-origin"}, False, id="require-corp-same-origin"),
        pytest.param("isolated-credentialless", {}, True, id="credentialless-no-field"),
        pytest.param(
            "isolated-credentialless", {"Cross-Origin-Resource-Policy": "same-origin"}, False, id="credentialless-same-origin"
        ),
        pytest.param("untouched", {}, True, id="no-embedder-policy"),
    ],
)
async def test_embedder_policy_decides_over_foreign_images(
    proxy: ProxyFactory, plain: PlainFactory, page: Page, policy: str, resource: dict[str, str], shown: bool
) -> None:
    """Under require-corp a foreign image must opt in; under credentialless it must only not opt out."""
    backend = plain({"/": PAGE})
    foreign = plain({"/picture.svg": Reply(PICTURE.body, PICTURE.content_type, fields=resource)})
    running = proxy(f"version: 1\nupstream: {backend.url}\npolicy: {policy}\n")

    await page.goto(running.origin("app.localhost"))

    assert await Script(page).shows_image(foreign.origin("cdn.localhost") + "/picture.svg") is shown


async def test_public_asset_is_shown_in_isolated_pages(proxy: ProxyFactory, plain: PlainFactory, page: Page) -> None:
    """`public-asset` gives a backend's picture the field that isolated pages of other sites ask for."""
    backend = plain({"/": PAGE, "/picture.svg": PICTURE})
    running = proxy(
        f"version: 1\nupstream: {backend.url}\n"
        "routes:\n  - {match: {path: /picture.svg}, policy: public-asset}\n  - policy: isolated\n"
    )

    await page.goto(running.origin("app.localhost"))

    assert await Script(page).shows_image(running.origin("cdn.localhost") + "/picture.svg")


@pytest.mark.parametrize(
    ("opener", "popup", "popup_host", "kept"),
    [
        pytest.param("unsafe-none", "unsafe-none", "other.localhost", True, id="nobody-asks"),
        pytest.param("same-origin", "unsafe-none", "other.localhost", False, id="opener-same-origin"),
        pytest.param("same-origin-allow-popups", "unsafe-none", "other.localhost", True, id="opener-allows-popups"),
        pytest.param("noopener-allow-popups", "unsafe-none", "other.localhost", True, id="opener-noopener"),
        pytest.param("unsafe-none", "same-origin", "other.localhost", False, id="popup-same-origin"),
        pytest.param("unsafe-none", "same-origin-allow-popups", "other.localhost", False, id="popup-allows-popups"),
        pytest.param("unsafe-none", "noopener-allow-popups", "other.localhost", False, id="popup-noopener"),
        pytest.param("same-origin", "same-origin", "app.localhost", True, id="own-popup-same-origin"),
        pytest.param("noopener-allow-popups", "noopener-allow-popups", "app.localhost", False, id="own-popup-noopener"),
    ],
)
async def test_opener_policy_decides_whether_a_popup_keeps_its_opener(
    proxy: ProxyFactory, plain: PlainFactory, context: BrowserContext, opener: str, popup: str, popup_host: str, kept: bool
) -> None:
    """Each value of `coop`, on the page that opens and on the popup.  (HTML §7.1.3, "browsing context group switch")"""
    backend = plain({"/opener": PAGE, "/popup": PAGE})
    running = proxy(
        f"version: 1\nupstream: {backend.url}\n"
        f"policies: {{opener: {{coop: {opener}}}, popup: {{coop: {popup}}}}}\n"
        "routes:\n  - {match: {path: /opener}, policy: opener}\n  - {match: {path: /popup}, policy: popup}\n"
    )
    page = await context.new_page()

    await page.goto(running.origin("app.localhost") + "/opener")
    async with context.expect_page() as opened:
        await page.evaluate("url => { window.popup = window.open(url); }", running.origin(popup_host) + "/popup")
    window = await opened.value
    await window.wait_for_url("**/popup")

    assert await window.evaluate("opener !== null") is kept
    if kept:
        assert not await page.evaluate("popup.closed")
    else:
        await page.wait_for_function("popup.closed")  # the opener's side of the cut, a moment later
