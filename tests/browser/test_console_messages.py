"""What `explain` prints as Chrome's message is what Chromium writes into its console, to the letter."""

import asyncio
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Page
from support.backends import Backend, Reply, plain_backend
from support.configs import compiled

from xoproxy.browser.model import WireRequest, WireResponse
from xoproxy.insight.explaining import Asked, explain_server, read_question
from xoproxy.policy.routes import Route

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MINE = "http://app.localhost:{port}"


@dataclass(frozen=True)
class Case:
    """A request of script, and what the server answers to it and to its preflight."""

    fields: dict[str, str] = field(default_factory=dict)
    status: int = 200
    method: str = "GET"
    headers: tuple[str, ...] = ()
    credentials: str = "same-origin"


ALLOWED = {"Access-Control-Allow-Origin": MINE}
CASES = {
    "missing": Case(),
    "missing-on-the-preflight": Case(method="PUT"),
    "other-origin": Case({"Access-Control-Allow-Origin": "http://other.localhost"}),
    "trailing-slash": Case({"Access-Control-Allow-Origin": MINE + "/"}),
    "null": Case({"Access-Control-Allow-Origin": "null"}),
    "no-origin": Case({"Access-Control-Allow-Origin": "app.localhost"}),
    "several": Case({"Access-Control-Allow-Origin": f"*, {MINE}"}),
    "wildcard-and-cookies": Case({"Access-Control-Allow-Origin": "*"}, credentials="include"),
    "no-credentials": Case(ALLOWED, credentials="include"),
    "false-credentials": Case({**ALLOWED, "Access-Control-Allow-Credentials": "false"}, credentials="include"),
    "method": Case(ALLOWED, method="PATCH"),
    "method-in-another-case": Case({**ALLOWED, "Access-Control-Allow-Methods": "PATCH"}, method="patch"),
    "header": Case(ALLOWED, headers=("X-Api-Key: 1",)),
    "one-of-two-headers": Case({**ALLOWED, "Access-Control-Allow-Headers": "X-B"}, headers=("X-B: 1", "X-A: 1")),
    "content-type": Case(ALLOWED, method="POST", headers=("Content-Type: application/json",)),
    "status": Case(ALLOWED, status=401, method="PUT"),
    "redirect": Case({**ALLOWED, "Location": "/elsewhere"}, status=301, method="PUT"),
    "redirected": Case({**ALLOWED, "Location": "/missing"}, status=302),
    "forbidden-method": Case(method="TRACE"),
}


def replies(port: int) -> dict[str, Reply]:
    return {
        f"/{name}": Reply(
            b"x", "text/plain", case.status, {each: value.format(port=port) for each, value in case.fields.items()}
        )
        for name, case in CASES.items()
    }


def concluded(url: str, name: str, answers: dict[str, Reply], origin: str) -> str:
    """Return what explain prints for a case."""
    case = CASES[name]
    asked = Asked(case.method, f"{url}/{name}", origin, headers=case.headers, credentials=case.credentials, browsers="chrome")

    def backend(request: WireRequest, _: Route | None) -> WireResponse:
        reply = answers.get(request.url.removeprefix(url), Reply(status=404))
        lines = tuple((each.encode(), value.encode()) for each, value in reply.fields.items())
        return WireResponse(reply.status, ((b"Content-Type", b"text/plain"), *lines))

    return (
        explain_server(compiled("version: 1\nupstream: http://x:1\n"), read_question(asked, None), backend).opinions[0].console
    )


IMAGES = {
    "same-origin": ({"Cross-Origin-Resource-Policy": "same-origin"}, {}),
    "same-site": ({"Cross-Origin-Resource-Policy": "same-site"}, {}),
    "missing-in-an-isolated-page": ({}, {"Cross-Origin-Embedder-Policy": "require-corp"}),
}


@pytest.mark.parametrize("name", IMAGES)
async def test_a_blocked_image_is_told_in_the_words_of_chromium(name: str, page: Page) -> None:
    """The names of two sites, both trustworthy: localhost, and 127.0.0.1."""
    fields, page_fields = IMAGES[name]
    with plain_backend({"/x": Reply(b"x", "image/png", fields=fields)}) as server:
        url = f"http://127.0.0.1:{server.port}"
        with plain_backend({"/": Reply(f"<img src={url}/x>".encode(), fields=page_fields)}) as pages:
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text))
            await page.goto(pages.origin("localhost"))
            async with asyncio.timeout(5):
                while not any("BLOCKED" in text for text in said):
                    await page.evaluate("1")
            lines = tuple(f"{each}: {value}" for each, value in page_fields.items())
            asked = Asked("GET", f"{url}/x", pages.origin("localhost"), page_headers=lines, destination="image")

    def backend(*_: object) -> WireResponse:
        return WireResponse(200, tuple((each.encode(), value.encode()) for each, value in fields.items()))

    opinion = explain_server(compiled("version: 1\nupstream: http://x:1\n"), read_question(asked, None), backend).opinions[0]

    assert opinion.console
    assert opinion.console in said


@pytest.mark.parametrize("name", CASES)
async def test_a_blocked_fetch_is_told_in_the_words_of_chromium(name: str, page: Page, elsewhere: Backend) -> None:
    answers = replies(elsewhere.port)
    case = CASES[name]
    with plain_backend(answers) as server:
        url, origin = server.origin("api.localhost"), elsewhere.origin("app.localhost")
        await page.goto(origin)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        headers = dict(line.split(": ") for line in case.headers)
        options = {"method": case.method, "headers": headers, "credentials": case.credentials}
        error = await page.evaluate(
            "([url, options]) => fetch(url, options).then(() => '', (error) => error.message)",
            [f"{url}/{name}", options],
        )
        async with asyncio.timeout(5):
            while name != "forbidden-method" and not said:
                await page.evaluate("1")
        expected = concluded(url, name, answers, origin)

    assert expected
    assert expected in [*said, error]
