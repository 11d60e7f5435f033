"""What a route asks of a request's fields: its destination, other fields, and what is known of them in a preflight."""

import pytest
from support.exchanges import exact, exchange, preflight, request, response

from xoproxy.policy.cors import CorsOutcome
from xoproxy.policy.matching import Match, Matcher, Met, compile_value
from xoproxy.policy.model import ANY, OFF, Cors, Policy, ReportingEndpoints
from xoproxy.policy.routes import Answer, Forward, Route, RouteTable
from xoproxy.semantics.heads import RequestHead, read_remains

APP = b"https://app.example"
DOCUMENTS = Match(destinations=frozenset({b"document", b"iframe"}))
MOBILE = Match(headers=(("X-Client", "mobile-*"),))


def table(*routes: tuple[Match, Policy], default: Policy | None = None) -> RouteTable:
    made = tuple(Route(f"routes[{at}]", match, "web", policy, "p") for at, (match, policy) in enumerate(routes))
    return RouteTable(made, default or Policy(), ReportingEndpoints())


def granting(*origins: bytes) -> Policy:
    return Policy(cors=Cors(allow_origins=tuple(exact(origin.decode()) for origin in origins), allow_headers=(b"X-Client",)))


def chosen(routes: RouteTable, head: RequestHead) -> str:
    route = routes.decide(head, b"https", head.host).route
    return "none" if route is None else route.name


def vary(routes: RouteTable, head: RequestHead, *lines: bytes) -> list[bytes]:
    return exchange(routes, head, response(200, *lines)).named(b"vary")


@pytest.mark.parametrize(
    ("lines", "matches"),
    [
        pytest.param((b"Sec-Fetch-Dest: document",), True, id="document"),
        pytest.param((b"sec-fetch-dest:iframe \t",), True, id="case-of-the-name-and-spaces"),
        pytest.param((b"Sec-Fetch-Dest: Document",), False, id="case-of-the-value"),
        pytest.param((b"Sec-Fetch-Dest: image",), False, id="another"),
        pytest.param((b"Sec-Fetch-Dest: documents",), False, id="longer"),
        pytest.param((b"Sec-Fetch-Dest: document", b"Sec-Fetch-Dest: document"), False, id="two-lines"),
        pytest.param((b"Sec-Fetch-Dest:",), False, id="empty"),
        pytest.param((), False, id="absent"),
    ],
)
def test_destination(lines: tuple[bytes, ...], matches: bool) -> None:
    """Sec-Fetch-Dest is one token (Fetch Metadata §2.1); a request without it has none of the destinations."""
    met = Matcher(DOCUMENTS).met_by(request(b"GET", b"/", *lines))

    assert met is (Met.YES if matches else Met.NO)


@pytest.mark.parametrize(
    ("glob", "lines", "matches"),
    [
        pytest.param("mobile-*", (b"X-Client: mobile-1",), True, id="prefix"),
        pytest.param("mobile-*", (b"x-client:  mobile-  ",), True, id="nothing-behind"),
        pytest.param("mobile-*", (b"X-Client: Mobile-1",), False, id="case"),
        pytest.param("mobile-*", (b"X-Client: a mobile-1",), False, id="whole-value"),
        pytest.param("mobile-*", (b"X-Clients: mobile-1", b"Y: mobile-1"), False, id="other-names"),
        pytest.param("mobile-*", (), False, id="absent"),
        pytest.param("*", (b"X-Client:",), True, id="present-and-empty"),
        pytest.param("*", (), False, id="not-even-anything-matches-an-absent-field"),
        pytest.param("a*b*c", (b"X-Client: a-c-b-c",), True, id="several-wildcards"),
        pytest.param("a*b*c", (b"X-Client: a-c-b",), False, id="several-wildcards-in-order"),
        pytest.param("a**c", (b"X-Client: abc",), True, id="two-wildcards-are-one"),
        pytest.param("a.c", (b"X-Client: abc",), False, id="dot-is-a-dot"),
        pytest.param("1, 2", (b"X-Client: 1", b"X-Client: 2"), True, id="lines-are-one-value"),
        pytest.param("1", (b"X-Client: 1", b"X-Client: 2"), False, id="no-line-counts-alone"),
        pytest.param("*\u007e", (b"X-Client: \xff~",), True, id="bytes-beyond-ascii"),
    ],
)
def test_field(glob: str, lines: tuple[bytes, ...], matches: bool) -> None:
    """A glob is held against the whole value, case kept; ``*`` is any characters."""
    match = Match(headers=(("X-Client", glob),))

    assert Matcher(match).met_by(request(b"GET", b"/", *lines)) is (Met.YES if matches else Met.NO)


