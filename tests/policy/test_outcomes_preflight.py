"""The table of outcomes, part 2: preflights, and what only looks like one.  (Fetch, "CORS-preflight fetch")"""

import tracemalloc

import pytest
from support.exchanges import OWN, Seen, exact, exchange, preflight, request, response, subdomains, table_of

from xoproxy.policy.cors import MAX_REQUEST_HEADERS, MAX_REQUEST_HEADERS_BYTES, CorsOutcome
from xoproxy.policy.model import ANY, OFF, Cors, Embedder, EmbedderPolicy, Policy, ResourcePolicy
from xoproxy.semantics.heads import RequestHead

APP = b"https://app.example"
ALLOWED, LATER, NO_ORIGIN = CorsOutcome.PREFLIGHT_GRANTED, CorsOutcome.PREFLIGHT_REFUSED, CorsOutcome.PREFLIGHT_REFUSED

API = Cors(
    allow_origins=(exact("https://app.example"), subdomains("partner.example")),
    allow_methods=(b"GET", b"PUT", b"PATCH"),
    allow_headers=(b"authorization", b"content-type"),
    max_age_s=600,
)
CREDENTIALED = Cors(allow_origins=(exact("https://app.example"),), allow_methods=ANY, allow_headers=ANY, allow_credentials=True)
PUBLIC = Cors(allow_origins=ANY, allow_methods=ANY, allow_headers=ANY)
PLAIN = Cors(allow_origins=(exact("https://app.example"),))

PREFLIGHT_VARY = b"Access-Control-Request-Method, Access-Control-Request-Headers"
API_ANSWER = [
    b"Access-Control-Allow-Headers: authorization, content-type",
    b"Access-Control-Allow-Methods: GET, PUT, PATCH",
    b"Access-Control-Allow-Origin: https://app.example",
    b"Access-Control-Max-Age: 600",
]


def ask(cors: Cors | None, head: RequestHead) -> Seen:
    return exchange(table_of(Policy(cors=cors)), head, response(401, b"WWW-Authenticate: Basic"))


def vary_members(seen: Seen) -> set[bytes]:
    return {member.strip().lower() for value in seen.named(b"vary") for member in value.split(b",")}


@pytest.mark.parametrize(
    ("method", "asked", "outcome", "reason"),
    [
        pytest.param(b"GET", (), ALLOWED, "", id="GET"),
        pytest.param(b"HEAD", (), ALLOWED, "", id="HEAD-needs-no-listing"),
        pytest.param(b"POST", (), ALLOWED, "", id="POST-needs-no-listing"),
        pytest.param(b"PUT", (), ALLOWED, "", id="PUT"),
        pytest.param(b"PATCH", (), ALLOWED, "", id="PATCH"),
        pytest.param(b"patch", (), LATER, "method", id="methods-are-case-sensitive"),
        pytest.param(b"get", (), LATER, "method", id="safelisted-methods-too"),
        pytest.param(b"DELETE", (), LATER, "method", id="DELETE-unlisted"),
        pytest.param(b"", (), LATER, "method", id="empty-method"),
        pytest.param(b"PUT, PATCH", (), LATER, "method", id="two-methods"),
        pytest.param(b"GET", (b"authorization",), ALLOWED, "", id="GET-with-authorization"),
        pytest.param(b"GET", (b"Authorization",), ALLOWED, "", id="names-have-no-case"),
        pytest.param(b"PUT", (b"authorization,content-type",), ALLOWED, "", id="as-browsers-send"),
        pytest.param(b"PUT", (b"content-type, authorization",), ALLOWED, "", id="unsorted"),
        pytest.param(b"PUT", (b" authorization \t,\t content-type ",), ALLOWED, "", id="padded"),
        pytest.param(b"PUT", (b",authorization,,content-type,",), ALLOWED, "", id="empty-members"),
        pytest.param(b"PUT", (b"authorization", b"content-type"), ALLOWED, "", id="split-over-lines"),
        pytest.param(b"PUT", (b"authorization", b"x-secret"), LATER, "headers", id="split-hides-nothing"),
        pytest.param(b"PUT", (b"authorization,authorization",), ALLOWED, "", id="twice"),
        pytest.param(b"PUT", (b"",), ALLOWED, "", id="empty"),
        pytest.param(b"PUT", (b"x-other",), LATER, "headers", id="unlisted"),
        pytest.param(b"PUT", (b"content-type,x-other",), LATER, "headers", id="one-unlisted"),
        pytest.param(b"PUT", (b"content type",), LATER, "headers", id="no-token"),
        pytest.param(b"PUT", (b"*",), LATER, "headers", id="star-is-a-name"),
        pytest.param(b"PUT", (b"content-type" + b"," * MAX_REQUEST_HEADERS_BYTES,), LATER, "headers", id="oversized"),
        pytest.param(b"DELETE", (b"x-other",), LATER, "method", id="method-is-told-first"),
    ],
)
def test_answers_list_the_route_not_the_question(
    method: bytes, asked: tuple[bytes, ...], outcome: CorsOutcome, reason: str
) -> None:
    """One answer for all that a granted origin may ask; the browser compares, so an objection is 204 too (rule 5)."""
    lines = [b"Access-Control-Request-Headers: " + value for value in asked]

    seen = ask(API, preflight(APP, method, *lines))

    assert (seen.status, seen.outcome, seen.reason, seen.forwarded) == (204, outcome, reason, False)
    assert seen.cors() == API_ANSWER
    assert b"origin" in vary_members(seen)
    assert seen.others == []


