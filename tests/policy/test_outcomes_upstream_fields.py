"""The table of outcomes, part 6: `upstream_fields`.  What the backend says stays where it may, else the policy's goes out."""

import dataclasses

import pytest
from hypothesis import event, given
from support.exchanges import Seen, exact, exchange, is_decided, lines_of, preflight, request, response, subdomains, table_of
from support.strategies import ENDPOINTS, policies, requests, responses

from xoproxy.policy import coep
from xoproxy.policy.base import decided
from xoproxy.policy.cors import CorsOutcome
from xoproxy.policy.keeping import is_good
from xoproxy.policy.model import (
    ANY,
    OFF,
    Cors,
    DocumentIsolation,
    Embedder,
    EmbedderPolicy,
    FieldEdits,
    IntegrityPolicy,
    Isolation,
    Opener,
    OpenerPolicy,
    PermissionsPolicy,
    Policy,
    ReportingEndpoints,
    ResourcePolicy,
    UpstreamFields,
)
from xoproxy.semantics.heads import RequestHead, ResponseHead

REPLACE, FILL, PASSTHROUGH = UpstreamFields.REPLACE, UpstreamFields.FILL, UpstreamFields.PASSTHROUGH
APP, OTHER, OWN = b"https://app.example", b"https://other.example", b"https://shop.example"
ACAO, ACAC = b"Access-Control-Allow-Origin: ", b"Access-Control-Allow-Credentials: true"
ONE = Cors(allow_origins=(exact(APP.decode()),))
COOKIES = dataclasses.replace(ONE, allow_credentials=True)
ANYONE = Cors(allow_origins=ANY)


def seen_by(policy: Policy, mode: UpstreamFields, own: list[bytes], origin: bytes | None = None, status: int = 200) -> Seen:
    """Return what comes of a backend's lines under a policy with this `upstream_fields`."""
    asked = () if origin is None else (b"Origin: " + origin,)
    table = table_of(dataclasses.replace(policy, upstream_fields=mode), ReportingEndpoints((("a", "/r"),)))
    return exchange(table, request(b"GET", b"/", *asked), response(status, *own))


FIELDS = [
    pytest.param(
        Policy(coop=Opener(OpenerPolicy.SAME_ORIGIN)),
        b"Cross-Origin-Opener-Policy",
        [b"same-origin-allow-popups", b'unsafe-none; report-to="x"'],
        [b"same-origin;", b"require-corp"],
        id="coop",
    ),
    pytest.param(
        Policy(observe_coop=Opener(OpenerPolicy.SAME_ORIGIN)),
        b"Cross-Origin-Opener-Policy-Report-Only",
        [b"unsafe-none"],
        [b"same-origin same-origin"],
        id="coop-observed",
    ),
    pytest.param(
        Policy(coep=Embedder(EmbedderPolicy.REQUIRE_CORP)),
        b"Cross-Origin-Embedder-Policy",
        [b"credentialless"],
        [b"auto", b'"require-corp"'],
        id="coep",
    ),
    pytest.param(
        Policy(coep=Embedder(EmbedderPolicy.AUTO)),
        b"Cross-Origin-Embedder-Policy",
        [b"unsafe-none"],
        [b"credentialles"],
        id="coep-auto",
    ),
    pytest.param(
        Policy(corp=ResourcePolicy.SAME_ORIGIN),
        b"Cross-Origin-Resource-Policy",
        [b"cross-origin"],
        [b"Cross-Origin", b"same-site;x"],
        id="corp",
    ),
    pytest.param(
        Policy(document_isolation=Isolation(DocumentIsolation.ISOLATE_AND_REQUIRE_CORP)),
        b"Document-Isolation-Policy",
        [b"none"],
        [b"isolate"],
        id="document-isolation",
    ),
    pytest.param(Policy(origin_agent_cluster=True), b"Origin-Agent-Cluster", [b"?0"], [b"0"], id="agent-cluster"),
    pytest.param(
        Policy(permissions_policy=PermissionsPolicy((("camera", ()),))),
        b"Permissions-Policy",
        [b"camera=*, usb=()"],
        [b"camera 'self'"],
        id="permissions",
    ),
    pytest.param(
        Policy(integrity_policy=IntegrityPolicy(("script",))),
        b"Integrity-Policy",
        [b"blocked-destinations=(style)"],
        [b"blocked-destinations=style"],
        id="integrity",
    ),
    pytest.param(
        Policy(timing_allow_origin=ANY), b"Timing-Allow-Origin", [b"https://a.example"], [b"https://a.example/"], id="timing"
    ),
]


