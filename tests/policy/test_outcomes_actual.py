"""The table of outcomes, part 1: actual requests.  Configuration x request -> outcome x exact field lines.

Expectations are those of Fetch ("CORS check", "HTTP responses") and of the rules that never bend.
"""

import pytest
from support.exchanges import HOST, exact, exchange, request, response, subdomains, table_of

from xoproxy.policy.cors import CorsOutcome
from xoproxy.policy.model import ANY, OFF, Cors, Policy
from xoproxy.semantics.origins import OriginPattern

APP = b"https://app.example"
NONE, GRANTED, REFUSED = CorsOutcome.NONE, CorsOutcome.GRANTED, CorsOutcome.REFUSED

ONE = Cors(allow_origins=(exact("https://app.example"),))
SEVERAL = Cors(allow_origins=(exact("https://app.example"), exact("https://b.example:8443"), exact("http://localhost:3000")))
CREDENTIALED = Cors(allow_origins=(exact("https://app.example"),), allow_credentials=True)
ANYONE = Cors(allow_origins=ANY)
PARTNERS = Cors(allow_origins=(subdomains("a.example"),))
DEV = Cors(allow_origins=(OriginPattern(b"http", b"localhost", None), subdomains("lan.example", scheme="http", port=None)))
NULL_TOO = Cors(allow_origins=(exact("https://app.example"),), allow_null_origin=True)
REFLECTING = Cors(allow_origins=ANY, allow_credentials=True)  # dangerously_allow_any_origin_with_credentials

VARY = b"Vary: Origin"
STAR = b"Access-Control-Allow-Origin: *"
CREDENTIALS = b"Access-Control-Allow-Credentials: true"


def acao(origin: bytes) -> bytes:
    return b"Access-Control-Allow-Origin: " + origin


@pytest.mark.parametrize(
    ("cors", "origin", "outcome", "lines"),
    [
        pytest.param(ONE, APP, GRANTED, [acao(APP), VARY], id="one-origin-granted"),
        pytest.param(ONE, None, NONE, [VARY], id="one-origin-without-origin"),
        pytest.param(ONE, b"https://other.example", REFUSED, [VARY], id="one-origin-refused"),
        pytest.param(ONE, b"https://shop.example", NONE, [VARY], id="own-origin-is-no-cors-request"),
        pytest.param(SEVERAL, APP, GRANTED, [acao(APP), VARY], id="several-first"),
        pytest.param(SEVERAL, b"https://b.example:8443", GRANTED, [acao(b"https://b.example:8443"), VARY], id="several-port"),
        pytest.param(SEVERAL, b"http://localhost:3000", GRANTED, [acao(b"http://localhost:3000"), VARY], id="several-local"),
        pytest.param(SEVERAL, b"https://b.example", REFUSED, [VARY], id="several-port-missing"),
        pytest.param(SEVERAL, b"https://app.example, https://b.example:8443", REFUSED, [VARY], id="two-in-one-value"),
        pytest.param(CREDENTIALED, APP, GRANTED, [CREDENTIALS, acao(APP), VARY], id="credentials"),
        pytest.param(CREDENTIALED, None, NONE, [VARY], id="credentials-without-origin"),
        pytest.param(CREDENTIALED, b"https://other.example", REFUSED, [VARY], id="credentials-refused"),
        pytest.param(ANYONE, APP, GRANTED, [STAR], id="any-origin"),
        pytest.param(ANYONE, b"null", GRANTED, [STAR], id="any-origin-null"),
        pytest.param(ANYONE, b"https://\xff", GRANTED, [STAR], id="any-origin-rubbish"),
        pytest.param(ANYONE, None, NONE, [STAR], id="any-origin-is-constant"),
        pytest.param(ANYONE, b"https://shop.example", GRANTED, [STAR], id="any-origin-own"),
        pytest.param(NULL_TOO, b"null", GRANTED, [acao(b"null"), VARY], id="null-asked-for"),
        pytest.param(NULL_TOO, b"NULL", REFUSED, [VARY], id="null-in-upper-case"),
        pytest.param(ONE, b"null", REFUSED, [VARY], id="null-not-asked-for"),
        pytest.param(ONE, b"", REFUSED, [VARY], id="empty-origin"),
        pytest.param(REFLECTING, APP, GRANTED, [CREDENTIALS, acao(APP), VARY], id="reflecting"),
        pytest.param(REFLECTING, b"null", REFUSED, [VARY], id="reflecting-never-null"),
        pytest.param(REFLECTING, b"rubbish", REFUSED, [VARY], id="reflecting-origins-only"),
        pytest.param(OFF, APP, REFUSED, [], id="off-foreign"),
        pytest.param(OFF, None, NONE, [], id="off-without-origin"),
        pytest.param(OFF, b"https://shop.example", NONE, [], id="off-own-origin"),
        pytest.param(None, APP, NONE, [], id="no-cors-key"),
    ],
)
def test_actual_requests(cors: Cors | None, origin: bytes | None, outcome: CorsOutcome, lines: list[bytes]) -> None:
    """Who is granted what, with exactly these fields, whatever method the request has."""
    sent = () if origin is None else (b"Origin: " + origin,)
    for method in (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"patch", b"DELETE", b"chicken"):
        seen = exchange(table_of(Policy(cors=cors)), request(method, b"/", *sent, b"Authorization: x"), response(200))

        assert (seen.outcome, seen.decided, seen.forwarded) == (outcome, sorted(lines), True)
        assert seen.reason == ("origin" if outcome is REFUSED else "")


