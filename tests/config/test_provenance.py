"""Every key of a policy has its place, and every response field the keys that decide it."""

from collections.abc import Mapping

import pytest
from support.configs import HEAD, compiled

from xoproxy.config import Overrides, keys
from xoproxy.config.drafts import PolicyDraft
from xoproxy.config.policies import OWNED_FIELDS
from xoproxy.config.problems import Mark, Place
from xoproxy.config.provenance import TYPED_FIELDS, keys_of_field, parts, parts_of_field
from xoproxy.policy.base import decided

REPORTING = "reporting: {endpoints: {own: /reports}}\n"
EVERYTHING = """\
policy:
  coop: same-origin
  coep: {value: require-corp, report_to: own}
  corp: same-site
  document_isolation: isolate-and-require-corp
  origin_agent_cluster: true
  permissions_policy:
    camera: none
    geolocation: [self, https://a.example]
  integrity_policy:
    blocked_destinations: script
    sources: [inline]
  timing_allow_origin: "*"
  observe:
    coop: same-origin
    coep: credentialless
    document_isolation: isolate-and-credentialless
    permissions_policy: {camera: self}
    integrity_policy: {blocked_destinations: [style]}
  report_to: own
  resource_isolation: true
  upstream_fields: fill
  websocket_origins:
    allow_origins: [https://a.example, http://b.example, "https://*.github.io", "null"]
    allow_origin_regexes: 'https://c[0-9]\\.example\\.com'
    dangerously_allow_insecure_origins: {reason: x}
    dangerously_allow_public_suffixes: {reason: x}
    dangerously_allow_null_origin: {reason: x}
  headers:
    set: {X-A: a}
    add: {Link: [b, c]}
    remove: [Server]
  cors:
    allow_origins:
      - https://a.example
      - {origin: http://b.example, expires: 2027-01-31}
    allow_origin_regexes: ['https://c[0-9]\\.example\\.com']
    allow_methods: [PUT]
    allow_headers: "*"
    expose_headers: [X-A]
    allow_credentials: false
    max_age: 10m
    preflight: answer
    refuse: reject
    legacy_private_network: true
    dangerously_allow_any_origin_with_credentials: {reason: x}
    dangerously_allow_insecure_origins: {reason: x}
    dangerously_allow_public_suffixes: {reason: x}
    dangerously_allow_null_origin: {reason: x}
"""
BEFORE = (HEAD + REPORTING).count("\n")


def draft_of(text: str, route: int = 0) -> PolicyDraft:
    return compiled(HEAD + REPORTING + text).routes[route].policy


def lines(places: Mapping[str, Place]) -> dict[str, int]:
    return {key: place.mark.line for key, place in places.items()}


def line_of(text: str, start: str) -> int:
    """Return the line of the whole file on which `start` stands."""
    return BEFORE + next(index for index, line in enumerate(text.splitlines(), 1) if line.startswith(start))


def test_every_key_of_a_policy_has_a_part() -> None:
    """However new it is: the registry is compared, key by key."""
    stated = set(parts(draft_of(EVERYTHING)))
    nested = {
        "cors": keys.CORS,
        "websocket_origins": keys.WEBSOCKET,
        "observe": keys.OBSERVE,
        "integrity_policy": keys.INTEGRITY,
    }
    wanted = {name for name in keys.POLICY.names if name not in ("observe", "headers")}
    wanted |= {f"{key}.{name}" for key, kind in nested.items() for name in kind.names}
    wanted |= {"permissions_policy.camera", "permissions_policy.geolocation", "observe.permissions_policy.camera"}
    wanted |= {"headers.set.X-A", "headers.add.Link", "headers.remove.Server", "observe.integrity_policy.blocked_destinations"}
    wanted |= {"cors.allow_origins[0]", "cors.allow_origins[1]", "cors.allow_origin_regexes[0]"}
    wanted |= {
        "websocket_origins.allow_origin_regexes[0]",
        *(f"websocket_origins.allow_origins[{index}]" for index in range(4)),
    }

    assert stated == wanted


@pytest.mark.parametrize(
    ("key", "start"),
    [
        ("coop", "  coop:"),
        ("coep", "  coep:"),
        ("permissions_policy.geolocation", "    geolocation:"),
        ("observe.coep", "    coep:"),
        ("websocket_origins.allow_origins[2]", "    allow_origins: [https://a"),
        ("headers.set.X-A", "    set:"),
        ("cors.allow_origins[0]", "      - https://a.example"),
        ("cors.allow_origins[1]", "      - {origin:"),
        ("cors.max_age", "    max_age:"),
    ],
)
def test_place_of_a_key_is_the_line_of_its_value(key: str, start: str) -> None:
    assert lines(parts(draft_of(EVERYTHING)))[key] == line_of(EVERYTHING, start)


