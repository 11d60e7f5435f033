"""Policies by name, as mappings and in lists: what the parts say, left to right, later keys win."""

import pytest
from support.configs import HEAD, compiled, policy_of, problems_of

from xoproxy.config import Overrides
from xoproxy.policy.model import (
    ANY,
    OFF,
    Cors,
    Embedder,
    EmbedderPolicy,
    FieldEdits,
    Opener,
    OpenerPolicy,
    Policy,
    ResourcePolicy,
)
from xoproxy.semantics.origins import OriginPattern

ISOLATED = Policy(
    coop=Opener(OpenerPolicy.SAME_ORIGIN), coep=Embedder(EmbedderPolicy.REQUIRE_CORP), corp=ResourcePolicy.SAME_ORIGIN
)


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("isolated", ISOLATED),
        (
            "isolated-credentialless",
            Policy(coop=ISOLATED.coop, coep=Embedder(EmbedderPolicy.CREDENTIALLESS), corp=ISOLATED.corp),
        ),
        ("isolated-auto", Policy(coop=ISOLATED.coop, coep=Embedder(EmbedderPolicy.AUTO), corp=ISOLATED.corp)),
        ("public-asset", Policy(corp=ResourcePolicy.CROSS_ORIGIN, cors=Cors(ANY), timing_allow_origin=ANY)),
        ("untouched", Policy()),
    ],
)
def test_presets_are_what_the_contract_says(name: str, policy: Policy) -> None:
    assert policy_of(f"policy: {name}\n") == policy
    assert policy_of("policies: {mine: [" + name + "]}\npolicy: mine\n") == policy


def test_absent_policy_is_the_empty_one() -> None:
    route = compiled(HEAD).routes[0].route

    assert (route.policy, route.policy_name) == (Policy(), "untouched")


@pytest.mark.parametrize(
    ("policy", "name"),
    [
        ("isolated", "isolated"),
        ("{coop: off}", "{inline}"),
        ("[isolated]", "isolated"),
        ("[isolated, {coop: off, corp: off}]", "isolated + {coop, corp}"),
        ("[untouched, isolated]", "untouched + isolated"),
    ],
)
def test_composed_policy_is_named_by_its_parts(policy: str, name: str) -> None:
    assert compiled(HEAD + f"policy: {policy}\n").routes[0].route.policy_name == name


@pytest.mark.parametrize("key", ["coop", "coep", "corp", "cors"])
def test_off_replaces_and_is_replaced(key: str) -> None:
    """`off` is a value like another: the last part that names the key wins."""
    values = {"coop": "same-origin", "coep": "require-corp", "corp": "same-site", "cors": "{allow_origins: '*'}"}
    on, off = f"{{{key}: {values[key]}}}", f"{{{key}: off}}"

    assert getattr(policy_of(f"policy: [{on}, {off}]\n"), key) is OFF
    assert getattr(policy_of(f"policy: [{off}, {on}]\n"), key) not in (OFF, None)
    assert getattr(policy_of(f"policy: [{on}, {{}}]\n"), key) not in (OFF, None)


def test_cors_merges_key_by_key_and_replaces_lists() -> None:
    text = """
policies:
  base: {cors: {allow_origins: [https://a.example, https://b.example], allow_methods: [PUT], allow_credentials: true}}
policy: [base, {cors: {allow_origins: https://c.example, allow_headers: [X-A, x-b, X-a], max_age: 10m}}]
"""
    assert policy_of(text).cors == Cors(
        allow_origins=(OriginPattern(b"https", b"c.example", 443),),
        allow_methods=(b"PUT",),
        allow_headers=(b"X-A", b"x-b", b"X-a"),
        allow_credentials=True,
        max_age_s=600,
    )


def test_cors_off_forgets_what_stood_before() -> None:
    text = "policy: [{cors: {allow_origins: '*', max_age: 1h}}, {cors: off}, {cors: {allow_origins: '*'}}]\n"

    assert policy_of(text).cors == Cors(ANY)


def test_observed_values_and_long_forms_merge() -> None:
    text = """
reporting: {endpoints: {own: /r, other: /s}}
policy:
  - coop: {value: same-origin, report_to: other}
    report_to: own
    observe: {coop: same-origin, coep: {value: require-corp, report_to: other}}
  - coep: {value: credentialless, report_to: own}
    observe: {coop: noopener-allow-popups}
"""
    assert policy_of(text) == Policy(
        coop=Opener(OpenerPolicy.SAME_ORIGIN, "other"),
        coep=Embedder(EmbedderPolicy.CREDENTIALLESS, "own"),
        observe_coop=Opener(OpenerPolicy.NOOPENER_ALLOW_POPUPS),
        observe_coep=Embedder(EmbedderPolicy.REQUIRE_CORP, "other"),
        report_to="own",
    )


