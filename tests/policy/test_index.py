"""The index finds what a scan of all routes in the order of the file finds, whatever the table and the request."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builds import pure_only
from support.exchanges import request

from xoproxy.policy.index import RouteIndex
from xoproxy.policy.matching import Match, Matcher, host_name
from xoproxy.policy.model import ANY, Cors, Policy, ReportingEndpoints
from xoproxy.policy.routes import Answer, Route, RouteTable
from xoproxy.semantics.targets import route_path

LABELS = st.sampled_from(["a", "b", "ab", "x"])
HOSTS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
SEGMENTS = st.sampled_from(["", "a", "b", "ab", "abc", "a.js", ";x", "é", "%", ".."])
PATTERNS = st.sampled_from(["a", "b", "ab", "é", "*", "**", "a*", "ab*", "*b", "*.js", "a*c", "a**", "**.js", ""])
GLOBS = st.lists(PATTERNS, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
FIELDS = st.sampled_from([(), (("X-A", "1*"),), (("X-A", "*"), ("Cookie", "*2*"))])
MATCHES = st.builds(
    Match,
    host=st.none() | HOSTS | HOSTS.map("*.{}".format),
    path=st.none() | GLOBS,
    methods=st.none() | st.sampled_from([frozenset({b"GET"}), frozenset({b"PUT", b"GET"})]),
    destinations=st.none() | st.just(frozenset({b"document", b"iframe"})),
    headers=FIELDS,
)
TABLES = st.lists(MATCHES, max_size=12)
SPELLED = st.sampled_from(
    ["a", "b", "ab", "abc", "a.js", "%61", "%2e%2e", "..", ".", "", "a;x", "a%2Fb", "%C3%A9", "b\\a", "%00"]
)
TARGETS = st.lists(SPELLED, min_size=1, max_size=5).map(lambda parts: ("/" + "/".join(parts)).encode())
LINES = st.lists(
    st.sampled_from(
        [b"X-A: 12", b"X-A: 2", b"Cookie: 2", b"Sec-Fetch-Dest: document", b"Sec-Fetch-Dest: image", b"Origin: https://a"]
    ),
    unique=True,
)
PREFLIGHTS = st.sampled_from(
    [
        (b"GET", ()),
        (b"PUT", ()),
        (b"OPTIONS", ()),
        (b"OPTIONS", (b"Access-Control-Request-Method: PUT",)),
        (b"OPTIONS", (b"Access-Control-Request-Method: GET", b"Access-Control-Request-Headers: x-a")),
    ]
)


class Scan:
    """What an index must not differ from: every route is a candidate."""

    def __init__(self, count: int) -> None:
        self.count = count

    def candidates(self, host: bytes, path: bytes) -> Sequence[int]:
        return range(self.count)


def table_of(matches: Sequence[Match], *, lenient: bool = False, scanned: bool = False) -> RouteTable:
    """Return a table; every second route grants any origin, the others leave CORS to the backend."""
    policies = (Policy(), Policy(cors=Cors(allow_origins=ANY)))
    routes = tuple(Route(f"routes[{at}]", match, "web", policies[at % 2], "p") for at, match in enumerate(matches))
    table = RouteTable(routes, Policy(), ReportingEndpoints(), lenient_paths=lenient)
    if scanned:
        table._index = Scan(len(routes))  # type: ignore[assignment]
    return table


@given(TABLES, HOSTS, st.lists(SEGMENTS, min_size=1, max_size=6))
@settings(max_examples=300)
def test_every_route_that_matches_is_a_candidate(matches: list[Match], host: str, segments: list[str]) -> None:
    """None is left out, none stands twice, and they come in the order of the file."""
    path = ("/" + "/".join(segments)).encode()
    matching = [at for at, match in enumerate(matches) if Matcher(match).covers(b"GET", host.encode(), path)]
    found = RouteIndex(matches).candidates(host.encode(), path)

    assert set(matching) <= set(found)
    assert sorted(set(found)) == found


@pure_only
@given(TABLES, HOSTS, TARGETS, LINES, PREFLIGHTS, st.booleans())
@settings(max_examples=300)
def test_decisions_are_those_of_a_scan(
    matches: list[Match],
    host: str,
    target: bytes,
    lines: list[bytes],
    preflight: tuple[bytes, tuple[bytes, ...]],
    lenient: bool,
) -> None:
    """Route, status, fields and Vary, also where a path can be read in several ways."""
    method, asked = preflight
    head = request(method, target, *lines, *asked, host=host.encode())
    indexed = table_of(matches, lenient=lenient).decide(head, b"https", head.host)
    scanned = table_of(matches, lenient=lenient, scanned=True).decide(head, b"https", head.host)

    assert type(indexed) is type(scanned)
    assert indexed.plan == scanned.plan
    assert (indexed.route and indexed.route.name) == (scanned.route and scanned.route.name)
    if isinstance(indexed, Answer) and isinstance(scanned, Answer):
        assert (indexed.status, indexed.detail) == (scanned.status, scanned.detail)


@pytest.mark.parametrize(
    ("globs", "target", "expected"),
    [
        pytest.param([f"/app{at}/**" for at in range(1000)], b"/app999/x", [999], id="trees"),
        pytest.param([f"/app{at}" for at in range(1000)], b"/app500", [500], id="exact"),
        pytest.param([f"/t/*/service{at}/**" for at in range(1000)], b"/t/a/service999/x", [999], id="behind-a-wildcard"),
        pytest.param([f"/img-{at:04}-*" for at in range(1000)], b"/img-0999-x", [999], id="begun-segments"),
        pytest.param([f"/a/b/{at}*/c" for at in range(1000, 2000)], b"/a/b/1999x/c", [999], id="begun-and-more"),
        pytest.param([f"/{at}" for at in range(1000)] + ["/**"], b"/999", [999, 1000], id="and-everything"),
        pytest.param([f"/{at}" for at in range(1000)], b"/none", [], id="none"),
    ],
)
def test_of_a_thousand_routes_only_those_that_could_match_are_tried(
    globs: list[str], target: bytes, expected: list[int]
) -> None:
    index = RouteIndex([Match(path=glob) for glob in globs])

    assert index.candidates(b"a.example", route_path(target)) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param(b"h7.example", [7, 2000], id="exact"),
        pytest.param(b"x.w7.example", [1007, 2000], id="wildcard"),
        pytest.param(b"x.y.w7.example", [1007, 2000], id="wildcard-of-two-labels"),
        pytest.param(b"w7.example", [2000], id="wildcard-parent"),
        pytest.param(b".w7.example", [2000], id="empty-label"),
        pytest.param(b"other", [2000], id="no-dot"),
        pytest.param(b"", [2000], id="no-host"),
    ],
)
def test_of_a_thousand_hosts_only_those_that_could_match_are_tried(host: bytes, expected: list[int]) -> None:
    hosts = [*(f"h{at}.example" for at in range(1000)), *(f"*.w{at}.example" for at in range(1000)), None]

    assert RouteIndex([Match(host=name) for name in hosts]).candidates(host, b"/") == expected


def test_nested_wildcard_hosts_are_all_candidates() -> None:
    names = ["*.a.example", "*.example", "x.a.example", "*.x.a.example"]

    assert RouteIndex([Match(host=name) for name in names]).candidates(b"x.a.example", b"/") == [0, 1, 2]


def test_the_server_itself_is_in_no_tree() -> None:
    """``OPTIONS *`` matches no path; a route without one takes it."""
    table = table_of([Match(path="/**"), Match()])
    head = request(b"OPTIONS", b"*")

    assert host_name(head.host)
    assert getattr(table.decide(head, b"https", head.host).route, "name", None) == "routes[1]"