@pytest.mark.parametrize(
    ("cors", "origin"),
    [
        pytest.param(API, b"https://other.example", id="unlisted"),
        pytest.param(API, b"https://app.example.evil.test", id="suffix"),
        pytest.param(API, b"https://partner.example", id="parent-of-the-pattern"),
        pytest.param(API, b"http://app.example", id="scheme"),
        pytest.param(API, b"null", id="null"),
        pytest.param(API, b"", id="empty"),
        pytest.param(CREDENTIALED, b"https://other.example", id="credentialed"),
        pytest.param(OFF, APP, id="off"),
    ],
)
def test_refused_preflight_is_403_without_a_word_about_cors(cors: Cors, origin: bytes) -> None:
    """A refused origin gets no Access-Control field at all, and learns neither methods nor names (rule 3)."""
    seen = ask(cors, preflight(origin, b"PUT", b"Access-Control-Request-Headers: authorization"))

    assert (seen.status, seen.outcome, seen.reason, seen.forwarded) == (403, NO_ORIGIN, "origin", False)
    assert seen.cors() == []
    assert (b"origin" in vary_members(seen)) is (cors is not OFF)


@pytest.mark.parametrize(
    ("cors", "method", "names", "expected"),
    [
        pytest.param(
            PUBLIC,
            b"patch",
            b"authorization,x-b",
            [
                b"Access-Control-Allow-Headers: authorization, x-b",
                b"Access-Control-Allow-Methods: *",
                b"Access-Control-Allow-Origin: *",
            ],
            id="public: star for methods, names echoed because * never covers authorization",
        ),
        pytest.param(
            CREDENTIALED,
            b"patch",
            b"authorization,x-b",
            [
                b"Access-Control-Allow-Credentials: true",
                b"Access-Control-Allow-Headers: authorization, x-b",
                b"Access-Control-Allow-Methods: patch",
                b"Access-Control-Allow-Origin: https://app.example",
            ],
            id="credentials: everything by name",
        ),
        pytest.param(
            CREDENTIALED,
            b"DELETE",
            None,
            [
                b"Access-Control-Allow-Credentials: true",
                b"Access-Control-Allow-Methods: DELETE",
                b"Access-Control-Allow-Origin: https://app.example",
            ],
            id="no names asked for, none listed",
        ),
        pytest.param(
            CREDENTIALED,
            b"PUT",
            b"X-B, *",
            [
                b"Access-Control-Allow-Credentials: true",
                b"Access-Control-Allow-Headers: x-b, *",
                b"Access-Control-Allow-Methods: PUT",
                b"Access-Control-Allow-Origin: https://app.example",
            ],
            id="a name that is a star was asked for as a name",
        ),
        pytest.param(
            PLAIN,
            b"POST",
            None,
            [b"Access-Control-Allow-Methods: GET, HEAD, POST", b"Access-Control-Allow-Origin: https://app.example"],
            id="no lists: the safelisted methods",
        ),
    ],
)
def test_wildcards_are_written_so_that_browsers_read_them_as_such(
    cors: Cors, method: bytes, names: bytes | None, expected: list[bytes]
) -> None:
    """``*`` is a name with credentials, and never covers Authorization (Fetch, "CORS-preflight fetch" 7.5-7.7)."""
    lines = () if names is None else (b"Access-Control-Request-Headers: " + names,)

    seen = ask(cors, preflight(APP, method, *lines))

    assert (seen.status, seen.outcome, seen.cors()) == (204, ALLOWED, expected)


