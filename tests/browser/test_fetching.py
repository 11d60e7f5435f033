"""Fetches from their first step to their last: which steps there are, what goes over the wire, what script sees."""

from collections.abc import Callable

import pytest
from support.pages import APP, COEP, CORP, CSP, DIP, OTHER, fields, framed, page

from xoproxy.browser.fetching import client_of, conclude, settle
from xoproxy.browser.hops import Client
from xoproxy.browser.model import (
    CredentialsMode,
    Document,
    Engine,
    Mode,
    Request,
    Tainting,
    Verdict,
    WireRequest,
    WireResponse,
)
from xoproxy.policy.model import EmbedderPolicy

SHARED = f"Access-Control-Allow-Origin: {APP}"
ANYONE = "Access-Control-Allow-Origin: *"
HOP = ["main fetch", "CORS-preflight fetch", "CORS check"]


def verdict(request: Request, *answers: WireResponse, engine: Engine = Engine.CHROME) -> Verdict:
    """Conclude, answered in order; every answer is asked for."""
    left = list(answers)
    concluded = settle(conclude(request, engine), lambda _: left.pop(0))
    assert not left
    return concluded


def ok(*lines: str, status: int = 200) -> WireResponse:
    return WireResponse(status, fields(*lines))


def fetch(url: str, method: bytes = b"GET", mode: Mode = Mode.CORS, document: Document | None = None) -> Request:
    return Request(method, url, document or page(APP), mode)


def image(url: str, document: Document) -> Request:
    return Request(b"GET", url, document, Mode.NO_CORS, CredentialsMode.INCLUDE, "image")


@pytest.mark.parametrize(
    ("request_", "answers", "names", "tainting", "exposed"),
    [
        pytest.param(
            fetch(APP),
            (ok("X-A: 1", "Set-Cookie: b"),),
            ["main fetch", "basic filtered response"],
            Tainting.BASIC,
            (b"x-a",),
            id="at-home",
        ),
        pytest.param(
            fetch("/x", mode=Mode.SAME_ORIGIN),
            (ok(),),
            ["main fetch", "basic filtered response"],
            Tainting.BASIC,
            (),
            id="relative",
        ),
        pytest.param(
            fetch(OTHER, mode=Mode.NO_CORS),
            (ok(),),
            ["main fetch", "cross-origin resource policy check", "opaque filtered response"],
            Tainting.OPAQUE,
            (),
            id="opaque",
        ),
        pytest.param(
            fetch(OTHER),
            (ok(SHARED, "Content-Type: x"),),
            ["main fetch", "CORS-preflight fetch", "CORS check", "CORS filtered response"],
            Tainting.CORS,
            (b"content-type",),
            id="cors",
        ),
        pytest.param(
            fetch(OTHER, b"PUT"),
            (ok(SHARED, "Access-Control-Allow-Methods: PUT"), ok(SHARED)),
            ["main fetch", "CORS-preflight fetch", "CORS check of the preflight"]
            + ["CORS-preflight fetch"] * 3
            + ["CORS check", "CORS filtered response"],
            Tainting.CORS,
            (),
            id="preflight",
        ),
        pytest.param(
            fetch(APP),
            (ok(f"Location: {OTHER}", status=302), ok(ANYONE)),
            ["main fetch", "HTTP-redirect fetch", "main fetch", "CORS-preflight fetch", "CORS check", "CORS filtered response"],
            Tainting.CORS,
            (),
            id="redirected-from-home",
        ),
        pytest.param(
            fetch(OTHER),
            (ok(ANYONE, f"Location: {APP}", status=302), ok("Access-Control-Allow-Origin: null")),
            [*HOP, "HTTP-redirect fetch", *HOP, "CORS filtered response"],
            Tainting.CORS,
            (),
            id="redirected-home",
        ),
        pytest.param(fetch("data:,x"), (), ["main fetch"], None, (), id="data"),
        pytest.param(
            Request(b"GET", APP, None, Mode.NAVIGATE, CredentialsMode.INCLUDE, "document"),
            (ok(),),
            ["main fetch"],
            None,
            (),
            id="typed",
        ),
        pytest.param(
            Request(b"GET", OTHER, page(APP), Mode.WEBSOCKET, CredentialsMode.INCLUDE, "websocket"),
            (ok("Location: /x", status=302),),
            ["main fetch"],
            None,
            (),
            id="websockets-follow-no-redirects",
        ),
    ],
)
def test_a_fetch_ends_well(
    request_: Request,
    answers: tuple[WireResponse, ...],
    names: list[str],
    tainting: Tainting | None,
    exposed: tuple[bytes, ...],
) -> None:
    """Fetch §4.1, §4.3."""
    concluded = verdict(request_, *answers)

    assert concluded.allowed
    assert concluded.decisive is None
    assert [step.name for step in concluded.steps] == names
    assert (concluded.tainting, concluded.exposed) == (tainting, exposed)
    assert tuple(response for _, response in concluded.exchanges) == answers


