"""Where script of a page runs: its origin, whether it is a secure context, and which policies it has there."""

import pytest
from support.pages import APP, COEP, COOP, CSP, DIP, OTHER, fields, framed, page

from xoproxy.browser import contexts
from xoproxy.browser.model import Document, Engine, Frame
from xoproxy.policy.model import DocumentIsolation, EmbedderPolicy, OpenerPolicy

LAN = "http://192.168.1.5"


@pytest.mark.parametrize(
    ("document", "origin"),
    [
        pytest.param(page(f"{APP}/a?b"), b"https://app.example", id="of-its-url"),
        pytest.param(Document(APP, origin=b"null"), b"null", id="said-to-be-opaque"),
        pytest.param(page(APP, f"{CSP}: sandbox"), b"null", id="sandboxed-by-response"),
        pytest.param(page(APP, f"{CSP}: default-src *; SANDBOX allow-scripts"), b"null", id="among-directives"),
        pytest.param(page(APP, f"{CSP}: sandbox allow-same-origin"), b"https://app.example", id="allowed-its-origin"),
        pytest.param(page(APP, f"{CSP}: sandbox allow-same-origin", f"{CSP}: sandbox"), b"null", id="two-policies"),
        pytest.param(page(APP, f"{CSP}: sandbox allow-same-origin, sandbox"), b"null", id="two-policies-in-a-line"),
        pytest.param(page(APP, f"{CSP}-Report-Only: sandbox"), b"https://app.example", id="report-only"),
        pytest.param(page(APP, f"{CSP}: default-src 'none'; ; img-src *"), b"https://app.example", id="no-sandbox"),
        pytest.param(framed(page(OTHER), APP, frame=Frame(sandbox="")), b"null", id="sandboxed-by-frame"),
        pytest.param(
            framed(page(OTHER), APP, frame=Frame(sandbox="Allow-Same-Origin")), b"https://app.example", id="frame-allows"
        ),
        pytest.param(framed(page(OTHER, f"{CSP}: sandbox"), APP), b"null", id="sandboxed-by-parent"),
        pytest.param(Document(APP, frame=Frame(sandbox="")), b"https://app.example", id="no-frame-around-a-top-level-page"),
    ],
)
def test_the_origin_of_a_page_is_opaque_in_a_sandbox(document: Document, origin: bytes) -> None:
    """HTML §7.1.5: "sandboxed origin browsing context flag", from the response, the frame, or the pages around it."""
    assert contexts.origin(document) == origin


@pytest.mark.parametrize(
    ("document", "secure"),
    [
        pytest.param(page(APP), True, id="https"),
        pytest.param(page("http://localhost:5000"), True, id="localhost"),
        pytest.param(page("http://app.localhost"), True, id="under-localhost"),
        pytest.param(page("http://127.0.0.1"), True, id="loopback"),
        pytest.param(page(LAN), False, id="lan"),
        pytest.param(page("no URL"), False, id="no-url"),
        pytest.param(framed(page(LAN), APP), False, id="framed-by-insecure"),
        pytest.param(framed(framed(page("http://localhost"), LAN), APP), True, id="insecure-between"),
    ],
)
def test_the_top_level_page_makes_a_secure_context(document: Document, secure: bool) -> None:
    """HTML §8.1.3.5: "top-level creation URL"; Secure Contexts §3."""
    assert contexts.secure_context(document, Engine.CHROME).holds is secure


@pytest.mark.parametrize(
    ("engine", "secure"),
    [pytest.param(Engine.CHROME, True, id="chrome"), pytest.param(Engine.FIREFOX, False, id="firefox")],
)
def test_an_insecure_frame_has_its_policies_by_the_standard_alone(engine: Engine, secure: bool) -> None:
    """HTML §8.1.3.5 asks for the top-level page; Firefox 153 for the frame too (November 2026)."""
    assert contexts.secure_context(framed(page("http://localhost"), LAN), engine).holds is secure
    assert contexts.secure_context(framed(page(APP), APP), engine).holds


