"""What browsers say of themselves: Origin, Sec-Fetch-*, and whether cookies go along."""

import pytest
from support.pages import fields

from xoproxy.browser.hops import Client, Hop
from xoproxy.browser.metadata import wire_request
from xoproxy.browser.model import CredentialsMode, Engine, Mode, Tainting
from xoproxy.browser.urls import Url, parse
from xoproxy.policy.model import EmbedderPolicy

APP, SIBLING, OTHER = "https://app.site.example", "https://api.site.example", "https://other.test"
PAGE = Client(APP.encode())
HOME, INCLUDE, OMIT = CredentialsMode.SAME_ORIGIN, CredentialsMode.INCLUDE, CredentialsMode.OMIT


def urls(*texts: str) -> tuple[Url, ...]:
    return tuple(url for text in texts if (url := parse(text)) is not None)


def hop(
    *chain: str,
    method: bytes = b"GET",
    client: Client | None = PAGE,
    mode: Mode = Mode.CORS,
    tainting: Tainting = Tainting.CORS,
    policy: str = "strict-origin-when-cross-origin",
    destination: str = "",
) -> Hop:
    return Hop(method, urls(*chain), client, mode, HOME, destination, (), tainting, policy)


def sent(request: Hop, name: bytes, engine: Engine = Engine.CHROME) -> bytes | None:
    return dict(wire_request(request, engine).fields).get(name)


@pytest.mark.parametrize(
    ("request_", "origin"),
    [
        pytest.param(hop(OTHER), APP, id="cors"),
        pytest.param(hop(APP, tainting=Tainting.BASIC), None, id="get-at-home"),
        pytest.param(hop(APP, method=b"POST", tainting=Tainting.BASIC), APP, id="post-at-home"),
        pytest.param(hop(OTHER, mode=Mode.NO_CORS, tainting=Tainting.OPAQUE), None, id="picture"),
        pytest.param(hop(OTHER, method=b"POST", mode=Mode.NO_CORS, tainting=Tainting.OPAQUE), APP, id="no-cors-post"),
        pytest.param(hop(OTHER, mode=Mode.WEBSOCKET, tainting=Tainting.BASIC), APP, id="websocket"),
        pytest.param(hop(OTHER, mode=Mode.NAVIGATE, tainting=Tainting.BASIC), None, id="link"),
        pytest.param(hop(OTHER, SIBLING), "null", id="redirected"),
    ],
)
def test_some_requests_have_an_origin(request_: Hop, origin: str | None) -> None:
    """Fetch §3.2."""
    assert sent(request_, b"Origin") == (origin and origin.encode())


@pytest.mark.parametrize(
    ("policy", "target", "origin"),
    [
        ("no-referrer", APP, "null"),
        ("strict-origin", OTHER, APP),
        ("strict-origin", "http://other.test", "null"),
        ("no-referrer-when-downgrade", "http://other.test", "null"),
        ("strict-origin-when-cross-origin", "http://other.test", "null"),
        ("same-origin", APP, APP),
        ("same-origin", OTHER, "null"),
        ("origin", "http://other.test", APP),
        ("unsafe-url", "http://other.test", APP),
    ],
)
def test_the_referrer_policy_hides_the_origin_of_forms(policy: str, target: str, origin: str) -> None:
    """Fetch §3.2, step 4.1: for other modes than cors."""
    request = hop(target, method=b"POST", mode=Mode.NAVIGATE, tainting=Tainting.BASIC, policy=policy)

    assert sent(request, b"Origin") == origin.encode()