@pytest.mark.parametrize(
    ("request_", "answers", "name", "why"),
    [
        pytest.param(fetch("http://["), (), "new Request()", "TypeError", id="no-url"),
        pytest.param(fetch(APP, b"TRACE"), (), "new Request()", "TypeError", id="forbidden"),
        pytest.param(fetch("https://a.example:6000"), (), "block bad port", "6000", id="port"),
        pytest.param(
            fetch("http://a.example"), (), "should fetching request be blocked as mixed content?", "https", id="mixed"
        ),
        pytest.param(fetch(OTHER, mode=Mode.SAME_ORIGIN), (), "main fetch", "the mode is same-origin", id="same-origin"),
        pytest.param(
            fetch("ftp://a.example", document=page("http://localhost")), (), "main fetch", "neither http", id="scheme"
        ),
        pytest.param(fetch(OTHER), (ok(),), "CORS check", "missing", id="cors-check"),
        pytest.param(fetch(OTHER, b"PUT"), (ok(),), "CORS check of the preflight", "missing", id="preflight"),
        pytest.param(fetch(OTHER), (ok(ANYONE, status=407),), "HTTP-network-or-cache fetch", "407", id="407"),
        pytest.param(
            fetch(OTHER, mode=Mode.NO_CORS),
            (ok(f"{CORP}: same-origin"),),
            "cross-origin resource policy check",
            "is not the origin",
            id="corp",
        ),
        pytest.param(
            fetch(OTHER),
            (ok(ANYONE, "Location: data:,x", status=301),),
            "HTTP-redirect fetch",
            "neither http",
            id="redirect-to-data",
        ),
        pytest.param(
            image("https://u:p@other.test/x", page(APP)),
            (),
            "subresource requests with embedded credentials",
            "https://other.test/x is fetched with user information, which chrome blocks",
            id="userinfo",
        ),
    ],
)
def test_a_fetch_ends_at_the_step_that_does_not_hold(
    request_: Request, answers: tuple[WireResponse, ...], name: str, why: str
) -> None:
    concluded = verdict(request_, *answers)

    assert not concluded.allowed
    assert concluded.decisive is concluded.steps[-1]
    assert all(step.holds for step in concluded.steps[:-1])
    assert concluded.decisive.name == name
    assert why in concluded.decisive.why
    assert (concluded.tainting, concluded.exposed) == (None, ())


def test_user_information_is_for_other_engines_to_send() -> None:
    assert verdict(image("https://u:p@other.test/x", page(APP)), ok(), engine=Engine.FIREFOX).allowed


def test_a_407_is_a_response_in_firefox() -> None:
    assert verdict(fetch(OTHER), ok(ANYONE, status=407), engine=Engine.FIREFOX).tainting is Tainting.CORS


def test_an_opaque_page_is_nowhere_at_home() -> None:
    sandboxed = page(APP, f"{CSP}: sandbox allow-scripts")

    concluded = verdict(fetch(APP, document=sandboxed), ok("Access-Control-Allow-Origin: null"))
    assert concluded.allowed
    assert concluded.tainting is Tainting.CORS
    assert (b"Origin", b"null") in concluded.exchanges[0][0].fields


def test_a_request_goes_over_the_wire_as_the_author_wants_it() -> None:
    request = Request(b"put", "/x y", page(APP), fields=fields("X-A: 1", "Cookie: b", "x-a: 2"))
    concluded = verdict(request, ok())

    wire = concluded.exchanges[0][0]
    assert (wire.method, wire.url, wire.credentialed) == (b"PUT", f"{APP}/x%20y", True)
    assert wire.fields[:2] == ((b"X-A", b"1, 2"), (b"Origin", APP.encode()))
    assert concluded.notes == ('script cannot set "Cookie" on this request; it is dropped',)


def test_a_preflight_goes_before_each_hop_of_another_origin() -> None:
    lines = (ANYONE, "Access-Control-Allow-Methods: *")
    concluded = verdict(fetch(OTHER, b"PUT"), ok(*lines), ok(ANYONE, "Location: /y", status=307), ok(*lines), ok(ANYONE))

    assert [(wire.method, wire.url) for wire, _ in concluded.exchanges] == [
        (b"OPTIONS", f"{OTHER}/"),
        (b"PUT", f"{OTHER}/"),
        (b"OPTIONS", f"{OTHER}/y"),
        (b"PUT", f"{OTHER}/y"),
    ]
    assert concluded.notes == ("the answer to the preflight is kept for 5 seconds: Access-Control-Max-Age is missing",)