@pytest.mark.parametrize(
    ("origin", "granted"),
    [
        pytest.param(b"https://x.a.example", True, id="one-label"),
        pytest.param(b"https://x.y.a.example", True, id="two-labels"),
        pytest.param(b"https://xn--bcher-kva.a.example", True, id="punycode"),
        pytest.param(b"https://a.example", False, id="the-parent-itself"),
        pytest.param(b"https://a.example.evil.test", False, id="suffix-attack"),
        pytest.param(b"https://x.a.example.evil.test", False, id="subdomain-suffix-attack"),
        pytest.param(b"https://evila.example", False, id="prefix-attack"),
        pytest.param(b"https://evil-a.example", False, id="prefix-attack-hyphen"),
        pytest.param(b"https://.a.example", False, id="empty-label"),
        pytest.param(b"https://x..a.example", False, id="empty-inner-label"),
        pytest.param(b"https://x.a.example:8443", False, id="port"),
        pytest.param(b"https://x.a.example:443", False, id="default-port-written-out"),
        pytest.param(b"https://x.a.example:", False, id="empty-port"),
        pytest.param(b"http://x.a.example", False, id="scheme"),
        pytest.param(b"http://x.a.example:443", False, id="scheme-with-the-port"),
        pytest.param(b"httpss://x.a.example", False, id="scheme-longer"),
        pytest.param(b"HTTPS://x.a.example", False, id="upper-case-scheme"),
        pytest.param(b"https://X.a.example", False, id="upper-case-label"),
        pytest.param(b"https://x.A.example", False, id="upper-case-host"),
        pytest.param(b"https://x.a.example.", False, id="trailing-dot"),
        pytest.param(b"https://x.a.example/", False, id="trailing-slash"),
        pytest.param(b"https://evil.test/x.a.example", False, id="in-a-path"),
        pytest.param(b"https://evil.test?.a.example", False, id="in-a-query"),
        pytest.param(b"https://evil.test#.a.example", False, id="in-a-fragment"),
        pytest.param(b"https://evil.test\\.a.example", False, id="behind-a-backslash"),
        pytest.param(b"https://evil.test:1@x.a.example", False, id="userinfo"),
        pytest.param(b"https://x.a.example@evil.test", False, id="as-userinfo"),
        pytest.param(b"https://b\xc3\xbccher.a.example", False, id="idn-unencoded"),
        pytest.param(b"https://x%2ea.example", False, id="percent"),
        pytest.param(b"https://[::1].a.example", False, id="ipv6"),
        pytest.param(b"https://[::1]", False, id="ipv6-only"),
        pytest.param(b"https://x.a.example https://x.a.example", False, id="two"),
        pytest.param(b"https://x.a.example\t", True, id="white-space-is-not-of-the-value"),  # RFC 9110 §5.5
        pytest.param(b"null", False, id="opaque"),
        pytest.param(b"x.a.example", False, id="no-scheme"),
        pytest.param(b"//x.a.example", False, id="scheme-relative"),
        pytest.param(b"*", False, id="star"),
        pytest.param(b"https://*.a.example", False, id="the-pattern-itself"),
        pytest.param(b"https://" + b"a." * 200 + b"a.example", False, id="longer-than-a-name-can-be"),
    ],
)
def test_subdomain_pattern_covers_whole_labels_and_nothing_else(origin: bytes, granted: bool) -> None:
    """``https://*.a.example`` is one or more whole labels, this scheme, this port; a look-alike gets no field."""
    seen = exchange(table_of(Policy(cors=PARTNERS)), request(b"GET", b"/", b"Origin: " + origin), response(200))

    assert seen.outcome is (GRANTED if granted else REFUSED)
    assert seen.decided == ([acao(origin.strip()), VARY] if granted else [VARY])


