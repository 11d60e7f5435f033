"""The design's rules that never bend, each as a property of generated policies, requests and responses.

What each property expects is worked out here from the rule's words, by other means than the program's: by asking again with
other origins, by counting lines, by filtering the backend's lines one by one.
"""

from collections.abc import Iterable

from hypothesis import assume, event, given
from hypothesis import strategies as st
from support.exchanges import HOST, OWN, Seen, exchange, lines_of, preflight, request, response, table_of
from support.strategies import BACKEND_LINES, ENDPOINTS, ORIGINS, cors_of, policies, requests, responses

from xoproxy.policy.cors import CorsOutcome
from xoproxy.policy.model import (
    ANY,
    OFF,
    Cors,
    Embedder,
    EmbedderPolicy,
    Opener,
    Policy,
    PreflightHandling,
    Refusal,
    ResourcePolicy,
)
from xoproxy.policy.routes import Answer
from xoproxy.semantics.heads import RequestHead, ResponseHead, read_response_head

SINGLE = {
    b"cross-origin-opener-policy": "coop",
    b"cross-origin-embedder-policy": "coep",
    b"cross-origin-resource-policy": "corp",
    b"access-control-allow-origin": "cors",
}
HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade", b"te"}


def name_of(line: bytes) -> bytes:
    return line.partition(b":")[0].lower()


def options_of(head: ResponseHead) -> set[bytes]:
    """Return what the backend's Connection lines name."""
    values = [line.partition(b":")[2] for line in lines_of(head.block) if name_of(line) == b"connection"]
    return {option.strip().lower() for value in values for option in value.split(b",")}


def members(values: Iterable[bytes]) -> set[bytes]:
    return {member.strip().lower() for value in values for member in value.split(b",")} - {b""}


def sent_by(policy: Policy, head: RequestHead, backend: ResponseHead) -> Seen:
    return exchange(table_of(policy, ENDPOINTS), head, backend)


def with_origin(head: RequestHead, origin: bytes | None) -> RequestHead:
    """Return the same actual request from another origin."""
    others = (line for line in lines_of(head.block) if name_of(line) not in (b"host", b"origin"))
    return request(head.method, head.target, *others, *(() if origin is None else (b"Origin: " + origin,)))


@given(policies(), requests(), responses())
def test_rule_1_every_response_passes_the_policy(policy: Policy, head: RequestHead, backend: ResponseHead) -> None:
    """Whatever the status and whoever answers: COOP, COEP and CORP are what the policy says."""
    seen = sent_by(policy, head, backend)
    event(f"{seen.outcome} forwarded={seen.forwarded}")

    if isinstance(policy.coop, Opener):
        assert [value.partition(b";")[0] for value in seen.named(b"cross-origin-opener-policy")] == [
            policy.coop.value.value.encode()
        ]
    if isinstance(policy.coep, Embedder):
        allowed = {policy.coep.value.value.encode()}
        if policy.coep.value is EmbedderPolicy.AUTO:
            allowed = {b"credentialless"} if b"Chrome/" in head.block else {b"require-corp"}
        assert {value.partition(b";")[0] for value in seen.named(b"cross-origin-embedder-policy")} == allowed
    if isinstance(policy.corp, ResourcePolicy):
        assert seen.named(b"cross-origin-resource-policy") == [policy.corp.value.encode()]
    if policy.observe_coep is not None:
        assert len(seen.named(b"cross-origin-embedder-policy-report-only")) == 1
    if policy.observe_coop is not None:
        assert len(seen.named(b"cross-origin-opener-policy-report-only")) == 1


@given(policies(), requests(), responses())
def test_rule_2_each_of_the_four_goes_out_at_most_once(policy: Policy, head: RequestHead, backend: ResponseHead) -> None:
    """Where the policy has a word to say the backend's own is gone, ``off`` included."""
    seen = sent_by(policy, head, backend)

    for name, key in SINGLE.items():
        stated = getattr(policy, key)
        if key == "cors" and seen.outcome is CorsOutcome.PREFLIGHT_FORWARDED:
            continue  # the answer is the backend's, by the policy's word
        if stated is None and seen.forwarded:
            gone = name in options_of(backend)
            own = [line.partition(b":")[2].strip() for line in lines_of(backend.block) if name_of(line) == name]
            assert seen.named(name) == ([] if gone else [value for _, value in sorted(_decided(own, backend, name))])
        elif stated is OFF:
            assert seen.named(name) == []
        else:
            assert len(seen.named(name)) <= 1