@pytest.mark.parametrize("method", [b"", b"a b", b"PUT, PATCH", b"\xff"])
def test_a_method_that_is_no_token_is_objected_to_and_never_becomes_a_star_with_credentials(method: bytes) -> None:
    """What cannot be echoed is not allowed: a browser would read ``*`` as a method's name."""
    seen = ask(CREDENTIALED, preflight(APP, method))

    assert (seen.status, seen.outcome, seen.reason) == (204, CorsOutcome.PREFLIGHT_REFUSED, "method")
    assert b"*" not in b"".join(seen.named(b"access-control-allow-methods"))
    assert method not in seen.named(b"access-control-allow-methods")


@pytest.mark.parametrize(
    ("value", "echoed"),
    [
        pytest.param(b",".join(b"x-%d" % i for i in range(MAX_REQUEST_HEADERS)), True, id="as-many-as-may-be"),
        pytest.param(b",".join(b"x-%d" % i for i in range(MAX_REQUEST_HEADERS + 1)), False, id="one-too-many"),
        pytest.param(b"x" * MAX_REQUEST_HEADERS_BYTES, True, id="as-long-as-may-be"),
        pytest.param(b"x" * (MAX_REQUEST_HEADERS_BYTES + 1), False, id="one-byte-too-long"),
        pytest.param(b"x-a: 1", False, id="no-token"),
        pytest.param(b"x-\xff", False, id="not-ascii"),
    ],
)
def test_echo_is_bounded(value: bytes, echoed: bool) -> None:
    """Names are echoed up to a bound; beyond it nothing is, and the record says what the browser will object to."""
    seen = ask(PUBLIC, preflight(APP, b"PUT", b"Access-Control-Request-Headers: " + value))

    assert seen.status == 204
    assert seen.outcome is (ALLOWED if echoed else LATER)
    assert seen.reason == ("" if echoed else "headers")
    assert len(seen.named(b"access-control-allow-headers")) == (1 if echoed else 0)


def test_listed_names_keep_the_case_of_the_file() -> None:
    """They are compared without case (Fetch, "CORS-preflight fetch" 7.7), and sent as the operator wrote them."""
    cors = Cors(allow_origins=ANY, allow_headers=(b"X-Total", b"Authorization"))
    for asked in (b"authorization,x-total", b"X-TOTAL", b"Authorization"):
        seen = ask(cors, preflight(APP, b"GET", b"Access-Control-Request-Headers: " + asked))

        assert (seen.outcome, seen.named(b"access-control-allow-headers")) == (ALLOWED, [b"X-Total, Authorization"])


@pytest.mark.parametrize("cors", [PUBLIC, API, CREDENTIALED])
def test_nothing_large_is_remembered_of_preflights(cors: Cors) -> None:
    """What is kept for speed is bounded in bytes, whichever part of the question is long."""
    table = table_of(Policy(cors=cors))
    tracemalloc.start()
    try:
        for at in range(150):
            long = b"x%d" % at + b"a" * 20_000
            for origin, method, name in ((long, b"PUT", b"x"), (APP, long, b"x"), (APP, b"PUT", long)):
                exchange(table, preflight(origin, method, b"Access-Control-Request-Headers: " + name), response(200))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held < 1_000_000


