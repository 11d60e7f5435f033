"""Which pages may use a feature whose default is ``self``.  (Permissions Policy §9; WPT permissions-policy/)"""

import pytest
from support.pages import APP, CSP, OTHER, PERMISSIONS, fields, framed, page

from xoproxy.browser import permissions
from xoproxy.browser.model import Document, Frame
from xoproxy.browser.permissions import ISOLATED, Allowlist, may_use

SUB = "https://sub.app.example"
MALFORMED = "cross-origin-isolated 'none'"


def asks(document: Document) -> bool:
    return may_use(document, ISOLATED).holds


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        pytest.param("cross-origin-isolated=()", False, id="nobody"),
        pytest.param("cross-origin-isolated=(self)", True, id="self-in-a-list"),
        pytest.param("cross-origin-isolated=self", True, id="self"),
        pytest.param("cross-origin-isolated=*", True, id="everybody"),
        pytest.param("cross-origin-isolated=(*)", True, id="everybody-in-a-list"),
        pytest.param(f'cross-origin-isolated=("{APP}")', True, id="its-own-origin-by-name"),
        pytest.param(f'cross-origin-isolated="{APP}"', True, id="one-string"),
        pytest.param(f'cross-origin-isolated=("{OTHER}")', False, id="another-origin"),
        pytest.param('cross-origin-isolated=("https://*.example")', True, id="wildcard"),
        pytest.param('cross-origin-isolated=("https://*.app.example")', False, id="wildcard-is-not-the-host-itself"),
        pytest.param('cross-origin-isolated=("http://*.example")', False, id="wildcard-of-another-scheme"),
        pytest.param('cross-origin-isolated=("nonsense")', False, id="no-origin"),
        pytest.param("cross-origin-isolated", False, id="boolean"),
        pytest.param("cross-origin-isolated=(none)", False, id="token-that-means-nothing"),
        pytest.param("cross-origin-isolated=src", False, id="src-is-for-frames"),
        pytest.param("camera=()", True, id="another-feature"),
        pytest.param("cross-origin-isolated=(), cross-origin-isolated=*", True, id="last-one-counts"),
        pytest.param("cross-origin-isolated=(self", True, id="malformed-counts-for-nothing"),
        pytest.param("cross-origin-isolated=(), camera=@5", True, id="date-of-rfc-9651"),
        pytest.param("cross-origin-isolated=();x=@5", True, id="date-in-a-parameter"),
        pytest.param('cross-origin-isolated=(self;x=%"y")', True, id="display-string-in-a-list"),
        pytest.param(MALFORMED, True, id="syntax-of-the-allow-attribute"),
    ],
)
def test_the_response_decides_for_its_own_page(value: str, allowed: bool) -> None:
    """Permissions Policy §9.1: a dictionary of allowlists; what cannot be parsed is as if it were not there."""
    assert asks(page(APP, f"{PERMISSIONS}: {value}")) is allowed


def test_lines_are_one_dictionary() -> None:
    two = page(APP, f"{PERMISSIONS}: camera=()", f"{PERMISSIONS}: cross-origin-isolated=()")

    assert not asks(two)


def test_a_value_that_is_no_dictionary_says_so() -> None:
    assert permissions.ignored(fields(f"{PERMISSIONS}: {MALFORMED}")) == (
        f'"{MALFORMED}" is no dictionary; write it as cross-origin-isolated=(self "https://app.example.com")'
    )
    assert permissions.ignored(fields(f"{PERMISSIONS}: camera=()")) is None
    assert permissions.ignored(()) is None