@pytest.mark.parametrize(
    ("match", "method", "host", "path", "covers"),
    [
        pytest.param(Match(), b"GET", b"a", b"/", True, id="anything"),
        pytest.param(Match(methods=frozenset({b"GET"})), b"PUT", b"a", b"/", False, id="method"),
        pytest.param(Match(host="a.example"), b"GET", b"a.example", b"/", True, id="host"),
        pytest.param(Match(host="a.example"), b"GET", b"b.example", b"/", False, id="another-host"),
        pytest.param(Match(host="*.example"), b"GET", b"b.example", b"/", True, id="wildcard"),
        pytest.param(Match(host="*.example"), b"GET", b"example", b"/", False, id="wildcard-parent"),
        pytest.param(Match(path="/a/**"), b"GET", b"a", b"/a", True, id="tree"),
        pytest.param(Match(path="/a*b*c/**/x*y"), b"GET", b"a", b"/a1b2c/q/r/x3y", True, id="wildcards"),
        pytest.param(Match(path="/a*b*c/**/x*y"), b"GET", b"a", b"/a1b2c/q/r/x3y/z", False, id="wildcards-to-the-end"),
        pytest.param(Match(path="/a/**/b/**/c"), b"GET", b"a", b"/a/1/b/2/c", True, id="trees"),
    ],
)
def test_method_host_and_path(match: Match, method: bytes, host: bytes, path: bytes, covers: bool) -> None:
    """Each by itself; how they are spelled on the wire is in test_routes.py."""
    assert Matcher(match).covers(method, host, path) is covers
    assert Matcher(match).is_anything is (match == Match())


def test_all_conditions_must_hold() -> None:
    match = Match(destinations=frozenset({b"empty"}), headers=(("X-A", "1"), ("X-B", "2")))
    lines = [b"Sec-Fetch-Dest: empty", b"X-A: 1", b"X-B: 2"]

    assert Matcher(match).met_by(request(b"GET", b"/", *lines)) is Met.YES
    for missing in lines:
        assert Matcher(match).met_by(request(b"GET", b"/", *(line for line in lines if line != missing))) is Met.NO


def test_a_glob_cannot_be_made_to_look_for_long() -> None:
    """What stands between two wildcards is held where it is first found: 8 wildcards over 64 KiB end at once."""
    pattern = compile_value("*a*a*a*a*a*a*a*b")

    assert pattern.fullmatch(b"a" * 65536) is None


@pytest.mark.parametrize(
    ("match", "lines", "met"),
    [
        pytest.param(MOBILE, (b"Access-Control-Request-Headers: x-client",), Met.MAYBE, id="asked-for"),
        pytest.param(MOBILE, (b"Access-Control-Request-Headers: a, X-CLIENT",), Met.MAYBE, id="asked-for-in-any-case"),
        pytest.param(MOBILE, (b"Access-Control-Request-Headers: content-type",), Met.NO, id="not-asked-for"),
        pytest.param(MOBILE, (), Met.NO, id="nothing-asked-for"),
        pytest.param(MOBILE, (b"Access-Control-Request-Headers: x client",), Met.NO, id="unreadable"),
        pytest.param(MOBILE, (b"X-Client: mobile-1",), Met.YES, id="what-a-proxy-adds-to-every-request"),
        pytest.param(Match(headers=(("User-Agent", "*Firefox*"),)), (b"User-Agent: a Firefox b",), Met.YES, id="browser"),
        pytest.param(Match(headers=(("User-Agent", "*Firefox*"),)), (b"User-Agent: Chrome",), Met.NO, id="another-browser"),
        pytest.param(Match(headers=(("Accept", "text/html*"),)), (b"Accept: */*",), Met.MAYBE, id="preflights-accept-anything"),
        pytest.param(Match(headers=(("Content-Type", "text/*"),)), (), Met.MAYBE, id="safelisted-content-type"),
        pytest.param(Match(headers=(("Cookie", "*beta=1*"),)), (), Met.MAYBE, id="preflights-have-no-cookies"),
        pytest.param(Match(headers=(("authorization", "Bearer *"),)), (), Met.MAYBE, id="nor-credentials"),
        pytest.param(Match(headers=(("If-None-Match", "*"),)), (), Met.MAYBE, id="the-browser's-cache"),
        pytest.param(Match(headers=(("Sec-CH-UA-Mobile", "?1"),)), (), Met.MAYBE, id="client-hints"),
        pytest.param(Match(headers=(("Origin", "https://app.*"),)), (), Met.YES, id="origin"),
        pytest.param(DOCUMENTS, (b"Sec-Fetch-Dest: empty",), Met.NO, id="another-destination"),
        pytest.param(Match(destinations=frozenset({b"empty"})), (b"Sec-Fetch-Dest: empty",), Met.YES, id="destination"),
        pytest.param(
            Match(destinations=frozenset({b"empty"}), headers=MOBILE.headers),
            (b"Sec-Fetch-Dest: empty", b"Access-Control-Request-Headers: x-client"),
            Met.MAYBE,
            id="known-and-not-known",
        ),
        pytest.param(
            Match(destinations=frozenset({b"image"}), headers=MOBILE.headers),
            (b"Sec-Fetch-Dest: empty", b"Access-Control-Request-Headers: x-client"),
            Met.NO,
            id="no-beats-maybe",
        ),
    ],
)
def test_what_a_preflight_tells(match: Match, lines: tuple[bytes, ...], met: Met) -> None:
    """The destination is that of the request it asks for (Fetch, "CORS-preflight fetch", step 1); of others it has names."""
    assert Matcher(match).met_by_asked(preflight(APP, b"PUT", *lines)) is met


