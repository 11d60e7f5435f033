"""The table of outcomes, part 4: COOP, COEP and CORP, their observed twins, reports, timing, and what is exposed."""

import pytest
from support.exchanges import exact, exchange, lines_of, preflight, request, response, table_of

from xoproxy.policy.model import (
    ANY,
    OFF,
    Cors,
    Embedder,
    EmbedderPolicy,
    Opener,
    OpenerPolicy,
    Policy,
    ReportingEndpoints,
    ResourcePolicy,
)
from xoproxy.policy.routes import RouteTable
from xoproxy.semantics.heads import read_remains

COEP, COOP = b"Cross-Origin-Embedder-Policy", b"Cross-Origin-Opener-Policy"
ENDPOINTS = ReportingEndpoints((("main", "/.well-known/xoproxy/reports"), ("far", "https://r.example/a"), ("theirs", None)))
AUTO = Embedder(EmbedderPolicy.AUTO)

BLINK = b"AppleWebKit/537.36 (KHTML, like Gecko) "
WEBKIT = b"AppleWebKit/605.1.15 (KHTML, like Gecko) "
WINDOWS = b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + BLINK
LINUX = b"Mozilla/5.0 (X11; Linux x86_64) " + BLINK
IPHONE = b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) " + WEBKIT
CHROME = WINDOWS + b"Chrome/139.0.0.0 Safari/537.36"
CHROME_95 = LINUX + b"Chrome/95.0.4638.69 Safari/537.36"
CHROME_96 = LINUX + b"Chrome/96.0.4664.45 Safari/537.36"
HEADLESS = LINUX + b"HeadlessChrome/139.0.0.0 Safari/537.36"
CHROME_ANDROID = b"Mozilla/5.0 (Linux; Android 10; K) " + BLINK + b"Chrome/139.0.0.0 Mobile Safari/537.36"
EDGE = CHROME + b" Edg/139.0.0.0"
EDGE_18 = WINDOWS + b"Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763"
FIREFOX = b"Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"
FIREFOX_118 = b"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:109.0) Gecko/20100101 Firefox/118.0"
FIREFOX_119 = b"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:109.0) Gecko/20100101 Firefox/119.0"
FIREFOX_ANDROID = b"Mozilla/5.0 (Android 14; Mobile; rv:142.0) Gecko/142.0 Firefox/142.0"
SAFARI = b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) " + WEBKIT + b"Version/18.5 Safari/605.1.15"
SAFARI_IOS = IPHONE + b"Version/18.5 Mobile/15E148 Safari/604.1"
CHROME_IOS = IPHONE + b"CriOS/139.0.7258.76 Mobile/15E148 Safari/604.1"
FIREFOX_IOS = IPHONE + b"FxiOS/142.0 Mobile/15E148 Safari/605.1.15"
EDGE_IOS = IPHONE + b"Version/18.0 EdgiOS/138.0 Mobile/15E148 Safari/604.1"


@pytest.mark.parametrize(
    ("policy", "lines"),
    [
        pytest.param(Policy(), [], id="untouched"),
        *(pytest.param(Policy(coop=Opener(v)), [COOP + b": " + v.value.encode()], id=f"coop-{v.value}") for v in OpenerPolicy),
        *(
            pytest.param(Policy(coep=Embedder(v)), [COEP + b": " + v.value.encode()], id=f"coep-{v.value}")
            for v in EmbedderPolicy
            if v is not EmbedderPolicy.AUTO
        ),
        *(
            pytest.param(Policy(corp=v), [b"Cross-Origin-Resource-Policy: " + v.value.encode()], id=f"corp-{v.value}")
            for v in ResourcePolicy
        ),
        pytest.param(
            Policy(coep=Embedder(EmbedderPolicy.CREDENTIALLESS), observe_coep=Embedder(EmbedderPolicy.REQUIRE_CORP)),
            [COEP + b"-Report-Only: require-corp", COEP + b": credentialless"],
            id="enforce-one-observe-another",
        ),
        pytest.param(
            Policy(observe_coop=Opener(OpenerPolicy.SAME_ORIGIN)), [COOP + b"-Report-Only: same-origin"], id="observe-coop-only"
        ),
        pytest.param(
            Policy(coep=OFF, observe_coep=Embedder(EmbedderPolicy.REQUIRE_CORP)),
            [COEP + b"-Report-Only: require-corp"],
            id="off-and-observed",
        ),
        pytest.param(Policy(timing_allow_origin=ANY), [b"Timing-Allow-Origin: *"], id="timing-any"),
        pytest.param(
            Policy(timing_allow_origin=(b"https://a.example", b"https://b.example")),
            [b"Timing-Allow-Origin: https://a.example, https://b.example"],
            id="timing-several",
        ),
    ],
)
def test_what_the_policy_says_goes_out_on_every_status(policy: Policy, lines: list[bytes]) -> None:
    """The tokens are those of HTML §7.1.3, §7.1.4 and Fetch §3.7, lower case, once, with nothing after them."""
    for status in (200, 204, 206, 301, 304, 401, 404, 500):
        assert exchange(table_of(policy), request(), response(status)).decided == sorted(lines)


