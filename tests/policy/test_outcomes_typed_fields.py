"""The table of outcomes, part 5: document isolation, agent clusters, permissions, integrity; who reports; what is valid."""

from collections.abc import Callable

import pytest
from support.exchanges import exchange, request, response, table_of

from xoproxy.policy import (
    coep,
    coop,
    corp,
    document_isolation,
    integrity_policy,
    origin_agent_cluster,
    permissions_policy,
    timing,
)
from xoproxy.policy.base import decided
from xoproxy.policy.model import (
    ANY,
    OFF,
    DocumentIsolation,
    Embedder,
    EmbedderPolicy,
    IntegrityPolicy,
    Isolation,
    Opener,
    OpenerPolicy,
    PermissionsPolicy,
    Policy,
    ReportingEndpoints,
    ResourcePolicy,
)
from xoproxy.policy.reporting import endpoints_used, reported
from xoproxy.semantics.structured import parse_dictionary

ENDPOINTS = ReportingEndpoints((("main", "/r"), ("far", "https://r.example/a"), ("theirs", None)))
REQUIRE = Isolation(DocumentIsolation.ISOLATE_AND_REQUIRE_CORP)
CAMERA = PermissionsPolicy((("camera", ()),))
SCRIPTS = IntegrityPolicy(("script",))
DIP, PP, IP = b"Document-Isolation-Policy", b"Permissions-Policy", b"Integrity-Policy"
TWIN = b"-Report-Only"
MAIN = b'Reporting-Endpoints: main="/r"'


@pytest.mark.parametrize(
    ("policy", "lines"),
    [
        pytest.param(Policy(document_isolation=REQUIRE), [DIP + b": isolate-and-require-corp"], id="isolation"),
        pytest.param(
            Policy(document_isolation=Isolation(DocumentIsolation.ISOLATE_AND_CREDENTIALLESS)),
            [DIP + b": isolate-and-credentialless"],
            id="isolation-credentialless",
        ),
        pytest.param(Policy(document_isolation=Isolation(DocumentIsolation.NONE)), [DIP + b": none"], id="isolation-none"),
        pytest.param(
            Policy(document_isolation=Isolation(DocumentIsolation.NONE), observe_document_isolation=REQUIRE, report_to="main"),
            [DIP + b': none; report-to="main"', DIP + TWIN + b': isolate-and-require-corp; report-to="main"', MAIN],
            id="isolation-observed",
        ),
        pytest.param(Policy(origin_agent_cluster=True), [b"Origin-Agent-Cluster: ?1"], id="agent-cluster"),
        pytest.param(Policy(origin_agent_cluster=False), [b"Origin-Agent-Cluster: ?0"], id="no-agent-cluster"),
        pytest.param(Policy(permissions_policy=CAMERA), [PP + b": camera=()"], id="nobody"),
        pytest.param(
            Policy(
                permissions_policy=PermissionsPolicy(
                    (
                        ("cross-origin-isolated", (b"self", b"https://w.example")),
                        ("geolocation", ANY),
                        ("fullscreen", (b"https://*.example.com",)),
                    )
                )
            ),
            [
                PP + b': cross-origin-isolated=(self "https://w.example"), geolocation=*, fullscreen=("https://*.example.com")',
            ],
            id="everybody-and-some",
        ),
        pytest.param(
            Policy(
                permissions_policy=PermissionsPolicy((("camera", ()), ("usb", ANY)), "far"),
                observe_permissions_policy=CAMERA,
                report_to="main",
            ),
            [
                PP + b": camera=(); report-to=far, usb=*; report-to=far",
                PP + TWIN + b": camera=(); report-to=main",
                b'Reporting-Endpoints: far="https://r.example/a", main="/r"',
            ],
            id="permissions-report-by-token",
        ),
        pytest.param(Policy(integrity_policy=SCRIPTS), [IP + b": blocked-destinations=(script)"], id="integrity"),
        pytest.param(
            Policy(
                integrity_policy=IntegrityPolicy(("script", "style"), ("inline",), "theirs"),
                observe_integrity_policy=IntegrityPolicy(("style",)),
                report_to="main",
            ),
            [
                IP + b": blocked-destinations=(script style), sources=(inline), endpoints=(theirs)",
                IP + TWIN + b": blocked-destinations=(style), endpoints=(main)",
                MAIN,
            ],
            id="integrity-endpoints",
        ),
    ],
)
def test_each_field_goes_out_as_its_standard_writes_it(policy: Policy, lines: list[bytes]) -> None:
    """Exactly once, on successes and errors, for CORS requests and others."""
    for status in (200, 304, 404, 500):
        for asked in ((), (b"Origin: https://app.example",)):
            seen = exchange(table_of(policy, ENDPOINTS), request(b"GET", b"/", *asked), response(status))

            assert seen.decided == sorted(lines)