def test_first_match_wins_with_conditions_too() -> None:
    routes = table((DOCUMENTS, Policy()), (MOBILE, Policy()), (Match(), Policy()))

    assert chosen(routes, request(b"GET", b"/", b"Sec-Fetch-Dest: document", b"X-Client: mobile-1")) == "routes[0]"
    assert chosen(routes, request(b"GET", b"/", b"Sec-Fetch-Dest: image", b"X-Client: mobile-1")) == "routes[1]"
    assert chosen(routes, request()) == "routes[2]"


def test_a_request_that_meets_no_condition_gets_404() -> None:
    decision = table((MOBILE, Policy())).decide(request(), b"https", b"shop.example")

    assert isinstance(decision, Answer)
    assert (decision.status, decision.route) == (404, None)
    assert b"Vary: X-Client\r\n" in decision.plan.apply(response(404))


NULL = Policy(cors=OFF)
NONE = Policy()
ASKS = b"Access-Control-Request-Headers: x-client"


@pytest.mark.parametrize(
    ("routes", "lines", "expected"),
    [
        pytest.param(table((MOBILE, granting(APP)), (Match(), granting(APP))), (ASKS,), (204, "routes[0]"), id="both-grant"),
        pytest.param(table((MOBILE, granting(APP)), (Match(), granting(APP))), (), (204, "routes[1]"), id="not-asked-for"),
        pytest.param(table((MOBILE, granting()), (Match(), granting(APP))), (ASKS,), (403, "routes[0]"), id="first-refuses"),
        pytest.param(table((MOBILE, granting(APP)), (Match(), granting())), (ASKS,), (403, "routes[1]"), id="second-refuses"),
        pytest.param(table((MOBILE, granting(APP)), (Match(), NULL)), (ASKS,), (403, "routes[1]"), id="second-is-off"),
        pytest.param(table((MOBILE, granting(APP)), (Match(), NONE)), (ASKS,), (204, "routes[0]"), id="second-says-nothing"),
        pytest.param(table((MOBILE, Policy()), (Match(), granting(APP))), (ASKS,), (200, "routes[0]"), id="first-says-nothing"),
        pytest.param(table((MOBILE, Policy()), (Match(), granting())), (ASKS,), (403, "routes[1]"), id="nothing-and-refused"),
        pytest.param(table((MOBILE, granting(APP))), (ASKS,), (204, "routes[0]"), id="no-other"),
        pytest.param(table((MOBILE, granting(APP))), (), (404, None), id="none"),
        pytest.param(
            table((MOBILE, granting(APP)), (Match(path="/x"), granting()), (Match(), granting(APP))),
            (ASKS,),
            (204, "routes[0]"),
            id="elsewhere-is-not-asked",
        ),
        pytest.param(
            table((MOBILE, granting(APP)), (Match(headers=(("User-Agent", "*"),)), granting(APP)), (Match(), granting())),
            (ASKS, b"User-Agent: x"),
            (204, "routes[0]"),
            id="behind-a-certain-one-nobody-is-asked",
        ),
    ],
)
def test_what_a_preflight_grants_holds_wherever_the_request_goes(
    routes: RouteTable, lines: tuple[bytes, ...], expected: tuple[int, str | None]
) -> None:
    """The first route that could take the request answers, unless one behind it that could take it too refuses."""
    decision = routes.decide(preflight(APP, b"POST", *lines), b"https", b"shop.example")
    status = decision.status if isinstance(decision, Answer) else 200

    assert (status, decision.route and decision.route.name) == expected


def test_a_method_that_one_of_the_routes_refuses_is_refused() -> None:
    wide = Policy(cors=Cors(allow_origins=ANY, allow_methods=(b"DELETE",), allow_headers=ANY))
    narrow = Policy(cors=Cors(allow_origins=ANY, allow_headers=ANY))
    decision = table((MOBILE, wide), (Match(), narrow)).decide(preflight(APP, b"DELETE", ASKS), b"https", b"shop.example")

    assert decision.plan.outcome is CorsOutcome.PREFLIGHT_REFUSED
    assert b"DELETE" not in decision.plan.apply(response(204))


