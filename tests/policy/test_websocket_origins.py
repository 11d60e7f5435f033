"""Whose pages may open WebSockets.  (RFC 6455 §10.2)"""

import pytest
from support.exchanges import exact, request, subdomains

from xoproxy.policy.model import Cors, Policy, ReportingEndpoints, WebSocketOrigins
from xoproxy.policy.routes import Answer, Decision, Match, Route, RouteTable

LISTED = WebSocketOrigins((exact("https://app.example"), subdomains("partner.example")))
UPGRADE = (b"Connection: Upgrade", b"Upgrade: websocket")


def decide(policy: Policy, *lines: bytes, scheme: bytes = b"https") -> Decision:
    table = RouteTable((Route("routes[0]", Match(), "web", policy, "test"),), Policy(), ReportingEndpoints())
    head = request(b"GET", b"/socket", *lines)
    return table.decide(head, scheme, head.host)


def is_refused(policy: Policy, *lines: bytes, scheme: bytes = b"https") -> bool:
    decision = decide(policy, *lines, scheme=scheme)
    assert not isinstance(decision, Answer) or decision.status == 403
    return isinstance(decision, Answer)


@pytest.mark.parametrize(
    ("origin", "refused"),
    [
        pytest.param(b"https://app.example", False, id="listed"),
        pytest.param(b"https://a.partner.example", False, id="wildcard"),
        pytest.param(b"https://shop.example", False, id="own"),
        pytest.param(b"http://shop.example", True, id="own-host-other-scheme"),
        pytest.param(b"https://shop.example:8443", True, id="own-host-other-port"),
        pytest.param(b"https://evil.example", True, id="another"),
        pytest.param(b"https://app.example.evil.test", True, id="suffix"),
        pytest.param(b"null", True, id="opaque"),
        pytest.param(b"", True, id="empty"),
        pytest.param(b"https://app.example/", True, id="no-origin"),
    ],
)
def test_only_listed_pages_and_the_own_may_open_a_websocket(origin: bytes, refused: bool) -> None:
    assert is_refused(Policy(websocket_origins=LISTED), *UPGRADE, b"Origin: " + origin) is refused


def test_the_own_origin_is_that_of_the_scheme_in_use() -> None:
    assert not is_refused(Policy(websocket_origins=LISTED), *UPGRADE, b"Origin: http://shop.example", scheme=b"http")


def test_two_origins_are_no_origin() -> None:
    """Even if both are listed: the backend may look at either."""
    lines = (b"Origin: https://app.example", b"Origin: https://app.example")

    assert is_refused(Policy(websocket_origins=LISTED), *UPGRADE, *lines)


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        pytest.param(UPGRADE, True, id="websocket"),
        pytest.param((b"Connection: keep-alive, UPGRADE", b"Upgrade: WebSocket"), True, id="case"),
        pytest.param((b"Connection: upgrade", b"Upgrade: other, websocket"), True, id="among-others"),
        pytest.param((b"Connection: upgrade", b"Upgrade: other", b"Upgrade: websocket"), True, id="two-lines"),
        pytest.param((b"Connection: upgrade", b"Upgrade: other"), False, id="another-protocol"),
        pytest.param((b"Upgrade: websocket",), False, id="not-asked-of-us"),
        pytest.param((), False, id="a-plain-request"),
    ],
)
def test_only_websockets_are_looked_at(lines: tuple[bytes, ...], refused: bool) -> None:
    """A plain request is the business of CORS."""
    assert is_refused(Policy(websocket_origins=LISTED), *lines, b"Origin: https://evil.example") is refused


def test_who_sends_no_origin_is_no_browser() -> None:
    assert not is_refused(Policy(websocket_origins=LISTED), *UPGRADE)


def test_null_is_opened_by_its_key_only() -> None:
    origins = WebSocketOrigins((), allow_null_origin=True)

    assert not is_refused(Policy(websocket_origins=origins), *UPGRADE, b"Origin: null")
    assert is_refused(Policy(websocket_origins=origins), *UPGRADE, b"Origin: https://evil.example")


def test_an_absent_key_refuses_nobody() -> None:
    assert not is_refused(Policy(cors=Cors((exact("https://app.example"),))), *UPGRADE, b"Origin: https://evil.example")


def test_the_refusal_carries_the_policy() -> None:
    """And no Access-Control field: this origin may read nothing here."""
    policy = Policy(cors=Cors((exact("https://app.example"),)), websocket_origins=LISTED)
    decision = decide(policy, *UPGRADE, b"Origin: https://evil.example")

    assert isinstance(decision, Answer)
    assert decision.detail == "this origin is not allowed to open WebSockets here"
    assert b"Access-Control" not in decision.plan.lines
    assert b"Vary: Origin" in decision.plan.vary_line