def test_a_picture_is_asked_for_by_https() -> None:
    concluded = verdict(image("http://other.test/x", page(APP)), ok())

    assert concluded.steps[0].name == "upgrade a mixed content request"
    assert concluded.exchanges[0][0].url == f"{OTHER}/x"


@pytest.mark.parametrize(
    ("document", "target", "note"),
    [
        pytest.param(
            page(APP), "http://localhost:3000/", "ask the user before a page reaches this machine", id="local-network"
        ),
        pytest.param(page("http://192.168.1.5"), "http://192.168.1.5/", "is no secure context", id="insecure"),
    ],
)
def test_what_no_field_can_mend_is_noted(document: Document, target: str, note: str) -> None:
    concluded = verdict(fetch(target, document=document), ok(ANYONE))

    assert any(note in each for each in concluded.notes)


def test_a_304_is_noted() -> None:
    assert "its fields update the stored response" in verdict(fetch(APP), ok(status=304)).notes[0]


@pytest.mark.parametrize(
    ("lines", "origin"), [((), APP.encode()), (("Referrer-Policy: no-referrer",), b"null")], ids=["default", "no-referrer"]
)
def test_the_page_has_a_referrer_policy(lines: tuple[str, ...], origin: bytes) -> None:
    concluded = verdict(fetch(OTHER, b"POST", Mode.NO_CORS, page(APP, *lines)), ok())

    assert (b"Origin", origin) in concluded.exchanges[0][0].fields


REQUIRE, LESS = EmbedderPolicy.REQUIRE_CORP, EmbedderPolicy.CREDENTIALLESS


@pytest.mark.parametrize(
    ("document", "engine", "client"),
    [
        pytest.param(page(APP), Engine.CHROME, Client(APP.encode(), (), True), id="plain"),
        pytest.param(page(APP, f"{COEP}: require-corp"), Engine.CHROME, Client(APP.encode(), (REQUIRE,), True), id="embedder"),
        pytest.param(
            page(APP, f"{DIP}: isolate-and-credentialless"), Engine.CHROME, Client(APP.encode(), (LESS,), True), id="isolation"
        ),
        pytest.param(
            page(APP, f"{COEP}: credentialless", f"{DIP}: isolate-and-require-corp"),
            Engine.CHROME,
            Client(APP.encode(), (LESS, REQUIRE), True),
            id="both",
        ),
        pytest.param(
            page(APP, f"{COEP}: credentialless", f"{DIP}: isolate-and-require-corp"),
            Engine.SAFARI,
            Client(APP.encode(), (), True, Engine.SAFARI),
            id="an-engine-without",
        ),
        pytest.param(
            page("http://10.0.0.1", f"{COEP}: require-corp"),
            Engine.CHROME,
            Client(b"http://10.0.0.1", (), False),
            id="insecure",
        ),
        pytest.param(
            framed(page(APP), "http://b.test"), Engine.CHROME, Client(b"http://b.test", (), True), id="framed-by-https"
        ),
        pytest.param(Document("no url", origin=b"null"), Engine.CHROME, Client(b"null"), id="no-url"),
    ],
)
def test_a_page_is_to_its_requests_what_its_policies_make_of_it(document: Document, engine: Engine, client: Client) -> None:
    assert client_of(document, engine) == client


@pytest.mark.parametrize(
    ("line", "allowed", "credentialed"),
    [
        (f"{COEP}: require-corp", False, True),
        (f"{COEP}: credentialless", True, False),
        (f"{DIP}: isolate-and-require-corp", False, True),
        (f"{DIP}: isolate-and-credentialless", True, False),
        (f"{COEP}: Require-Corp", True, True),
    ],
)
def test_policies_of_the_page_decide_about_pictures(line: str, allowed: bool, credentialed: bool) -> None:
    concluded = verdict(image(OTHER, page(APP, line)), ok())

    assert concluded.allowed is allowed
    assert concluded.exchanges[0][0].credentialed is credentialed


def test_whoever_drives_sees_every_request() -> None:
    asked: list[WireRequest] = []

    def answer(wire: WireRequest) -> WireResponse:
        asked.append(wire)
        return ok(ANYONE, "Access-Control-Allow-Methods: *")

    driver: Callable[[WireRequest], WireResponse] = answer
    settle(conclude(fetch(OTHER, b"PUT")), driver)
    assert [wire.is_preflight for wire in asked] == [True, False]
