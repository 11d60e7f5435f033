"""Routes: which entry of the file a request belongs to, and what happens where none does."""

import gc
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.exchanges import HOST, exact, exchange, lines_of, preflight, request, response

from xoproxy.policy.cors import CorsOutcome
from xoproxy.policy.matching import compile_path, host_name, path_test
from xoproxy.policy.model import ANY, Cors, Policy, ReportingEndpoints, ResourcePolicy, UpstreamFields
from xoproxy.policy.routes import Answer, Forward, Match, Route, RouteTable
from xoproxy.semantics.heads import RequestHead, ResponseHead, read_remains, read_response_head

APP = b"https://app.example"
REMAINS = (
    b"GET / HTTP/1.1\r\n", b"Host: a\r\n", b"Host: a\n", b"Origin: https://app.example", b"Origin: null", b"\r\n", b"\n", b"\r",
    b"X: y", b"\0", b" ", b"\nOrigin: https://a.example\nSet-Cookie: x\r\n",
)  # fmt: skip


def table(matches: Sequence[Match], default: Policy | None = None, policy: Policy | None = None) -> RouteTable:
    routes = [Route(f"routes[{at}]", match, "web", policy or Policy(), "test") for at, match in enumerate(matches)]
    return RouteTable(tuple(routes), default or Policy(), ReportingEndpoints(), lenient_paths=True)


def chosen(matches: Sequence[Match], head: RequestHead) -> int | None:
    """Return the number of the route that takes this request, however others could read its path."""
    decision = table(matches).decide(head, b"http", head.host)
    if isinstance(decision, Forward):
        return int(decision.route.name[7:-1])
    assert decision.route is None
    return None


@pytest.mark.parametrize(
    ("host", "sent", "matches"),
    [
        pytest.param("a.example", b"a.example", True, id="exact"),
        pytest.param("a.example", b"A.EXAMPLE", True, id="case"),
        pytest.param("a.example", b"a.example:8080", True, id="any-port"),
        pytest.param("a.example", b"a.example.", True, id="final-dot"),
        pytest.param("a.example", b"a.example.:8080", True, id="final-dot-and-port"),
        pytest.param("a.example", b"a.example..", False, id="two-final-dots"),
        pytest.param("a.example", b"x.a.example", False, id="subdomain"),
        pytest.param("a.example", b"a.example.evil.test", False, id="suffix"),
        pytest.param("a.example", b"aaexample", False, id="dot-is-a-dot"),
        pytest.param("*.a.example", b"x.a.example", True, id="one-label"),
        pytest.param("*.a.example", b"x.y.a.example:1", True, id="two-labels"),
        pytest.param("*.a.example", b"X.A.Example.", True, id="wildcard-case-dot"),
        pytest.param("*.a.example", b"a.example", False, id="wildcard-parent"),
        pytest.param("*.a.example", b".a.example", False, id="wildcard-empty-label"),
        pytest.param("*.a.example", b"xa.example", False, id="wildcard-prefix"),
        pytest.param("*.a.example", b"x.a.example.evil.test", False, id="wildcard-suffix"),
        pytest.param("[::1]", b"[::1]", True, id="ipv6"),
        pytest.param("[::1]", b"[::1]:8080", True, id="ipv6-port"),
        pytest.param("[::1]", b"[::1:8080]", False, id="ipv6-longer"),
        pytest.param("127.0.0.1", b"127.0.0.1:80", True, id="ipv4"),
        pytest.param("xn--bcher-kva.example", b"XN--bcher-kva.example", True, id="idn"),
        pytest.param(None, b"anything", True, id="any"),
    ],
)
def test_host(host: str | None, sent: bytes, matches: bool) -> None:
    """A host is compared whole: without port, case and final dot; ``*.`` is one or more labels."""
    assert chosen([Match(host=host)], request(host=sent)) == (0 if matches else None)


