"""Which popups keep their opener.  (HTML §7.1.3.2; WPT html/cross-origin-opener-policy/popup-*.https.html)"""

import pytest
from support.pages import APP, COEP, COOP, CSP, ISOLATING, OTHER, framed, page

from xoproxy.browser.model import Document, Engine, Frame
from xoproxy.browser.openers import popup

CHROME = Engine.CHROME
SWITCH = "check if popup COOP values requires a browsing context group switch"
CHOOSING = "rules for choosing a navigable"
NAVIGATION = "create navigation params by fetching"


def with_policy(url: str, policy: str) -> Document:
    return page(url, f"{COOP}: {policy}")


@pytest.mark.parametrize(
    ("opener", "opened", "own", "foreign"),
    [
        ("unsafe-none", "unsafe-none", True, True),
        ("unsafe-none", "same-origin", False, False),
        ("unsafe-none", "same-origin-allow-popups", False, False),
        ("unsafe-none", "noopener-allow-popups", False, False),
        ("same-origin", "unsafe-none", False, False),
        ("same-origin", "same-origin", True, False),
        ("same-origin", "same-origin-allow-popups", False, False),
        ("same-origin", "noopener-allow-popups", False, False),
        ("same-origin-allow-popups", "unsafe-none", True, True),
        ("same-origin-allow-popups", "same-origin", False, False),
        ("same-origin-allow-popups", "same-origin-allow-popups", True, False),
        ("same-origin-allow-popups", "noopener-allow-popups", False, False),
        ("noopener-allow-popups", "unsafe-none", True, True),
        ("noopener-allow-popups", "same-origin", False, False),
        ("noopener-allow-popups", "same-origin-allow-popups", False, False),
        ("noopener-allow-popups", "noopener-allow-popups", False, False),
    ],
)
def test_the_matrix_of_opener_policies(opener: str, opened: str, own: bool, foreign: bool) -> None:
    """HTML §7.1.3.2, for a popup of the opener's own origin and for a foreign one."""
    assert popup(with_policy(APP, opener), (with_policy(f"{APP}/popup", opened),), CHROME).allowed is own
    assert popup(with_policy(APP, opener), (with_policy(OTHER, opened),), CHROME).allowed is foreign


@pytest.mark.parametrize(
    ("opener", "opened", "kept"),
    [
        pytest.param(page(APP, *ISOLATING), page(APP, *ISOLATING), True, id="both-isolated"),
        pytest.param(page(APP, *ISOLATING), with_policy(APP, "same-origin"), False, id="opener-isolated"),
        pytest.param(with_policy(APP, "same-origin"), page(APP, *ISOLATING), False, id="popup-isolated"),
        pytest.param(
            page(APP, f"{COOP}: same-origin-allow-popups", f"{COEP}: require-corp"), page(OTHER), True, id="no-such-value"
        ),
    ],
)
def test_same_origin_with_an_embedder_policy_is_a_value_of_its_own(opener: Document, opened: Document, kept: bool) -> None:
    """HTML §7.1.3: "same-origin-plus-COEP"."""
    assert popup(opener, (opened,), CHROME).allowed is kept


@pytest.mark.parametrize(
    ("opener", "opened", "kept"),
    [
        pytest.param("http://192.168.1.5", OTHER, True, id="opener-insecure"),
        pytest.param(APP, "http://192.168.1.5", False, id="popup-insecure"),
    ],
)
def test_opener_policies_of_insecure_pages_count_for_nothing(opener: str, opened: str, kept: bool) -> None:
    verdict = popup(with_policy(opener, "same-origin"), (page(opened),), CHROME)

    assert verdict.allowed is kept


def test_a_value_the_engine_does_not_know_cuts_nothing_and_is_noted() -> None:
    """Firefox has no noopener-allow-popups."""
    verdict = popup(page(APP), (with_policy(OTHER, "noopener-allow-popups"),), Engine.FIREFOX)

    assert verdict.allowed
    assert verdict.notes == (f'{COOP} counts for nothing: firefox does not know "noopener-allow-popups" (as of 2026-08)',)


@pytest.mark.parametrize(
    ("hops", "kept"),
    [
        pytest.param((page(f"{APP}/login"), page(OTHER)), True, id="no-policy-on-the-way"),
        pytest.param((with_policy(f"{APP}/login", "same-origin"), page(OTHER)), False, id="redirect-has-one"),
        pytest.param((page(f"{APP}/login"), with_policy(OTHER, "same-origin")), False, id="page-has-one"),
    ],
)
def test_redirects_are_asked_too(hops: tuple[Document, ...], kept: bool) -> None:
    """WPT popup-redirect-same-origin-allow-popups.https.html."""
    assert popup(page(APP), hops, CHROME).allowed is kept