VARIED = table(
    (Match(path="/app/**", destinations=frozenset({b"document"})), Policy()),
    (Match(path="/app/x", headers=(("X-Client", "*"), ("X-B", "*"))), Policy()),
    (Match(methods=frozenset({b"PUT"}), headers=(("x-client", "*"),)), granting(APP)),
    (Match(path="/plain"), Policy()),
    (Match(path="/api/**"), granting(APP)),
    (Match(host="other.example"), Policy()),
    default=Policy(),
)


@pytest.mark.parametrize(
    ("head", "route", "expected"),
    [
        pytest.param(request(b"GET", b"/plain"), "routes[3]", [], id="no-condition-here"),
        pytest.param(request(b"GET", b"/", host=b"other.example"), "routes[5]", [], id="no-condition-for-this-path"),
        pytest.param(request(b"GET", b"/app", b"Sec-Fetch-Dest: document"), "routes[0]", [b"Sec-Fetch-Dest"], id="own"),
        pytest.param(
            request(b"GET", b"/app/y", host=b"other.example"),
            "routes[5]",
            [b"Sec-Fetch-Dest"],
            id="earlier-route",
        ),
        pytest.param(
            request(b"GET", b"/app/x", b"X-Client: 1", b"X-B: 2"),
            "routes[1]",
            [b"Sec-Fetch-Dest, X-Client, X-B"],
            id="own-and-earlier",
        ),
        pytest.param(
            request(b"PUT", b"/app/x", b"X-Client: 1"),
            "routes[2]",
            [b"Origin, Sec-Fetch-Dest, X-Client, X-B"],
            id="each-once-and-those-of-the-policy",
        ),
        pytest.param(request(b"PUT", b"/plain"), "routes[3]", [b"x-client"], id="only-with-this-method"),
        pytest.param(request(b"GET", b"/none"), "none", [], id="404-for-everybody"),
        pytest.param(request(b"GET", b"/app/none"), "none", [b"Sec-Fetch-Dest"], id="404-for-these-fields"),
    ],
)
def test_vary_names_what_decided_about_the_route(head: RequestHead, route: str, expected: list[bytes]) -> None:
    """A cache must not give the page's answer to an image; where no field decided, it need not keep them apart."""
    assert chosen(VARIED, head) == route
    assert vary(VARIED, head) == expected


def test_vary_is_merged_into_the_backends() -> None:
    head = request(b"GET", b"/app", b"Sec-Fetch-Dest: document")

    assert vary(VARIED, head, b"Vary: Accept, sec-fetch-dest") == [b"Accept, sec-fetch-dest"]
    assert vary(VARIED, head, b"Vary: Accept") == [b"Accept, Sec-Fetch-Dest"]


@pytest.mark.parametrize(("size", "remembered"), [(100, True), (15_000, False)])
def test_answers_as_long_as_a_client_likes_are_not_remembered(size: int, remembered: bool) -> None:
    """A preflight may ask for a method of any length, and with credentials the answer repeats it."""
    cors = Cors((exact("https://app.example"),), allow_methods=ANY, allow_headers=ANY, allow_credentials=True)
    routes = table((MOBILE, Policy(cors=cors)), (Match(), Policy(cors=cors)))
    first, second = (routes.decide(preflight(APP, b"M" * size, ASKS), b"https", b"shop.example").plan for _ in range(2))

    assert first == second
    assert (first is second) is remembered
    assert b"X-Client" in first.vary


def test_vary_names_what_decided_about_another_reading_of_the_path() -> None:
    """``/x//app`` may be ``/app`` to the backend: whether it is forwarded depends on the destination."""
    routes = table((Match(path="/x/app", destinations=frozenset({b"document"})), Policy()), (Match(path="/**"), Policy()))
    doubtful = routes.decide(request(b"GET", b"/x//app", b"Sec-Fetch-Dest: document"), b"https", b"shop.example")
    forwarded = routes.decide(request(b"GET", b"/x//app"), b"https", b"shop.example")

    assert isinstance(doubtful, Answer)
    assert doubtful.status == 400
    assert isinstance(forwarded, Forward)
    for decision in (doubtful, forwarded):
        assert b"Vary: Sec-Fetch-Dest\r\n" in decision.plan.apply(response(200))


def test_a_refused_head_is_matched_by_the_fields_it_has() -> None:
    coop = Policy(cors=OFF)
    routes = table((DOCUMENTS, coop), (Match(), Policy()))
    page = read_remains(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nSec-Fetch-Dest: document\r\n\r\n")
    other = read_remains(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")

    assert routes.plan_for_refused(page, b"https").drops_cors
    assert not routes.plan_for_refused(other, b"https").drops_cors
