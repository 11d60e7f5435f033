"""Which pages are cross-origin isolated, and which step keeps the others from it."""

import pytest
from support.pages import APP, COEP, COOP, CSP, DIP, ISOLATING, OTHER, PERMISSIONS, framed, page

from xoproxy.browser import isolation as module
from xoproxy.browser.isolation import isolation
from xoproxy.browser.model import Document, Engine, Frame

CHROME, FIREFOX, SAFARI = Engine.CHROME, Engine.FIREFOX, Engine.SAFARI
LAN = "http://192.168.1.5"
OPENER, EMBEDDER = "obtain an opener policy", "obtain an embedder policy"
ADHERENCE = "check a navigation response's adherence to its embedder policy"
PERMISSION = "Is feature enabled in document for origin?"
CREDENTIALLESS = (f"{COOP}: same-origin", f"{COEP}: credentialless")
REQUIRE_CORP = f"{COEP}: require-corp"
DELEGATED = Frame(allow="cross-origin-isolated")
ISOLATED = page(APP, *ISOLATING)
LOCAL = page("http://localhost:5000", *ISOLATING)


@pytest.mark.parametrize(
    ("document", "engine", "step"),
    [
        pytest.param(ISOLATED, CHROME, None, id="chrome"),
        pytest.param(ISOLATED, FIREFOX, None, id="firefox"),
        pytest.param(ISOLATED, SAFARI, None, id="safari"),
        pytest.param(page(APP, *CREDENTIALLESS), CHROME, None, id="credentialless"),
        pytest.param(page(APP, *CREDENTIALLESS), SAFARI, EMBEDDER, id="credentialless-safari"),
        pytest.param(page("http://localhost:5000", *ISOLATING), CHROME, None, id="localhost"),
        pytest.param(page(LAN, *ISOLATING), CHROME, "secure context", id="insecure"),
        pytest.param(page(APP), CHROME, OPENER, id="nothing"),
        pytest.param(page(APP, REQUIRE_CORP), CHROME, OPENER, id="no-opener-policy"),
        pytest.param(page(APP, f"{COOP}: same-origin"), CHROME, EMBEDDER, id="no-embedder-policy"),
        pytest.param(page(APP, f"{COOP}: same-origin-allow-popups", REQUIRE_CORP), CHROME, OPENER, id="allow-popups"),
        pytest.param(page(APP, f"{COOP}: noopener-allow-popups", REQUIRE_CORP), CHROME, OPENER, id="noopener"),
        pytest.param(page(APP, *ISOLATING, f"{COOP}: same-origin"), CHROME, OPENER, id="opener-policy-twice"),
        pytest.param(page(APP, *ISOLATING, REQUIRE_CORP), CHROME, EMBEDDER, id="embedder-policy-twice"),
        pytest.param(page(APP, *ISOLATING, f"{PERMISSIONS}: cross-origin-isolated=()"), CHROME, PERMISSION, id="permission"),
        pytest.param(page(APP, *ISOLATING, f"{PERMISSIONS}: cross-origin-isolated=()"), FIREFOX, None, id="no-such-feature"),
        pytest.param(page(APP, *ISOLATING, f"{CSP}: sandbox"), SAFARI, "create navigation params by fetching", id="sandbox"),
        pytest.param(page(APP, *ISOLATING, f"{CSP}: sandbox"), CHROME, None, id="sandbox-chrome"),
        pytest.param(page(APP, *ISOLATING, f"{CSP}: sandbox"), FIREFOX, None, id="sandbox-firefox"),
    ],
)
def test_a_top_level_page_is_isolated_by_both_policies(document: Document, engine: Engine, step: str | None) -> None:
    """HTML §7.1.3, §7.1.4, §8.1.3.2; WPT html/cross-origin-opener-policy, html/cross-origin-embedder-policy."""
    verdict = isolation(document, engine)

    assert verdict.allowed is (step is None)
    assert (verdict.decisive.name if verdict.decisive else None) == step