@pytest.mark.parametrize(("policy", "name", "valid", "invalid"), FIELDS)
@pytest.mark.parametrize("status", [200, 304, 500])
def test_a_field_stays_or_goes_by_the_mode(
    policy: Policy, name: bytes, valid: list[bytes], invalid: list[bytes], status: int
) -> None:
    """Replace: never the backend's; fill: the valid; passthrough: any.  Ours goes out where none of the backend's does."""
    (ours,) = (line for line in seen_by(policy, REPLACE, [], status=status).decided if line.startswith(name + b":"))

    def lines(mode: UpstreamFields, *values: bytes) -> list[bytes]:
        own = [name.lower() + b":" + value for value in values]
        decided = seen_by(policy, mode, own, status=status).decided
        assert b"Vary: User-Agent" in decided or not isinstance(policy.coep, Embedder) or policy.coep.value.value != "auto"
        return [line for line in decided if not line.startswith(b"Vary")]

    for mode in UpstreamFields:
        assert lines(mode) == [ours]
    for value in (*valid, *invalid):
        assert lines(REPLACE, value) == [ours]
        assert lines(PASSTHROUGH, value) == [name.lower() + b":" + value]
        assert lines(FILL, value) == [name.lower() + b":" + value if value in valid else ours]


@pytest.mark.parametrize(
    ("policy", "line"),
    [
        (Policy(coop=Opener(OpenerPolicy.UNSAFE_NONE)), b"Cross-Origin-Opener-Policy: same-origin"),
        (Policy(coep=Embedder(EmbedderPolicy.UNSAFE_NONE)), b"Cross-Origin-Embedder-Policy: require-corp"),
        (Policy(corp=ResourcePolicy.SAME_SITE), b"Cross-Origin-Resource-Policy: same-origin"),
        (Policy(origin_agent_cluster=False), b"Origin-Agent-Cluster: ?1"),
    ],
)
def test_two_lines_of_an_item_are_not_valid(policy: Policy, line: bytes) -> None:
    """Two lines, even identical, void the policy in browsers: one of ours goes out (rule 2).  Passthrough: as it is."""
    (ours,) = seen_by(policy, REPLACE, []).decided

    assert seen_by(policy, FILL, [line]).decided == [line]
    assert seen_by(policy, FILL, [line, line]).decided == [ours]
    assert seen_by(policy, FILL, [line.partition(b":")[0] + b":", line]).decided == [ours]
    assert seen_by(policy, PASSTHROUGH, [line, line]).decided == [line, line]


def test_two_lines_of_a_dictionary_are_one() -> None:
    """Browsers join them (RFC 9651 §4.2)."""
    policy = Policy(permissions_policy=PermissionsPolicy((("camera", ()),)))
    own = [b"Permissions-Policy: camera=*", b"permissions-policy: usb=()"]

    assert seen_by(policy, FILL, own).decided == own
    assert seen_by(policy, FILL, [own[0], b"Permissions-Policy: usb"]).decided == [b"Permissions-Policy: camera=()"]


def test_each_field_is_judged_by_itself() -> None:
    """The backend's good ones stay, ours fill the gaps, in one head; edits and endpoints go out in any case."""
    policy = Policy(
        coop=Opener(OpenerPolicy.SAME_ORIGIN, "a"),
        coep=Embedder(EmbedderPolicy.REQUIRE_CORP),
        corp=ResourcePolicy.SAME_ORIGIN,
        fields=FieldEdits(set=((b"X-A", b"1"),), remove=(b"Server",)),
    )
    own = [
        b"Server: x",
        b"X-A: 0",
        b"Cross-Origin-Opener-Policy: unsafe-none",
        b"Cross-Origin-Embedder-Policy: nonsense",
        b"X-B: 1",
    ]

    seen = seen_by(policy, FILL, own)

    assert seen.others == [b"X-B: 1", b"X-A: 1"]
    assert seen.decided == [
        b"Cross-Origin-Embedder-Policy: require-corp",
        b"Cross-Origin-Opener-Policy: unsafe-none",
        b"Cross-Origin-Resource-Policy: same-origin",
        b'Reporting-Endpoints: a="/r"',
    ]