@pytest.mark.parametrize(
    ("allow", "url", "allowed"),
    [
        pytest.param("", APP, True, id="own-frame"),
        pytest.param("", OTHER, False, id="foreign-frame"),
        pytest.param("cross-origin-isolated", OTHER, True, id="feature-alone-is-for-the-frame's-origin"),
        pytest.param("CROSS-ORIGIN-ISOLATED", OTHER, True, id="case"),
        pytest.param("cross-origin-isolated 'src'", OTHER, True, id="src"),
        pytest.param("cross-origin-isolated *", OTHER, True, id="everybody"),
        pytest.param("cross-origin-isolated 'self'", OTHER, False, id="self-is-the-parent"),
        pytest.param("cross-origin-isolated 'self'", APP, True, id="self-for-an-own-frame"),
        pytest.param("cross-origin-isolated 'none'", APP, False, id="nobody"),
        pytest.param(f"cross-origin-isolated {OTHER}", OTHER, True, id="by-name"),
        pytest.param(f"cross-origin-isolated {SUB}", OTHER, False, id="another-by-name"),
        pytest.param(f"camera *; cross-origin-isolated {OTHER} ;", OTHER, True, id="among-directives"),
        pytest.param("camera", OTHER, False, id="another-feature"),
    ],
)
def test_the_frame_decides_for_what_it_shows(allow: str, url: str, allowed: bool) -> None:
    """Permissions Policy §9.7 steps 4 to 8."""
    assert asks(framed(page(APP), url, frame=Frame(allow=allow))) is allowed


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        pytest.param("cross-origin-isolated=()", False, id="nobody"),
        pytest.param("cross-origin-isolated=(self)", False, id="self-only"),
        pytest.param(f'cross-origin-isolated=(self "{OTHER}")', True, id="listed"),
        pytest.param(f'cross-origin-isolated=("{OTHER}")', False, id="who-has-it-not-cannot-give-it"),
        pytest.param("cross-origin-isolated=*", True, id="everybody"),
    ],
)
def test_the_parents_response_must_list_the_frames_origin_too(value: str, allowed: bool) -> None:
    """Permissions Policy §9.7 steps 2 and 3: the attribute alone is not enough."""
    parent = page(APP, f"{PERMISSIONS}: {value}")

    assert asks(framed(parent, OTHER, frame=Frame(allow="cross-origin-isolated"))) is allowed


def test_a_feature_that_is_lost_on_the_way_down_is_not_found_again() -> None:
    """A page of the top-level page's own origin does not have it inside a frame that has it not."""
    outer = framed(page(APP), OTHER)

    assert not asks(framed(outer, APP, frame=Frame(allow="cross-origin-isolated *")))
    assert not asks(framed(outer, OTHER))


@pytest.mark.parametrize(
    ("allow", "allowed"),
    [
        pytest.param("", False, id="nothing"),
        pytest.param("cross-origin-isolated", True, id="src-is-the-opaque-origin-itself"),
        pytest.param("cross-origin-isolated *", True, id="everybody"),
        pytest.param(f"cross-origin-isolated {APP}", False, id="its-address-is-not-its-origin"),
    ],
)
def test_a_sandboxed_frame_is_foreign_even_from_its_own_server(allow: str, allowed: bool) -> None:
    assert asks(framed(page(APP), APP, frame=Frame(allow=allow, sandbox="allow-scripts"))) is allowed


def test_an_opaque_parent_shares_its_origin_with_nobody() -> None:
    """Both are ``null`` when written down, and are not the same."""
    parent = page(APP, f"{CSP}: sandbox allow-scripts")

    assert not asks(framed(parent, APP))


@pytest.mark.parametrize(
    ("document", "why"),
    [
        pytest.param(page(APP), f'"{APP}" may use {ISOLATED}', id="allowed"),
        pytest.param(
            page(APP, f"{PERMISSIONS}: {ISOLATED}=()"), f'Permissions-Policy of "{APP}" keeps {ISOLATED} from itself', id="own"
        ),
        pytest.param(
            framed(page(APP, f"{PERMISSIONS}: {ISOLATED}=(self)"), OTHER),
            f'Permissions-Policy of "{APP}" does not list {OTHER} for {ISOLATED}',
            id="parent",
        ),
        pytest.param(
            framed(page(APP), OTHER),
            f'the frame of "{OTHER}" is of another origin and has no allow="{ISOLATED}"',
            id="no-allow",
        ),
        pytest.param(
            framed(page(APP), OTHER, frame=Frame(allow=f"{ISOLATED} 'none'")),
            f"allow=\"{ISOLATED} 'none'\" of the frame does not name {OTHER} for {ISOLATED}",
            id="allow",
        ),
    ],
)
def test_a_refusal_says_what_is_missing(document: Document, why: str) -> None:
    assert may_use(document, ISOLATED).why == why


@pytest.mark.parametrize(
    ("members", "asked", "covered"),
    [
        pytest.param((APP,), b"https://app.example", True, id="origin"),
        pytest.param((f"{APP}:443",), b"https://app.example", True, id="default-port"),
        pytest.param((f"{APP}:8443",), b"https://app.example", False, id="port"),
        pytest.param(("https://*.app.example",), b"https://a.b.app.example", True, id="labels"),
        pytest.param(("https://*.app.example",), b"https://evilapp.example", False, id="suffix-attack"),
        pytest.param(("*",), b"null", False, id="an-opaque-origin-has-no-name"),
    ],
)
def test_an_allowlist_covers_origins_by_name(members: tuple[str, ...], asked: bytes, covered: bool) -> None:
    assert Allowlist(members).covers(asked) is covered