def test_an_insecure_context_names_the_page_that_makes_it_one() -> None:
    step = contexts.secure_context(framed(page(LAN), APP), Engine.CHROME)

    assert step.why == f'"{LAN}" is neither https nor on localhost'


@pytest.mark.parametrize("url", [APP, LAN], ids=["secure", "insecure"])
def test_policies_are_those_of_secure_contexts(url: str) -> None:
    sent = page(url, f"{COOP}: same-origin", f"{COEP}: require-corp", f"{DIP}: isolate-and-require-corp")
    embedder = contexts.embedder_of(sent, Engine.CHROME)
    opener = contexts.opener_of(sent, Engine.CHROME)
    isolation = contexts.document_isolation_of(sent, Engine.CHROME)

    if url == APP:
        assert embedder.value is EmbedderPolicy.REQUIRE_CORP
        assert opener.value is OpenerPolicy.SAME_ORIGIN
        assert isolation.value is DocumentIsolation.ISOLATE_AND_REQUIRE_CORP
    else:
        assert (embedder.value, embedder.ignored) == (EmbedderPolicy.UNSAFE_NONE, contexts.INSECURE)
        assert (opener.value, opener.ignored) == (OpenerPolicy.UNSAFE_NONE, contexts.INSECURE)
        assert (isolation.value, isolation.ignored) == (DocumentIsolation.NONE, f'"{LAN}" is neither https nor on localhost')


def test_a_page_that_sends_no_policy_has_none_and_nothing_is_ignored() -> None:
    for url in (APP, LAN):
        sent = page(url)
        for read in (contexts.embedder_of, contexts.opener_of, contexts.document_isolation_of):
            assert read(sent, Engine.CHROME).ignored is None


def test_document_isolation_asks_for_the_page_itself_alone() -> None:
    """As Chromium 156 does: a trustworthy page keeps it in an untrustworthy one, an untrustworthy one never has it."""
    value = f"{DIP}: isolate-and-require-corp"
    inside = contexts.document_isolation_of(framed(page(LAN), APP, value), Engine.CHROME)
    outside = contexts.document_isolation_of(framed(page(APP), LAN, value), Engine.CHROME)

    assert inside.value is DocumentIsolation.ISOLATE_AND_REQUIRE_CORP
    assert outside.value is DocumentIsolation.NONE


@pytest.mark.parametrize(
    ("document", "credentialless"),
    [
        pytest.param(page(APP), False, id="top-level"),
        pytest.param(framed(page(APP), APP), False, id="plain-frame"),
        pytest.param(framed(page(APP), APP, frame=Frame(credentialless=True)), True, id="credentialless"),
        pytest.param(framed(framed(page(APP), APP, frame=Frame(credentialless=True)), APP), True, id="inside-one"),
        pytest.param(Document(APP, frame=Frame(credentialless=True)), False, id="no-frame"),
    ],
)
def test_frames_of_credentialless_frames_are_credentialless(document: Document, credentialless: bool) -> None:
    assert contexts.is_credentialless(document) is credentialless


@pytest.mark.parametrize(
    ("policy", "compatible"),
    [
        (EmbedderPolicy.UNSAFE_NONE, False),
        (EmbedderPolicy.REQUIRE_CORP, True),
        (EmbedderPolicy.CREDENTIALLESS, True),
    ],
)
def test_two_embedder_policies_are_compatible_with_isolation(policy: EmbedderPolicy, compatible: bool) -> None:
    assert contexts.is_compatible_with_isolation(policy) is compatible


def test_each_sandbox_is_told_with_what_it_allows() -> None:
    assert contexts.sandboxes_of_response(fields(f"{CSP}: sandbox allow-popups Allow-Scripts; img-src *")) == [
        ["allow-popups", "allow-scripts"]
    ]
