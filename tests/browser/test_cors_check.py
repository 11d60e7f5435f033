"""The CORS check, and which fields script may read."""

import pytest
from support.pages import fields

from xoproxy.browser.cors_check import cors_check
from xoproxy.browser.exposure import exposed_names
from xoproxy.browser.model import CredentialsMode, Tainting

ORIGIN = b"https://app.example"
ACAO = "Access-Control-Allow-Origin"
ACAC = "Access-Control-Allow-Credentials"
ACEH = "Access-Control-Expose-Headers"
OMIT, HOME, INCLUDE = CredentialsMode.OMIT, CredentialsMode.SAME_ORIGIN, CredentialsMode.INCLUDE


@pytest.mark.parametrize(
    ("lines", "credentials", "holds", "why"),
    [
        pytest.param((f"{ACAO}: *",), OMIT, True, "is *", id="anyone"),
        pytest.param((f"{ACAO}: *",), HOME, True, "is *", id="anyone-by-default"),
        pytest.param((f"{ACAO}: *", f"{ACAC}: true"), INCLUDE, False, "never covers credentials", id="anyone-with-credentials"),
        pytest.param((f"{ACAO}: https://app.example",), HOME, True, "is the request's origin", id="the-origin"),
        pytest.param((f"{ACAO}: https://app.example", f"{ACAC}: true"), INCLUDE, True, "is true", id="with-credentials"),
        pytest.param(
            (f"{ACAO}: https://app.example",), INCLUDE, False, "Access-Control-Allow-Credentials is missing", id="no-acac"
        ),
        pytest.param(
            (f"{ACAO}: https://app.example", f"{ACAC}: True"), INCLUDE, False, 'is "True"; only true', id="upper-case-acac"
        ),
        pytest.param(
            (f"{ACAO}: https://app.example", f"{ACAC}: true", f"{ACAC}: true"), INCLUDE, False, "there 2 times", id="two-acac"
        ),
        pytest.param((), OMIT, False, "is missing; it would have to be https://app.example", id="missing"),
        pytest.param((f"{ACAO}: https://app.example/",), HOME, False, "write https://app.example", id="slash"),
        pytest.param((f"{ACAO}: HTTPS://app.example",), HOME, False, "write https://app.example", id="case"),
        pytest.param((f"{ACAO}: https://other.test",), HOME, False, "is not the request's origin", id="another"),
        pytest.param((f"{ACAO}: https://app.example, https://b.example",), HOME, False, "is a list", id="list"),
        pytest.param((f"{ACAO}: https://app.example",) * 2, HOME, False, "is there 2 times", id="twice"),
        pytest.param((f"{ACAO}: *",) * 2, OMIT, False, "is there 2 times", id="anyone-twice"),
        pytest.param((f"{ACAO}: null",), HOME, False, "is not the request's origin", id="null"),
    ],
)
def test_a_response_is_shared_by_exact_bytes(
    lines: tuple[str, ...], credentials: CredentialsMode, holds: bool, why: str
) -> None:
    """Fetch §4.10."""
    step = cors_check(ORIGIN, credentials, fields(*lines))

    assert step.holds is holds
    assert why in step.why
    assert step.name == "CORS check"


ANSWER = ("Content-Type: x", "X-A: 1", "X-a: 2", "x-b: 3", "Set-Cookie: c", "ETag: e")
ALL = (b"content-type", b"etag", b"x-a", b"x-b")


@pytest.mark.parametrize(
    ("lines", "tainting", "credentials", "names"),
    [
        pytest.param((), Tainting.BASIC, INCLUDE, ALL, id="basic"),
        pytest.param((), Tainting.OPAQUE, INCLUDE, (), id="opaque"),
        pytest.param((), Tainting.CORS, OMIT, (b"content-type",), id="safelisted"),
        pytest.param((f"{ACEH}: X-B, x-a,, Missing",), Tainting.CORS, INCLUDE, (b"content-type", b"x-a", b"x-b"), id="listed"),
        pytest.param((f"{ACEH}: x-a", f"{ACEH}: x-b"), Tainting.CORS, OMIT, (b"content-type", b"x-a", b"x-b"), id="two-lines"),
        pytest.param((f"{ACEH}: *",), Tainting.CORS, HOME, (b"access-control-expose-headers", *ALL), id="wildcard"),
        pytest.param((f"{ACEH}: *",), Tainting.CORS, INCLUDE, (b"content-type",), id="wildcard-with-credentials"),
        pytest.param((f"{ACEH}: *, etag",), Tainting.CORS, INCLUDE, (b"content-type", b"etag"), id="wildcard-is-a-name"),
        pytest.param((f"{ACEH}: x-a x-b, etag",), Tainting.CORS, OMIT, (b"content-type",), id="unreadable"),
        pytest.param((f"{ACEH}: Set-Cookie",), Tainting.CORS, OMIT, (b"content-type",), id="never-cookies"),
    ],
)
def test_script_reads_the_fields_it_may(
    lines: tuple[str, ...], tainting: Tainting, credentials: CredentialsMode, names: tuple[bytes, ...]
) -> None:
    """Fetch §2.2.6, "filtered response"."""
    assert exposed_names(fields(*ANSWER, *lines), tainting, credentials) == names
