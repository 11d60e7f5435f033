"""Every kind of "it is blocked": the step that decides, and a change at the right line that turns it when it is made."""

from dataclasses import dataclass

import pytest
from support.configs import compiled
from support.patching import patched

from xoproxy.browser import author, corp_check, cors_check, isolation, mixed_content, ports, preflight, sockets
from xoproxy.insight.explaining import Asked, Explanation, explain, read_question

FRONT_DOOR = """\
version: 1
upstream: http://web:3000
policies:
  page:
    coop: same-origin
    corp: same-origin
  api:
    corp: same-site
    cors:
      allow_origins: [https://app.example.com, "https://*.partner.example", "http://localhost:*"]
      allow_methods: [GET, POST, PUT, DELETE]
      allow_headers: [Authorization, Content-Type]
      expose_headers: [X-Total-Count]
      allow_credentials: true
routes:
  - match: {host: api.example.com, path: /v1/**, methods: [GET, PUT, PATCH, DELETE, POST, patch]}
    policy: api
  - match: {host: any.example.com}
    policy:
      cors: {allow_origins: "*", allow_headers: "*"}
  - match: {host: own.example.com}
    policy: untouched
  - match: {host: live.example.com}
    policy: {websocket_origins: ["https://app.example.com"]}
  - match: {host: off.example.com}
    policy: {cors: off}
  - match: {host: shut.example.com}
    policy: {resource_isolation: true, corp: cross-origin}
  - match: {host: kept.example.com}
    policy: {upstream_fields: passthrough, cors: {allow_origins: [https://app.example.com]}}
  - match: {host: asked.example.com}
    policy: {cors: {allow_origins: [https://app.example.com], allow_methods: [PUT], preflight: forward}}
  - match: {host: app.example.com}
    policy: isolated
  - match: {host: cdn.example.com}
    policy: {corp: same-origin}
  - match: {host: box.example.com}
    policy: {coop: same-origin, headers: {set: {Content-Security-Policy: sandbox}}}
  - match: {host: dip.example.com}
    policy: {document_isolation: isolate-and-require-corp}
  - match: {host: few.example.com, methods: GET}
    policy: {cors: {allow_origins: https://b.example}}
  - match: {host: self.example.com}
    policy: {websocket_origins: same-origin}
  - policy: page
"""
APP = "https://app.example.com"
NEW_CORS = "policy: [untouched, {cors: {allow_origins: [https://app.example.com]}}]"
BOTH_METHODS = (
    (11, "allow_methods: [GET, POST, PUT, DELETE, BREW]"),
    (16, "methods: [GET, PUT, PATCH, DELETE, POST, patch, BREW]"),
)
INSECURE_SOCKET = """\
websocket_origins:
  allow_origins: [https://app.example.com, http://new.example]
  dangerously_allow_insecure_origins: {reason: "say why, and until when"}"""
NULL_SOCKET = """\
websocket_origins:
  allow_origins: [https://app.example.com, "null"]
  dangerously_allow_null_origin: {reason: "say why, and until when"}"""
GRANT = ("Access-Control-Allow-Origin: https://app.example.com",)
API = "https://api.example.com/v1/items"


@dataclass(frozen=True)
class Case:
    """A question, what decides it, and what the first change is: the line of the file, and what is written."""

    asked: Asked
    anchor: str
    why: str
    fixed: tuple[tuple[int, str], ...] = ()  # line, YAML


def ask(method: str, url: str, **words: object) -> Asked:
    return Asked(method, url, **words)  # type: ignore[arg-type]