def test_enforcing_leaves_the_backends_report_only_and_observing_its_enforced_field() -> None:
    """Each key owns one field; the other passes untouched."""
    own = (COEP + b": unsafe-none", COEP + b"-Report-Only: a", COOP + b": unsafe-none", COOP + b"-Report-Only: b")
    enforced = Policy(coop=Opener(OpenerPolicy.SAME_ORIGIN), coep=Embedder(EmbedderPolicy.REQUIRE_CORP))
    observed = Policy(observe_coop=Opener(OpenerPolicy.SAME_ORIGIN), observe_coep=Embedder(EmbedderPolicy.REQUIRE_CORP))

    assert exchange(table_of(enforced), request(), response(200, *own)).decided == sorted(
        [COEP + b": require-corp", own[1], COOP + b": same-origin", own[3]]
    )
    assert exchange(table_of(observed), request(), response(200, *own)).decided == sorted(
        [COEP + b"-Report-Only: require-corp", own[0], COOP + b"-Report-Only: same-origin", own[2]]
    )


def test_timing_replaces_the_backends() -> None:
    """Timing-Allow-Origin is owned where its key stands, and passes where it does not."""
    backend = response(200, b"timing-allow-origin: https://x.example", b"Timing-Allow-Origin: *")

    assert exchange(table_of(Policy(timing_allow_origin=(b"https://a.example",))), request(), backend).decided == [
        b"Timing-Allow-Origin: https://a.example"
    ]
    assert len(exchange(table_of(Policy()), request(), backend).decided) == 2


@pytest.mark.parametrize(
    ("agent", "has"),
    [
        pytest.param(CHROME, True, id="chrome"),
        pytest.param(CHROME_95, False, id="chrome-95"),
        pytest.param(CHROME_96, True, id="chrome-96"),
        pytest.param(HEADLESS, True, id="headless-chrome"),
        pytest.param(CHROME_ANDROID, True, id="chrome-android"),
        pytest.param(EDGE, True, id="edge"),
        pytest.param(EDGE_18, False, id="edge-18"),
        pytest.param(FIREFOX, True, id="firefox"),
        pytest.param(FIREFOX_118, False, id="firefox-118"),
        pytest.param(FIREFOX_119, True, id="firefox-119"),
        pytest.param(FIREFOX_ANDROID, False, id="firefox-android"),
        pytest.param(SAFARI, False, id="safari"),
        pytest.param(SAFARI_IOS, False, id="safari-ios"),
        pytest.param(CHROME_IOS, False, id="chrome-ios"),
        pytest.param(FIREFOX_IOS, False, id="firefox-ios"),
        pytest.param(EDGE_IOS, False, id="edge-ios"),
        pytest.param(b"curl/8.0", False, id="curl"),
        pytest.param(b"", False, id="empty"),
        pytest.param(None, False, id="absent"),
    ],
)
def test_auto_is_credentialless_where_the_browser_has_it(agent: bytes | None, has: bool) -> None:
    """``auto``: Chromium from 96, desktop Firefox from 119; require-corp to all others (browser-compat-data)."""
    value = b"credentialless" if has else b"require-corp"
    sent = () if agent is None else (b"user-agent: " + agent,)
    for policy, name in ((Policy(coep=AUTO), COEP), (Policy(observe_coep=AUTO), COEP + b"-Report-Only")):
        seen = exchange(table_of(policy), request(b"GET", b"/", *sent), response(200, b"Vary: Accept"))

        assert seen.decided == [name + b": " + value, b"Vary: Accept, User-Agent"]