def test_place_tells_the_path_in_the_file() -> None:
    text = "policies: {page: [isolated, {coop: off}]}\nroutes: [{policy: [page, {corp: same-site}]}]\n"
    places = parts(draft_of(text))

    assert {key: place.path for key, place in places.items()} == {
        "coop": "policies.page[1].coop",
        "coep": "isolated.coep",
        "corp": "routes[0].policy[1].corp",
    }
    assert places["coep"].mark == Mark("preset isolated")


def test_option_is_a_place_too() -> None:
    (route,) = compiled(HEAD, Overrides(upstream="http://b", policy="isolated", allow_origins=("https://a.example",))).routes

    assert parts(route.policy)["cors.allow_origins"].mark == Mark("--allow-origin")
    assert route.places["upstream"].mark == Mark("--upstream")


def test_cors_that_is_off_is_one_part() -> None:
    assert lines(parts(draft_of("policy: {cors: off}\n"))) == {"cors": BEFORE + 1}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (b"Cross-Origin-Opener-Policy", {"coop", "report_to"}),
        (b"cross-origin-embedder-policy", {"coep", "report_to"}),
        (b"CROSS-ORIGIN-EMBEDDER-POLICY-REPORT-ONLY", {"observe.coep", "report_to"}),
        (b"Permissions-Policy", {"permissions_policy", "report_to"}),
        (b"Integrity-Policy-Report-Only", {"observe.integrity_policy", "report_to"}),
        (b"Cross-Origin-Resource-Policy", {"corp"}),
        (b"Origin-Agent-Cluster", {"origin_agent_cluster"}),
        (b"Timing-Allow-Origin", {"timing_allow_origin"}),
        (b"Access-Control-Max-Age", {"cors.max_age"}),
        (b"Access-Control-Anything", {"cors"}),
        (b"x-a", {"headers.set.X-A"}),
        (b"link", {"headers.add.Link"}),
        (b"SERVER", {"headers.remove.Server"}),
        (b"Content-Type", set[str]()),
    ],
)
def test_field_is_decided_by_its_keys(name: bytes, found: set[str]) -> None:
    assert set(parts_of_field(draft_of(EVERYTHING), name)) == found


@pytest.mark.parametrize(
    ("policy", "name", "found"),
    [
        ("{coop: off}", b"Cross-Origin-Opener-Policy-Report-Only", {"coop"}),
        ("{coop: same-origin}", b"Cross-Origin-Opener-Policy-Report-Only", set[str]()),
        ("{cors: off}", b"Access-Control-Allow-Origin", {"cors"}),
        ("{cors: {allow_origins: '*'}}", b"Access-Control-Allow-Methods", {"cors"}),
        ("{report_to: own}", b"Cross-Origin-Opener-Policy", set[str]()),
        ("{coep: auto}", b"Vary", {"coep"}),
        ("{coep: require-corp}", b"Vary", set[str]()),
        ("{cors: {allow_origins: 'https://a.example'}}", b"Vary", {"cors.allow_origins"}),
        ("{coop: off, coep: require-corp, report_to: own}", b"Reporting-Endpoints", {"coep", "report_to"}),
    ],
)
def test_key_speaks_for_a_field_only_where_it_decides(policy: str, name: bytes, found: set[str]) -> None:
    assert set(parts_of_field(draft_of(f"policy: {policy}\n"), name)) == found


@pytest.mark.parametrize("name", sorted(OWNED_FIELDS))
def test_every_field_that_a_key_owns_has_keys(name: bytes) -> None:
    assert not keys_of_field(name)[0].startswith("headers.")


def test_typed_fields_are_those_that_the_policy_decides() -> None:
    policy = compiled(HEAD + REPORTING + EVERYTHING).routes[0].route.policy

    assert {field.name.lower() for field in decided(policy)} == set(TYPED_FIELDS)


def test_route_knows_the_places_of_its_keys() -> None:
    text = (
        "upstreams: {a: http://a}\n"
        "routes:\n"
        "  - match:\n"
        "      path: /x\n"
        "      methods: [GET, PUT]\n"
        "      headers: {X-Client: mobile}\n"
        "    upstream: a\n"
        "  - policy: isolated\n"
    )
    first, second = compiled(HEAD + text).routes
    base = HEAD.count("\n")

    assert lines(first.places) == {
        "": base + 3,
        "match": base + 4,
        "match.path": base + 4,
        "match.methods": base + 5,
        "match.methods[0]": base + 5,
        "match.methods[1]": base + 5,
        "match.headers": base + 6,
        "match.headers.X-Client": base + 6,
        "upstream": base + 7,
    }
    assert lines(second.places) == {"": base + 8, "policy": base + 8, "upstream": 2}
    assert second.places["upstream"].path == "upstream"


def test_only_route_has_the_places_of_the_file() -> None:
    (route,) = compiled(HEAD + "policy: isolated\n").routes

    assert lines(route.places) == {"": 1, "upstream": 2, "policy": 3}