CASES = {
    # facts 1.2 and 1.4: the CORS check
    "origin-not-listed": Case(
        ask("GET", API, origin="https://new.example"),
        cors_check.ANCHOR,
        "Access-Control-Allow-Origin is missing",
        ((10, "- https://new.example"),),
    ),
    "origin-with-other-port": Case(
        ask("GET", API, origin="https://app.example.com:8443"),
        cors_check.ANCHOR,
        "is missing",
        ((10, "- https://app.example.com:8443"),),
    ),
    "plain-http-origin-needs-the-dangerous-key": Case(
        ask("GET", API, origin="http://new.example"),
        cors_check.ANCHOR,
        "is missing",
        ((9, 'dangerously_allow_insecure_origins: {reason: "say why, and until when"}'), (10, "- http://new.example"),),
    ),
    "wildcard-and-cookies": Case(
        ask("GET", "https://any.example.com/", origin=APP, credentials="include"),
        cors_check.ANCHOR,
        "is *, which never covers credentials",
        ((20, "allow_credentials: true"), (20, "allow_origins: [https://app.example.com]")),
    ),
    "no-cors-at-all": Case(
        ask("GET", "https://own.example.com/", origin=APP), cors_check.ANCHOR, "is missing", ((22, NEW_CORS),)
    ),
    "cors-off": Case(
        ask("GET", "https://off.example.com/", origin=APP, backend_headers=("Access-Control-Allow-Origin: *",)),
        cors_check.ANCHOR,
        "is missing",
        ((26, "cors: {allow_origins: [https://app.example.com]}"),),
    ),
    "the-backend-sends-two": Case(
        ask("GET", "https://own.example.com/", origin=APP, backend_headers=("Access-Control-Allow-Origin: *",) * 2),
        cors_check.ANCHOR,
        "is there 2 times",
        ((22, NEW_CORS),),
    ),
    "the-backend-is-believed": Case(
        ask("GET", "https://kept.example.com/", origin=APP, backend_headers=("Access-Control-Allow-Origin: https://b.example",)),
        cors_check.ANCHOR,
        "is not the request's origin",
        ((30, "upstream_fields: replace"),),
    ),
    # facts 1.3, 1.5 to 1.7: the preflight
    "method-not-listed": Case(
        ask("PATCH", API, origin=APP),
        preflight.ANCHOR,
        "lacks the method PATCH",
        ((11, "allow_methods: [GET, POST, PUT, DELETE, PATCH]"),),
    ),
    "method-in-another-case": Case(
        ask("patch", API, origin=APP),
        preflight.ANCHOR,
        "lacks the method patch",
        ((11, "allow_methods: [GET, POST, PUT, DELETE, patch]"),),
    ),
    "header-not-listed": Case(
        ask("GET", API, origin=APP, headers=("X-Api-Key: 1", "Authorization: x", "Accept: text/html")),
        preflight.ANCHOR,
        "lacks x-api-key",
        ((12, "allow_headers: [Authorization, Content-Type, X-Api-Key]"),),
    ),
    "preflight-of-a-refused-origin": Case(
        ask("PUT", API, origin="https://new.example"), cors_check.ANCHOR, "is missing", ((10, "- https://new.example"),)
    ),
    "preflight-meets-the-login": Case(
        ask("PUT", "https://asked.example.com/", origin=APP, backend_status="401", backend_headers=GRANT),
        preflight.ANCHOR,
        "status 401 is not an ok status",
        ((32, "preflight: answer"),),
    ),
    "preflight-is-redirected": Case(
        ask("PUT", "https://asked.example.com/x", origin=APP, backend_status="301", backend_headers=("Location: /x/", *GRANT)),
        preflight.ANCHOR,
        "a preflight must not be redirected",
    ),
    "route-misses-by-the-method": Case(
        ask("BREW", API, origin=APP), cors_check.ANCHOR, "is missing", BOTH_METHODS
    ),
    # facts 1.18 to 1.21: CORP and embedders
    "image-of-another-site": Case(
        ask("GET", "https://cdn.example.com/a.png", origin="https://other.example", destination="image"),
        corp_check.ANCHOR,
        "Cross-Origin-Resource-Policy is same-origin",
        ((36, "corp: cross-origin"),),
    ),
    "image-of-the-same-site": Case(
        ask("GET", "https://cdn.example.com/a.png", origin=APP, destination="image"),
        corp_check.ANCHOR,
        "Cross-Origin-Resource-Policy is same-origin",
        ((36, "corp: same-site"),),
    ),
    "image-without-consent-in-an-isolated-page": Case(
        ask("GET", "https://own.example.com/a.png", page="https://app.example.com/", destination="image"),
        corp_check.ANCHOR,
        "counts as same-origin for a page with the embedder policy require-corp",
        ((22, "policy: [untouched, {corp: same-site}]"),),
    ),
    "frame-without-embedder-policy": Case(
        ask("GET", "https://own.example.com/frame", page="https://app.example.com/", destination="iframe"),
        corp_check.ANCHOR,
        "Cross-Origin-Resource-Policy is missing",
        ((22, "policy: [untouched, {corp: same-site, coep: require-corp}]"),),
    ),
    "fetch-metadata": Case(
        ask("GET", "https://shut.example.com/a.png", origin="https://other.example", destination="image"),
        "",
        "resource_isolation is on",
        ((28, "resource_isolation: false"),),
    ),
    # facts 1.17: WebSockets
    "websocket-of-another-origin": Case(
        ask("GET", "wss://live.example.com/feed", origin="https://new.example"),
        sockets.ESTABLISH,
        "the server answers 403, not 101",
        ((24, "websocket_origins: [https://app.example.com, https://new.example]"),),
    ),
    "websocket-of-a-plain-http-page": Case(
        ask("GET", "ws://live.example.com/feed", origin="http://new.example"),
        sockets.ESTABLISH,
        "the server answers 403, not 101",
        ((24, INSECURE_SOCKET),),
    ),
    # "forbidden or useless combinations"
    "null": Case(
        ask("GET", "https://few.example.com/", origin="null"),
        cors_check.ANCHOR,
        "is missing; it would have to be null",
        ((42, 'dangerously_allow_null_origin: {reason: "say why, and until when"}'),),
    ),
    "origin-of-an-extension": Case(
        ask("GET", "https://few.example.com/", origin="chrome-extension://abcdefghijklmnop"),
        cors_check.ANCHOR,
        "is missing",
        ((42, "allow_origins: [https://b.example, chrome-extension://abcdefghijklmnop]"),),
    ),
    "one-value-becomes-a-list": Case(
        ask("DELETE", "https://few.example.com/", origin="https://b.example"),
        cors_check.ANCHOR,
        "is missing",
        ((41, "methods: [GET, DELETE]"), (42, "allow_methods: [DELETE]")),
    ),
    "websocket-of-a-sandboxed-page": Case(
        ask("GET", "wss://live.example.com/feed", origin="null"),
        sockets.ESTABLISH,
        "the server answers 403, not 101",
        ((24, NULL_SOCKET),),
    ),
    "websocket-where-only-the-own-origin-may": Case(
        ask("GET", "wss://self.example.com/feed", origin=APP),
        sockets.ESTABLISH,
        "the server answers 403, not 101",
        ((44, "websocket_origins: [https://app.example.com]"),),
    ),
    "image-without-consent-in-a-page-isolated-by-itself": Case(
        ask("GET", "https://far.other.example/a.png", page="https://dip.example.com/", destination="image", browsers="chrome"),
        corp_check.ANCHOR,
        "Cross-Origin-Resource-Policy is",
    ),
    "opener-policy-and-sandbox": Case(
        ask("GET", "https://box.example.com/", mode="navigate", browsers="safari"),
        isolation.NAVIGATION,
        "Cross-Origin-Opener-Policy: same-origin and Content-Security-Policy: sandbox",
        ((38, "coop: unsafe-none"),),
    ),
}  # fmt: skip