@pytest.mark.parametrize("mode", UpstreamFields)
def test_off_removes_in_every_mode(mode: UpstreamFields) -> None:
    """``off`` is the operator's word against the backend's."""
    policy = Policy(coop=OFF, coep=OFF, corp=OFF, cors=OFF, document_isolation=OFF)
    own = [
        b"Cross-Origin-Opener-Policy: same-origin",
        b"Cross-Origin-Embedder-Policy-Report-Only: require-corp",
        b"Cross-Origin-Resource-Policy: same-site",
        b"Document-Isolation-Policy: none",
        ACAO + b"*",
    ]

    assert seen_by(policy, mode, own[:-1]).decided == []
    assert seen_by(policy, mode, own, APP).decided == []


@pytest.mark.parametrize("mode", UpstreamFields)
def test_fields_of_absent_keys_pass_in_every_mode(mode: UpstreamFields) -> None:
    own = [b"Cross-Origin-Opener-Policy: nonsense", ACAO + b"*", ACAO + b"*"]

    assert seen_by(Policy(corp=ResourcePolicy.SAME_SITE), mode, own, APP).decided == sorted(
        [*own, b"Cross-Origin-Resource-Policy: same-site"]
    )


CORS_CASES = [
    pytest.param(ONE, [], APP, [ACAO + APP], id="nothing"),
    pytest.param(ONE, [ACAO + APP], APP, None, id="this-origin"),
    pytest.param(ONE, [ACAO + APP, b"Access-Control-Expose-Headers: X-A"], APP, None, id="this-origin-and-more"),
    pytest.param(ONE, [ACAO + APP, ACAC], APP, [ACAO + APP], id="this-origin-with-credentials-that-ours-has-not"),
    pytest.param(COOKIES, [ACAO + APP, ACAC], APP, None, id="this-origin-with-credentials"),
    pytest.param(ONE, [ACAO + b"*"], APP, None, id="star"),
    pytest.param(ONE, [ACAO + b"*", ACAC], APP, [ACAO + APP], id="star-with-credentials"),
    pytest.param(COOKIES, [ACAO + b"*"], APP, [ACAC, ACAO + APP], id="star-where-ours-has-credentials"),
    pytest.param(COOKIES, [ACAO + APP], APP, None, id="this-origin-where-ours-has-credentials"),
    pytest.param(ONE, [ACAO + OTHER], APP, [ACAO + APP], id="another-origin"),
    pytest.param(ONE, [ACAO + b"null"], APP, [ACAO + APP], id="null"),
    pytest.param(ONE, [ACAO + APP, ACAO + APP], APP, [ACAO + APP], id="twice"),
    pytest.param(ONE, [ACAO + APP + b", " + APP], APP, [ACAO + APP], id="twice-in-a-line"),
    pytest.param(ONE, [ACAO], APP, [ACAO + APP], id="empty"),
    pytest.param(ONE, [ACAO + APP + b"/"], APP, [ACAO + APP], id="slash"),
    pytest.param(ONE, [b"Access-Control-Max-Age: 5"], APP, [ACAO + APP], id="no-origin-field"),
    pytest.param(ANYONE, [ACAO + b"*", b"Access-Control-Expose-Headers: *"], APP, None, id="constant-star"),
    pytest.param(ANYONE, [ACAO + APP], APP, [ACAO + b"*"], id="constant-and-an-origin"),
    pytest.param(ANYONE, [ACAO], APP, [ACAO + b"*"], id="constant-and-empty"),
]


