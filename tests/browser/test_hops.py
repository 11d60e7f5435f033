"""A request on its way: what its chain of URLs makes of its origin."""

import pytest

from xoproxy.browser.hops import Client, Hop
from xoproxy.browser.model import CredentialsMode, Mode, Tainting
from xoproxy.browser.urls import Url, parse
from xoproxy.policy.model import EmbedderPolicy

APP, API, OTHER = "https://app.example", "https://api.example", "https://other.test"
PAGE = Client(APP.encode())
LESS = Client(APP.encode(), (EmbedderPolicy.CREDENTIALLESS,))


def hop(
    *chain: str,
    mode: Mode = Mode.CORS,
    credentials: CredentialsMode = CredentialsMode.INCLUDE,
    tainting: Tainting = Tainting.CORS,
    client: Client | None = PAGE,
) -> Hop:
    urls: tuple[Url, ...] = tuple(url for text in chain if (url := parse(text)) is not None)
    return Hop(b"GET", urls, client, mode, credentials, "", (), tainting)


@pytest.mark.parametrize(
    ("chain", "origin", "taint"),
    [
        pytest.param((APP,), APP, "same-origin", id="none"),
        pytest.param((APP, API), APP, "same-origin", id="from-home"),
        pytest.param((API, f"{API}/y"), APP, "same-origin", id="within-another"),
        pytest.param((API, APP), "null", "cross-site", id="back-home"),
        pytest.param((API, OTHER), "null", "cross-site", id="from-one-to-another"),
        pytest.param((APP, API, OTHER), "null", "cross-site", id="later"),
        pytest.param((f"{API}:1", f"{API}:2"), "null", "same-site", id="another-port"),
    ],
)
def test_the_origin_is_hidden_once_foreigners_redirect_to_others(chain: tuple[str, ...], origin: str, taint: str) -> None:
    """Fetch §2.2.5, "redirect-taint", "serializing a request origin"."""
    request = hop(*chain)
    assert request.redirect_taint == taint
    assert request.serialized_origin == origin.encode()


@pytest.mark.parametrize(
    ("mode", "is_navigation", "is_read"),
    [(Mode.NAVIGATE, True, False), (Mode.WEBSOCKET, False, False), (Mode.CORS, False, True), (Mode.NO_CORS, False, True)],
)
def test_some_responses_are_not_for_the_page_that_asks(mode: Mode, is_navigation: bool, is_read: bool) -> None:
    assert (hop(API, mode=mode).is_navigation, hop(API, mode=mode).is_read) == (is_navigation, is_read)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param(hop(API), True, id="include"),
        pytest.param(hop(API, credentials=CredentialsMode.OMIT), False, id="omit"),
        pytest.param(hop(API, credentials=CredentialsMode.SAME_ORIGIN), False, id="elsewhere"),
        pytest.param(hop(APP, credentials=CredentialsMode.SAME_ORIGIN, tainting=Tainting.BASIC), True, id="at-home"),
        pytest.param(hop(API, mode=Mode.NO_CORS, client=None), True, id="nobody-asks"),
        pytest.param(hop(API, mode=Mode.NO_CORS), True, id="no-policy"),
        pytest.param(hop(API, mode=Mode.NO_CORS, client=LESS), False, id="less"),
    ],
)
def test_credentials_are_included(request_: Hop, expected: bool) -> None:
    """Fetch §4.6, "includeCredentials"."""
    assert request_.includes_credentials is expected


def test_where_nobody_asks_the_origin_is_opaque() -> None:
    assert hop(APP, client=None).origin == b"null"
    assert not hop(APP, client=None).is_same_origin