@pytest.mark.parametrize(
    ("glob", "target", "matches"),
    [
        pytest.param("/", b"/", True, id="root"),
        pytest.param("/", b"/a", False, id="root-only"),
        pytest.param("/", b"/?a=/b", True, id="query-is-no-path"),
        pytest.param("/api", b"/api", True, id="exact"),
        pytest.param("/api", b"/api/", False, id="exact-slash"),
        pytest.param("/api", b"/API", False, id="case"),
        pytest.param("/api", b"/apix", False, id="exact-longer"),
        pytest.param("/api/**", b"/api", True, id="tree-itself"),
        pytest.param("/api/**", b"/api/", True, id="tree-slash"),
        pytest.param("/api/**", b"/api/a/b/c", True, id="tree-deep"),
        pytest.param("/api/**", b"/apix", False, id="tree-whole-segment"),
        pytest.param("/api/**", b"/x/api/a", False, id="tree-from-the-root"),
        pytest.param("/api/**", b"/api?x", True, id="tree-query"),
        pytest.param("/api/*", b"/api/a", True, id="segment"),
        pytest.param("/api/*", b"/api/", True, id="segment-empty"),
        pytest.param("/api/*", b"/api", False, id="segment-missing"),
        pytest.param("/api/*", b"/api/a/b", False, id="segment-one"),
        pytest.param("/*/x", b"/a/x", True, id="segment-in-the-middle"),
        pytest.param("/*/x", b"/a/b/x", False, id="segment-not-across"),
        pytest.param("/**/x", b"/a/b/x", True, id="across"),
        pytest.param("/**/x", b"/a/b/xy", False, id="across-end"),
        pytest.param("/**.js", b"/a/b.js", True, id="suffix"),
        pytest.param("/*.js", b"/a.js", True, id="file"),
        pytest.param("/*.js", b"/axjs", False, id="dot-is-a-dot"),
        pytest.param("/**", b"/", True, id="everything"),
        pytest.param("/a+(b)[c]$", b"/a+(b)[c]$", True, id="no-patterns"),
        pytest.param("/a+", b"/aa", False, id="plus-is-a-plus"),
        pytest.param("/api/**", b"/%61pi/x", True, id="encoded-letter"),
        pytest.param("/api/**", b"/%61%70%69", True, id="all-encoded"),
        pytest.param("/api/**", b"/api%2Fx", True, id="encoded-slash"),
        pytest.param("/admin/**", b"/api/../admin/x", True, id="dot-segments"),
        pytest.param("/admin/**", b"/api/%2e%2e/admin", True, id="encoded-dot-segments"),
        pytest.param("/admin/**", b"/api/%2E./admin", True, id="half-encoded-dot-segments"),
        pytest.param("/admin/**", b"/api%2f..%2Fadmin", True, id="encoded-slashes-and-dots"),
        pytest.param("/admin/**", b"/./admin", True, id="one-dot"),
        pytest.param("/admin/**", b"/../../admin", True, id="above-the-root"),
        pytest.param("/api/**", b"/api/../admin", False, id="out-of-the-tree"),
        pytest.param("/api/**", b"/api/%2e%2e/admin", False, id="out-of-the-tree-encoded"),
        pytest.param("/admin/**", b"/%2561dmin", False, id="decoded-once"),
        pytest.param("/a*", b"/a%0Ab", True, id="line-feed-encoded"),
        pytest.param("/caf\u00e9", b"/caf%C3%A9", True, id="utf-8"),
        pytest.param("/caf\u00e9", b"/caf%E9", False, id="not-latin-1"),
        pytest.param("/api/**", b"http://shop.example/api/x", True, id="absolute-form"),
        pytest.param("/", b"http://shop.example", True, id="absolute-form-without-path"),
        pytest.param("/api", b"/api%", False, id="broken-encoding"),
        pytest.param("/api%", b"/api%", True, id="broken-encoding-stays"),
    ],
)
def test_path(glob: str, target: bytes, matches: bool) -> None:
    """A glob is held against the decoded path without dot segments: no spelling slips past it."""
    assert chosen([Match(path=glob)], request(b"GET", target)) == (0 if matches else None)


@pytest.mark.parametrize("glob", ["/", "/api/**", "/**", "/*"])
def test_the_server_itself_matches_no_path(glob: str) -> None:
    """``OPTIONS *`` asks about the server, not about a path (RFC 9112 §3.2.4)."""
    assert chosen([Match(path=glob)], request(b"OPTIONS", b"*")) is None
    assert chosen([Match(path=glob), Match()], request(b"OPTIONS", b"*")) == 1


