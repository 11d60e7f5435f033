"""What one policy decides differently from another, and whether someone gains by it."""

from dataclasses import fields, replace

import pytest

from xoproxy.insight.comparing import Direction
from xoproxy.insight.comparing.policies import compare_policies
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
    PreflightHandling,
    Refusal,
    ResourcePolicy,
    UpstreamFields,
    WebSocketOrigins,
)
from xoproxy.semantics.origins import OriginPattern

APP = OriginPattern(b"https", b"app.example", 443)
SUB = OriginPattern(b"https", b"a.partner.example", 443)
PARTNERS = OriginPattern(b"https", b"partner.example", 443, any_subdomain=True)
PARTNERS_ANY_PORT = OriginPattern(b"https", b"partner.example", None, any_subdomain=True)
DEEP_PARTNERS = OriginPattern(b"https", b"eu.partner.example", 443, any_subdomain=True)
LOCAL = OriginPattern(b"http", b"localhost", None)

WIDER, NARROWER, CHANGED = Direction.WIDER, Direction.NARROWER, Direction.CHANGED


def cors(**keys: object) -> Policy:
    keys.setdefault("allow_origins", (APP,))
    return Policy(cors=Cors(**keys))  # type: ignore[arg-type]  the keys are the table's


OPENERS = {
    "same-origin": Policy(coop=Opener(OpenerPolicy.SAME_ORIGIN)),
    "popups": Policy(coop=Opener(OpenerPolicy.SAME_ORIGIN_ALLOW_POPUPS)),
    "off": Policy(coop=OFF),
    "absent": Policy(),
}
ISOLATED = Policy(coop=Opener(OpenerPolicy.SAME_ORIGIN), coep=Embedder(EmbedderPolicy.REQUIRE_CORP))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(OPENERS["same-origin"], OPENERS["popups"], [("coop", WIDER)], id="coop-popups"),
        pytest.param(OPENERS["popups"], OPENERS["same-origin"], [("coop", NARROWER)], id="coop-same-origin"),
        pytest.param(OPENERS["same-origin"], OPENERS["off"], [("coop", WIDER)], id="coop-off"),
        pytest.param(OPENERS["same-origin"], OPENERS["absent"], [("coop", WIDER)], id="coop-left-to-the-backend"),
        pytest.param(OPENERS["off"], OPENERS["absent"], [("coop", CHANGED)], id="coop-off-or-absent"),
        pytest.param(
            ISOLATED,
            replace(ISOLATED, coep=Embedder(EmbedderPolicy.CREDENTIALLESS)),
            [("coep", WIDER)],
            id="coep-credentialless-still-isolates",
        ),
        pytest.param(ISOLATED, replace(ISOLATED, coep=None), [("coep", WIDER), ("isolation", CHANGED)], id="isolation-lost"),
        pytest.param(
            replace(ISOLATED, coep=None), ISOLATED, [("coep", NARROWER), ("isolation", CHANGED)], id="isolation-gained"
        ),
        pytest.param(
            Policy(),
            Policy(document_isolation=Isolation(DocumentIsolation.ISOLATE_AND_CREDENTIALLESS)),
            [("document_isolation", NARROWER), ("isolation", CHANGED)],
            id="isolation-gained-by-dip",
        ),
        pytest.param(
            Policy(corp=ResourcePolicy.SAME_SITE), Policy(corp=ResourcePolicy.CROSS_ORIGIN), [("corp", WIDER)], id="corp-wider"
        ),
        pytest.param(Policy(corp=ResourcePolicy.CROSS_ORIGIN), Policy(corp=OFF), [("corp", NARROWER)], id="corp-off"),
        pytest.param(Policy(), cors(), [("cors", NARROWER), ("cors.allow_origins", WIDER)], id="cors-taken-from-the-backend"),
        pytest.param(cors(), Policy(), [("cors", WIDER)], id="cors-left-to-the-backend"),
        pytest.param(Policy(cors=OFF), cors(), [("cors.allow_origins", WIDER)], id="cors-from-off"),
        pytest.param(cors(), Policy(cors=OFF), [("cors.allow_origins", NARROWER)], id="cors-to-off"),
        pytest.param(
            Policy(cors=OFF),
            cors(allow_credentials=True),
            [("cors.allow_origins", WIDER), ("cors.allow_credentials", WIDER)],
            id="cors-from-off-with-credentials",
        ),
        pytest.param(cors(), cors(allow_origins=(APP, SUB)), [("cors.allow_origins", WIDER)], id="one-origin-more"),
        pytest.param(cors(allow_origins=(PARTNERS,)), cors(allow_origins=(PARTNERS, SUB)), [], id="covered"),
        pytest.param(
            cors(allow_origins=(PARTNERS, APP)), cors(allow_origins=(SUB, APP)), [("cors.allow_origins", NARROWER)], id="exact"
        ),
        pytest.param(
            cors(allow_origins=(PARTNERS,)),
            cors(allow_origins=(PARTNERS_ANY_PORT,)),
            [("cors.allow_origins", WIDER)],
            id="port",
        ),
        pytest.param(
            cors(allow_origins=(PARTNERS_ANY_PORT,)), cors(allow_origins=(DEEP_PARTNERS,)), [("cors.allow_origins", NARROWER)]
        ),
        pytest.param(cors(), cors(allow_origins=ANY), [("cors.allow_origins", WIDER)], id="any-origin"),
        pytest.param(cors(allow_origins=ANY), cors(), [("cors.allow_origins", NARROWER)], id="no-longer-any"),
        pytest.param(cors(allow_origins=ANY), cors(allow_origins=ANY, allow_null_origin=True), [], id="null-is-any"),
        pytest.param(cors(), cors(allow_null_origin=True), [("cors.allow_origins", WIDER)], id="null"),
        pytest.param(cors(), cors(allow_origin_regexes=("x",)), [("cors.allow_origins", WIDER)], id="regex"),
        pytest.param(cors(), cors(allow_credentials=True), [("cors.allow_credentials", WIDER)], id="credentials"),
        pytest.param(cors(allow_credentials=True), cors(), [("cors.allow_credentials", NARROWER)], id="no-credentials"),
        pytest.param(cors(), cors(allow_methods=(b"PUT",)), [("cors.allow_methods", WIDER)], id="a-method"),
        pytest.param(cors(), cors(allow_methods=(b"GET",)), [], id="a-method-that-needs-no-listing"),
        pytest.param(cors(), cors(allow_methods=ANY), [("cors.allow_methods", WIDER)], id="any-method"),
        pytest.param(
            cors(allow_methods=ANY), cors(allow_methods=(b"PUT",)), [("cors.allow_methods", NARROWER)], id="one-method"
        ),
        pytest.param(
            cors(allow_methods=(b"PATCH",)),
            cors(allow_methods=(b"patch",)),
            [("cors.allow_methods", WIDER), ("cors.allow_methods", NARROWER)],
            id="methods-are-case-sensitive",
        ),
        pytest.param(cors(allow_headers=(b"X-A",)), cors(allow_headers=(b"x-a",)), [], id="field-names-have-no-case"),
        pytest.param(cors(), cors(allow_headers=(b"X-A",)), [("cors.allow_headers", WIDER)], id="a-field"),
        pytest.param(cors(expose_headers=(b"X-A",)), cors(), [("cors.expose_headers", NARROWER)], id="no-longer-exposed"),
        pytest.param(cors(), cors(preflight=PreflightHandling.FORWARD), [("cors.preflight", WIDER)], id="forward"),
        pytest.param(cors(preflight=PreflightHandling.FORWARD), cors(), [("cors.preflight", NARROWER)], id="answer"),
        pytest.param(cors(), cors(refuse=Refusal.REJECT), [("cors.refuse", NARROWER)], id="reject"),
        pytest.param(cors(refuse=Refusal.REJECT), cors(), [("cors.refuse", WIDER)], id="omit"),
        pytest.param(cors(), cors(legacy_private_network=True), [("cors.legacy_private_network", WIDER)], id="pna"),
        pytest.param(cors(legacy_private_network=True), cors(), [("cors.legacy_private_network", NARROWER)], id="no-pna"),
        pytest.param(cors(), cors(max_age_s=60), [("cors.max_age", CHANGED)], id="max-age"),
        pytest.param(
            Policy(websocket_origins=WebSocketOrigins()), Policy(), [("websocket_origins", WIDER)], id="any-page-opens-sockets"
        ),
        pytest.param(
            Policy(websocket_origins=WebSocketOrigins((LOCAL,))),
            Policy(websocket_origins=WebSocketOrigins()),
            [("websocket_origins", NARROWER)],
            id="own-pages-open-sockets",
        ),
        pytest.param(
            Policy(websocket_origins=WebSocketOrigins()),
            Policy(websocket_origins=WebSocketOrigins(allow_null_origin=True)),
            [("websocket_origins", WIDER)],
            id="null-opens-sockets",
        ),
        pytest.param(
            Policy(websocket_origins=WebSocketOrigins(allow_null_origin=True)),
            Policy(websocket_origins=WebSocketOrigins()),
            [("websocket_origins", NARROWER)],
            id="null-no-longer-opens-sockets",
        ),
        pytest.param(
            Policy(websocket_origins=WebSocketOrigins()),
            Policy(websocket_origins=WebSocketOrigins(allow_origin_regexes=("x",))),
            [("websocket_origins", WIDER)],
            id="a-regex-opens-sockets",
        ),
        pytest.param(
            Policy(websocket_origins=WebSocketOrigins(insecure_by_regex=True)),
            Policy(websocket_origins=WebSocketOrigins()),
            [("websocket_origins", NARROWER)],
            id="plain-http-no-longer-opens-sockets",
        ),
        pytest.param(Policy(), Policy(timing_allow_origin=ANY), [("timing_allow_origin", WIDER)], id="timings"),
        pytest.param(Policy(timing_allow_origin=ANY), Policy(), [("timing_allow_origin", CHANGED)], id="timings-absent"),
        pytest.param(
            Policy(timing_allow_origin=(b"https://a.example",)),
            Policy(timing_allow_origin=(b"https://b.example",)),
            [("timing_allow_origin", WIDER), ("timing_allow_origin", NARROWER)],
            id="timings-other",
        ),
        pytest.param(
            Policy(timing_allow_origin=(b"https://a.example",)),
            Policy(timing_allow_origin=ANY),
            [("timing_allow_origin", WIDER)],
            id="timings-any",
        ),
        pytest.param(
            Policy(timing_allow_origin=ANY),
            Policy(timing_allow_origin=(b"https://a.example",)),
            [("timing_allow_origin", NARROWER)],
            id="timings-no-longer-any",
        ),
        pytest.param(Policy(), Policy(resource_isolation=True), [("resource_isolation", NARROWER)], id="isolation-on"),
        pytest.param(Policy(resource_isolation=True), Policy(), [("resource_isolation", WIDER)], id="isolation-off"),
        pytest.param(Policy(), Policy(upstream_fields=UpstreamFields.FILL), [("upstream_fields", WIDER)], id="fill"),
        pytest.param(
            Policy(upstream_fields=UpstreamFields.PASSTHROUGH),
            Policy(upstream_fields=UpstreamFields.FILL),
            [("upstream_fields", NARROWER)],
            id="fill-instead-of-passthrough",
        ),
        pytest.param(
            Policy(integrity_policy=IntegrityPolicy(("script",))), Policy(), [("integrity_policy", WIDER)], id="integrity-off"
        ),
        pytest.param(
            Policy(), Policy(integrity_policy=IntegrityPolicy(("style",))), [("integrity_policy", NARROWER)], id="integrity-on"
        ),
        pytest.param(
            Policy(coop=Opener(OpenerPolicy.SAME_ORIGIN)),
            Policy(coop=Opener(OpenerPolicy.SAME_ORIGIN, "elsewhere")),
            [("report_to", CHANGED)],
            id="only-where-reports-go",
        ),
    ],
)
def test_a_change_is_wider_exactly_where_someone_gains(old: Policy, new: Policy, expected: list[tuple[str, Direction]]) -> None:
    """Each key by itself: what was refused before and is not now is wider."""
    found = [(change.key, change.direction) for change in compare_policies(old, new)]

    assert sorted(found, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize(
    ("old", "new", "direction"),
    [
        (None, ANY, WIDER),
        (None, (), NARROWER),
        ((), None, WIDER),
        (ANY, None, NARROWER),
        ((b"self",), (b"self", b"https://a.example"), WIDER),
        ((b"self", b"https://a.example"), (b"self",), NARROWER),
        ((b"self",), None, CHANGED),
    ],
)
def test_allowlists_of_features_are_compared_as_sets(old: object, new: object, direction: Direction) -> None:
    """An unnamed feature has the browser's default, which is between nobody and everybody.  (Permissions Policy §9.1)"""

    def policy(allowlist: object) -> Policy:
        features = () if allowlist is None else (("camera", allowlist),)
        return Policy(permissions_policy=PermissionsPolicy(features))  # type: ignore[arg-type]  as above

    changes = compare_policies(policy(old), policy(new))

    assert [(change.key, change.direction) for change in changes] == [("permissions_policy.camera", direction)]


SOMETHING: dict[str, object] = {
    "coop": OFF,
    "coep": OFF,
    "corp": OFF,
    "cors": OFF,
    "observe_coop": Opener(OpenerPolicy.SAME_ORIGIN),
    "observe_coep": Embedder(EmbedderPolicy.AUTO),
    "document_isolation": OFF,
    "observe_document_isolation": Isolation(DocumentIsolation.NONE),
    "permissions_policy": PermissionsPolicy((("camera", ()),)),
    "observe_permissions_policy": PermissionsPolicy((("camera", ()),)),
    "integrity_policy": IntegrityPolicy(("script",)),
    "observe_integrity_policy": IntegrityPolicy(("script",)),
    "origin_agent_cluster": True,
    "report_to": "here",
    "timing_allow_origin": ANY,
    "websocket_origins": WebSocketOrigins(),
    "resource_isolation": True,
    "upstream_fields": UpstreamFields.FILL,
    "fields": FieldEdits(remove=(b"Server",)),
}


@pytest.mark.parametrize("name", [field.name for field in fields(Policy)])
def test_no_key_can_change_unseen(name: str) -> None:
    """A key that is added to the language and forgotten here fails this."""
    changes = compare_policies(Policy(), replace(Policy(), **{name: SOMETHING[name]}))

    assert changes


CORS_SOMETHING: dict[str, object] = {
    "allow_origins": (SUB,),
    "allow_methods": (b"PUT",),
    "allow_headers": (b"X-A",),
    "expose_headers": (b"X-A",),
    "allow_credentials": True,
    "allow_null_origin": True,
    "max_age_s": 5,
    "allow_origin_regexes": ("x",),
    "preflight": PreflightHandling.FORWARD,
    "refuse": Refusal.REJECT,
    "legacy_private_network": True,
    "insecure_by_regex": True,
}


@pytest.mark.parametrize("name", [field.name for field in fields(Cors)])
def test_no_key_of_cors_can_change_unseen(name: str) -> None:
    """As above, for `cors`."""
    before = Cors((APP,))
    changes = compare_policies(Policy(cors=before), Policy(cors=replace(before, **{name: CORS_SOMETHING[name]})))

    assert any(change.key.startswith("cors.") for change in changes)
