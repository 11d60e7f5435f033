"""The starting points: real Flask applications, as people have them, become right behind xoproxy.

First the tutorial that wants a page isolated, then Flask-CORS's six usual complaints, one test each, asked by Chromium.
"""

import flask_cors
import pytest
from flask import Flask, Response, jsonify, request
from playwright.async_api import BrowserContext, Page
from support.backends import Backend
from support.chromium import Script
from support.fixtures import FlaskFactory, ProxyFactory
from support.ports import free_port

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def policy(upstream: str, *origins: str, more: str = "") -> str:
    """Return the policy file that a Flask-CORS user would write for `origins`."""
    listed = "".join(f"        - {origin}\n" for origin in origins)
    return (
        f"version: 1\nupstream: {upstream}\npolicy: api\npolicies:\n  api:\n    cors:\n      allow_origins:\n{listed}"
        f"      allow_methods: [GET, POST, PUT, DELETE]\n      allow_headers: [Authorization, Content-Type]\n{more}"
    )


def tutorial(*, with_the_line: bool) -> Flask:
    """Return the tutorial's application, with the line it recommends for COEP or without."""
    app = Flask(__name__)
    app.testing = False

    @app.get("/")
    def page() -> str:
        return "<!doctype html><title>tutorial</title><p>hello"

    @app.after_request
    def policies(response: Response) -> Response:
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        if with_the_line:
            response.cross_origin_embedder_policy = "require-corp"  # type: ignore[assignment]
        return response

    return app


async def test_tutorial_page_without_its_line_becomes_isolated(
    proxy: ProxyFactory, flask_app: FlaskFactory, page: Page
) -> None:
    """The page is not isolated by itself and is behind xoproxy, with no line of the application changed for it."""
    backend = flask_app(tutorial(with_the_line=False))
    running = proxy(f"version: 1\nupstream: {backend.url}\npolicy: isolated\n")

    await page.goto(backend.origin("localhost"))
    before = await page.evaluate("crossOriginIsolated")
    await page.goto(running.origin("localhost"))
    after = await page.evaluate("crossOriginIsolated")

    assert (before, after) == (False, True)


async def test_tutorial_line_answers_500_and_script_elsewhere_can_read_it(
    proxy: ProxyFactory, flask_app: FlaskFactory, script: Script, elsewhere: Backend
) -> None:
    """The recommended line raises AttributeError; the 500 that comes of it is readable, without xoproxy it is "CORS error"."""
    backend = flask_app(tutorial(with_the_line=True))
    running = proxy(policy(backend.url, elsewhere.origin("app.localhost")))

    direct = await script.fetch(backend.origin("api.localhost"))
    through = await script.fetch(running.origin("api.localhost"))

    assert "refused" in direct
    assert through["status"] == 500
    assert "Internal Server Error" in through["text"]


def api() -> Flask:
    """Return an API without any CORS code: a list, a private path, one that fails, cookies."""
    app = Flask(__name__)

    @app.route("/items", methods=["GET", "PUT"])
    def items() -> Response:
        return jsonify(authorization=request.headers.get("Authorization"), cookie=request.cookies.get("session"))

    @app.get("/broken")
    def broken() -> Response:
        message = "the database does not answer"
        raise RuntimeError(message)

    @app.post("/login")
    def login() -> Response:
        response = jsonify(welcome=True)
        response.set_cookie("session", "s3cret", httponly=True, samesite="Lax")
        return response

    return app


def guarded(status: int) -> Flask:
    """Return an API whose authentication runs first, for OPTIONS too: 401 or 403 without `Authorization`."""
    app = api()

    @app.before_request
    def authenticate() -> tuple[Response, int] | None:
        return None if "Authorization" in request.headers else (jsonify(error="who are you?"), status)

    return app


async def test_authorization_passes_the_preflight(
    proxy: ProxyFactory, flask_app: FlaskFactory, script: Script, elsewhere: Backend
) -> None:
    """Complaint 1: "request header field authorization is not allowed"."""
    backend = flask_app(api())
    running = proxy(policy(backend.url, elsewhere.origin("app.localhost")))

    answer = await script.fetch(running.origin("api.localhost") + "/items", {"headers": {"Authorization": "Bearer token"}})

    assert answer["status"] == 200
    assert '"Bearer token"' in answer["text"]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        pytest.param("/nowhere", 404, "Not Found", id="404"),
        pytest.param("/broken", 500, "Internal Server Error", id="500"),
        pytest.param("/login", 405, "Method Not Allowed", id="405"),
    ],
)
async def test_errors_of_the_application_are_readable(
    proxy: ProxyFactory, flask_app: FlaskFactory, script: Script, elsewhere: Backend, path: str, status: int, says: str
) -> None:
    """Complaint 2: "no 'Access-Control-Allow-Origin' header is present", on errors above all."""
    backend = flask_app(api())
    running = proxy(policy(backend.url, elsewhere.origin("app.localhost")))

    answer = await script.fetch(running.origin("api.localhost") + path)

    assert answer["status"] == status
    assert says in answer["text"]


