"""What the proxy would answer, offline, is what it does answer on the wire."""

from datetime import date

import pytest

from xoproxy.browser.model import Fields, WireRequest, WireResponse
from xoproxy.config import Overrides, compile_text
from xoproxy.insight.proxied import Proxied, UnreadableUrlError, authority_and_target

POLICY = """
version: 1
upstream: http://app:1
routes:
  - match: {host: api.example}
    policy: {corp: same-site, cors: {allow_origins: [https://a.example], allow_methods: [PUT]}}
  - match: {path: /page}
    policy: isolated
"""


def proxied(text: str = POLICY) -> Proxied:
    return Proxied(compile_text(text, "test.yaml", Overrides(), environ={}, today=date(2026, 1, 1), number=1).generation)


def named(fields: Fields) -> dict[bytes, bytes]:
    return dict(fields)


def test_a_granted_origin_is_answered_as_on_the_wire() -> None:
    """The backend's own CORS fields are gone, ours are there, its Vary is merged, all else stays."""
    backend = WireResponse(200, ((b"Vary", b"Accept"), (b"Access-Control-Allow-Origin", b"*"), (b"X-Mine", b"1")))
    answered = proxied().answer(WireRequest(b"GET", "https://api.example/x", ((b"Origin", b"https://a.example"),)), backend)

    assert answered.response == WireResponse(
        200,
        (
            (b"X-Mine", b"1"),
            (b"Cross-Origin-Resource-Policy", b"same-site"),
            (b"Access-Control-Allow-Origin", b"https://a.example"),
            (b"Vary", b"Accept, Origin"),
        ),
    )
    assert answered.removed == ((b"Vary", b"Accept"), (b"Access-Control-Allow-Origin", b"*"))
    assert (b"X-Mine", b"1") not in answered.added
    assert answered.route is not None
    assert answered.route.name == "routes[0]"


@pytest.mark.parametrize(
    ("policy", "is_ours"),
    [
        pytest.param("{coop: same-origin}", True, id="replace"),
        pytest.param("{coop: same-origin, upstream_fields: fill}", False, id="fill"),
        pytest.param("{corp: same-origin}", False, id="no-key"),
    ],
)
def test_of_two_equal_lines_it_is_known_whose_goes_out(policy: str, is_ours: bool) -> None:
    """Design rule 2: the backend's own is removed and the policy's is set, also where they say the same."""
    same = (b"Cross-Origin-Opener-Policy", b"same-origin")
    text = f"version: 1\nupstream: http://app:1\npolicy: {policy}\n"
    answered = proxied(text).answer(WireRequest(b"GET", "https://www.example/"), WireResponse(200, (same, (b"X-Mine", b""))))

    assert answered.response.fields.count(same) == 1
    assert (same in answered.added, same in answered.removed) == (is_ours, is_ours)
    assert (b"X-Mine", b"") not in (*answered.added, *answered.removed)


def test_a_preflight_never_meets_the_backend() -> None:
    """Design rule 5."""
    asked = ((b"Origin", b"https://a.example"), (b"Access-Control-Request-Method", b"PUT"))
    answered = proxied().answer(WireRequest(b"OPTIONS", "https://api.example/x", asked), WireResponse(500))

    assert answered.response.status == 204
    assert answered.backend is None
    assert named(answered.response.fields)[b"Access-Control-Allow-Methods"] == b"PUT"


@pytest.mark.parametrize(
    ("request_", "status", "route"),
    [
        pytest.param(WireRequest(b"GET", "https://www.example/other"), 404, None, id="no-route"),
        pytest.param(WireRequest(b"GET", "https://api.example/%00"), 400, "routes[0]", id="unreadable-path"),
        pytest.param(WireRequest(b"G ET", "https://api.example/"), 400, None, id="no-method"),
        pytest.param(
            WireRequest(
                b"OPTIONS",
                "https://api.example/",
                ((b"Origin", b"https://evil.example"), (b"Access-Control-Request-Method", b"PUT")),
            ),
            403,
            "routes[0]",
            id="refused-preflight",
        ),
    ],
)
def test_a_refusal_says_why_and_asks_nobody(request_: WireRequest, status: int, route: str | None) -> None:
    """What xoproxy answers itself has its reason in words, and is a problem document."""
    answered = proxied().answer(request_)

    assert (answered.response.status, answered.route and answered.route.name) == (status, route)
    assert answered.refusal
    assert answered.backend is None
    assert named(answered.response.fields)[b"Content-Type"] == b"application/problem+json"


def test_a_backend_that_cannot_be_understood_is_a_502_with_the_policy_on_it() -> None:
    """Design rule 1."""
    lengths = ((b"Content-Length", b"1"), (b"Content-Length", b"2"))
    answered = proxied().answer(WireRequest(b"GET", "https://www.example/page"), WireResponse(200, lengths))

    assert answered.response.status == 502
    assert named(answered.response.fields)[b"Cross-Origin-Opener-Policy"] == b"same-origin"


def test_an_unassigned_status_has_no_phrase_and_is_passed_on() -> None:
    assert proxied().answer(WireRequest(b"GET", "https://www.example/page"), WireResponse(299)).response.status == 299


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        pytest.param("https://A.Example", (b"https", b"a.example", b"/"), id="bare"),
        pytest.param("https://a.example:443/x?y=1#f", (b"https", b"a.example", b"/x?y=1"), id="default-port"),
        pytest.param("http://a.example:8080/x", (b"http", b"a.example:8080", b"/x"), id="port"),
        pytest.param("wss://a.example/live", (b"https", b"a.example", b"/live"), id="websocket"),
        pytest.param("http://[::1]:80/", (b"http", b"[::1]", b"/"), id="ipv6"),
    ],
)
def test_urls_are_taken_apart_as_they_go_over_the_wire(url: str, parts: tuple[bytes, bytes, bytes]) -> None:
    assert authority_and_target(url) == parts


@pytest.mark.parametrize("url", ["/path", "ftp://a.example/", "https://", "https://a.example:99999/", "https://a.example/ä"])
def test_what_no_request_can_be_made_of_is_told(url: str) -> None:
    with pytest.raises(UnreadableUrlError, match=r"URL|percent-encode"):
        authority_and_target(url)


@pytest.mark.parametrize(("method", "status"), [(b"POST", 204), (b"GET", 405), (b"OPTIONS", 204)])
def test_path_where_reports_are_collected_is_answered_without_the_backend(method: bytes, status: int) -> None:
    text = POLICY + "reporting: {endpoints: {a: /page}}\n"
    answered = proxied(text).answer(WireRequest(method, "https://api.example/page", ()), WireResponse(200))

    assert (answered.response.status, answered.route, answered.backend) == (status, None, None)
    assert named(answered.response.fields)[b"Access-Control-Allow-Origin"] == b"*"
    assert bool(answered.refusal) is (status == 405)