@pytest.mark.parametrize(
    ("chain", "client", "site"),
    [
        pytest.param((APP,), PAGE, b"same-origin", id="home"),
        pytest.param((SIBLING,), PAGE, b"same-site", id="site"),
        pytest.param((OTHER,), PAGE, b"cross-site", id="elsewhere"),
        pytest.param((OTHER, APP), PAGE, b"cross-site", id="worst-of-the-chain"),
        pytest.param((SIBLING, APP), PAGE, b"same-site", id="worst-is-the-site"),
        pytest.param(("https://app.site.example:8443",), PAGE, b"same-site", id="another-port"),
        pytest.param((APP,), Client(b"http://app.site.example"), b"cross-site", id="another-scheme"),
        pytest.param((APP,), Client(b"null"), b"cross-site", id="opaque"),
        pytest.param((APP, OTHER), None, b"none", id="typed"),
    ],
)
def test_sec_fetch_site_is_the_farthest_of_the_chain(chain: tuple[str, ...], client: Client | None, site: bytes) -> None:
    """Fetch Metadata §2.3."""
    assert sent(hop(*chain, client=client), b"Sec-Fetch-Site") == site


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param(hop(APP), ("Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"), id="fetch"),
        pytest.param(
            hop(APP, mode=Mode.NAVIGATE, destination="document"),
            ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Sec-Fetch-User: ?1"),
            id="link",
        ),
        pytest.param(
            hop(APP, mode=Mode.NAVIGATE, destination="iframe"),
            ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"),
            id="frame",
        ),
    ],
)
def test_sec_fetch_tells_mode_destination_and_user(request_: Hop, expected: tuple[str, ...]) -> None:
    """Fetch Metadata §2."""
    lines = [line for line in wire_request(request_, Engine.CHROME).fields if line[0].startswith(b"Sec-Fetch-")]

    assert tuple(lines[1:]) == fields(*expected)


def test_no_fetch_metadata_go_where_everyone_can_read_them() -> None:
    names = [name for name, _ in wire_request(hop("http://other.test"), Engine.CHROME).fields]

    assert names == [b"Origin"]


@pytest.mark.parametrize(("engine", "site"), [(Engine.CHROME, None), (Engine.FIREFOX, b"cross-site")])
def test_the_handshake_of_a_websocket_says_less_in_chromium(engine: Engine, site: bytes | None) -> None:
    assert sent(hop(OTHER, mode=Mode.WEBSOCKET), b"Sec-Fetch-Site", engine) == site


def test_an_engine_without_fetch_metadata_sends_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xoproxy.browser.metadata.has", lambda *_: False)

    assert sent(hop(OTHER), b"Sec-Fetch-Site") is None


@pytest.mark.parametrize(
    ("target", "mode", "tainting", "credentials", "embedders", "credentialed"),
    [
        pytest.param(OTHER, Mode.CORS, Tainting.CORS, INCLUDE, (), True, id="include"),
        pytest.param(OTHER, Mode.CORS, Tainting.CORS, HOME, (), False, id="by-default-not-elsewhere"),
        pytest.param(APP, Mode.CORS, Tainting.BASIC, HOME, (), True, id="by-default-at-home"),
        pytest.param(APP, Mode.CORS, Tainting.BASIC, OMIT, (), False, id="omit"),
        pytest.param(OTHER, Mode.NO_CORS, Tainting.OPAQUE, INCLUDE, (), True, id="picture"),
        pytest.param(OTHER, Mode.NO_CORS, Tainting.OPAQUE, INCLUDE, ("require-corp",), True, id="require-corp"),
        pytest.param(OTHER, Mode.NO_CORS, Tainting.OPAQUE, INCLUDE, ("credentialless",), False, id="credentialless"),
        pytest.param(
            OTHER,
            Mode.NO_CORS,
            Tainting.OPAQUE,
            INCLUDE,
            ("require-corp", "credentialless"),
            False,
            id="isolated-credentialless",
        ),
        pytest.param(APP, Mode.NO_CORS, Tainting.BASIC, INCLUDE, ("credentialless",), True, id="credentialless-at-home"),
        pytest.param(OTHER, Mode.CORS, Tainting.CORS, INCLUDE, ("credentialless",), True, id="credentialless-with-cors"),
    ],
)
def test_cookies_go_along(  # the columns of a table
    target: str, mode: Mode, tainting: Tainting, credentials: CredentialsMode, embedders: tuple[str, ...], credentialed: bool
) -> None:
    """Fetch §4.6; §2.2.5, "Cross-Origin-Embedder-Policy allows credentials"."""
    client = Client(APP.encode(), tuple(map(EmbedderPolicy, embedders)))
    request = Hop(b"GET", urls(target), client, mode, credentials, "", tainting=tainting)

    assert wire_request(request, Engine.CHROME).credentialed is credentialed


def test_credentialless_remembers_that_a_foreigner_sent_us_home() -> None:
    client = Client(APP.encode(), (EmbedderPolicy.CREDENTIALLESS,))
    request = Hop(b"GET", urls(OTHER, APP), client, Mode.NO_CORS, INCLUDE, "image", tainting=Tainting.OPAQUE)

    assert not wire_request(request, Engine.CHROME).credentialed
    assert wire_request(Hop(b"GET", urls(OTHER), None, Mode.NO_CORS, INCLUDE, ""), Engine.CHROME).credentialed