@pytest.mark.parametrize(("cors", "own", "origin", "expected"), CORS_CASES)
def test_fill_keeps_cors_fields_that_grant_this_origin_as_a_group(
    cors: Cors, own: list[bytes], origin: bytes, expected: list[bytes] | None
) -> None:
    """None: the backend's stay, all of them; else ours go out alone.  Vary is ours to see to (rule 4)."""
    vary = [b"Vary: Origin"] if cors is not ANYONE else []
    seen = seen_by(Policy(cors=cors), FILL, own, origin)

    assert seen.decided == sorted((own if expected is None else expected) + vary)
    assert seen_by(Policy(cors=cors), PASSTHROUGH, own, origin).decided == sorted((own or expected or []) + vary)


@pytest.mark.parametrize("own", [[ACAO + b"*"], [ACAO + OTHER, ACAC], [ACAO + b"null"], [b"Access-Control-Allow-Methods: *"]])
def test_fill_never_grants_what_the_policy_refuses(own: list[bytes]) -> None:
    """Refused origins, requests without Origin and same-origin ones get none of the backend's (rule 3)."""
    for origin in (OTHER, b"null", None, OWN):
        assert seen_by(Policy(cors=ONE), FILL, own, origin).decided == [b"Vary: Origin"]


def test_passthrough_leaves_cors_to_the_backend_where_it_speaks() -> None:
    """Whatever it says, but not to origins that are refused; ours goes out to granted ones where it says nothing."""
    own = [ACAO + b"*", ACAO + b"*", b"Access-Control-Allow-Anything: 1"]
    for origin in (APP, None):
        assert seen_by(Policy(cors=ONE), PASSTHROUGH, own, origin).decided == sorted([*own, b"Vary: Origin"])
    assert seen_by(Policy(cors=ONE), PASSTHROUGH, own, OTHER).decided == [b"Vary: Origin"]
    assert seen_by(Policy(cors=ONE), PASSTHROUGH, [], OTHER).decided == [b"Vary: Origin"]
    assert seen_by(Policy(cors=ONE), PASSTHROUGH, [], APP).decided == [ACAO + APP, b"Vary: Origin"]


def test_a_pattern_grants_the_origin_that_asks() -> None:
    """Plans for origins that no list names exactly are made per origin."""
    policy = Policy(cors=Cors(allow_origins=(subdomains("example"),)))
    for origin in (b"https://a.example", b"https://b.example", b"https://a.example"):
        assert seen_by(policy, FILL, [ACAO + origin], origin).decided == [ACAO + origin, b"Vary: Origin"]
        assert seen_by(policy, FILL, [ACAO + APP + b"x"], origin).decided == [ACAO + origin, b"Vary: Origin"]


def test_all_exposed_is_told_by_one_of_us() -> None:
    """The backend's group says itself what is exposed."""
    policy = Policy(cors=dataclasses.replace(COOKIES, expose_headers=ANY))
    own = [ACAO + APP, ACAC, b"Access-Control-Expose-Headers: X-A"]

    assert seen_by(policy, FILL, [*own, b"X-B: 1"], APP).cors() == sorted(own)
    exposed = seen_by(policy, FILL, [ACAO + OTHER, b"X-B: 1"], APP).named(b"access-control-expose-headers")
    assert [name for value in exposed for name in value.split(b", ")] == [b"X-B"] or b"X-B" in exposed[0]


@pytest.mark.parametrize("mode", [FILL, PASSTHROUGH])
def test_what_the_connection_field_names_is_not_kept(mode: UpstreamFields) -> None:
    """It ends here (RFC 9110 §7.6.1), so ours has to go out."""
    policy = Policy(coop=Opener(OpenerPolicy.SAME_ORIGIN), cors=ONE)
    named = b"Connection: cross-origin-opener-policy, access-control-allow-origin"

    seen = seen_by(policy, mode, [named, b"Cross-Origin-Opener-Policy: unsafe-none", ACAO + APP], APP)

    assert seen.decided == [ACAO + APP, b"Cross-Origin-Opener-Policy: same-origin", b"Vary: Origin"]


