"""Paths that servers read in different ways: refused where the routes differ for them, forwarded where they do not."""

import re
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.exchanges import exact, preflight, request

from xoproxy.policy.model import Cors, Policy, ReportingEndpoints
from xoproxy.policy.routes import Answer, Decision, Forward, Match, Route, RouteTable
from xoproxy.semantics.heads import RequestHead
from xoproxy.semantics.targets import is_unreadable, other_readings, plain_path, route_path


def decide(globs: list[str | None], head: RequestHead, *, lenient: bool = False, policy: Policy | None = None) -> Decision:
    routes = [Route(f"routes[{at}]", Match(path=glob), "web", policy or Policy(), "test") for at, glob in enumerate(globs)]
    return RouteTable(tuple(routes), Policy(), ReportingEndpoints(), lenient_paths=lenient).decide(head, b"http", head.host)


def outcome(globs: list[str | None], target: bytes, *, lenient: bool = False) -> str | int:
    """Return the route's name, or the status of the refusal."""
    decision = decide(globs, request(b"GET", target), lenient=lenient)
    return decision.route.name if isinstance(decision, Forward) else decision.status


APP = "https://app.example"
ADMIN: list[str | None] = ["/admin/**", None]


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(b"/x/../admin", id="dot-segments-resolved-or-not"),
        pytest.param(b"/x/%2e%2e/admin", id="encoded"),
        pytest.param(b"/x/%2E./admin", id="half-encoded"),
        pytest.param(b"/x/..%2fadmin", id="slash-or-data"),
        pytest.param(b"/%2fadmin", id="leading-encoded-slash"),
        pytest.param(b"/x%2f..%2f..%2fadmin", id="all-encoded"),
        pytest.param(b"/admin%2fx", id="out-of-the-tree-if-data"),
        pytest.param(b"/x/..%5cadmin", id="encoded-back-slash"),
        pytest.param(b"/%5Cadmin", id="leading-encoded-back-slash"),
        pytest.param(b"//admin", id="two-slashes"),
        pytest.param(b"//admin/x", id="two-slashes-below"),
        pytest.param(b"//host/admin/x", id="an-authority-for-url-parsers"),
        pytest.param(b"///host/admin", id="an-authority-after-three-slashes"),
        pytest.param(b"//host/x/../admin", id="an-authority-and-dots"),
        pytest.param(b"//host/%61dmin", id="an-authority-and-an-escape"),
        pytest.param(b"/x//../admin", id="two-slashes-and-dots"),
        pytest.param(b"/admin;v=1", id="parameter"),
        pytest.param(b"/admin;/x", id="empty-parameter"),
        pytest.param(b"/x/..;/admin", id="servlet-dots"),
        pytest.param(b"/x/..%3Badmin/../admin", id="encoded-semicolon"),
        pytest.param(b"/%2561dmin", id="decoded-twice"),
        pytest.param(b"/x/%252e%252e/admin", id="dots-decoded-twice"),
        pytest.param(b"/%252fadmin", id="slash-decoded-twice"),
        pytest.param(b"/admin%3fx", id="encoded-question-mark"),
        pytest.param(b"/admin%23x", id="encoded-fragment"),
        pytest.param(b"/x/..%2fadmin%3F/../../x", id="encoded-question-mark-before-dots"),
        pytest.param(b"/./admin", id="one-dot"),
        pytest.param(b"/admin/../x", id="out-of-the-tree"),
        pytest.param(b"/admin/.%2e/x", id="out-of-the-tree-encoded"),
        pytest.param(b"http://shop.example//admin", id="absolute-form"),
    ],
)
def test_a_path_that_could_belong_to_another_route_is_refused(target: bytes) -> None:
    """No spelling of a path gets one route's policy and another route's resource."""
    assert outcome(ADMIN, target) == 400


@pytest.mark.parametrize(
    "target",
    [b"/x", b"/admin", b"/admin/x", b"/x?a=//admin", b"/x?..;/admin", b"/a.b", b"/.well-known/x", b"/x/...", b"/%61dmin",
     b"/a%20b", b"/%E4%BD%A0", b"/a;b/c", b"/a%2fb", b"//x", b"/x//y", b"/x/../y", b"/x/%2e%2e/y", b"/admin/./x",
     b"/admin//x", b"/admin/a%2Fb", b"/admin/a;b", b"/100%25", b"/%zz", b"/adminx", b"/ADMIN", b"/x/admin"],
)  # fmt: skip
def test_a_path_that_belongs_to_one_route_however_it_is_read_goes_on(target: bytes) -> None:
    """An encoded slash in a project's name, matrix parameters, doubled slashes: nothing that works is broken."""
    assert outcome(ADMIN, target) == ("routes[0]" if re.match(rb"/(admin|%61dmin)(/|$)", target) else "routes[1]")