def test_auto_varies_by_user_agent_and_origin_on_every_answer() -> None:
    """The answer differs by both, so it says both, own preflight answers included (rule 4)."""
    table = table_of(Policy(coep=AUTO, cors=Cors(allow_origins=(exact("https://app.example"),))))
    sent = (b"User-Agent: " + SAFARI, b"Origin: https://app.example")

    for status in (200, 304, 500):
        assert exchange(table, request(b"GET", b"/", *sent), response(status)).named(b"vary") == [b"Origin, User-Agent"]
    seen = exchange(table, preflight(b"https://app.example", b"PUT", sent[0]), response(200))
    assert {b"origin", b"user-agent"} <= {name.strip().lower() for name in seen.named(b"vary")[0].split(b",")}
    assert seen.named(b"cross-origin-embedder-policy") == [b"require-corp"]
    assert seen.named(b"access-control-allow-origin") == [b"https://app.example"]


def test_auto_gives_a_refused_head_the_value_that_its_browser_has() -> None:
    """Safari would ignore ``credentialless``; a head without a readable User-Agent gets what every browser has."""
    table = RouteTable((), Policy(coep=AUTO), ReportingEndpoints())
    for agent, value in ((CHROME, b"credentialless"), (SAFARI, b"require-corp"), (b"", b"require-corp")):
        remains = read_remains(b"GET / HTTP/1.1\r\nUser-Agent: " + agent + b"\r\nA : b\r\n\r\n")
        lines = table.plan_for_refused(remains, b"http").apply(response(400))

        assert b"\r\nCross-Origin-Embedder-Policy: " + value + b"\r\n" in lines
        assert b"\r\nVary: User-Agent\r\n" in lines


@pytest.mark.parametrize(
    ("policy", "lines"),
    [
        pytest.param(
            Policy(coop=Opener(OpenerPolicy.SAME_ORIGIN), report_to="main"),
            [COOP + b': same-origin; report-to="main"', b'Reporting-Endpoints: main="/.well-known/xoproxy/reports"'],
            id="policy-wide",
        ),
        pytest.param(
            Policy(coop=Opener(OpenerPolicy.SAME_ORIGIN, "far"), coep=Embedder(EmbedderPolicy.REQUIRE_CORP), report_to="main"),
            [
                COEP + b': require-corp; report-to="main"',
                COOP + b': same-origin; report-to="far"',
                b'Reporting-Endpoints: far="https://r.example/a", main="/.well-known/xoproxy/reports"',
            ],
            id="own-before-policy-wide",
        ),
        pytest.param(
            Policy(
                observe_coep=Embedder(EmbedderPolicy.REQUIRE_CORP, "main"),
                observe_coop=Opener(OpenerPolicy.SAME_ORIGIN, "main"),
            ),
            [
                COEP + b'-Report-Only: require-corp; report-to="main"',
                COOP + b'-Report-Only: same-origin; report-to="main"',
                b'Reporting-Endpoints: main="/.well-known/xoproxy/reports"',
            ],
            id="one-declaration-for-two-fields",
        ),
        pytest.param(
            Policy(coep=Embedder(EmbedderPolicy.REQUIRE_CORP), report_to="theirs"),
            [COEP + b': require-corp; report-to="theirs"'],
            id="declared-upstream",
        ),
        pytest.param(Policy(report_to="main"), [], id="nothing-that-reports"),
        pytest.param(
            Policy(coop=OFF, corp=ResourcePolicy.SAME_SITE, report_to="main"),
            [b"Cross-Origin-Resource-Policy: same-site"],
            id="corp-cannot-report",
        ),
    ],
)
def test_reports_name_a_declared_endpoint(policy: Policy, lines: list[bytes]) -> None:
    """``report-to`` is a structured-field String; its endpoint is declared in the same response, once."""
    seen = exchange(table_of(policy, ENDPOINTS), request(), response(200))

    assert seen.decided == sorted(lines)


