"""CORS that does nothing, less than it seems to, or more."""

import pytest
from support.lints import lints, lints_of_policy

REASON = '{reason: "why"}'
FRAMES = f"dangerously_allow_null_origin: {REASON}"
ANYBODY = f"dangerously_allow_any_origin_with_credentials: {REASON}"
ORIGINS = "allow_origins: [https://a.example]"


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        # Fetch, "forbidden request-header"
        ("allow_headers: [Origin]", ["XO317"]),
        ("allow_headers: [Cookie, X-A]", ["XO317"]),
        ("allow_headers: [sec-fetch-site]", ["XO317"]),
        ("allow_headers: [Proxy-Authorization]", ["XO317"]),
        ("allow_headers: [Access-Control-Request-Method]", ["XO317"]),
        ("allow_headers: [Access-Control-Allow-Origin]", ["XO317"]),
        ("allow_headers: [User-Agent, X-Origin, Cookie-Consent]", []),
        # Fetch, "CORS-safelisted request-header"
        ("allow_headers: [Accept]", ["XO318"]),
        ("allow_headers: [accept-language, Content-Language]", ["XO318"]),
        ("allow_headers: [Content-Type, Range, Authorization]", []),
        ('allow_headers: "*"', []),
        # Fetch, "CORS-safelisted response-header name"
        ("expose_headers: [Content-Length]", ["XO319"]),
        ("expose_headers: [cache-control, ETag]", ["XO319"]),
        ("expose_headers: [ETag, Content-Encoding]", []),
        ('expose_headers: "*"', []),
        ("preflight: forward", ["XO322"]),
        ("preflight: answer", []),
        ("legacy_private_network: true", ["XO323"]),
        ("legacy_private_network: false", []),
    ],
)
def test_keys_of_cors(keys: str, found: list[str]) -> None:
    assert lints_of_policy(f"cors: {{{ORIGINS}, {keys}}}") == found


@pytest.mark.parametrize(
    ("policy", "path", "found"),
    [
        ('cors: {allow_origins: "*"}\ncorp: same-origin', "/api", ["XO311"]),
        ('cors: {allow_origins: "*"}\ncorp: same-site', "/api", ["XO311"]),
        (
            f'cors: {{allow_origins: "*", allow_credentials: true, {ANYBODY}}}\ncorp: same-origin',
            "/api",
            ["XO311"],
        ),
        ('cors: {allow_origins: "*"}\ncorp: cross-origin', "/api", []),
        (f"cors: {{{ORIGINS}}}\ncorp: same-origin", "/api/**", []),
        (f"cors: {{{ORIGINS}}}\ncorp: same-origin", "/assets/**", ["XO311"]),
        (f"cors: {{{ORIGINS}}}\ncorp: same-origin", "/**.woff2", ["XO311"]),
        (f"cors: {{{ORIGINS}}}\ncorp: same-site", "/assets/**", []),
        ("cors: off\ncorp: same-origin", "/assets/**", []),
        ("corp: same-origin", "/assets/**", []),
        ("resource_isolation: true\ncorp: cross-origin", "/x", ["XO333"]),
        ("resource_isolation: true\ncorp: same-site", "/x", []),
        ("resource_isolation: false\ncorp: cross-origin", "/x", []),
        (f"resource_isolation: true\ncorp: cross-origin\ncors: {{{ORIGINS}}}", "/x", []),
    ],
)
def test_cors_and_corp_on_one_route(policy: str, path: str, found: list[str]) -> None:
    assert lints_of_policy(policy, f"{{path: {path}}}") == found


def test_method_that_no_route_of_the_policy_takes() -> None:
    """A policy is read with all its routes: what one does not take another may."""
    api = "policies: {api: {cors: {allow_origins: [https://a.example], allow_methods: [GET, PUT, DELETE]}}}\n"
    one = "  - {match: {path: /a, methods: [GET, PUT]}, policy: api}\n"

    assert lints(f"{api}routes:\n{one}") == ["XO337"]
    assert lints(f"{api}routes:\n{one}  - {{match: {{path: /b, methods: [DELETE]}}, policy: api}}\n") == []
    assert lints(f"{api}routes:\n{one}  - {{match: {{path: /b}}, policy: api}}\n") == []


