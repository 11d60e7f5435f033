"""Requests for a path where reports are collected: no route has a say in them, and each has one of three answers."""

import pytest
from support.exchanges import request

from xoproxy.policy.model import Cors, Opener, OpenerPolicy, Policy, ReportingEndpoints, ResourcePolicy
from xoproxy.policy.routes import Answer, Collect, Decision, Forward, Match, Route, RouteTable
from xoproxy.semantics.heads import ResponseHead, read_remains
from xoproxy.semantics.origins import OriginPattern

TARGET = b"/reports?for=app"
APP = Policy(
    coop=Opener(OpenerPolicy.SAME_ORIGIN),
    corp=ResourcePolicy.SAME_SITE,
    cors=Cors((OriginPattern(b"https", b"app.example", 443),)),
    resource_isolation=True,
)
ROUTES = (
    Route("routes[0]", Match(path="/reports"), "web", APP, "app"),
    Route("routes[1]", Match(methods=frozenset({b"GET"})), "web", APP, "app"),
)
TABLE = RouteTable(ROUTES, APP, ReportingEndpoints(), collected=(TARGET,))
ELSEWHERE = b"Origin: https://elsewhere.example"
CORP = b"Cross-Origin-Resource-Policy: cross-origin"
ANY = b"Access-Control-Allow-Origin: *"
ALLOW = b"Allow: POST, OPTIONS"
GRANTS = [b"Access-Control-Allow-Methods: POST", b"Access-Control-Allow-Headers: content-type", b"Access-Control-Max-Age: 7200"]
VARY = b"Vary: Access-Control-Request-Method, Access-Control-Request-Headers"


def decided(method: bytes, target: bytes, *lines: bytes) -> Decision:
    return TABLE.decide(request(method, target, *lines), b"https", b"app.example")


def sent(decision: Decision) -> list[bytes]:
    """Return the lines that an answer of our own gets."""
    block = decision.plan.apply(ResponseHead(b"HTTP/1.1 204 No Content\r\n\r\n", 204, 1))
    return block.split(b"\r\n")[1:-2]


@pytest.mark.parametrize("lines", [(), (ELSEWHERE, b"Sec-Fetch-Site: cross-site"), (b"Origin: null",)])
def test_delivery_of_any_page_is_collected(lines: tuple[bytes, ...]) -> None:
    """Also of one that the policy of every route refuses."""
    decision = decided(b"POST", TARGET, *lines)

    assert isinstance(decision, Collect)
    assert decision.route is None
    assert sent(decision) == [CORP, ANY]


@pytest.mark.parametrize(
    ("method", "lines", "status", "fields"),
    [
        pytest.param(b"GET", (), 405, [CORP, ALLOW, ANY], id="GET"),
        pytest.param(b"post", (ELSEWHERE,), 405, [CORP, ALLOW, ANY], id="methods have a case"),
        pytest.param(b"OPTIONS", (), 204, [CORP, ALLOW, ANY], id="OPTIONS"),
        pytest.param(b"OPTIONS", (ELSEWHERE,), 204, [CORP, ALLOW, ANY], id="OPTIONS with an origin"),
        pytest.param(
            b"OPTIONS", (b"Access-Control-Request-Method: POST",), 204, [CORP, ALLOW, ANY], id="OPTIONS with a method"
        ),
        pytest.param(
            b"OPTIONS",
            (ELSEWHERE, b"Access-Control-Request-Method: POST", b"Access-Control-Request-Headers: content-type"),
            204,
            [CORP, ANY, *GRANTS, VARY],
            id="preflight",
        ),
    ],
)
def test_other_requests_are_answered(method: bytes, lines: tuple[bytes, ...], status: int, fields: list[bytes]) -> None:
    decision = decided(method, TARGET, *lines)

    assert isinstance(decision, Answer)
    assert (decision.status, decision.route) == (status, None)
    assert bool(decision.detail) is (status == 405)
    assert sent(decision) == fields


@pytest.mark.parametrize("target", [b"/reports", b"/reports?for=ap", b"/reports?for=app&", b"/REPORTS?for=app"])
def test_other_targets_belong_to_routes(target: bytes) -> None:
    assert not TABLE.collects(target)
    assert isinstance(decided(b"GET", target), Forward)


@pytest.mark.parametrize("target", [b"http://shop.example/reports?for=app", b"HTTPS://SHOP.example/reports?for=app"])
def test_target_in_absolute_form_is_the_same(target: bytes) -> None:
    """RFC 9112 §3.2.2."""
    assert isinstance(decided(b"POST", target), Collect)


def test_head_that_cannot_be_read_is_answered_as_a_delivery() -> None:
    remains = read_remains(b"POST /reports?for=app HTTP/1.1\r\nHost: h\r\n" + ELSEWHERE + b"\r\nX : y\r\n\r\n")
    plan = TABLE.plan_for_refused(remains, b"http")

    assert sent(Answer(400, plan, None)) == [CORP, ANY]