def test_the_backends_reporting_endpoints_are_kept() -> None:
    """A dictionary may stand on several lines (RFC 9651 §4.2); ours are added."""
    policy = Policy(coop=Opener(OpenerPolicy.SAME_ORIGIN), report_to="main")
    own = b'reporting-endpoints: default="/r",  b="/s"'

    seen = exchange(table_of(policy, ENDPOINTS), request(), response(200, own))

    assert own in seen.decided
    assert b'Reporting-Endpoints: main="/.well-known/xoproxy/reports"' in seen.decided
    assert len(seen.decided) == 3


def exposed(*lines: bytes, policy: Policy | None = None, origin: bytes = b"https://app.example") -> set[bytes]:
    """Return the names that ``expose_headers: "*"`` exposes of a response with these lines, lower case."""
    cors = Cors(allow_origins=(exact("https://app.example"),), expose_headers=ANY, allow_credentials=True)
    table = table_of(Policy(cors=cors) if policy is None else policy)
    seen = exchange(table, request(b"GET", b"/", b"Origin: " + origin), response(200, *lines))
    values = seen.named(b"access-control-expose-headers")
    assert len(values) <= 1
    return {name.strip().lower() for value in values for name in value.split(b",")}


def test_star_exposes_the_names_of_this_response() -> None:
    """``*`` is a name with credentials, so it is written out; what needs no exposing is left out or harmless."""
    names = exposed(b"X-Total-Count: 5", b"ETag: x", b"X-RateLimit: 1", b"x-ratelimit: 2", b"X.Odd~Name: 1")

    assert {b"x-total-count", b"etag", b"x-ratelimit", b"x.odd~name"} <= names
    assert b"*" not in names


@pytest.mark.parametrize(
    "line",
    [
        b"Set-Cookie: a=1",
        b"set-cookie2: a=1",
        b"Access-Control-Allow-Origin: *",
        b"Access-Control-Expose-Headers: X-Other",
        b"Connection: keep-alive",
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: keep-alive",
        b"Upgrade: h2c",
        b"Transfer-Encoding: chunked",
    ],
)
def test_star_never_exposes_cookies_cors_or_the_connection(line: bytes) -> None:
    """Set-Cookie is never readable (Fetch, "forbidden response-header name"); the others are none of a script's business."""
    names = exposed(line, b"X-A: 1")

    assert b"x-a" in names
    assert line.partition(b":")[0].lower() not in names
    assert not any(name.startswith(b"access-control-") for name in names)


def test_star_never_exposes_our_own_lines_of_the_connection() -> None:
    """What the data plane adds to the same head is none of a script's business either."""
    cors = Cors(allow_origins=(exact("https://app.example"),), expose_headers=ANY)
    plan = table_of(Policy(cors=cors)).decide(request(b"GET", b"/", b"Origin: https://app.example"), b"https", b"a").plan
    ours = b"Transfer-Encoding: chunked\r\nConnection: close\r\nKeep-Alive: timeout=5\r\nUpgrade: websocket\r\n"

    exposing = [line for line in lines_of(plan.apply(response(200, b"X-A: 1"), ours)) if b"-Expose-Headers: " in line]

    assert len(exposing) == 1
    assert b"x-a" in exposing[0].lower()
    assert not any(name in exposing[0].lower() for name in (b"transfer", b"connection", b"keep-alive", b"upgrade"))


def test_star_exposes_to_granted_origins_only() -> None:
    """A refused origin gets no Access-Control field (rule 3), the own origin needs none."""
    assert exposed(b"X-A: 1", origin=b"https://other.example") == set()
    assert exposed(b"X-A: 1", origin=b"https://shop.example") == set()


def test_star_with_nothing_to_expose_sends_no_line() -> None:
    """An empty list is no list."""
    policy = Policy(cors=Cors(allow_origins=ANY, expose_headers=ANY))

    assert exposed(b"Content-Type: text/html", b"Content-Length: 0", b"Set-Cookie: a", policy=policy) == set()
    assert exposed(b"X-A: 1", policy=policy) == {b"x-a"}
