"""Which pages show in a frame.  (HTML §7.4.5, §7.1.4.2; WPT html/cross-origin-embedder-policy/)"""

import pytest
from support.pages import APP, COEP, CORP, CSP, NO_FRAME, OTHER, fields, framed, page

from xoproxy.browser import framing
from xoproxy.browser.fetching import settle
from xoproxy.browser.model import Document, Engine, Frame, Verdict, WireRequest, WireResponse

CHROME = Engine.CHROME
REQUIRE_CORP, CREDENTIALLESS = f"{COEP}: require-corp", f"{COEP}: credentialless"
CORP_CHECK = "cross-origin resource policy check"
ADHERENCE = "check a navigation response's adherence to its embedder policy"


def frames(parent: Document, url: str, *lines: str, engine: Engine = CHROME, frame: Frame = NO_FRAME) -> Verdict:
    return settle(framing.conclude(parent, url, engine, frame), lambda _: WireResponse(200, fields(*lines)))


@pytest.mark.parametrize(
    ("parent", "url", "lines", "step"),
    [
        pytest.param((), OTHER, (), None, id="no-embedder-policy"),
        pytest.param((), OTHER, (f"{CORP}: same-origin",), None, id="resource-policy-without-embedder-policy"),
        pytest.param((REQUIRE_CORP,), f"{APP}/in", (REQUIRE_CORP,), None, id="own"),
        pytest.param((REQUIRE_CORP,), f"{APP}/in", (CREDENTIALLESS,), None, id="own-credentialless"),
        pytest.param((REQUIRE_CORP,), f"{APP}/in", (), ADHERENCE, id="own-without-policy"),
        pytest.param((REQUIRE_CORP,), OTHER, (REQUIRE_CORP,), CORP_CHECK, id="foreign-without-resource-policy"),
        pytest.param((REQUIRE_CORP,), OTHER, (REQUIRE_CORP, f"{CORP}: cross-origin"), None, id="foreign-that-agrees"),
        pytest.param((REQUIRE_CORP,), OTHER, (REQUIRE_CORP, f"{CORP}: same-site"), CORP_CHECK, id="foreign-that-does-not"),
        pytest.param((REQUIRE_CORP,), OTHER, (f"{CORP}: cross-origin",), ADHERENCE, id="foreign-without-embedder-policy"),
        pytest.param(
            (CREDENTIALLESS,), OTHER, (CREDENTIALLESS,), CORP_CHECK, id="navigations-need-consent-under-credentialless"
        ),
        pytest.param(
            (CREDENTIALLESS,), OTHER, (CREDENTIALLESS, f"{CORP}: cross-origin"), None, id="credentialless-that-agrees"
        ),
        pytest.param((REQUIRE_CORP,), "https://sub.app.example", (REQUIRE_CORP, f"{CORP}: same-site"), None, id="same-site"),
        pytest.param((f"{COEP}-Report-Only: require-corp",), OTHER, (), None, id="report-only"),
        pytest.param(("Document-Isolation-Policy: isolate-and-require-corp",), OTHER, (), None, id="document-isolation"),
    ],
)
def test_an_embedder_policy_asks_frames_for_consent_and_for_one_of_their_own(
    parent: tuple[str, ...], url: str, lines: tuple[str, ...], step: str | None
) -> None:
    """Fetch §3.7 with "for navigation"; HTML §7.1.4.2."""
    verdict = frames(page(APP, *parent), url, *lines)

    assert verdict.allowed is (step is None)
    assert (verdict.decisive.name if verdict.decisive else None) == step


@pytest.mark.parametrize(
    ("engine", "shown"),
    [pytest.param(CHROME, True, id="chrome"), pytest.param(Engine.SAFARI, False, id="safari")],
)
def test_a_credentialless_frame_needs_no_policy_where_there_are_such(engine: Engine, shown: bool) -> None:
    """WICG anonymous-iframe §2."""
    parent = page(APP, REQUIRE_CORP)

    assert frames(parent, OTHER, engine=engine, frame=Frame(credentialless=True)).allowed is shown


def test_frames_inside_a_credentialless_frame_need_none_either() -> None:
    parent = framed(page(APP, REQUIRE_CORP), OTHER, REQUIRE_CORP, frame=Frame(credentialless=True))

    assert frames(parent, APP).allowed


def test_each_redirect_must_consent() -> None:
    """HTML §7.4.5: the check stands in the loop over redirects."""
    agreeing = (REQUIRE_CORP, f"{CORP}: cross-origin")
    first, last = f"{OTHER}/go", f"{OTHER}/page"
    location = f"Location: {last}"

    def answered(*lines: str) -> Verdict:
        answers = {first: WireResponse(302, fields(location, *lines)), last: WireResponse(200, fields(*agreeing))}
        return settle(framing.conclude(page(APP, REQUIRE_CORP), first, CHROME), lambda wire: answers[wire.url])

    assert answered(f"{CORP}: cross-origin").allowed
    assert not answered().allowed


def test_the_request_for_a_frame_is_a_navigation() -> None:
    """Fetch Metadata: what servers choose by."""
    asked: list[WireRequest] = []

    def answer(wire: WireRequest) -> WireResponse:
        asked.append(wire)
        return WireResponse(200)

    verdict = settle(framing.conclude(page(APP), OTHER, CHROME), answer)

    assert [wire.url for wire in asked] == [f"{OTHER}/"]
    assert dict(asked[0].fields)[b"Sec-Fetch-Dest"] == b"iframe"
    assert dict(asked[0].fields)[b"Sec-Fetch-Mode"] == b"navigate"
    assert (verdict.tainting, verdict.exposed) == (None, ())


def test_a_frame_that_cannot_be_fetched_is_not_judged_further() -> None:
    """Mixed content: no policy is asked for."""
    verdict = frames(page(APP, REQUIRE_CORP), "http://other.test")

    assert not verdict.allowed
    assert verdict.exchanges == ()


@pytest.mark.parametrize(
    ("lines", "notes"),
    [
        pytest.param((), (), id="nothing"),
        pytest.param(("X-Frame-Options: DENY",), ("X-Frame-Options is DENY: not judged here",), id="x-frame-options"),
        pytest.param(
            (f"{CSP}: default-src *; Frame-Ancestors 'none'",),
            ("Content-Security-Policy has frame-ancestors: not judged here",),
            id="frame-ancestors",
        ),
        pytest.param((f"{CSP}: default-src *",), (), id="other-directives"),
    ],
)
def test_what_else_decides_over_frames_is_noted(lines: tuple[str, ...], notes: tuple[str, ...]) -> None:
    assert frames(page(APP), f"{APP}/in", *lines).notes == notes


def test_firefox_takes_a_void_resource_policy_for_consent() -> None:
    """Seen with Firefox 153, November 2026; by Fetch §3.7 it is as if there were none."""
    lines = (REQUIRE_CORP, f"{CORP}: nonsense")

    assert frames(page(APP, REQUIRE_CORP), OTHER, *lines, engine=Engine.FIREFOX).allowed
    assert not frames(page(APP, REQUIRE_CORP), OTHER, REQUIRE_CORP, engine=Engine.FIREFOX).allowed
    assert not frames(page(APP, REQUIRE_CORP), OTHER, *lines).allowed