def test_split_names_are_bounded_together() -> None:
    """Several lines are one list: the bound is on their sum."""
    line = b"Access-Control-Request-Headers: " + b"x" * (MAX_REQUEST_HEADERS_BYTES // 2 + 1)

    assert ask(PUBLIC, preflight(APP, b"PUT", line)).outcome is ALLOWED
    assert ask(PUBLIC, preflight(APP, b"PUT", line, line)).outcome is LATER


@pytest.mark.parametrize(
    ("method", "lines"),
    [
        pytest.param(b"OPTIONS", (b"Access-Control-Request-Method: PUT",), id="no-origin"),
        pytest.param(b"OPTIONS", (b"Origin: " + APP,), id="no-requested-method"),
        pytest.param(b"OPTIONS", (b"Origin: " + APP, b"Access-Control-Request-Headers: x-a"), id="only-requested-headers"),
        pytest.param(b"OPTIONS", (), id="bare"),
        pytest.param(b"options", (b"Origin: " + APP, b"Access-Control-Request-Method: PUT"), id="lower-case-method"),
        pytest.param(b"GET", (b"Origin: " + APP, b"Access-Control-Request-Method: PUT"), id="GET"),
        pytest.param(b"POST", (b"Origin: " + APP, b"Access-Control-Request-Method: PUT"), id="POST"),
    ],
)
def test_what_is_no_preflight_belongs_to_the_backend(method: bytes, lines: tuple[bytes, ...]) -> None:
    """OPTIONS alone is no preflight; the backend's answer comes back, its Allow and its status kept (rule 5)."""
    seen = exchange(table_of(Policy(cors=API)), request(method, b"/", *lines), response(405, b"Allow: GET"))

    assert (seen.forwarded, seen.status, seen.others) == (True, 405, [b"Allow: GET"])
    assert seen.outcome in (CorsOutcome.NONE, CorsOutcome.GRANTED)
    assert seen.named(b"vary") == [b"Origin"]


def test_a_route_without_cors_leaves_preflights_to_the_backend() -> None:
    """An absent key: the backend's own answer passes untouched."""
    backend = response(200, b"Access-Control-Allow-Origin: *", b"Access-Control-Allow-Methods: PUT", b"Vary: Accept")

    seen = exchange(table_of(Policy(corp=ResourcePolicy.SAME_SITE)), preflight(APP, b"PUT"), backend)

    assert (seen.forwarded, seen.outcome) == (True, CorsOutcome.NONE)
    assert seen.decided == [
        b"Access-Control-Allow-Methods: PUT",
        b"Access-Control-Allow-Origin: *",
        b"Cross-Origin-Resource-Policy: same-site",
        b"Vary: Accept",
    ]


@pytest.mark.parametrize("cors", [PUBLIC, API, CREDENTIALED])
def test_a_preflight_answer_varies_by_what_it_reads(cors: Cors) -> None:
    """Caches that keep OPTIONS answers, against RFC 9110 §9.3.7, must not serve one for another."""
    members = vary_members(ask(cors, preflight(APP, b"PUT")))

    assert {name.strip().lower() for name in PREFLIGHT_VARY.split(b",")} <= members
    assert (b"origin" in members) is (cors is not PUBLIC)


def test_own_origin_passes_the_origin_check_of_a_preflight() -> None:
    """No browser preflights its own origin; who does is not told that it may not (rule 6)."""
    seen = ask(API, preflight(OWN, b"PUT"))

    assert (seen.status, seen.named(b"access-control-allow-origin")) == (204, [OWN])


def test_answers_carry_the_whole_policy() -> None:
    """Our own answers pass the policy like any other response, refused or not (rule 1)."""
    policy = Policy(cors=API, corp=ResourcePolicy.SAME_ORIGIN, coep=Embedder(EmbedderPolicy.REQUIRE_CORP))
    for origin in (APP, b"https://other.example"):
        seen = exchange(table_of(policy), preflight(origin, b"PUT"), response(200))

        assert seen.named(b"cross-origin-resource-policy") == [b"same-origin"]
        assert seen.named(b"cross-origin-embedder-policy") == [b"require-corp"]