def test_long_form_takes_off() -> None:
    assert policy_of("policy: {coop: {value: off}, coep: {value: off}}\n") == Policy(coop=OFF, coep=OFF)


def test_header_edits_merge_by_field_name() -> None:
    text = """
policy:
  - headers: {set: {X-A: one, X-B: two}, add: {Link: [a, b]}, remove: [Server]}
  - headers: {set: {x-a: three}, add: {X-C: c}, remove: [X-D, x-e]}
"""
    assert policy_of(text).fields == FieldEdits(
        set=((b"x-a", b"three"), (b"X-B", b"two")),
        add=((b"Link", b"a"), (b"Link", b"b"), (b"X-C", b"c")),
        remove=(b"X-D", b"x-e"),
    )


def test_route_policy_replaces_the_default_one() -> None:
    text = "policy: isolated\nroutes:\n  - match: {path: /a}\n    policy: {corp: off}\n  - {}\n"

    assert policy_of(text) == Policy(corp=OFF)
    assert policy_of(text, 1) == ISOLATED


def test_reflecting_any_origin_needs_the_key_that_says_so() -> None:
    """With it ANY and credentials stand together, wherever in the composition each comes from."""
    escape = "{cors: {dangerously_allow_any_origin_with_credentials: {reason: lab}}}"
    cors = policy_of(f"policy: [{escape}, {{cors: {{allow_origins: '*', allow_credentials: true}}}}]\n").cors

    assert cors == Cors(ANY, allow_credentials=True)


def test_null_origin_needs_the_key_that_says_so() -> None:
    escape = "dangerously_allow_null_origin: {reason: a sandboxed viewer}"

    assert policy_of(f"policy: {{cors: {{{escape}}}}}\n").cors == Cors((), allow_null_origin=True)
    assert policy_of(f"policy: {{cors: {{allow_origins: [null], {escape}}}}}\n").cors == Cors((), allow_null_origin=True)


@pytest.mark.parametrize(("expires", "warned"), [("2026-11-20", True), ("2026-11-21", False), ("2026-11-22", False)])
def test_escape_past_its_date_is_warned_about_and_stays_in_force(expires: str, *, warned: bool) -> None:
    escape = f"dangerously_allow_insecure_origins: {{reason: lab, expires: {expires}}}"
    text = f"policy: {{cors: {{allow_origins: [http://a.example], {escape}}}}}\n"

    assert [problem.id for problem in problems_of(HEAD + text)] == ["XO303"] * warned
    assert isinstance(policy_of(text).cors, Cors)


def test_rule_about_several_keys_points_to_the_offending_part() -> None:
    policies = "policies:\n  open: {cors: {allow_origins: '*'}}\n  login:\n    cors: {allow_credentials: true}\n"
    (problem,) = problems_of(HEAD + policies + "policy: [open, login]\n")

    assert (problem.id, problem.line, problem.path) == ("XO107", 6, "policies.login.cors.allow_credentials")


def test_problem_of_a_shared_policy_is_told_once() -> None:
    routes = "".join(f"  - match: {{path: /{n}}}\n    policy: [base]\n" for n in range(5))

    assert len(problems_of(HEAD + "policies: {base: {coop: none-such, cors: {allow_methods: [PUT]}}}\nroutes:\n" + routes)) == 2


def test_unfinished_part_that_nothing_uses_is_no_problem() -> None:
    assert problems_of(HEAD + "policies: {part: {cors: {allow_methods: [PUT]}}}\n") == ()


def test_place_of_every_key_stays_reachable() -> None:
    """A draft knows for each value where it comes from: a line of the file, a preset or an option."""
    loaded = compiled(HEAD + "policy: [isolated, {coop: off}]\n", Overrides(allow_origins=("*",)))
    draft = loaded.routes[0].policy
    assert draft.coop is not None
    assert draft.coep is not None
    assert draft.cors is not None

    assert (draft.coop.place.mark.line, draft.coop.place.path) == (3, "policy[1].coop")
    assert draft.coep.place.mark.source == "preset isolated"
    assert draft.cors.place.mark.source == "--allow-origin"


def test_policies_are_composed_of_policies() -> None:
    text = "policies: {a: [b, {corp: off}], b: [isolated, c], c: {coop: off}}\npolicy: a\n"

    assert policy_of(text) == Policy(coop=OFF, coep=ISOLATED.coep, corp=OFF)