# What no change of the file can turn.
HOPELESS = {
    "forbidden-method": (ask("TRACE", API, origin=APP), author.ANCHOR),
    "mixed-content": (ask("GET", "http://api.example.com/v1/items", origin=APP), mixed_content.BLOCK),
    "mixed-websocket": (ask("GET", "ws://live.example.com/feed", origin=APP), mixed_content.BLOCK),
    "bad-port": (ask("GET", "https://any.example.com:6000/", origin=APP), ports.ANCHOR),
    "null-with-cookies": (ask("GET", API, origin="null", credentials="include"), cors_check.ANCHOR),
    "foreign-worker": (ask("GET", "https://any.example.com/w.js", origin=APP, destination="worker"), "https://fetch.spec.whatwg.org/#main-fetch"),
}  # fmt: skip


def explained(asked: Asked, text: str = FRONT_DOOR) -> Explanation:
    loaded = compiled(text)
    return explain(loaded, read_question(asked, loaded))


@pytest.mark.parametrize("name", CASES)
def test_a_blocked_request_is_explained_by_its_step_and_by_a_change_that_turns_it(name: str) -> None:
    """The change stands at the right line, and made in the file it turns the verdict in every browser."""
    case = CASES[name]
    explanation = explained(case.asked)

    assert not explanation.allowed
    for opinion in explanation.opinions:
        decisive = opinion.verdict.decisive
        assert ("" if decisive is None else decisive.anchor) == case.anchor
        assert case.why in (opinion.refusal if decisive is None else decisive.why)
    if case.fixed:
        written = [(each.place.mark.line, each.yaml) for each in explanation.remedies[0].placements]
        assert written == list(case.fixed)
    for remedy in explanation.remedies:
        after = explained(case.asked, patched(FRONT_DOOR, remedy.placements))
        assert {each.engine for each in after.opinions if each.allowed} >= set(remedy.engines)


@pytest.mark.parametrize("name", HOPELESS)
def test_what_no_change_of_the_file_turns_is_said_to_be_so(name: str) -> None:
    asked, anchor = HOPELESS[name]
    explanation = explained(asked)

    assert {opinion.verdict.decisive and opinion.verdict.decisive.anchor for opinion in explanation.opinions} == {anchor}
    assert explanation.remedies == ()