@pytest.mark.parametrize(
    ("origin", "granted"),
    [
        pytest.param(b"http://localhost", True, id="default-port"),
        pytest.param(b"http://localhost:1", True, id="port-1"),
        pytest.param(b"http://localhost:65535", True, id="last-port"),
        pytest.param(b"http://localhost:65536", False, id="no-port"),
        pytest.param(b"http://localhost:0", False, id="port-0"),
        pytest.param(b"http://localhost:03000", False, id="leading-zero"),
        pytest.param(b"http://localhost:*", False, id="the-pattern-itself"),
        pytest.param(b"http://localhost:80", False, id="default-port-written-out"),
        pytest.param(b"https://localhost:3000", False, id="scheme"),
        pytest.param(b"http://localhost.evil.test:3000", False, id="suffix"),
        pytest.param(b"http://x.localhost:3000", False, id="subdomain"),
        pytest.param(b"http://x.lan.example:3000", True, id="subdomain-and-port"),
        pytest.param(b"http://lan.example:3000", False, id="parent-with-port"),
    ],
)
def test_port_wildcard_covers_ports_and_nothing_else(origin: bytes, granted: bool) -> None:
    """``http://localhost:*`` is any port of this scheme and host."""
    seen = exchange(table_of(Policy(cors=DEV)), request(b"GET", b"/", b"Origin: " + origin), response(200))

    assert seen.decided == ([acao(origin), VARY] if granted else [VARY])


def test_two_origin_lines_are_no_origin() -> None:
    """Fetch joins lines with a comma; no pattern covers that, so neither of two lines is granted."""
    head = request(b"GET", b"/", b"Origin: " + APP, b"Origin: " + APP)

    seen = exchange(table_of(Policy(cors=ONE)), head, response(200))

    assert (seen.outcome, seen.decided) == (REFUSED, [VARY])