@pytest.mark.parametrize(
    ("policy", "ours"),
    [
        pytest.param(Policy(document_isolation=REQUIRE), [DIP], id="isolation"),
        pytest.param(Policy(observe_document_isolation=REQUIRE), [DIP + TWIN], id="isolation-observed"),
        pytest.param(Policy(origin_agent_cluster=False), [b"Origin-Agent-Cluster"], id="agent-cluster"),
        pytest.param(Policy(permissions_policy=CAMERA), [PP], id="permissions"),
        pytest.param(Policy(observe_permissions_policy=CAMERA), [PP + TWIN], id="permissions-observed"),
        pytest.param(Policy(integrity_policy=SCRIPTS), [IP], id="integrity"),
        pytest.param(Policy(observe_integrity_policy=SCRIPTS), [IP + TWIN], id="integrity-observed"),
    ],
)
def test_a_key_replaces_the_backends_field_and_no_other(policy: Policy, ours: list[bytes]) -> None:
    """In any case and number; a field and its Report-Only twin are two."""
    names = [b"Origin-Agent-Cluster", *(name + twin for name in (DIP, PP, IP) for twin in (b"", TWIN))]
    theirs = [line for name in names for line in (name + b": theirs", name.lower() + b":theirs", name.upper() + b": x")]

    seen = exchange(table_of(policy), request(), response(200, *theirs))

    kept = [line for line in theirs if line.partition(b":")[0].lower() not in {name.lower() for name in ours}]
    lines = [line for line in seen.decided if line not in kept]
    assert [line.partition(b":")[0] for line in lines] == ours
    assert sorted(kept + lines) == seen.decided
    assert exchange(table_of(Policy()), request(), response(200, *theirs)).decided == sorted(theirs)


def test_off_removes_document_isolation_and_its_twin() -> None:
    """``off`` is said of both; what is to be observed goes out all the same."""
    theirs = [DIP + b": isolate-and-require-corp", DIP + TWIN + b": isolate-and-require-corp", b"Cross-Origin-Opener-Policy: x"]
    observed = Policy(document_isolation=OFF, observe_document_isolation=REQUIRE)

    assert exchange(table_of(Policy(document_isolation=OFF)), request(), response(200, *theirs)).decided == theirs[2:]
    assert exchange(table_of(observed), request(), response(200, *theirs)).decided == [theirs[2], theirs[1]]


FULL = Policy(
    coop=Opener(OpenerPolicy.SAME_ORIGIN, "a"),
    observe_coop=Opener(OpenerPolicy.SAME_ORIGIN, "b"),
    coep=Embedder(EmbedderPolicy.REQUIRE_CORP, "c"),
    observe_coep=Embedder(EmbedderPolicy.REQUIRE_CORP, "d"),
    corp=ResourcePolicy.SAME_SITE,
    document_isolation=Isolation(DocumentIsolation.NONE, "e"),
    observe_document_isolation=Isolation(DocumentIsolation.NONE, "f"),
    origin_agent_cluster=True,
    permissions_policy=PermissionsPolicy((("camera", ()), ("usb", (b"self", b"https://*.example"))), "g"),
    observe_permissions_policy=PermissionsPolicy((("camera", ANY),), "h"),
    integrity_policy=IntegrityPolicy(("script",), (), "i"),
    observe_integrity_policy=IntegrityPolicy(("style",), ("inline",), "j"),
    timing_allow_origin=(b"https://app.example", b"http://localhost:8080"),
)


def test_every_field_that_can_report_declares_its_endpoint() -> None:
    """Each name once, in the order of use; only what the policy's own values name (Reporting API §3.3)."""
    urls = ReportingEndpoints(tuple((name, f"/{name}") for name in "zabcdefghij"))
    seen = exchange(table_of(FULL, urls), request(), response(200))

    declared = parse_dictionary(seen.named(b"reporting-endpoints")[0])
    assert list(declared or ()) == list("abcdefghij")
    assert endpoints_used(FULL) == tuple("abcdefghij")
    assert len(reported(FULL)) == 10
    assert endpoints_used(Policy(coop=OFF, corp=ResourcePolicy.SAME_SITE, origin_agent_cluster=True, report_to="a")) == ()