@pytest.mark.parametrize("mode", [FILL, PASSTHROUGH])
def test_the_backends_vary_is_merged_whatever_is_kept(mode: UpstreamFields) -> None:
    own = [ACAO + APP, b"Vary: Accept"]

    assert seen_by(Policy(cors=ONE), mode, own, APP).decided == [ACAO + APP, b"Vary: Accept, Origin"]


@pytest.mark.parametrize("mode", [FILL, PASSTHROUGH])
def test_our_own_answers_carry_the_policy(mode: UpstreamFields) -> None:
    """Preflights have no backend to be filled from."""
    policy = Policy(coop=Opener(OpenerPolicy.SAME_ORIGIN), cors=COOKIES, upstream_fields=mode)
    seen = exchange(table_of(policy), preflight(APP, b"GET"), response(200))

    assert seen.status == 204
    assert ACAO + APP in seen.decided
    assert b"Cross-Origin-Opener-Policy: same-origin" in seen.decided


def own_lines(backend: ResponseHead) -> list[bytes]:
    """Return the backend's lines of fields that policies decide, but Vary."""
    return [line for line in lines_of(backend.block) if is_decided(line) and not line.lower().startswith(b"vary")]


@given(policies(FILL), requests(), responses())
def test_filled_responses_keep_the_rules(policy: Policy, head: RequestHead, backend: ResponseHead) -> None:
    """Rules 2, 3, 4 and 8 hold as they do for `replace`; whatever is not ours is the backend's, and the better of the two."""
    table, replacing = table_of(policy, ENDPOINTS), table_of(dataclasses.replace(policy, upstream_fields=REPLACE), ENDPOINTS)
    seen, replaced = exchange(table, head, backend), exchange(replacing, head, backend)
    event(f"{seen.outcome} kept={sum(line not in replaced.decided for line in seen.decided)}")

    assert (seen.status, seen.outcome, seen.others) == (replaced.status, replaced.outcome, replaced.others)
    new = [line for line in seen.decided if line not in replaced.decided and line not in own_lines(backend)]
    assert all(line.startswith(b"Access-Control-Expose-Headers: ") for line in new)  # it names what is kept
    assert seen.named(b"vary") == replaced.named(b"vary")
    for field in decided(coep.for_browser(policy, credentialless=b"Chrome/" in head.block)):
        values = seen.named(field.name.lower())
        assert field.is_valid(b", ".join(values)) if field.value is not None else values == []
    if isinstance(policy.cors, Cors) and seen.outcome is not CorsOutcome.PREFLIGHT_FORWARDED:
        assert len(seen.named(b"access-control-allow-origin")) == len(replaced.named(b"access-control-allow-origin"))
    if seen.reason == "origin":
        assert seen.cors() == []


@given(policies(PASSTHROUGH), requests(), responses())
def test_passed_responses_lose_nothing_of_the_backends(policy: Policy, head: RequestHead, backend: ResponseHead) -> None:
    """But what is ``off``, the connection's, or CORS for a refused origin; where it says nothing, it is as if replaced."""
    table, replacing = table_of(policy, ENDPOINTS), table_of(dataclasses.replace(policy, upstream_fields=REPLACE), ENDPOINTS)
    seen = exchange(table, head, backend)
    gone = {field.name.lower() for field in decided(coep.for_browser(policy, credentialless=True)) if field.value is None}
    lost = [
        line
        for line in own_lines(backend)
        if line not in seen.decided
        and (name := line.partition(b":")[0].lower()) not in gone
        and name not in backend.options
        and not ((policy.cors is OFF or seen.reason == "origin") and name.startswith(b"access-control-"))
    ]

    assert lost == [] or not seen.forwarded
    if not own_lines(backend):
        assert seen == exchange(replacing, head, backend)


def test_long_values_are_judged_without_being_remembered() -> None:
    """Memory is bounded in bytes too: a backend chooses these values."""
    asked: list[bytes] = []

    def is_valid(value: bytes) -> bool:
        asked.append(value)
        return True

    short, long = b"x" * 512, b"x" * 513
    for value in (short, short, long, long):
        assert is_good(is_valid, value)

    assert asked == [short, long, long]