@pytest.mark.parametrize(
    ("origins", "found"),
    [
        ("[https://a.example, https://a.example]", ["XO320"]),
        ('["https://*.a.example", https://b.a.example]', ["XO320"]),
        ('[https://c.b.a.example, "https://*.a.example"]', ["XO320"]),
        ('["https://*.a.example", "https://*.b.a.example"]', ["XO320"]),
        ('["http://localhost:*", "http://localhost:3000"]', ["XO320"]),
        ('["https://*.a.example:*", "https://b.a.example:8443"]', ["XO320"]),
        ('["https://*.a.example:*", "https://*.a.example"]', ["XO320"]),
        ('["https://*.a.example", https://a.example]', []),
        ('["https://*.a.example", "https://b.a.example:8443"]', []),
        ('["https://*.a.example", "https://b.a.example:*"]', []),
        ('["https://*.a.example", https://ba.example]', []),
        ('["https://*.localhost", "http://b.localhost"]', []),
        ('"*"', []),
        # an entry that ends: until then it is needless, afterwards what it covers is not
        ('["https://*.a.example", {origin: https://b.a.example, expires: 2027-06-30}]', ["XO320"]),
        ("[https://a.example, {origin: https://a.example, expires: 2027-06-30}]", ["XO320"]),
        ('[{origin: "https://*.a.example", expires: 2027-06-30}, https://b.a.example]', []),
    ],
)
@pytest.mark.parametrize("key", ["cors: {allow_origins: %s}", "websocket_origins: %s"])
def test_origin_that_another_entry_covers(key: str, origins: str, found: list[str]) -> None:
    assert lints_of_policy(key % origins) == found


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (r"https://app.example\.com", ["XO321"]),
        (r"https://example.com", []),  # what it matches besides has one label only
        (r"https://(a|b).example\.com", ["XO321"]),
        (r"https://app\.example\.com", []),
        (r"https://app[.]example[.]com", []),
        (r"https://app.dev\.example\.com", []),  # what it matches besides belongs to the same owner
        (r"https://[a-z0-9-]+\.example\.com", []),
        (r"https://[^.]+\.example\.com(:[0-9]+)?", []),
        (r"https://app.internal", []),  # nobody can register it
    ],
)
@pytest.mark.parametrize("key", ["cors: {allow_origin_regexes: ['%s']}", "websocket_origins: {allow_origin_regexes: ['%s']}"])
def test_dot_without_a_backslash(key: str, pattern: str, found: list[str]) -> None:
    assert lints_of_policy(key % pattern) == found


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (r"https://app\.example\.com/", ["XO338"]),
        (r"https://app\.example\.com(/.*)?", []),  # the path need not be there
        (r"https://app\.example\.com(/.*)", ["XO338"]),
        (r"app\.example\.com", ["XO338"]),  # no scheme
        (r"HTTPS://app\.example\.com", ["XO338"]),
        (r"(?i)HTTPS://APP\.example\.com", []),
        (r"https://[A-Z]+\.example\.com", ["XO338"]),
        (r"https://app\.example\.com:443", ["XO338"]),  # browsers leave it out
        (r"https://app\.example\.com(:443)?", []),
        (r"https://app\.example\.com:[0-9]+", []),
        (r"https://[0-9]{1,4}\.example\.com", []),
        (r"[a-z]+-extension://[a-z]{32}", []),
        (r"https://\Qapp.example.com\E", []),
        (r"(a+)+", ["XO338"]),
    ],
)
@pytest.mark.parametrize("key", ["cors: {allow_origin_regexes: ['%s']}", "websocket_origins: {allow_origin_regexes: ['%s']}"])
def test_pattern_that_no_origin_matches(key: str, pattern: str, found: list[str]) -> None:
    """Fetch, "serializing a request origin": scheme and host in lower case, no path, a port unless it is the scheme's own."""
    assert lints_of_policy(key % pattern) == found


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (f"allow_origins: [https://a.example], dangerously_allow_insecure_origins: {REASON}", ["XO324"]),
        (f'allow_origins: ["http://localhost:3000"], dangerously_allow_insecure_origins: {REASON}', ["XO324"]),
        (f"allow_origins: ['http://a.example'], dangerously_allow_insecure_origins: {REASON}", []),
        (f'allow_origins: ["https://*.a.example"], dangerously_allow_public_suffixes: {REASON}', ["XO324"]),
        (f'allow_origins: ["null", "https://*.a.example"], {FRAMES}, dangerously_allow_public_suffixes: {REASON}', ["XO324"]),
        (f"allow_origin_regexes: ['https://[a-z]+\\.example\\.com'], dangerously_allow_public_suffixes: {REASON}", ["XO324"]),
        (f"allow_origin_regexes: ['https://[a-z]+\\.com'], dangerously_allow_public_suffixes: {REASON}", []),
        (f'allow_origins: ["https://*.co.uk"], dangerously_allow_public_suffixes: {REASON}', []),
    ],
)
@pytest.mark.parametrize("key", ["cors", "websocket_origins"])
def test_dangerous_key_that_nothing_needs(key: str, keys: str, found: list[str]) -> None:
    assert lints_of_policy(f"{key}: {{{keys}}}") == found


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (f'allow_origins: "*", dangerously_allow_any_origin_with_credentials: {REASON}', ["XO324"]),
        (f"{ORIGINS}, allow_credentials: true, dangerously_allow_any_origin_with_credentials: {REASON}", ["XO324"]),
        (f'allow_origins: "*", allow_credentials: true, dangerously_allow_any_origin_with_credentials: {REASON}', []),
        (f"{ORIGINS}, dangerously_allow_null_origin: {REASON}", []),
        (f"allow_origin_regexes: ['https://a\\.example'], dangerously_allow_insecure_origins: {REASON}", ["XO324"]),
        (f"allow_origin_regexes: ['https?://a\\.example'], dangerously_allow_insecure_origins: {REASON}", []),
    ],
)
def test_dangerous_key_of_cors_that_nothing_needs(keys: str, found: list[str]) -> None:
    assert lints_of_policy(f"cors: {{{keys}}}") == found


def test_dangerous_key_that_another_route_needs() -> None:
    """One entry of `policies`, composed twice: needed once is needed."""
    base = (
        f"policies: {{base: {{cors: {{allow_origins: [http://a.example], dangerously_allow_insecure_origins: {REASON}}}}}}}\n"
    )
    other = "  - {match: {path: /b}, policy: [base, {cors: {allow_origins: [https://b.example]}}]}\n"

    assert lints(f"{base}routes:\n  - {{match: {{path: /a}}, policy: base}}\n{other}") == []
    assert lints(f"{base}routes:\n{other}") == ["XO324"]