@pytest.mark.parametrize(
    ("scheme", "host", "origin", "is_own"),
    [
        pytest.param(b"https", HOST, b"https://shop.example", True, id="https"),
        pytest.param(b"http", HOST, b"http://shop.example", True, id="http"),
        pytest.param(b"https", HOST, b"http://shop.example", False, id="scheme-differs"),
        pytest.param(b"http", HOST, b"https://shop.example", False, id="scheme-differs-the-other-way"),
        pytest.param(b"https", b"shop.example:443", b"https://shop.example", True, id="default-port-in-host"),
        pytest.param(b"http", b"shop.example:80", b"http://shop.example", True, id="default-port-in-host-http"),
        pytest.param(b"http", b"shop.example:443", b"http://shop.example", False, id="the-other-default-port"),
        pytest.param(b"http", b"shop.example:443", b"http://shop.example:443", True, id="https-port-over-http"),
        pytest.param(b"http", b"shop.example:8080", b"http://shop.example:8080", True, id="port"),
        pytest.param(b"http", b"shop.example:8080", b"http://shop.example", False, id="port-missing"),
        pytest.param(b"http", b"shop.example:8080", b"http://shop.example:808", False, id="port-shorter"),
        pytest.param(b"https", b"SHOP.Example", b"https://shop.example", True, id="host-case"),
        pytest.param(b"https", b"shop.example.", b"https://shop.example.", True, id="final-dot-on-both"),
        pytest.param(b"https", b"shop.example", b"https://shop.example.", False, id="final-dot-on-one"),
        pytest.param(b"http", b"[::1]:8080", b"http://[::1]:8080", True, id="ipv6-port"),
        pytest.param(b"http", b"[::1]", b"http://[::1]", True, id="ipv6"),
        pytest.param(b"http", b"127.0.0.1:8080", b"http://127.0.0.1:8080", True, id="ipv4"),
        pytest.param(b"https", HOST, b"null", False, id="null"),
    ],
)
def test_own_origin_is_never_refused(scheme: bytes, host: bytes, origin: bytes, is_own: bool) -> None:
    """A same-origin POST carries Origin too: it is no CORS request, and not one the policy refuses (rule 6)."""
    for cors, vary in ((ONE, [VARY]), (CREDENTIALED, [VARY]), (OFF, [])):
        head = request(b"POST", b"/", b"Origin: " + origin, host=host)
        seen = exchange(table_of(Policy(cors=cors)), head, response(200), scheme=scheme)

        assert seen.outcome is (NONE if is_own else REFUSED)
        assert seen.decided == vary


@pytest.mark.parametrize("status", [200, 201, 204, 206, 301, 302, 304, 400, 401, 403, 404, 407, 413, 500, 502, 503, 504, 599])
def test_every_status_passes_the_policy(status: int) -> None:
    """A browser must be able to read why a request failed, and a 304 updates what is stored (rule 1)."""
    table = table_of(Policy(cors=CREDENTIALED))
    for method in (b"GET", b"HEAD"):
        backend = response(status, method=method)
        seen = exchange(table, request(method, b"/", b"Origin: " + APP), backend)
        refused = exchange(table, request(method, b"/", b"Origin: https://b.test"), backend)

        assert (seen.status, seen.decided) == (status, [CREDENTIALS, acao(APP), VARY])
        assert (refused.status, refused.decided) == (status, [VARY])


@pytest.mark.parametrize(
    ("expose", "cors_lines"),
    [
        pytest.param((), [acao(APP)], id="nothing"),
        pytest.param((b"X-Total-Count",), [acao(APP), b"Access-Control-Expose-Headers: X-Total-Count"], id="one"),
        pytest.param((b"X-A", b"ETag"), [acao(APP), b"Access-Control-Expose-Headers: X-A, ETag"], id="two"),
    ],
)
def test_listed_fields_are_exposed_to_granted_origins(expose: tuple[bytes, ...], cors_lines: list[bytes]) -> None:
    """The list goes out as written, on one line, and to nobody else."""
    cors = Cors(allow_origins=(exact("https://app.example"),), expose_headers=expose)
    table = table_of(Policy(cors=cors))

    assert exchange(table, request(b"GET", b"/", b"Origin: " + APP), response(200)).cors() == cors_lines
    assert exchange(table, request(b"GET", b"/", b"Origin: https://b.test"), response(200)).cors() == []
    assert exchange(table, request(), response(200)).cors() == []


def test_max_age_methods_and_headers_belong_to_preflights() -> None:
    """An actual response has no use for the lists (Fetch, "HTTP responses")."""
    cors = Cors(allow_origins=ANY, allow_methods=(b"PUT",), allow_headers=(b"x-a",), max_age_s=60)

    seen = exchange(table_of(Policy(cors=cors)), request(b"PUT", b"/", b"Origin: " + APP), response(200))

    assert seen.decided == [STAR]