def _decided(own: list[bytes], backend: ResponseHead, name: bytes) -> list[tuple[bytes, bytes]]:
    """Pair values with their lines, for `Seen` sorts by line."""
    found = [line for line in lines_of(backend.block) if name_of(line) == name]
    return list(zip(found, own, strict=True))


@given(policies(), requests(), responses())
def test_rule_3_a_refused_origin_gets_no_access_control_field(policy: Policy, head: RequestHead, backend: ResponseHead) -> None:
    """Not one, neither ours nor the backend's; and who is refused is told nothing of the lists."""
    own = [line for line in BACKEND_LINES if name_of(line).startswith(b"access-control-")]
    seen = sent_by(policy, head, response(backend.status, *lines_of(backend.block), *own))

    if seen.reason == "origin":
        assert seen.outcome in (CorsOutcome.REFUSED, CorsOutcome.PREFLIGHT_REFUSED)
        assert seen.cors() == []
    if policy.cors is OFF:
        assert seen.cors() == []
    if seen.outcome in (CorsOutcome.GRANTED, CorsOutcome.PREFLIGHT_GRANTED):
        assert seen.named(b"access-control-allow-origin") in ([head.origin], [b"*"])


@given(policies(), requests(), responses())
def test_rule_4_vary_tells_whatever_the_answer_differs_by(policy: Policy, head: RequestHead, backend: ResponseHead) -> None:
    """If any other origin, or none, would get another answer, this one says ``Vary: Origin``; a constant answer does not."""
    assume(head.preflight_method is None)
    table = table_of(policy, ENDPOINTS)
    answers = {origin: exchange(table, with_origin(head, origin), backend) for origin in (None, *ORIGINS)}
    differs = len({tuple(seen.cors()) for seen in answers.values()}) > 1
    theirs = members(value for seen in [sent_by(Policy(), head, backend)] for value in seen.named(b"vary"))
    event(f"differs={differs}")

    for seen in answers.values():
        ours = members(seen.named(b"vary"))
        if differs:
            assert ours & {b"origin", b"*"}
        if isinstance(policy.cors, Cors) and policy.cors.allow_origins is ANY and not policy.cors.allow_credentials:
            assert not differs
            assert seen.named(b"access-control-allow-origin") == [b"*"]
            assert b"origin" not in ours - theirs
        assert theirs <= ours or b"vary" in options_of(backend) or not seen.forwarded


@given(policies(), requests(), responses())
def test_rule_4_one_policy_has_one_vary(policy: Policy, head: RequestHead, backend: ResponseHead) -> None:
    """What is varied by does not itself vary: a cache that stored one response knows for all of them."""
    assume(head.preflight_method is None)
    table = table_of(policy, ENDPOINTS)

    answers = [exchange(table, with_origin(head, origin), backend) for origin in (None, *ORIGINS)]

    for forwarded in (True, False):
        assert len({tuple(seen.named(b"vary")) for seen in answers if seen.forwarded is forwarded}) <= 1


@given(policies(), requests(), responses())
def test_rule_5_a_preflight_never_meets_the_backend(policy: Policy, head: RequestHead, backend: ResponseHead) -> None:
    """OPTIONS + Origin + Access-Control-Request-Method is answered here, 204 or 403, if the policy owns CORS at all.

    But where it says that preflights are the backend's to answer.
    """
    assume(not (isinstance(policy.cors, Cors) and policy.cors.preflight is PreflightHandling.FORWARD))
    seen = sent_by(policy, head, backend)
    is_preflight = head.method == b"OPTIONS" and head.origin is not None and head.preflight_method is not None

    if is_preflight and policy.cors is not None:
        assert not seen.forwarded
        assert seen.status == (403 if seen.reason == "origin" else 204)
        assert seen.outcome in (CorsOutcome.PREFLIGHT_GRANTED, CorsOutcome.PREFLIGHT_REFUSED)
    else:
        assert seen.status == (backend.status if seen.forwarded else 403)


@given(policies(), requests(), responses())
def test_only_what_the_policy_refuses_is_not_forwarded(policy: Policy, head: RequestHead, backend: ResponseHead) -> None:
    """Preflights apart: a refused origin by `refuse: reject`, a cross-site request by `resource_isolation`, nothing else."""
    assume(head.preflight_method is None)
    seen = sent_by(policy, head, backend)
    refused_here = isinstance(policy.cors, Cors) and policy.cors.refuse is Refusal.REJECT and seen.reason == "origin"
    cross_site = policy.resource_isolation and b"Sec-Fetch-Site: cross-site" in head.block

    assert seen.forwarded or refused_here or cross_site