@pytest.mark.parametrize(
    ("document", "engine", "step"),
    [
        pytest.param(framed(ISOLATED, f"{APP}/inner", REQUIRE_CORP), CHROME, None, id="own-frame"),
        pytest.param(framed(ISOLATED, f"{APP}/inner", f"{COEP}: credentialless"), CHROME, None, id="either-embedder-policy"),
        pytest.param(framed(ISOLATED, f"{APP}/inner"), CHROME, ADHERENCE, id="frame-without-policy"),
        pytest.param(framed(ISOLATED, OTHER, REQUIRE_CORP), CHROME, PERMISSION, id="foreign-frame"),
        pytest.param(framed(ISOLATED, OTHER, REQUIRE_CORP), FIREFOX, None, id="foreign-frame-firefox"),
        pytest.param(framed(ISOLATED, OTHER, REQUIRE_CORP), SAFARI, None, id="foreign-frame-safari"),
        pytest.param(framed(ISOLATED, OTHER, REQUIRE_CORP, frame=DELEGATED), CHROME, None, id="delegated"),
        pytest.param(framed(ISOLATED, OTHER, *ISOLATING), CHROME, PERMISSION, id="opener-policy-of-a-frame-means-nothing"),
        pytest.param(framed(page(APP, f"{COOP}: same-origin"), APP, *ISOLATING), CHROME, EMBEDDER, id="parent-has-no-embedder"),
        pytest.param(framed(page(APP), APP, *ISOLATING), CHROME, OPENER, id="parent-has-nothing"),
        pytest.param(framed(framed(ISOLATED, APP, REQUIRE_CORP), APP, REQUIRE_CORP), CHROME, None, id="frame-in-a-frame"),
        pytest.param(framed(framed(ISOLATED, APP), APP, REQUIRE_CORP), CHROME, ADHERENCE, id="the-one-between-has-none"),
        pytest.param(
            framed(ISOLATED, OTHER, frame=Frame(DELEGATED.allow, None, True)), CHROME, None, id="credentialless-frame"
        ),
        pytest.param(
            framed(ISOLATED, OTHER, frame=Frame(DELEGATED.allow, None, True)), FIREFOX, ADHERENCE, id="no-such-frame-in-firefox"
        ),
        pytest.param(framed(page(LAN, *ISOLATING), APP, *ISOLATING), CHROME, "secure context", id="insecure-parent"),
        pytest.param(framed(LOCAL, LAN, REQUIRE_CORP, frame=DELEGATED), CHROME, None, id="insecure-frame"),
        pytest.param(framed(LOCAL, LAN, REQUIRE_CORP, frame=DELEGATED), FIREFOX, "secure context", id="insecure-frame-firefox"),
    ],
)
def test_a_frame_is_isolated_by_the_policies_of_all_pages_around_it(
    document: Document, engine: Engine, step: str | None
) -> None:
    """HTML §7.1.4.2, Permissions Policy §9.7."""
    verdict = isolation(document, engine)

    assert verdict.allowed is (step is None)
    assert (verdict.decisive.name if verdict.decisive else None) == step


@pytest.mark.parametrize(
    ("document", "engine", "isolated"),
    [
        pytest.param(page(APP, f"{DIP}: isolate-and-require-corp"), CHROME, True, id="alone"),
        pytest.param(page(APP, f"{DIP}: isolate-and-credentialless"), CHROME, True, id="credentialless"),
        pytest.param(page(APP, f"{DIP}: none"), CHROME, False, id="none"),
        pytest.param(page(APP, f"{DIP}: isolate-and-require-corp;"), CHROME, False, id="malformed"),
        pytest.param(page(APP, f"{DIP}: isolate-and-require-corp"), FIREFOX, False, id="firefox"),
        pytest.param(page(APP, f"{DIP}: isolate-and-require-corp"), SAFARI, False, id="safari"),
        pytest.param(page(LAN, f"{DIP}: isolate-and-require-corp"), CHROME, False, id="insecure"),
        pytest.param(framed(page(OTHER), APP, f"{DIP}: isolate-and-require-corp"), CHROME, True, id="frame-of-a-plain-page"),
        pytest.param(
            framed(ISOLATED, APP, f"{DIP}: isolate-and-require-corp"), CHROME, False, id="not-shown-in-an-isolated-page"
        ),
        pytest.param(
            framed(ISOLATED, OTHER, f"{DIP}: isolate-and-require-corp", REQUIRE_CORP), CHROME, True, id="needs-no-permission"
        ),
        pytest.param(framed(page(OTHER, f"{DIP}: isolate-and-require-corp"), APP), CHROME, False, id="not-inherited"),
    ],
)
def test_document_isolation_isolates_a_page_by_itself(document: Document, engine: Engine, isolated: bool) -> None:
    """WICG Document-Isolation-Policy §2.2."""
    assert isolation(document, engine).allowed is isolated


