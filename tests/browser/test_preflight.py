"""Preflights: when, what, and which answers permit."""

import pytest
from support.pages import fields

from xoproxy.browser.hops import Client, Hop
from xoproxy.browser.model import CredentialsMode, Engine, Fields, Mode, Tainting, WireRequest, WireResponse
from xoproxy.browser.preflight import judge, notes, preflight_request, reasons
from xoproxy.browser.urls import Url

APP = b"https://app.example"
ACAO, ACAC = "Access-Control-Allow-Origin: https://app.example", "Access-Control-Allow-Credentials: true"
ACAM, ACAH, AGE = "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age"
HOME, INCLUDE = CredentialsMode.SAME_ORIGIN, CredentialsMode.INCLUDE
TOKEN = ((b"Authorization", b"x"),)
TYPE = ((b"Content-Type", b"application/json"), (b"X-A", b"1"))


def hop(method: bytes, sent: Fields = (), credentials: CredentialsMode = HOME) -> Hop:
    url = Url("https", "api.example", None, "/x", "?y")
    return Hop(method, (url,), Client(APP), Mode.CORS, credentials, "", sent, Tainting.CORS)


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        pytest.param(hop(b"GET"), (), id="get"),
        pytest.param(hop(b"POST", ((b"Content-Type", b"text/plain"),)), (), id="a-form-could-do-it"),
        pytest.param(hop(b"PUT"), ("the method PUT is not CORS-safelisted",), id="method"),
        pytest.param(hop(b"GET", TOKEN), ('"authorization" is not a CORS-safelisted request-header',), id="field"),
        pytest.param(
            hop(b"patch", ((b"Content-Type", b"a/b"),)),
            ("the method patch is not CORS-safelisted", 'the content type "a/b" is none of those that forms send'),
            id="both",
        ),
    ],
)
def test_a_preflight_is_needed_for_what_forms_cannot_do(request_: Hop, why: tuple[str, ...]) -> None:
    """Fetch §4.1, "main fetch"."""
    assert reasons(request_) == why


def test_a_preflight_names_method_and_fields_and_has_no_credentials() -> None:
    """Fetch §4.8: lower case, sorted, joined by a comma without a space."""
    sent = preflight_request(hop(b"patch", (*TYPE, (b"Accept", b"*/*"), *TOKEN), INCLUDE), Engine.CHROME)

    assert sent == WireRequest(
        b"OPTIONS",
        "https://api.example/x?y",
        (
            (b"Origin", APP),
            (b"Access-Control-Request-Method", b"patch"),
            (b"Access-Control-Request-Headers", b"authorization,content-type,x-a"),
            (b"Sec-Fetch-Site", b"cross-site"),
            (b"Sec-Fetch-Mode", b"cors"),
            (b"Sec-Fetch-Dest", b"empty"),
        ),
        credentialed=False,
        is_preflight=True,
    )


def test_a_preflight_for_the_method_alone_names_no_fields() -> None:
    names = [name for name, _ in preflight_request(hop(b"PUT"), Engine.CHROME).fields]

    assert b"Access-Control-Request-Headers" not in names


@pytest.mark.parametrize(
    ("request_", "lines", "why"),
    [
        pytest.param(hop(b"PUT"), (ACAO, f"{ACAM}: GET, PUT"), "has no field that needs permission", id="method"),
        pytest.param(hop(b"PUT"), (ACAO, f"{ACAM}: GET", f"{ACAM}: PUT"), "has no field", id="two-lines"),
        pytest.param(hop(b"PUT"), (ACAO, f"{ACAM}: *"), "has no field", id="any-method"),
        pytest.param(
            hop(b"POST", TYPE), (ACAO, f"{ACAH}: x-a, CONTENT-TYPE"), "has content-type, x-a", id="fields-in-any-case"
        ),
        pytest.param(hop(b"GET", TYPE), (ACAO, f"{ACAM}: put", f"{ACAH}: *"), "has content-type, x-a", id="any-field"),
        pytest.param(
            hop(b"GET", TOKEN), (ACAO, f"{ACAH}: *"), "has authorization", id="authorization-by-wildcard-as-engines-do"
        ),
        pytest.param(
            hop(b"PUT", TYPE, INCLUDE), (ACAO, ACAC, f"{ACAM}: PUT", f"{ACAH}: Content-Type, X-A"), "has", id="credentials"
        ),
    ],
)
def test_an_answer_permits(request_: Hop, lines: tuple[str, ...], why: str) -> None:
    """Fetch §4.8, step 7."""
    steps = judge(request_, WireResponse(204, fields(*lines)), Engine.CHROME)

    assert all(step.holds for step in steps)
    assert why in steps[-1].why