def test_methods() -> None:
    """Methods are compared as they are, case included."""
    match = Match(methods=frozenset({b"GET", b"patch"}))

    assert [chosen([match], request(method)) for method in (b"GET", b"patch", b"PATCH", b"get", b"HEAD")] == [
        0,
        0,
        None,
        None,
        None,
    ]


def test_a_preflight_is_matched_by_the_method_it_asks_for() -> None:
    """Never by OPTIONS; an OPTIONS that is no preflight is matched as what it is."""
    matches = [Match(methods=frozenset({b"OPTIONS"})), Match(methods=frozenset({b"PUT"})), Match()]
    routes = table(matches, policy=Policy(cors=Cors(allow_origins=ANY)))

    decisions = [
        routes.decide(head, b"http", HOST)
        for head in (
            preflight(APP, b"PUT"),
            preflight(APP, b"DELETE"),
            request(b"OPTIONS"),
            request(b"OPTIONS", b"/", b"Access-Control-Request-Method: PUT"),
            request(b"OPTIONS", b"/", b"Origin: " + APP),
        )
    ]

    assert [(type(one), one.route and one.route.name) for one in decisions] == [
        (Answer, "routes[1]"),
        (Answer, "routes[2]"),
        (Forward, "routes[0]"),
        (Forward, "routes[0]"),
        (Forward, "routes[0]"),
    ]


def test_first_match_wins() -> None:
    """Routes are tried in the order of the file, and every part of a match must hold."""
    matches = [
        Match(host="a.example", path="/v1/**", methods=frozenset({b"GET"})),
        Match(host="a.example", path="/v1/**"),
        Match(path="/v1/x"),
        Match(host="a.example"),
        Match(),
        Match(path="/never"),
    ]

    assert chosen(matches, request(b"GET", b"/v1/x", host=b"a.example")) == 0
    assert chosen(matches, request(b"PUT", b"/v1/x", host=b"a.example")) == 1
    assert chosen(matches, request(b"GET", b"/v1/x", host=b"b.example")) == 2
    assert chosen(matches, request(b"GET", b"/v2", host=b"a.example")) == 3
    assert chosen(matches, request(b"GET", b"/never", host=b"b.example")) == 4


def test_each_route_has_its_own_policy() -> None:
    """Equal policies may share a compiled rule; different ones never do."""
    a, b = Policy(corp=ResourcePolicy.SAME_ORIGIN), Policy(corp=ResourcePolicy.CROSS_ORIGIN)
    routes = tuple(
        Route(f"routes[{at}]", Match(path=path), "web", policy, "test")
        for at, (path, policy) in enumerate([("/a", a), ("/b", b), ("/c", a)])
    )
    mixed = RouteTable(routes, Policy(), ReportingEndpoints())

    sent = [exchange(mixed, request(b"GET", path), response(200)).decided for path in (b"/a", b"/b", b"/c", b"/d")]

    assert sent == [
        [b"Cross-Origin-Resource-Policy: same-origin"],
        [b"Cross-Origin-Resource-Policy: cross-origin"],
        [b"Cross-Origin-Resource-Policy: same-origin"],
        [],
    ]
    assert mixed.routes == routes


def test_no_route_is_404_under_the_default_policy() -> None:
    """Our own 404 is readable wherever the default policy says so, for preflights too (rule 1)."""
    default = Policy(cors=Cors(allow_origins=(exact("https://app.example"),)), corp=ResourcePolicy.SAME_SITE)
    routes = table([Match(path="/a")], default)
    readable = [b"Access-Control-Allow-Origin: " + APP, b"Cross-Origin-Resource-Policy: same-site", b"Vary: Origin"]

    for head in (request(b"GET", b"/b", b"Origin: " + APP), preflight(APP, b"PUT", target=b"/b")):
        decision = routes.decide(head, b"https", HOST)
        seen = exchange(routes, head, response(200))

        assert isinstance(decision, Answer)
        assert decision.detail
        assert (seen.status, seen.forwarded, seen.decided) == (404, False, readable)
    assert exchange(routes, request(b"GET", b"/b"), response(200)).decided == readable[1:]


def refused(routes: RouteTable, block: bytes) -> tuple[bytes, CorsOutcome]:
    """Return what is answered to a head that was refused, and what the record says of it."""
    plan = routes.plan_for_refused(read_remains(block), b"https")
    return plan.apply(response(400)), plan.outcome