@pytest.mark.parametrize(
    ("document", "why"),
    [
        pytest.param(page(APP), f'"{APP}" has no {COOP}; it takes same-origin', id="absent"),
        pytest.param(
            page(APP, f"{COOP}: unsafe-none"), f'{COOP} of "{APP}" is unsafe-none; it takes same-origin', id="another-value"
        ),
        pytest.param(
            page(APP, f"{COOP}: Same-Origin"),
            f'{COOP} of "{APP}" counts for nothing: "Same-Origin" is in upper case; write same-origin',
            id="ignored",
        ),
        pytest.param(
            page(APP, f"{COOP}: same-origin"), f'"{APP}" has no {COEP}; it takes require-corp or credentialless', id="embedder"
        ),
        pytest.param(framed(ISOLATED, OTHER), f'"{APP}" has require-corp; "{OTHER}" has no {COEP}; it takes ', id="frame"),
    ],
)
def test_the_step_that_decides_says_what_it_takes(document: Document, why: str) -> None:
    decisive = isolation(document, CHROME).decisive

    assert decisive is not None
    assert decisive.why.startswith(why)


def test_engines_are_asked_for_what_they_have() -> None:
    decisive = isolation(page(APP, f"{COOP}: same-origin"), SAFARI).decisive

    assert decisive is not None
    assert decisive.why == f'"{APP}" has no {COEP}; it takes require-corp'


@pytest.mark.parametrize(
    ("line", "note"),
    [
        pytest.param(f"{COOP}-Report-Only: same-origin", f"{COOP}-Report-Only reports and isolates nothing", id="coop"),
        pytest.param(f"{COEP}-Report-Only: require-corp", f"{COEP}-Report-Only reports and isolates nothing", id="coep"),
        pytest.param(f"{DIP}: nonsense", f'{DIP} counts for nothing: "nonsense" is none of none, isolate-', id="dip"),
        pytest.param(
            f"{PERMISSIONS}: 'none'", f"{PERMISSIONS} counts for nothing: \"'none'\" is no dictionary", id="permissions"
        ),
    ],
)
def test_what_was_sent_in_vain_is_noted(line: str, note: str) -> None:
    notes = isolation(page(APP, line), CHROME).notes

    assert len(notes) == 1
    assert notes[0].startswith(note)


def test_a_clean_page_has_no_notes() -> None:
    assert isolation(ISOLATED, CHROME).notes == ()


@pytest.mark.parametrize(
    ("lines", "engine", "holds", "why"),
    [
        pytest.param((), FIREFOX, True, "has not both an opener policy and a sandbox", id="neither"),
        pytest.param((f"{CSP}: sandbox",), FIREFOX, True, "has not both an opener policy and a sandbox", id="sandbox-alone"),
        pytest.param((f"{COOP}: same-origin", f"{CSP}: sandbox"), SAFARI, False, "which is an error page", id="both"),
        pytest.param((f"{COOP}: same-origin", f"{CSP}: sandbox"), CHROME, True, "which chrome shows against", id="chrome"),
    ],
)
def test_an_opener_policy_with_a_sandbox_is_an_error_page(
    lines: tuple[str, ...], engine: Engine, holds: bool, why: str
) -> None:
    """HTML §7.4.5, "create navigation params by fetching"; not so in Chromium 156 and Firefox 153 (November 2026)."""
    step = module.sandbox_step(page(APP, *lines), engine)

    assert step.holds is holds
    assert why in step.why
