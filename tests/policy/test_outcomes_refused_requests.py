"""The table of outcomes, part 3: requests that are refused here.  `cors.refuse: reject`, and `resource_isolation`.

(Fetch §3.3.2 for who sends Origin; Fetch Metadata Request Headers §2 for what Sec-Fetch-* say.)
"""

import pytest
from support.exchanges import HOST, OWN, Seen, exact, exchange, preflight, request, response, subdomains, table_of

from xoproxy.policy.cors import CorsOutcome
from xoproxy.policy.model import ANY, OFF, Cors, Policy, PreflightHandling, Refusal, ResourcePolicy, WebSocketOrigins
from xoproxy.policy.routes import Answer

APP = b"https://app.example"
OTHER = b"https://other.example"
NONE, GRANTED, REFUSED = CorsOutcome.NONE, CorsOutcome.GRANTED, CorsOutcome.REFUSED

VARY = b"Origin, Sec-Fetch-Site"
REJECTING = Cors((exact("https://app.example"), subdomains("partner.example")), refuse=Refusal.REJECT)
UPGRADE = (b"Connection: Upgrade", b"Upgrade: websocket")
BACKEND = response(200, b"Access-Control-Allow-Origin: *", b"Vary: Accept")


def ask(policy: Policy, method: bytes, *lines: bytes, scheme: bytes = b"https") -> Seen:
    return exchange(table_of(policy), request(method, b"/", *lines), BACKEND, scheme=scheme)


def detail(policy: Policy, *lines: bytes) -> str:
    head = request(b"GET", b"/", *lines)
    decision = table_of(policy).decide(head, b"https", HOST)
    return decision.detail if isinstance(decision, Answer) else ""


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST", b"PUT", b"OPTIONS", b"chicken"])
@pytest.mark.parametrize(
    ("origin", "outcome"),
    [
        pytest.param(APP, GRANTED, id="listed"),
        pytest.param(b"https://x.partner.example", GRANTED, id="wildcard"),
        pytest.param(OWN, NONE, id="own"),
        pytest.param(None, NONE, id="none"),
        pytest.param(OTHER, REFUSED, id="another"),
        pytest.param(b"http://app.example", REFUSED, id="scheme"),
        pytest.param(b"null", REFUSED, id="null"),
        pytest.param(b"", REFUSED, id="empty"),
        pytest.param(APP + b", " + APP, REFUSED, id="two"),
    ],
)
def test_reject_refuses_exactly_the_origins_not_granted(method: bytes, origin: bytes | None, outcome: CorsOutcome) -> None:
    """403, no Access-Control field; everybody else gets what `omit` gives.  What decides stands in Vary of each."""
    sent = () if origin is None else (b"Origin: " + origin,)
    seen = ask(Policy(cors=REJECTING), method, *sent)
    omitting = ask(Policy(cors=Cors(REJECTING.allow_origins)), method, *sent)

    assert (seen.outcome, seen.forwarded) == (outcome, outcome is not REFUSED)
    if outcome is REFUSED:
        assert (seen.status, seen.reason, seen.cors(), seen.named(b"vary")) == (403, "origin", [], [VARY])
        assert (omitting.status, omitting.forwarded) == (200, True)
    else:
        assert seen.named(b"vary") == [b"Accept, " + VARY]
        assert (seen.status, seen.cors(), seen.reason) == (omitting.status, omitting.cors(), omitting.reason)


def test_a_refused_preflight_is_refused_as_ever() -> None:
    seen = exchange(table_of(Policy(cors=REJECTING)), preflight(OTHER, b"PUT"), BACKEND)

    assert (seen.status, seen.outcome, seen.cors()) == (403, CorsOutcome.PREFLIGHT_REFUSED, [])


@pytest.mark.parametrize(
    ("site", "refused"),
    [
        pytest.param(b"same-origin", False, id="same-origin"),
        pytest.param(b"none", False, id="the-person-at-the-browser"),
        pytest.param(b"same-site", True, id="same-site"),
        pytest.param(b"cross-site", True, id="cross-site"),
        pytest.param(b"SAME-ORIGIN", True, id="no-such-word"),
    ],
)
def test_what_the_browser_calls_same_origin_is_never_rejected(site: bytes, refused: bool) -> None:
    """A form of a page with the referrer policy no-referrer says ``Origin: null`` to its own origin (Fetch, "append a request
    `Origin` header"), and behind a terminator that is not trusted the scheme of our own origin is not known."""
    for origin in (b"null", b"https://shop.example"):
        seen = ask(Policy(cors=REJECTING), b"POST", b"Origin: " + origin, b"Sec-Fetch-Site: " + site, scheme=b"http")

        assert seen.forwarded is not refused
        assert seen.cors() == []


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((), id="no-origin"),
        pytest.param((b"Origin: " + APP,), id="granted"),
        pytest.param((b"Origin: null", b"Sec-Fetch-Site: same-origin"), id="let-through"),
        pytest.param((b"Origin: null", b"Sec-Fetch-Site: cross-site"), id="rejected"),
    ],
)
def test_what_can_be_rejected_varies_by_what_decides_it(lines: tuple[bytes, ...]) -> None:
    assert ask(Policy(cors=REJECTING), b"GET", *lines).named(b"vary")[0].endswith(b"Origin, Sec-Fetch-Site")


