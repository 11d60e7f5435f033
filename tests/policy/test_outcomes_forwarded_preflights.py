"""The table of outcomes, part 4: `cors.preflight: forward`, and `cors.legacy_private_network`."""

import pytest
from support.exchanges import OWN, Seen, exact, exchange, preflight, request, response, table_of

from xoproxy.policy.cors import CorsOutcome
from xoproxy.policy.model import Cors, Embedder, EmbedderPolicy, Policy, PreflightHandling, Refusal, ReportingEndpoints
from xoproxy.policy.routes import Answer, Forward, Match, Route, RouteTable

APP = b"https://app.example"
OTHER = b"https://other.example"
FORWARDED, PREFLIGHT_REFUSED = CorsOutcome.PREFLIGHT_FORWARDED, CorsOutcome.PREFLIGHT_REFUSED

ONE = (exact("https://app.example"),)
FORWARDING = Cors(ONE, preflight=PreflightHandling.FORWARD, allow_methods=(b"PUT",), allow_credentials=True, max_age_s=60)
REJECTING = Cors(ONE, preflight=PreflightHandling.FORWARD, refuse=Refusal.REJECT)
THEIRS = (
    b"Access-Control-Allow-Origin: https://app.example",
    b"access-control-allow-methods: PATCH",
    b"Access-Control-Allow-Local-Network: true",
)
ASKED = b"Access-Control-Request-Method, Access-Control-Request-Headers"


def ask(cors: Cors, head_origin: bytes, *lines: bytes, status: int = 200, theirs: tuple[bytes, ...] = THEIRS) -> Seen:
    return exchange(table_of(Policy(cors=cors)), preflight(head_origin, b"PATCH", *lines), response(status, *theirs))


@pytest.mark.parametrize("status", [200, 204, 301, 401, 403, 404, 405, 500])
@pytest.mark.parametrize("origin", [APP, OWN])
def test_the_answer_to_a_granted_origin_is_the_backends(origin: bytes, status: int) -> None:
    """Its status and all its CORS fields, and none of ours; what it may differ by is in Vary, for caches that keep it."""
    seen = ask(FORWARDING, origin, status=status)

    assert (seen.status, seen.forwarded, seen.outcome, seen.reason) == (status, True, FORWARDED, "")
    assert seen.cors() == sorted(THEIRS)
    assert seen.named(b"vary") == [b"Origin, " + ASKED]


def test_a_backend_that_grants_nothing_grants_nothing() -> None:
    """Nothing of ours stands in for it."""
    assert ask(FORWARDING, APP, theirs=()).cors() == []


@pytest.mark.parametrize("origin", [OTHER, b"null", b"", APP + b", " + APP])
def test_a_refused_origin_gets_no_access_control_field_even_of_the_backends(origin: bytes) -> None:
    """The backend is asked, as it is for actual requests that are refused, and its status passes (rule 3)."""
    seen = ask(FORWARDING, origin, status=204)

    assert (seen.status, seen.forwarded, seen.outcome, seen.reason) == (204, True, PREFLIGHT_REFUSED, "origin")
    assert seen.cors() == []


def test_a_refused_origin_is_rejected_where_requests_are() -> None:
    seen = ask(REJECTING, OTHER)

    assert (seen.status, seen.forwarded, seen.outcome, seen.cors()) == (403, False, PREFLIGHT_REFUSED, [])
    assert ask(REJECTING, APP).forwarded


def test_actual_responses_are_still_by_the_policy() -> None:
    seen = exchange(table_of(Policy(cors=FORWARDING)), request(b"PATCH", b"/", b"Origin: " + APP), response(200, *THEIRS))

    assert seen.outcome is CorsOutcome.GRANTED
    assert seen.cors() == [b"Access-Control-Allow-Credentials: true", b"Access-Control-Allow-Origin: https://app.example"]


def test_the_other_fields_of_the_policy_are_on_the_answer() -> None:
    policy = Policy(cors=FORWARDING, coep=Embedder(EmbedderPolicy.REQUIRE_CORP))
    backend = response(200, *THEIRS, b"Cross-Origin-Embedder-Policy: unsafe-none")

    assert exchange(table_of(policy), preflight(APP, b"PUT"), backend).named(b"cross-origin-embedder-policy") == [
        b"require-corp"
    ]


def test_a_forwarded_preflight_goes_where_the_request_would() -> None:
    """It is matched by the method that it asks for, never by OPTIONS."""
    routes = (
        Route("routes[0]", Match(methods=frozenset({b"PUT"})), "writer", Policy(cors=FORWARDING), "a"),
        Route("routes[1]", Match(), "reader", Policy(cors=FORWARDING), "b"),
    )
    table = RouteTable(routes, Policy(), ReportingEndpoints())
    decisions = [table.decide(preflight(APP, method), b"https", b"shop.example") for method in (b"PUT", b"GET")]

    assert [decision.route.upstream for decision in decisions if isinstance(decision, Forward)] == ["writer", "reader"]


# Private network access.

PRIVATE = Cors(ONE, legacy_private_network=True)
ALLOWED = b"Access-Control-Allow-Private-Network: true"
ASKS = b"Access-Control-Request-Private-Network: true"


@pytest.mark.parametrize(
    ("line", "answered"),
    [
        pytest.param(ASKS, True, id="asked"),
        pytest.param(b"access-control-request-private-network:true", True, id="name-in-lower-case"),
        pytest.param(b"Access-Control-Request-Private-Network: \ttrue ", True, id="white-space"),
        pytest.param(b"Access-Control-Request-Private-Network: True", False, id="another-value"),
        pytest.param(b"Access-Control-Request-Private-Network: true, true", False, id="two"),
        pytest.param(b"Access-Control-Request-Private-Network:", False, id="empty"),
        pytest.param(b"X-Access-Control-Request-Private-Network: true", False, id="another-field"),
        pytest.param(b"X-A: 1", False, id="not-asked"),
    ],
)
def test_private_network_is_answered_where_it_is_asked_for(line: bytes, answered: bool) -> None:
    seen = ask(PRIVATE, APP, line)

    assert (ALLOWED in seen.cors()) is answered
    assert seen.named(b"vary") == [b"Origin, " + ASKED + b", Access-Control-Request-Private-Network"]


def test_the_two_questions_are_not_taken_for_each_other() -> None:
    """Answers are remembered; by this field too."""
    table = table_of(Policy(cors=PRIVATE))
    answers = [exchange(table, preflight(APP, b"PUT", *lines), response(200)).cors() for lines in ((), (ASKS,), (), (ASKS,))]

    assert [ALLOWED in lines for lines in answers] == [False, True, False, True]


def test_private_network_is_for_granted_origins_and_by_its_key_only() -> None:
    assert ask(PRIVATE, OTHER, ASKS).cors() == []
    assert ALLOWED not in ask(Cors(ONE), APP, ASKS).cors()
    assert (
        ALLOWED
        not in exchange(table_of(Policy(cors=PRIVATE)), request(b"GET", b"/", b"Origin: " + APP, ASKS), response(200)).cors()
    )


def test_an_own_answer_is_204_whatever_it_is_asked() -> None:
    decision = table_of(Policy(cors=PRIVATE)).decide(preflight(APP, b"PUT", ASKS), b"https", b"shop.example")

    assert isinstance(decision, Answer)
    assert decision.status == 204
