"""What Chromium makes of preflights that the application answers, of rejected origins and of resource isolation."""

import pytest
from support.backends import Backend, Reply
from support.chromium import Script
from support.fixtures import PlainFactory, ProxyFactory

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PIXEL = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


async def test_the_application_decides_what_a_granted_origin_may_ask(
    proxy: ProxyFactory, plain: PlainFactory, script: Script, elsewhere: Backend
) -> None:
    """With `preflight: forward` its answer counts: PUT, which it allows, passes; DELETE, which the policy lists, does not."""
    app = elsewhere.origin("app.localhost")
    answers = {"Access-Control-Allow-Origin": app, "Access-Control-Allow-Methods": "PUT"}
    backend = plain({"/": Reply(b"text", "text/plain", fields=answers)})
    rules = f"allow_origins: ['{app}'], allow_methods: [DELETE], preflight: forward"
    running = proxy(f"version: 1\nupstream: {backend.url}\npolicy: {{cors: {{{rules}}}}}\n")
    url = running.origin("api.localhost") + "/"

    allowed = await script.fetch(url, {"method": "PUT"})
    refused = await script.fetch(url, {"method": "DELETE"})

    assert allowed["text"] == "text"
    assert "refused" in refused
    assert [seen.method for seen in backend.seen] == ["OPTIONS", "PUT", "OPTIONS"]


async def test_a_rejected_origin_does_not_reach_the_application(
    proxy: ProxyFactory, plain: PlainFactory, script: Script, elsewhere: Backend
) -> None:
    """Not even by a request that needs no preflight; without `refuse: reject` it does, unread."""
    backend = plain({"/": Reply(b"text", "text/plain")})
    for refuse in ("omit", "reject"):
        rules = f"allow_origins: [https://other.example], refuse: {refuse}"
        running = proxy(f"version: 1\nupstream: {backend.url}\npolicy: {{cors: {{{rules}}}}}\n")
        for options in ({"method": "POST", "body": "x"}, {"method": "POST", "body": "x", "mode": "no-cors"}):
            answer = await script.fetch(running.origin("api.localhost") + "/", options)

            assert "refused" in answer or answer["status"] == 0

    assert [seen.method for seen in backend.seen] == ["POST", "POST"]


async def test_resource_isolation_keeps_other_sites_out_and_links_and_granted_script_in(
    proxy: ProxyFactory, plain: PlainFactory, script: Script, elsewhere: Backend
) -> None:
    """By the metadata that Chromium sends: to it `app.localhost` and `api.localhost` are two sites."""
    page = Reply(b"<!doctype html><title>isolated</title>")
    backend = plain({"/": page, "/pixel": Reply(PIXEL, "image/svg+xml"), "/data": Reply(b"text", "text/plain")})
    app = elsewhere.origin("app.localhost")
    running = proxy(
        f"version: 1\nupstream: {backend.url}\n"
        "policies: {isolated-resources: {resource_isolation: true}}\n"
        f"routes:\n- {{match: {{path: /data}}, policy: [isolated-resources, {{cors: {{allow_origins: ['{app}']}}}}]}}\n"
        "- {policy: isolated-resources}\n"
    )
    origin = running.origin("api.localhost")

    blind = await script.fetch(origin + "/pixel", {"mode": "no-cors"})
    shown = await script.shows_image(origin + "/pixel")
    framed = await script.page.evaluate(
        """url => new Promise(resolve => {
            const frame = document.createElement("iframe");
            frame.onload = () => resolve(true);
            frame.src = url;
            document.body.append(frame);
        })""",
        origin + "/",
    )
    granted = await script.fetch(origin + "/data")
    before = [seen.target for seen in backend.seen]
    await script.page.evaluate("url => { location.href = url }", origin + "/")
    await script.page.wait_for_url(origin + "/")

    assert (blind.get("status", 0), shown, framed) == (0, False, True)  # a frame loads, if only what refuses it
    assert granted["text"] == "text"
    assert before == ["/data"]
    assert await script.page.title() == "isolated"
    assert await script.shows_image(origin + "/pixel")