@pytest.mark.parametrize(
    ("request_", "status", "lines", "why"),
    [
        pytest.param(hop(b"PUT"), 204, (), "Access-Control-Allow-Origin is missing", id="no-origin"),
        pytest.param(hop(b"PUT", (), INCLUDE), 204, (ACAO,), "Allow-Credentials is missing", id="mode-of-the-actual-request"),
        pytest.param(hop(b"PUT"), 403, (ACAO, f"{ACAM}: PUT"), "status 403 is not an ok status", id="status"),
        pytest.param(hop(b"PUT"), 301, (ACAO, "Location: /y"), "must not be redirected (to /y)", id="redirect"),
        pytest.param(hop(b"PUT"), 302, (ACAO,), "must not be redirected (to nowhere)", id="redirect-to-nowhere"),
        pytest.param(hop(b"PUT"), 204, (ACAO,), "lacks the method PUT", id="no-methods"),
        pytest.param(
            hop(b"patch"), 204, (ACAO, f"{ACAM}: PATCH"), "has PATCH, not patch: methods are case-sensitive", id="case"
        ),
        pytest.param(hop(b"PUT"), 204, (ACAO, f"{ACAM}: GET PUT"), '"GET PUT" is no list of methods', id="methods-unreadable"),
        pytest.param(
            hop(b"GET", TYPE), 204, (ACAO, f"{ACAH}: x-a;y"), '"x-a;y" is no list of field names', id="fields-unreadable"
        ),
        pytest.param(
            hop(b"PUT", (), INCLUDE),
            204,
            (ACAO, ACAC, f"{ACAM}: *"),
            "lacks the method PUT; * is no wildcard",
            id="literal-method",
        ),
        pytest.param(hop(b"GET", TYPE), 204, (ACAO, f"{ACAH}: content-type"), "lacks x-a", id="one-field-missing"),
        pytest.param(
            hop(b"GET", TYPE, INCLUDE),
            204,
            (ACAO, ACAC, f"{ACAH}: *"),
            "lacks content-type, x-a; * is no wildcard",
            id="literal-fields",
        ),
    ],
)
def test_an_answer_does_not_permit(request_: Hop, status: int, lines: tuple[str, ...], why: str) -> None:
    steps = judge(request_, WireResponse(status, fields(*lines)), Engine.CHROME)

    assert [step.holds for step in steps] == [True] * (len(steps) - 1) + [False]
    assert why in steps[-1].why


def test_the_standard_has_authorization_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetch §2.2.2, "CORS non-wildcard request-header name": what an engine does that keeps to it."""
    monkeypatch.setattr("xoproxy.browser.preflight.has", lambda *_: False)
    steps = judge(hop(b"GET", (*TOKEN, *TYPE)), WireResponse(204, fields(ACAO, f"{ACAH}: *")), Engine.FIREFOX)

    assert not steps[-1].holds
    assert steps[-1].why == "Access-Control-Allow-Headers lacks authorization, which * does not cover"


@pytest.mark.parametrize(
    ("lines", "engine", "note"),
    [
        pytest.param((), Engine.CHROME, "is kept for 5 seconds: Access-Control-Max-Age is missing", id="default"),
        pytest.param((f"{AGE}: 600",), Engine.SAFARI, "is kept for 600 seconds", id="as-said"),
        pytest.param((f"{AGE}: 0",), Engine.CHROME, "is kept for 0 seconds", id="not-at-all"),
        pytest.param((f"{AGE}: -1",), Engine.CHROME, '5 seconds: Access-Control-Max-Age "-1" is no number', id="negative"),
        pytest.param((f"{AGE}: 9", f"{AGE}: 9"), Engine.CHROME, '5 seconds: Access-Control-Max-Age "9, 9" is no', id="twice"),
        pytest.param((f"{AGE}: 86401",), Engine.CHROME, "7200 seconds, to which chrome caps", id="chrome"),
        pytest.param((f"{AGE}: 86401",), Engine.FIREFOX, "86400 seconds, to which firefox caps", id="firefox"),
        pytest.param((f"{AGE}: 00600",), Engine.CHROME, "is kept for 600 seconds", id="zeros-before"),
        pytest.param((f"{AGE}: {'9' * 5000}",), Engine.CHROME, "7200 seconds, to which chrome caps", id="very-long"),
        pytest.param((f"{AGE}: 601",), Engine.SAFARI, "600 seconds, to which safari caps", id="safari"),
    ],
)
def test_how_long_an_answer_is_kept_is_said(lines: tuple[str, ...], engine: Engine, note: str) -> None:
    (said,) = notes(hop(b"PUT"), fields(*lines), engine)

    assert note in said


@pytest.mark.parametrize(("lines", "count"), [((f"{ACAH}: *",), 2), ((f"{ACAH}: *, Authorization",), 1)])
def test_a_wildcard_that_stands_for_authorization_is_noted(lines: tuple[str, ...], count: int) -> None:
    said = notes(hop(b"GET", TOKEN), fields(*lines), Engine.CHROME)

    assert len(said) == count
    assert ("against the standard" in said[0]) is (count == 2)