def test_each_hop_is_compared_with_the_one_before() -> None:
    """HTML §7.1.3.2, "enforce a response's opener policy": the result of a redirect is what the next response meets."""
    opener = with_policy(APP, "same-origin-allow-popups")
    last = with_policy(f"{APP}/popup", "same-origin-allow-popups")

    assert popup(opener, (last,), CHROME).allowed
    assert not popup(opener, (page(OTHER), last), CHROME).allowed


@pytest.mark.parametrize(
    ("opener", "opened", "kept", "step"),
    [
        pytest.param(framed(with_policy(APP, "same-origin"), OTHER), page(OTHER), False, CHOOSING, id="foreign-in-same-origin"),
        pytest.param(framed(page(APP), OTHER), page(APP), True, None, id="foreign-in-nothing"),
        pytest.param(
            framed(with_policy(APP, "same-origin-allow-popups"), OTHER), page(OTHER), True, None, id="foreign-in-allow-popups"
        ),
        pytest.param(
            framed(with_policy(APP, "same-origin-allow-popups"), OTHER),
            with_policy(OTHER, "same-origin-allow-popups"),
            False,
            SWITCH,
            id="foreign-frame-inherits-nothing",
        ),
        pytest.param(
            framed(with_policy(APP, "same-origin-allow-popups"), OTHER),
            with_policy(APP, "same-origin-allow-popups"),
            False,
            SWITCH,
            id="not-even-for-pages-of-the-top-level-page's-origin",
        ),
        pytest.param(framed(with_policy(APP, "same-origin"), f"{APP}/in"), page(APP), False, SWITCH, id="own-frame-inherits"),
        pytest.param(
            framed(with_policy(APP, "same-origin"), f"{APP}/in"), with_policy(APP, "same-origin"), True, None, id="own-frame"
        ),
    ],
)
def test_a_frame_opens_with_the_policy_of_its_top_level_page(
    opener: Document, opened: Document, kept: bool, step: str | None
) -> None:
    """HTML §7.3.2.1; WPT iframe-popup-*.https.html."""
    verdict = popup(opener, (opened,), CHROME)

    assert verdict.allowed is kept
    assert (verdict.decisive.name if verdict.decisive else None) == step


POPUPS = "allow-popups allow-same-origin"


@pytest.mark.parametrize(
    ("opener", "policy", "step"),
    [
        pytest.param(framed(page(APP), APP, frame=Frame(sandbox="")), "unsafe-none", CHOOSING, id="no-popups"),
        pytest.param(framed(page(APP), APP, frame=Frame(sandbox=POPUPS)), "unsafe-none", None, id="popups"),
        pytest.param(framed(page(APP), APP, frame=Frame(sandbox=POPUPS)), "same-origin", NAVIGATION, id="inherited"),
        pytest.param(page(APP, f"{CSP}: sandbox {POPUPS}"), "same-origin", NAVIGATION, id="sandboxed-by-response"),
        pytest.param(
            framed(page(APP), APP, frame=Frame(sandbox=f"{POPUPS} allow-popups-to-escape-sandbox")),
            "same-origin",
            SWITCH,
            id="escaped",
        ),
    ],
)
def test_a_popup_in_its_openers_sandbox_cannot_have_an_opener_policy(opener: Document, policy: str, step: str | None) -> None:
    """HTML §7.4.5: a clean slate and a sandbox are a network error."""
    verdict = popup(opener, (with_policy(f"{APP}/popup", policy),), CHROME)

    assert (verdict.decisive.name if verdict.decisive else None) == step


def test_a_popup_that_sandboxes_itself_is_an_error_page_by_the_standard() -> None:
    opened = page(APP, f"{COOP}: same-origin", f"{CSP}: sandbox")
    verdict = popup(with_policy(APP, "same-origin"), (opened,), Engine.SAFARI)

    assert verdict.decisive is not None
    assert verdict.decisive.name == NAVIGATION


def test_an_opaque_popup_is_of_no_origin() -> None:
    """Chrome shows it (see above); its origin is not its opener's, whatever they look like."""
    opened = page(APP, f"{COOP}: same-origin", f"{CSP}: sandbox allow-scripts")

    assert not popup(with_policy(APP, "same-origin"), (opened,), CHROME).allowed


@pytest.mark.parametrize(
    ("opener", "opened", "why"),
    [
        pytest.param("same-origin", "unsafe-none", "the opener has same-origin, ", id="pair"),
        pytest.param("unsafe-none", "noopener-allow-popups", "which never keeps an opener", id="noopener"),
        pytest.param("same-origin", "same-origin-allow-popups", "which is not the same", id="differ"),
        pytest.param("same-origin", "same-origin", "of another origin", id="origin"),
    ],
)
def test_the_step_that_cuts_names_both_policies(opener: str, opened: str, why: str) -> None:
    decisive = popup(with_policy(APP, opener), (with_policy(OTHER, opened),), CHROME).decisive

    assert decisive is not None
    assert decisive.why.startswith(f'the opener has {opener}, "{OTHER}" has {opened}')
    assert why in decisive.why
