"""The cross-origin resource policy check, under each embedder policy."""

import pytest
from support.pages import CORP, fields

from xoproxy.browser.corp_check import Embedding, corp_check
from xoproxy.browser.hops import Client
from xoproxy.browser.model import Engine
from xoproxy.policy.model import EmbedderPolicy

APP = b"https://app.site.example"
SIBLING = b"https://api.site.example"
OTHER = b"https://other.test"
NONE: tuple[EmbedderPolicy, ...] = ()
REQUIRE = (EmbedderPolicy.REQUIRE_CORP,)
LESS = (EmbedderPolicy.CREDENTIALLESS,)


@pytest.mark.parametrize(
    ("line", "target", "embedders", "holds"),
    [
        pytest.param(None, OTHER, NONE, True, id="nothing-said"),
        pytest.param("cross-origin", OTHER, NONE, True, id="cross-origin"),
        pytest.param("same-origin", OTHER, NONE, False, id="same-origin"),
        pytest.param("same-origin", APP, NONE, True, id="same-origin-at-home"),
        pytest.param("same-origin", SIBLING, NONE, False, id="same-origin-on-the-site"),
        pytest.param("same-site", SIBLING, NONE, True, id="same-site"),
        pytest.param("same-site", OTHER, NONE, False, id="same-site-elsewhere"),
        pytest.param("same-site", b"http://api.site.example", NONE, True, id="same-site-of-http"),
        pytest.param("Same-Origin", OTHER, NONE, True, id="void-forbids-nothing"),
        pytest.param("same-origin, same-origin", OTHER, NONE, True, id="a-list-is-void"),
        pytest.param(None, OTHER, REQUIRE, False, id="require-corp-wants-consent"),
        pytest.param(None, APP, REQUIRE, True, id="require-corp-at-home"),
        pytest.param("Cross-Origin", OTHER, REQUIRE, False, id="void-is-no-consent"),
        pytest.param("cross-origin", OTHER, REQUIRE, True, id="consent"),
        pytest.param("same-site", SIBLING, REQUIRE, True, id="consent-for-the-site"),
        pytest.param("same-origin", OTHER, REQUIRE, False, id="refusal-under-require-corp"),
        pytest.param(None, OTHER, LESS, True, id="credentialless-wants-none"),
        pytest.param("same-origin", OTHER, LESS, False, id="refusal-under-credentialless"),
        pytest.param(None, OTHER, (*LESS, *REQUIRE), False, id="both-policies-hold"),
    ],
)
def test_a_response_is_embedded_if_all_agree(
    line: str | None, target: bytes, embedders: tuple[EmbedderPolicy, ...], holds: bool
) -> None:
    """Fetch §3.7, "cross-origin resource policy check"."""
    said = () if line is None else fields(f"{CORP}: {line}")

    assert corp_check(Embedding(Client(APP, embedders), target, said)).holds is holds


def test_credentialless_wants_consent_where_cookies_went() -> None:
    assert not corp_check(Embedding(Client(APP, LESS), OTHER, (), credentialed=True)).holds


@pytest.mark.parametrize(
    ("line", "embedders", "holds"),
    [
        (None, NONE, True),
        ("same-origin", NONE, True),
        (None, REQUIRE, False),
        (None, LESS, False),
        ("cross-origin", LESS, True),
    ],
)
def test_frames_are_asked_only_under_an_embedder_policy(
    line: str | None, embedders: tuple[EmbedderPolicy, ...], holds: bool
) -> None:
    said = () if line is None else fields(f"{CORP}: {line}")

    assert corp_check(Embedding(Client(APP, embedders), OTHER, said, for_navigation=True)).holds is holds


def test_two_lines_are_void() -> None:
    said = fields(f"{CORP}: cross-origin", f"{CORP}: cross-origin")

    step = corp_check(Embedding(Client(APP, REQUIRE), OTHER, said))
    assert not step.holds
    assert "two lines" in step.why
    assert "require-corp" in step.why


def test_an_http_page_is_not_of_the_site_of_an_https_response() -> None:
    said = fields(f"{CORP}: same-site")

    step = corp_check(Embedding(Client(b"http://app.site.example"), SIBLING, said))
    assert not step.holds
    assert step.why.endswith("http://app.site.example is not https as https://api.site.example is")


@pytest.mark.parametrize(
    ("engine", "target", "holds"),
    [
        (Engine.CHROME, b"http://10.0.0.1:2", False),
        (Engine.FIREFOX, b"http://10.0.0.1:2", True),
        (Engine.CHROME, b"http://10.0.0.1:1", True),
    ],
)
def test_ports_of_an_address_are_a_site_but_for_chromium(engine: Engine, target: bytes, holds: bool) -> None:
    client = Client(b"http://10.0.0.1:1", engine=engine)

    assert corp_check(Embedding(client, target, fields(f"{CORP}: same-site"))).holds is holds


def test_an_opaque_page_is_nobodys_origin() -> None:
    assert not corp_check(Embedding(Client(b"null"), b"null", fields(f"{CORP}: same-origin"))).holds


@pytest.mark.parametrize(
    ("engine", "line", "holds"),
    [(Engine.CHROME, "Cross-Origin", False), (Engine.FIREFOX, "Cross-Origin", True), (Engine.FIREFOX, "", False)],
)
def test_firefox_takes_a_void_policy_for_consent_but_not_an_empty_one(engine: Engine, line: str, holds: bool) -> None:
    said = ((CORP.encode(), line.encode()),)

    assert corp_check(Embedding(Client(APP, REQUIRE, engine=engine), OTHER, said)).holds is holds