async def test_502_for_a_backend_that_is_down_is_readable(proxy: ProxyFactory, script: Script, elsewhere: Backend) -> None:
    """Complaint 2 goes on: nobody listens, and script still learns what happened, as problem details."""
    running = proxy(policy(f"http://127.0.0.1:{free_port()}", elsewhere.origin("app.localhost")))

    answer = await script.fetch(running.origin("api.localhost") + "/items")

    assert answer["status"] == 502
    assert answer["fields"]["content-type"] == "application/problem+json"


@pytest.mark.parametrize("status", [401, 403])
async def test_preflight_passes_an_application_that_refuses_options(
    proxy: ProxyFactory, flask_app: FlaskFactory, script: Script, elsewhere: Backend, status: int
) -> None:
    """Complaint 3: the preflight meets the application's authentication.  It never does; the actual requests do."""
    backend = flask_app(guarded(status))
    running = proxy(policy(backend.url, elsewhere.origin("app.localhost")))
    url = running.origin("api.localhost") + "/items"

    granted = await script.fetch(url, {"method": "PUT", "headers": {"Authorization": "Bearer token"}})
    anonymous = await script.fetch(url, {"method": "PUT"})

    assert granted["status"] == 200
    assert anonymous["status"] == status
    assert "who are you?" in anonymous["text"]


@pytest.mark.parametrize(("host", "named"), [("shop.localhost", True), ("evil.shop.localhost", False)])
async def test_credentials_are_for_the_named_origin_only(
    proxy: ProxyFactory, flask_app: FlaskFactory, page: Page, elsewhere: Backend, host: str, named: bool
) -> None:
    """Complaint 4, `supports_credentials`: the named origin reads with cookies, one that is not named reads nothing.

    Both are of the API's own site, so the browser does send the cookie: only the policy stands in between.
    """
    backend = flask_app(api())
    running = proxy(policy(backend.url, elsewhere.origin("shop.localhost"), more="      allow_credentials: true\n"))
    url = running.origin("api.shop.localhost")
    await page.goto(elsewhere.origin("shop.localhost"))
    login = await Script(page).fetch(url + "/login", {"method": "POST", "credentials": "include"})

    await page.goto(elsewhere.origin(host))
    answer = await Script(page).fetch(url + "/items", {"credentials": "include"})

    assert login["status"] == 200
    assert ("refused" in answer) is not named
    assert ("s3cret" in answer.get("text", "")) is named


async def test_several_origins_share_the_browsers_cache(
    proxy: ProxyFactory, flask_app: FlaskFactory, context: BrowserContext, elsewhere: Backend
) -> None:
    """Complaint 5: with several origins, what the browser cached for one is not given to another, nor what it cached for none.

    The same is asked of an application that echoes the origin without `Vary`, to show that the browser would have refused.
    """
    app = api()

    @app.get("/cached")
    def cached() -> Response:
        picture = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
        return Response(picture, content_type="image/svg+xml", headers={"Cache-Control": "max-age=3600"})

    @app.get("/careless")
    def careless() -> Response:
        response = cached()
        if "Origin" in request.headers:
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Allow-Credentials"] = "true"
        return response

    backend = flask_app(app)
    origins = elsewhere.origin("shop.localhost"), elsewhere.origin("www.shop.localhost")
    running = proxy(policy(backend.url, *origins, more="      allow_credentials: true\n"))

    careful = await read_by_turns(await context.new_page(), running.origin("api.shop.localhost") + "/cached", origins)
    uncaring = await read_by_turns(await context.new_page(), backend.origin("api.shop.localhost") + "/careless", origins)

    assert careful == [True, True, True, True]
    assert False in uncaring


async def read_by_turns(page: Page, url: str, origins: tuple[str, str]) -> list[bool]:
    """Embed `url` as an image, which sends no Origin, then read it from each origin and the first again: was it readable?

    The origins are of one site and all requests are credentialed, so they share one partition of the browser's cache.
    """
    script = Script(page)
    await page.goto(origins[0])
    readable = [await script.shows_image(url)]
    for origin in (*origins, origins[0]):
        await page.goto(origin)
        readable.append("refused" not in await script.fetch(url, {"credentials": "include"}))
    return readable


async def test_flask_cors_left_in_place_does_no_harm(
    proxy: ProxyFactory, flask_app: FlaskFactory, page: Page, elsewhere: Backend
) -> None:
    """Complaint 6: two layers of CORS.  The application's fields never double ours, and never grant what the policy refuses."""
    app = api()
    flask_cors.CORS(app, supports_credentials=True)
    backend = flask_app(app)
    running = proxy(policy(backend.url, elsewhere.origin("app.localhost")))
    url = running.origin("api.localhost") + "/items"

    await page.goto(elsewhere.origin("app.localhost"))
    named = await Script(page).fetch(url, {"headers": {"Authorization": "Bearer token"}})
    await page.goto(elsewhere.origin("evil.localhost"))
    unnamed = await Script(page).fetch(url)
    unnamed_direct = await Script(page).fetch(backend.origin("api.localhost") + "/items")

    assert named["status"] == 200
    assert "refused" in unnamed
    assert unnamed_direct["status"] == 200