@given(
    cors_of(by_name=True).filter(lambda cors: cors.preflight is PreflightHandling.ANSWER), st.sampled_from(ORIGINS), st.data()
)
def test_rule_5_the_answer_lists_the_route(cors: Cors, origin: bytes, data: st.DataObject) -> None:
    """Unless ``*`` is to be written by name, the answer is the same whatever was asked."""
    methods = st.sampled_from([b"PUT", b"patch", b"", b"DELETE"])
    names = st.sampled_from([b"", b"authorization", b"x-b", b"a b"])

    def answer() -> list[bytes]:
        line = b"Access-Control-Request-Headers: " + data.draw(names)
        return sent_by(Policy(cors=cors), preflight(origin, data.draw(methods), line), response(200)).decided

    assert answer() == answer()


@given(policies(), responses(), st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE"]))
def test_rule_6_the_own_origin_is_never_refused(policy: Policy, backend: ResponseHead, method: bytes) -> None:
    """Same-origin requests carry Origin; being unlisted is nothing to hold against them."""
    seen = sent_by(policy, request(method, b"/", b"Origin: " + OWN), backend)

    assert seen.outcome in (CorsOutcome.NONE, CorsOutcome.GRANTED)
    assert (seen.status, seen.forwarded) == (backend.status, True)


@given(policies(), requests(), responses())
def test_rule_7_a_plan_is_decided_once(policy: Policy, head: RequestHead, backend: ResponseHead) -> None:
    """A plan applied to another response before, or twice to this, gives the same: it holds no state."""
    table = table_of(policy, ENDPOINTS)
    plan = table.decide(head, b"https", HOST).plan
    first = plan.apply(backend)
    table.decide(request(b"GET", b"/", b"Origin: https://x.partner.example"), b"https", HOST).plan.apply(response(500, b"A: 1"))

    assert plan.apply(backend) == first
    assert table.decide(head, b"https", HOST).plan.apply(backend) == first


@given(policies(), requests(), responses())
def test_rule_8_all_other_lines_pass_byte_for_byte_in_order(policy: Policy, head: RequestHead, backend: ResponseHead) -> None:
    """What is neither the policy's, nor hop-by-hop, nor edited by name, is there as it came; ours come after it."""
    seen = sent_by(policy, head, backend)
    assume(seen.forwarded)
    edits = policy.fields
    gone = HOP_BY_HOP | options_of(backend)
    gone |= {name.lower() for name, _ in edits.set} | {name.lower() for name in edits.remove}
    kept = [line for line in lines_of(backend.block) if name_of(line) not in gone]
    ours = [name + b": " + value for name, value in (*edits.set, *edits.add)]

    undecided = response(200, *kept)
    assert seen.others == [*sent_by(Policy(), head, undecided).others, *ours]
    assert seen.others == [line for line in kept if line in seen.others] + ours


@given(policies(), requests(), responses())
def test_what_leaves_is_a_head_again(policy: Policy, head: RequestHead, backend: ResponseHead) -> None:
    """The edited head is in the strict grammar, its status line and framing unchanged."""
    decision = table_of(policy, ENDPOINTS).decide(head, b"https", HOST)
    assume(not isinstance(decision, Answer))

    again = read_response_head(decision.plan.apply(backend), head.method)

    assert isinstance(again, ResponseHead)
    assert again.block.partition(b"\r\n")[0] == backend.block.partition(b"\r\n")[0]
    assert (again.status, again.content_length) == (backend.status, backend.content_length)


@given(policies(), requests(), responses())
def test_credentials_never_stand_beside_a_star(policy: Policy, head: RequestHead, backend: ResponseHead) -> None:
    """A browser reads every ``*`` as a name, or refuses, where credentials are allowed (Fetch, "CORS check")."""
    seen = sent_by(policy, head, backend)
    assume(policy.cors is not None and seen.outcome is not CorsOutcome.PREFLIGHT_FORWARDED)

    if seen.named(b"access-control-allow-credentials"):
        assert seen.named(b"access-control-allow-credentials") == [b"true"]
        assert b"*" not in seen.named(b"access-control-allow-origin")
        assert b"*" not in members(seen.named(b"access-control-allow-methods"))
        assert b"*" not in members(seen.named(b"access-control-allow-headers"))
        assert b"*" not in members(seen.named(b"access-control-expose-headers"))