@pytest.mark.parametrize(
    ("block", "is_granted"),
    [
        pytest.param(b"GET /a HTTP/1.1\r\nHost: a b\r\nOrigin: https://app.example\r\n\r\n", True, id="bad-host"),
        pytest.param(b"GET /a HTTP/1.1\r\nHost: a\r\nHost: a\r\nOrigin: https://app.example\r\n\r\n", True, id="two-hosts"),
        pytest.param(b"GET /a HTTP/1.1\r\nOrigin: https://app.example\r\nA : b\r\n\r\n", True, id="bad-line"),
        pytest.param(b"GET /a HTTP/1.1\r\nOrigin: https://other.example\r\nA : b\r\n\r\n", False, id="unlisted"),
        pytest.param(b"GET /a HTTP/1.1\r\nOrigin: https://app.example\r\nOrigin: x\r\nA : b\r\n\r\n", False, id="two-origins"),
        pytest.param(b"GET /a HTTP/1.1\r\nA : b\r\n\r\n", False, id="no-origin"),
        pytest.param(b"GET /a HTTP/1.1\r\nOrigin: https://app.example\nA: b\r\n\r\n", False, id="bare-lf-behind-it"),
    ],
)
def test_a_refused_head_is_answered_by_the_policy_of_its_route(block: bytes, is_granted: bool) -> None:
    """A browser must be able to read why its request was refused (rule 1), and nobody else (rule 3)."""
    policy = Policy(cors=Cors(allow_origins=(exact("https://app.example"),)), corp=ResourcePolicy.SAME_SITE)
    routes = table([Match(path="/a")], Policy(corp=ResourcePolicy.CROSS_ORIGIN), policy)

    answer, _ = refused(routes, block)

    assert b"\r\nCross-Origin-Resource-Policy: same-site\r\n" in answer
    assert b"\r\nVary: Origin\r\n" in answer
    assert (b"\r\nAccess-Control-Allow-Origin: https://app.example\r\n" in answer) is is_granted
    assert (b"Access-Control" in answer) is is_granted


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"GARBAGE\r\n\r\n", id="no-request-line"),
        pytest.param(b"GET /b HTTP/1.1\r\n\r\n", id="no-route"),
        pytest.param(b"GET /a HTTP/2.0\r\nHost: a\r\n\r\n", id="version"),
    ],
)
def test_a_refused_head_without_a_route_is_answered_by_the_default_policy(block: bytes) -> None:
    """What cannot be read belongs to no route; the default policy says who may read the refusal."""
    routes = table([Match(path="/a")], Policy(cors=Cors(allow_origins=ANY)))

    assert refused(routes, block) == (
        b"HTTP/1.1 400 Reason\r\nAccess-Control-Allow-Origin: *\r\n\r\n",
        CorsOutcome.NONE,
    )


def test_a_refused_preflight_belongs_to_the_method_it_asks_for() -> None:
    """Never to OPTIONS, whether it could be read to its end or not."""
    routes = RouteTable(
        (
            Route("routes[0]", Match(methods=frozenset({b"OPTIONS"})), "web", Policy(corp=ResourcePolicy.SAME_ORIGIN), "test"),
            Route("routes[1]", Match(methods=frozenset({b"PUT"})), "web", Policy(corp=ResourcePolicy.SAME_SITE), "test"),
        ),
        Policy(),
        ReportingEndpoints(),
    )
    lines = b"Host: a\r\nOrigin: https://app.example\r\nAccess-Control-Request-Method: PUT\r\n"

    assert b"Policy: same-site\r\n" in refused(routes, b"OPTIONS / HTTP/1.1\r\n" + lines + b"A : b\r\n\r\n")[0]
    assert b"Policy: same-origin\r\n" in refused(routes, b"OPTIONS / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n")[0]


@given(st.binary(max_size=200) | st.lists(st.sampled_from(REMAINS), max_size=8).map(b"".join))
def test_no_refused_head_puts_bytes_of_its_own_into_the_answer(block: bytes) -> None:
    """Whatever is made out of a broken head, the answer is in the grammar and has no line but ours."""
    reflecting = Policy(cors=Cors(allow_origins=ANY, allow_credentials=True, allow_null_origin=True))
    answer, _ = refused(table([Match()], policy=reflecting), block)

    assert isinstance(read_response_head(answer, b"GET"), ResponseHead)
    names = {line.partition(b":")[0] for line in lines_of(answer)}
    assert names <= {b"Access-Control-Allow-Origin", b"Access-Control-Allow-Credentials", b"Vary"}