def test_what_we_send_is_valid_by_our_own_judgement() -> None:
    """Two implementations of one grammar: whatever is written must be heeded, or `fill` would prefer the backend's."""
    fields = decided(FULL)

    assert len(fields) == 13
    for field in fields:
        assert field.value is not None
        assert field.is_valid(field.value), field.name
        assert field.line == field.name + b": " + field.value + b"\r\n"


@pytest.mark.parametrize(
    ("is_valid", "heeded", "ignored"),
    [
        pytest.param(
            coop.is_valid,
            [
                b"same-origin",
                b"unsafe-none",
                b"same-origin-allow-popups",
                b"noopener-allow-popups",
                b'same-origin; report-to="x"',
            ],
            [b"", b"same-origin, same-origin", b"Same-Origin", b'"same-origin"', b"same-origin;", b"require-corp", b"?1"],
            id="coop",
        ),
        pytest.param(
            coep.is_valid,
            [b"require-corp", b"credentialless", b"unsafe-none", b"require-corp; foo=bar", b"require-corp;a;b"],
            [b"", b"auto", b"require-corp, require-corp", b"require-corp;", b"require-corp;\tfoo=bar", b"REQUIRE-CORP", b"(x)"],
            id="coep",
        ),
        pytest.param(
            corp.is_valid,
            [b"same-origin", b"same-site", b"cross-origin"],
            [b"", b"same", b"SAME-ORIGIN", b"same-origin, same-origin", b"same-origin; x", b"require-corp"],
            id="corp",
        ),
        pytest.param(
            document_isolation.is_valid,
            [b"none", b"isolate-and-require-corp", b'isolate-and-credentialless; report-to="x"'],
            [b"", b"isolate", b"none, none", b"none;"],
            id="document-isolation",
        ),
        pytest.param(
            origin_agent_cluster.is_valid,
            [b"?1", b"?0", b"?1; x"],
            [b"", b"1", b"true", b"?1, ?1", b"?2"],
            id="origin-agent-cluster",
        ),
        pytest.param(
            permissions_policy.is_valid,
            [
                b"camera=()",
                b"camera=*",
                b"camera=self",
                b'camera="https://a.example"',
                b'a=(self "https://x"), b=(*); report-to=x',
            ],
            [b"", b"camera", b"camera 'none'", b"camera=none", b"camera=(),", b"camera=1", b"camera=(none)", b"a=(), b=?1"],
            id="permissions-policy",
        ),
        pytest.param(
            integrity_policy.is_valid,
            [
                b"blocked-destinations=(script)",
                b"blocked-destinations=(style image), sources=(inline), endpoints=(x)",
                b"sources=(inline other), blocked-destinations=(script)",
                b"blocked-destinations=(1 script)",
            ],
            [
                b"",
                b"script",
                b"blocked-destinations=script",
                b"blocked-destinations=()",
                b'blocked-destinations=("script")',
                b"blocked-destinations=(image)",
                b"blocked-destinations=(script), sources=()",
                b"sources=(inline)",
                b"blocked-destinations=(script),",
            ],
            id="integrity-policy",
        ),
        pytest.param(
            timing.is_valid,
            [b"*", b"https://a.example", b"https://a.example, http://b.example:81", b"null", b"https://a.example,,"],
            [b"", b",", b"https://a.example/", b"a.example", b"https://*.example", b"https://A.example", b"*, x"],
            id="timing-allow-origin",
        ),
    ],
)
def test_a_value_is_valid_if_browsers_would_heed_it(
    is_valid: Callable[[bytes], bool], heeded: list[bytes], ignored: list[bytes]
) -> None:
    """HTML §7.1.3, §7.1.4; Fetch §3.7; Permissions Policy §9.2; SRI §3.7; Resource Timing §4.5."""
    assert [value for value in heeded if not is_valid(value)] == []
    assert [value for value in ignored if is_valid(value)] == []


@pytest.mark.parametrize("agent", [b"Chrome/139.0", b""])
def test_auto_is_resolved_before_anything_is_written(agent: bytes) -> None:
    """In both places, also where only one of them is ``auto``."""
    auto = Embedder(EmbedderPolicy.AUTO)
    value = b"credentialless" if agent else b"require-corp"
    for policy, names in (
        (Policy(coep=auto), [b"Cross-Origin-Embedder-Policy"]),
        (Policy(observe_coep=auto), [b"Cross-Origin-Embedder-Policy-Report-Only"]),
    ):
        seen = exchange(table_of(policy), request(b"GET", b"/", b"User-Agent: Mozilla/5.0 " + agent), response(200))

        assert seen.decided == [*(name + b": " + value for name in names), b"Vary: User-Agent"]