@pytest.mark.parametrize("target", [b"/x/../admin", b"//admin", b"/x/..;/admin", b"/%252fadmin", b"/x%5c..%5c..%5cadmin"])
def test_one_route_is_never_ambiguous(target: bytes) -> None:
    """Nor is a table that does not look at paths."""
    assert outcome([None], target) == "routes[0]"
    assert outcome(["/**"], target) == "routes[0]"


@pytest.mark.parametrize("globs", [[None], ADMIN])
@pytest.mark.parametrize("target", [b"/a\\b", b"/\\", b"/a%00", b"/a%00.html"])
def test_what_no_path_can_hold_is_refused(globs: list[str | None], target: bytes) -> None:
    """Back-slash and NUL, whatever the routes are; in a query they are data."""
    assert outcome(globs, target) == 400
    assert outcome(globs, b"/x?" + target) == outcome(globs, b"/x")


@pytest.mark.parametrize(
    ("target", "route"),
    [(b"/x/../admin", 0), (b"/x/..%2fadmin", 0), (b"//admin", 1), (b"/admin;v=1", 1), (b"/%2561dmin", 1),
     (b"/a\\b", 1), (b"/a%00", 1)],
)  # fmt: skip
def test_lenient_takes_the_one_reading(target: bytes, route: int) -> None:
    """Decoded once, dot segments resolved, nothing else."""
    assert outcome(ADMIN, target, lenient=True) == f"routes[{route}]"


def test_no_route_is_another_route() -> None:
    """What a backend could read as a path that nobody exposed is not exposed by its spelling; nothing is a 404."""
    assert outcome(["/public/**"], b"/public/../secret") == 404
    assert outcome(["/public/**"], b"/secret/../public") == 400
    assert outcome(["/public/**"], b"/secret") == 404


def test_the_refusal_is_readable_for_whoever_may_read_the_route() -> None:
    """And a preflight of such a path is refused before its actual request."""
    policy = Policy(cors=Cors((exact(APP),)))
    actual = decide(ADMIN, request(b"GET", b"//admin", b"Origin: " + APP.encode()), policy=policy)
    asked = decide(ADMIN, preflight(APP.encode(), b"PUT", target=b"//admin"), policy=policy)

    assert isinstance(actual, Answer)
    assert b"Access-Control-Allow-Origin: " + APP.encode() in actual.plan.lines
    assert isinstance(asked, Answer)
    assert (actual.status, asked.status) == (400, 400)


segments = st.lists(st.sampled_from([b"", b".", b"..", b"a", b"admin", b";x", b"a;x=1", b"..;"]), min_size=1, max_size=6)


@given(segments, st.sampled_from(["/", "", "/.", "/;", "/.;a"]), st.sampled_from([b"/", b"%2F", b"%5c"]))
def test_readings_do_not_hold_the_reading_that_counts(parts: list[bytes], safe: str, slash: bytes) -> None:
    """They are paths, none of them twice, and only where something in the path invites them."""
    target = b"/" + quote_from_bytes(b"/".join(parts), safe=safe).encode().replace(b"%2F", slash)

    others = other_readings(target)

    assert route_path(target) not in others
    assert len(set(others)) == len(others) <= 12
    assert all(path.startswith(b"/") for path in others)


@given(st.lists(st.sampled_from([b"a", b"b.c", b"d-e", b"%20", b"%C3%A9", b"~"]), min_size=1, max_size=6))
def test_usual_paths_have_one_reading(parts: list[bytes]) -> None:
    """The usual case costs one search."""
    assert other_readings(b"/" + b"/".join(parts)) == ()


@given(
    st.lists(
        st.sampled_from([b"/", b"/", b"a", b".", b"%41", b"%2e", b"%00", b";", b"\\", b"?", b"#", b"*", b"http://h"]),
        max_size=8,
    )
)
def test_a_plain_path_is_the_only_reading(parts: list[bytes]) -> None:
    target = b"".join(parts)

    plain = plain_path(target)

    if plain is not None:
        assert plain == route_path(target)
        assert other_readings(target) == ()
        assert not is_unreadable(target)


@pytest.mark.parametrize("target", [b"/", b"/a/b.c?x=/../%00;", b"/~me/", b"/*"])
def test_usual_paths_are_plain(target: bytes) -> None:
    assert plain_path(target) == target.partition(b"?")[0]


@given(st.binary(max_size=60))
def test_any_target_has_readings(target: bytes) -> None:
    """Never an exception."""
    other_readings(target)


def test_a_long_hostile_path_is_read_in_one_pass() -> None:
    """A megabyte of each kind: this ends, or it does not."""
    for part in (b"/..", b"/%2e%2e", b"//", b"/..;", b"%252e", b";", b"/a;b", b"%5c", b"\\"):
        assert len(other_readings(b"/" + part * (1_000_000 // len(part)))) <= 12
