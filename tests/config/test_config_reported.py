"""Keys whose violations browsers report, and the other typed fields: what a file says, and what the policy is then."""

import pytest
from support.configs import HEAD, compiled, policy_of, problems_of

from xoproxy.config.provenance import parts
from xoproxy.policy.model import (
    ANY,
    OFF,
    DocumentIsolation,
    IntegrityPolicy,
    Isolation,
    PermissionsPolicy,
    Policy,
    UpstreamFields,
)
from xoproxy.policy.permissions_policy import FEATURES

ENDPOINTS = "reporting: {endpoints: {a: /r, b: upstream}}\n"


def said(keys: str) -> Policy:
    """Return the policy of a mapping of keys."""
    return policy_of(f"{ENDPOINTS}policy: {keys}\n")


@pytest.mark.parametrize(
    ("keys", "policy"),
    [
        ("{document_isolation: none}", Policy(document_isolation=Isolation(DocumentIsolation.NONE))),
        ("{document_isolation: off}", Policy(document_isolation=OFF)),
        ("{document_isolation: {value: off}}", Policy(document_isolation=OFF)),
        (
            "{document_isolation: {value: isolate-and-require-corp, report_to: a}}",
            Policy(document_isolation=Isolation(DocumentIsolation.ISOLATE_AND_REQUIRE_CORP, "a")),
        ),
        (
            "{observe: {document_isolation: isolate-and-credentialless}}",
            Policy(observe_document_isolation=Isolation(DocumentIsolation.ISOLATE_AND_CREDENTIALLESS)),
        ),
        ("{origin_agent_cluster: true}", Policy(origin_agent_cluster=True)),
        ("{origin_agent_cluster: false}", Policy(origin_agent_cluster=False)),
        ("{upstream_fields: replace}", Policy()),
        ("{upstream_fields: fill}", Policy(upstream_fields=UpstreamFields.FILL)),
        ("{upstream_fields: passthrough}", Policy(upstream_fields=UpstreamFields.PASSTHROUGH)),
        (
            "{integrity_policy: {blocked_destinations: [style, script, style]}}",
            Policy(integrity_policy=IntegrityPolicy(("style", "script"))),
        ),
        (
            "{observe: {integrity_policy: {value: {blocked_destinations: script, sources: inline}, report_to: b}}}",
            Policy(observe_integrity_policy=IntegrityPolicy(("script",), ("inline",), "b")),
        ),
    ],
)
def test_each_key_means_what_the_contract_says(keys: str, policy: Policy) -> None:
    assert said(keys) == policy


@pytest.mark.parametrize(
    ("allowed", "allowlist"),
    [
        ("none", ()),
        ("[none]", ()),
        ('"*"', ANY),
        ('["*"]', ANY),
        ("self", (b"self",)),
        ("[self, self]", (b"self",)),
        ("https://a.example", (b"https://a.example",)),
        ('["https://*.a.example", self, "http://localhost:8080"]', (b"https://*.a.example", b"self", b"http://localhost:8080")),
    ],
)
def test_allowlists(allowed: str, allowlist: object) -> None:
    """In the order of the file, each once (Permissions Policy §5.1)."""
    for keys in (
        f"{{permissions_policy: {{camera: {allowed}}}}}",
        f"{{permissions_policy: {{value: {{camera: {allowed}}}}}}}",
    ):
        policy = said(keys).permissions_policy

        assert policy == PermissionsPolicy((("camera", allowlist),))  # type: ignore[arg-type]  a table of both kinds


def test_permissions_merge_by_feature_and_integrity_by_list() -> None:
    """Mappings merge key by key, lists are replaced, in the long form too."""
    policy = policy_of(
        ENDPOINTS
        + """
policies:
  base:
    permissions_policy: {value: {camera: none, usb: [self, "https://a.example"]}, report_to: a}
    integrity_policy: {value: {blocked_destinations: [script, style]}, report_to: a}
    observe: {permissions_policy: {midi: none}, integrity_policy: {sources: inline}}
policy:
  - base
  - permissions_policy: {usb: none, hid: "*"}
    integrity_policy: {blocked_destinations: script, sources: inline}
  - observe:
      permissions_policy: {value: {midi: self}, report_to: b}
      integrity_policy: {blocked_destinations: style}
"""
    )

    assert policy.permissions_policy == PermissionsPolicy((("camera", ()), ("usb", ()), ("hid", ANY)), "a")
    assert policy.integrity_policy == IntegrityPolicy(("script",), ("inline",), "a")
    assert policy.observe_permissions_policy == PermissionsPolicy((("midi", (b"self",)),), "b")
    assert policy.observe_integrity_policy == IntegrityPolicy(("style",), ("inline",))


def test_the_place_of_every_part_stays_reachable() -> None:
    """Whoever explains a field points to the feature, wherever it was composed from."""
    text = (
        HEAD
        + """
policies:
  base: {permissions_policy: {camera: none, usb: self}}
policy:
  - base
  - permissions_policy: {usb: none}
    integrity_policy: {blocked_destinations: script}
"""
    )
    places = parts(compiled(text).routes[0].policy)

    assert {key: place.path for key, place in places.items()} == {
        "permissions_policy": "policy[1].permissions_policy",
        "permissions_policy.camera": "policies.base.permissions_policy.camera",
        "permissions_policy.usb": "policy[1].permissions_policy.usb",
        "integrity_policy": "policy[1].integrity_policy",
        "integrity_policy.blocked_destinations": "policy[1].integrity_policy.blocked_destinations",
    }


def test_unfinished_part_that_nothing_uses_is_no_problem() -> None:
    """It may be meant for composition."""
    assert problems_of(HEAD + "policies: {part: {integrity_policy: {sources: inline}}}\npolicy: isolated\n") == ()


@pytest.mark.parametrize("feature", sorted(FEATURES))
def test_known_features_are_not_doubted(feature: str) -> None:
    assert problems_of(f"{HEAD}policy: {{permissions_policy: {{{feature}: none}}}}\n") == ()


@pytest.mark.parametrize(
    ("feature", "hint"),
    [
        ("gelocation", "did you mean geolocation?"),
        ("fullscreens", "did you mean fullscreen?"),
        ("cross-origin-isolation", "did you mean cross-origin-isolated?"),
        ("time-travel", "see that it is spelled as browsers spell it"),
    ],
)
def test_unknown_features_are_doubted_and_sent(feature: str, hint: str) -> None:
    """A browser may know tomorrow what this xoproxy does not: the file takes effect."""
    text = f"{HEAD}policy: {{permissions_policy: {{{feature}: none}}}}\n"

    assert [problem.message.rpartition("; ")[2] for problem in problems_of(text)] == [hint]
    assert compiled(text).routes[0].route.policy.permissions_policy == PermissionsPolicy(((feature, ()),))