def test_refusals_say_why_in_words() -> None:
    """The detail is for the person behind the browser; a success needs none."""
    routes = table([Match()], policy=Policy(cors=Cors(allow_origins=(exact("https://app.example"),))))
    refused = routes.decide(preflight(b"https://other.example", b"PUT"), b"https", HOST)
    granted = routes.decide(preflight(APP, b"PUT"), b"https", HOST)

    assert isinstance(refused, Answer)
    assert isinstance(granted, Answer)
    assert (refused.status, bool(refused.detail)) == (403, True)
    assert (granted.status, granted.detail) == (204, "")


def naively_matches(glob: str, path: str) -> bool:
    """Say by the words of the design whether a glob covers a path: try every length for every wildcard."""

    @cache
    def match(at: int, done: int) -> bool:
        if at == len(glob):
            return done == len(path)
        if glob[at:] == "/**":
            return done == len(path) or path[done] == "/"
        if glob.startswith("**", at):
            return any(match(at + 2, end) for end in range(done, len(path) + 1))
        if glob[at] == "*":
            stop = path.find("/", done)
            return any(match(at + 1, end) for end in range(done, (len(path) if stop < 0 else stop) + 1))
        return done < len(path) and path[done] == glob[at] and match(at + 1, done + 1)

    return match(0, 0)


globs = st.lists(st.sampled_from(["a", "b", "/", "*", "/**", "**/", ".", "ab"]), max_size=9).map(
    lambda parts: "/" + "".join(parts)
)
paths = st.lists(st.sampled_from(["a", "b", "/", ".", "ab", "/a"]), max_size=12).map(lambda parts: "/" + "".join(parts))


@settings(max_examples=600)
@given(globs.filter(lambda glob: "***" not in glob), paths)
def test_globs_match_what_their_words_say(glob: str, path: str) -> None:
    """Two implementations of one idea: one pattern that holds what it found, and every possibility in turn."""
    assert bool(compile_path(glob).fullmatch(path.encode())) is naively_matches(glob, path)
    assert bool(path_test(glob)(path.encode())) is naively_matches(glob, path)


@pytest.mark.parametrize("glob", ["/**a**a**a**b", "/*a*a*a*a*b", "/**/a/**/a/**/b/**", "/a*a*a*/**", "/**.js"])
def test_no_path_slows_a_glob_down(glob: str) -> None:
    """Clients choose the path, up to the longest head: trying every place for every wildcard would not end."""
    pattern = compile_path(glob)
    for part in (b"a", b"/a", b"a/", b"/", b".j"):
        assert not pattern.fullmatch(b"/x" + part * (30_000 // len(part)) + b"!") or glob == "/a*a*a*/**"


def test_hosts_and_globs_by_themselves() -> None:
    """The parts that `explain` and the tests of the configuration use, too."""
    assert host_name(b"A.Example.:80") == b"a.example"
    assert host_name(b"[::1]:80") == b"[::1]"
    assert compile_path("/a/**").fullmatch(b"/a/b\n/c")
    assert not compile_path("/a/*").fullmatch(b"/a/b/c")


def test_table_is_freed_by_its_last_reference() -> None:
    """Nothing of it refers to itself, whatever it has answered: what a reload leaves is never looked for by a collection."""
    filling = Policy(
        cors=Cors(allow_origins=(exact("https://app.example"),)),
        corp=ResourcePolicy.SAME_SITE,
        upstream_fields=UpstreamFields.FILL,
    )
    gc.collect()
    gc.disable()
    try:
        routes = table([Match(path=f"/{number}/**") for number in range(9)], policy=filling)
        exchange(routes, preflight(APP, b"PUT", target=b"/3/x"), response(200))
        kept = response(200, b"Cross-Origin-Resource-Policy: same-origin")
        seen = exchange(routes, request(b"GET", b"/3/x", b"Origin: " + APP), kept)
        parts = list(routes.parts())
        del routes, parts

        assert seen.named(b"cross-origin-resource-policy") == [b"same-origin"]
        assert gc.collect() == 0
    finally:
        gc.enable()