@pytest.mark.parametrize(
    "cors",
    [pytest.param(Cors(ANY, refuse=Refusal.REJECT), id="any"), pytest.param(OFF, id="off"), pytest.param(None, id="absent")],
)
def test_nobody_is_rejected_where_nobody_is_refused_by_the_key(cors: Cors | None) -> None:
    """``*`` grants everybody; `off` refuses by leaving out, as it has no other key."""
    assert ask(Policy(cors=cors), b"POST", b"Origin: " + OTHER).forwarded


def test_websockets_are_the_business_of_their_own_key() -> None:
    """CORS does not hold for them: an origin that `websocket_origins` lists need not stand under `cors` too."""
    listed = Policy(cors=REJECTING, websocket_origins=WebSocketOrigins((exact("https://other.example"),)))

    assert ask(listed, b"GET", b"Origin: " + OTHER, *UPGRADE).forwarded
    assert ask(Policy(cors=REJECTING), b"GET", b"Origin: " + OTHER, *UPGRADE).forwarded
    assert not ask(listed, b"GET", b"Origin: https://third.example", *UPGRADE).forwarded
    assert not ask(listed, b"GET", b"Origin: " + OTHER).forwarded


def test_a_rejection_says_why_and_carries_the_policy() -> None:
    policy = Policy(cors=REJECTING, corp=ResourcePolicy.SAME_ORIGIN)

    assert detail(policy, b"Origin: " + OTHER) == "this origin is not allowed to make cross-origin requests here"
    assert ask(policy, b"GET", b"Origin: " + OTHER).named(b"cross-origin-resource-policy") == [b"same-origin"]


# Resource isolation.

ISOLATED = Policy(resource_isolation=True)
API = Policy(cors=Cors((exact("https://app.example"),)), resource_isolation=True)
PUBLIC = Policy(cors=Cors(ANY), resource_isolation=True)


def metadata(site: bytes, mode: bytes, dest: bytes) -> tuple[bytes, ...]:
    return (b"Sec-Fetch-Site: " + site, b"Sec-Fetch-Mode: " + mode, b"Sec-Fetch-Dest: " + dest)


@pytest.mark.parametrize(
    ("method", "site", "mode", "dest", "forwarded"),
    [
        pytest.param(b"GET", b"same-origin", b"cors", b"empty", True, id="own-fetch"),
        pytest.param(b"POST", b"same-origin", b"navigate", b"document", True, id="own-form"),
        pytest.param(b"GET", b"same-site", b"no-cors", b"image", True, id="own-site"),
        pytest.param(b"GET", b"none", b"navigate", b"document", True, id="typed"),
        pytest.param(b"GET", b"cross-site", b"navigate", b"document", True, id="link"),
        pytest.param(b"HEAD", b"cross-site", b"navigate", b"document", True, id="link-head"),
        pytest.param(b"POST", b"cross-site", b"navigate", b"document", False, id="form-of-another-site"),
        pytest.param(b"GET", b"cross-site", b"navigate", b"iframe", False, id="frame"),
        pytest.param(b"GET", b"cross-site", b"navigate", b"object", False, id="object"),
        pytest.param(b"GET", b"cross-site", b"no-cors", b"image", False, id="image"),
        pytest.param(b"GET", b"cross-site", b"no-cors", b"script", False, id="script"),
        pytest.param(b"POST", b"cross-site", b"no-cors", b"empty", False, id="blind-post"),
        pytest.param(b"GET", b"cross-site", b"cors", b"empty", False, id="fetch"),
        pytest.param(b"GET", b"cross-site", b"websocket", b"websocket", False, id="websocket-mode"),
    ],
)
def test_what_other_sites_may_ask_for_is_top_level_navigation(
    method: bytes, site: bytes, mode: bytes, dest: bytes, forwarded: bool
) -> None:
    """One that changes nothing; all else of theirs is 403, with the fields that decided in Vary."""
    seen = ask(ISOLATED, method, *metadata(site, mode, dest))

    assert (seen.forwarded, seen.status) == (forwarded, 200 if forwarded else 403)
    accept = b"Accept, " if forwarded else b""
    assert seen.named(b"vary") == [accept + b"Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest"]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((), id="no-metadata"),
        pytest.param((b"Sec-Fetch-Mode: no-cors", b"Sec-Fetch-Dest: image"), id="no-site"),
        pytest.param((b"Sec-Fetch-Site:", b"Sec-Fetch-Mode: no-cors"), id="empty"),
        pytest.param((b"X-Sec-Fetch-Site: cross-site",), id="another-field"),
        pytest.param((b"Sec-Fetch-Site: CROSS-SITE",), id="no-such-word"),
    ],
)
def test_without_metadata_nothing_is_refused(lines: tuple[bytes, ...]) -> None:
    """No browser, an old one, or plain http: none of these can be told from a lawful request."""
    assert ask(ISOLATED, b"POST", *lines).forwarded


