"""Redirects: where to, as what, and when not."""

import pytest
from support.pages import fields

from xoproxy.browser.hops import Client, Hop
from xoproxy.browser.model import CredentialsMode, Fields, Mode, Tainting, WireResponse
from xoproxy.browser.redirects import is_redirect, redirected, referrer_policy
from xoproxy.browser.urls import Url, parse

APP, API, OTHER = "https://app.example", "https://api.example", "https://other.test"
SENT = ((b"Authorization", b"x"), (b"Content-Type", b"a/b"), (b"X-A", b"1"))


def urls(*texts: str) -> tuple[Url, ...]:
    return tuple(url for text in texts if (url := parse(text)) is not None)


def hop(method: bytes = b"GET", at: tuple[Url, ...] = urls(API), mode: Mode = Mode.CORS, sent: Fields = SENT) -> Hop:
    tainting = Tainting.BASIC if at[-1].origin == APP.encode() else Tainting.CORS
    return Hop(method, at, Client(APP.encode()), mode, CredentialsMode.INCLUDE, "", sent, tainting)


def to(location: str, status: int = 302) -> WireResponse:
    return WireResponse(status, fields(f"Location: {location}"))


@pytest.mark.parametrize(
    ("response", "expected"),
    [(to("/x"), True), (to("/x", 308), True), (WireResponse(302), False), (to("/x", 304), False), (to("/x", 300), False)],
)
def test_five_statuses_redirect_if_they_say_where(response: WireResponse, expected: bool) -> None:
    """Fetch §2.2.3, "redirect status"; §4.4, step 4."""
    assert is_redirect(response) is expected


@pytest.mark.parametrize(
    ("method", "status", "followed"),
    [
        (b"POST", 301, b"GET"),
        (b"POST", 302, b"GET"),
        (b"PUT", 301, b"PUT"),
        (b"POST", 303, b"GET"),
        (b"PUT", 303, b"GET"),
        (b"HEAD", 303, b"HEAD"),
        (b"GET", 303, b"GET"),
        (b"POST", 307, b"POST"),
        (b"POST", 308, b"POST"),
    ],
)
def test_some_redirects_become_a_get_without_content(method: bytes, status: int, followed: bytes) -> None:
    """Fetch §4.4, step 12."""
    following, step = redirected(hop(method), to("/y", status))

    assert step.holds
    assert following.method == followed
    assert (b"Content-Type" in dict(following.fields)) is (method == followed)
    assert str(following.url) == "https://api.example/y"


@pytest.mark.parametrize(("location", "kept"), [("/y", True), (f"{API}/y", True), (f"{API}:8443/y", False), (OTHER, False)])
def test_authorization_goes_to_no_other_origin(location: str, kept: bool) -> None:
    """Fetch §4.4, step 13."""
    following, step = redirected(hop(), to(location))

    assert (b"Authorization" in dict(following.fields)) is kept
    assert ("without Authorization" in step.why) is not kept


def test_hiding_the_origin_is_said() -> None:
    following, step = redirected(hop(), to(OTHER))

    assert following.serialized_origin == b"null"
    assert "with the origin null from here on" in step.why


@pytest.mark.parametrize(
    ("request_", "locations", "why"),
    [
        pytest.param(hop(), ("http://[",), 'Location "http://[" is no URL', id="no-url"),
        pytest.param(hop(), ("/a", "/b"), 'Location "/a, /b" is there with several values', id="two"),
        pytest.param(hop(), ("data:,x",), "Location data:,x is neither http nor https", id="data"),
        pytest.param(hop(), ("https://u@api.example/",), "which a CORS request must not be sent to", id="userinfo"),
        pytest.param(hop(), ("https://u@app.example/",), "the request has been to another origin", id="userinfo-at-home-again"),
        pytest.param(hop(at=urls(API) * 21), ("/y",), "more than 20 redirects", id="too-many"),
    ],
)
def test_some_redirects_lead_nowhere(request_: Hop, locations: tuple[str, ...], why: str) -> None:
    """Fetch §4.4, steps 5 to 10."""
    following, step = redirected(request_, WireResponse(302, fields(*(f"Location: {each}" for each in locations))))

    assert following is request_
    assert not step.holds
    assert why in step.why


@pytest.mark.parametrize(
    ("request_", "locations"),
    [
        pytest.param(hop(at=urls(API) * 20), ("/y",), id="the-twentieth"),
        pytest.param(hop(), ("/y", "/y"), id="the-same-twice"),
        pytest.param(hop(at=urls(APP)), ("https://u@app.example/",), id="userinfo-at-home"),
        pytest.param(hop(at=urls(APP), mode=Mode.NO_CORS), ("https://u@other.test/",), id="userinfo-without-cors"),
    ],
)
def test_other_redirects_are_followed(request_: Hop, locations: tuple[str, ...]) -> None:
    _, step = redirected(request_, WireResponse(302, fields(*(f"Location: {each}" for each in locations))))

    assert step.holds


@pytest.mark.parametrize(
    ("lines", "policy"),
    [
        ((), ""),
        (("Referrer-Policy: no-referrer",), "no-referrer"),
        (("Referrer-Policy: Same-Origin, bogus",), "same-origin"),
        (("Referrer-Policy: origin", "Referrer-Policy: unsafe-url"), "unsafe-url"),
        (("Referrer-Policy: bogus",), ""),
    ],
)
def test_the_last_known_referrer_policy_counts(lines: tuple[str, ...], policy: str) -> None:
    """Referrer Policy §8.1; on redirects §8.2."""
    assert referrer_policy(fields(*lines)) == policy

    response = WireResponse(302, fields("Location: /y", *lines))
    assert redirected(hop(), response)[0].referrer_policy == (policy or hop().referrer_policy)