@pytest.mark.parametrize("name", [b"Sec-Fetch-Site", b"sec-fetch-site", b"SEC-FETCH-SITE"])
def test_field_names_are_compared_without_case(name: bytes) -> None:
    assert not ask(ISOLATED, b"GET", name + b":\tcross-site ", b"Sec-Fetch-Mode: no-cors").forwarded


@pytest.mark.parametrize(
    ("policy", "origin", "mode", "forwarded"),
    [
        pytest.param(API, APP, b"cors", True, id="granted"),
        pytest.param(API, OTHER, b"cors", False, id="not-granted"),
        pytest.param(API, APP, b"no-cors", False, id="granted-but-not-asking-by-cors"),
        pytest.param(API, None, b"cors", False, id="no-origin"),
        pytest.param(PUBLIC, OTHER, b"cors", True, id="anybody"),
        pytest.param(PUBLIC, None, b"cors", True, id="anybody-without-origin"),
        pytest.param(PUBLIC, OTHER, b"no-cors", False, id="anybody-but-not-by-cors"),
        pytest.param(Policy(cors=OFF, resource_isolation=True), APP, b"cors", False, id="off"),
        pytest.param(ISOLATED, APP, b"cors", False, id="cors-is-the-backends"),
    ],
)
def test_what_cors_grants_is_not_refused(policy: Policy, origin: bytes | None, mode: bytes, forwarded: bool) -> None:
    sent = () if origin is None else (b"Origin: " + origin,)

    assert ask(policy, b"GET", *sent, *metadata(b"cross-site", mode, b"empty")).forwarded is forwarded


@pytest.mark.parametrize(
    ("policy", "origin", "status"),
    [
        pytest.param(API, APP, 204, id="granted"),
        pytest.param(API, OTHER, 403, id="refused"),
        pytest.param(ISOLATED, APP, 403, id="cors-is-the-backends"),
        pytest.param(
            Policy(cors=Cors((exact("https://app.example"),), preflight=PreflightHandling.FORWARD), resource_isolation=True),
            APP,
            200,
            id="forwarded-granted",
        ),
        pytest.param(
            Policy(cors=Cors((exact("https://app.example"),), preflight=PreflightHandling.FORWARD), resource_isolation=True),
            OTHER,
            403,
            id="forwarded-refused",
        ),
    ],
)
def test_preflights_of_granted_origins_pass(policy: Policy, origin: bytes, status: int) -> None:
    head = preflight(origin, b"PUT", *metadata(b"cross-site", b"cors", b"empty"))

    assert exchange(table_of(policy), head, BACKEND).status == status


@pytest.mark.parametrize(
    ("origins", "forwarded"),
    [
        pytest.param(WebSocketOrigins((exact("https://app.example"),)), True, id="listed"),
        pytest.param(WebSocketOrigins(ANY), True, id="any"),
        pytest.param(WebSocketOrigins((exact("https://third.example"),)), False, id="not-listed"),
        pytest.param(None, False, id="absent"),
    ],
)
def test_websockets_that_their_key_allows_are_not_refused(origins: WebSocketOrigins | None, forwarded: bool) -> None:
    policy = Policy(websocket_origins=origins, resource_isolation=True)
    lines = (b"Origin: " + APP, *UPGRADE, *metadata(b"cross-site", b"websocket", b"websocket"))

    assert ask(policy, b"GET", *lines).forwarded is forwarded


def test_vary_names_what_decides_once() -> None:
    seen = ask(API, b"GET", b"Origin: " + APP, *metadata(b"same-origin", b"cors", b"empty"))

    assert seen.named(b"vary") == [b"Accept, Origin, Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest"]


def test_the_refusal_says_why_and_carries_the_policy() -> None:
    policy = Policy(resource_isolation=True, corp=ResourcePolicy.SAME_ORIGIN)
    lines = metadata(b"cross-site", b"no-cors", b"image")

    assert detail(policy, *lines) == (
        "pages of other sites may not ask for this: resource_isolation is on, and Sec-Fetch-Site is cross-site"
    )
    assert ask(policy, b"GET", *lines).named(b"cross-origin-resource-policy") == [b"same-origin"]
