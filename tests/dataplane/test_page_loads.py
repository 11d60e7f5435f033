"""Which requests count as page loads: those whose page would have been reported about."""

import pytest
from support.exchanges import request, table_of

from xoproxy.dataplane.page_loads import is_page_load
from xoproxy.policy.model import Embedder, EmbedderPolicy, Policy, ReportingEndpoints, UpstreamFields
from xoproxy.policy.routes import Forward
from xoproxy.semantics.heads import RequestHead, read_request_head

HINTS = b'Sec-CH-UA: "Chromium";v="156"'
COEP = Embedder(EmbedderPolicy.REQUIRE_CORP)


@pytest.mark.parametrize(
    ("lines", "counts"),
    [
        pytest.param((HINTS, b"Sec-Fetch-Dest: document"), True, id="page"),
        pytest.param((HINTS, b"sec-fetch-dest:iframe "), True, id="frame"),
        pytest.param((b"Sec-Fetch-Dest: document",), False, id="browser-that-does-not-report"),
        pytest.param((HINTS,), False, id="insecure"),
        pytest.param((HINTS, b"Sec-Fetch-Dest: image"), False, id="image"),
        pytest.param((HINTS, b"Sec-Fetch-Dest: document-like"), False, id="longer-word"),
        pytest.param((HINTS, b"Sec-Fetch-Dest: document", b"Sec-Purpose: prefetch"), False, id="prefetch"),
    ],
)
def test_a_page_load_is_one_that_would_be_reported_about(lines: tuple[bytes, ...], counts: bool) -> None:
    assert is_page_load(request(b"GET", b"/", *lines), secure=True) == counts


@pytest.mark.parametrize(
    ("host", "secure", "counts"),
    [
        pytest.param(b"shop.example", False, True, id="tls-ends-before-us"),
        pytest.param(b"localhost:8080", False, False, id="localhost"),
        pytest.param(b"app.localhost", False, False, id="below-localhost"),
        pytest.param(b"127.0.0.1:8080", False, False, id="loopback-address"),
        pytest.param(b"[::1]:8080", False, False, id="loopback-address-v6"),
        pytest.param(b"localhost:8443", True, True, id="localhost-by-tls"),
    ],
)
def test_plain_http_from_this_machine_is_no_evidence(host: bytes, secure: bool, counts: bool) -> None:
    """Browsers trust it, and yet report nothing from there: silence would pass for safety."""
    block = b"GET / HTTP/1.1\r\nHost: %b\r\n%b\r\nSec-Fetch-Dest: document\r\n\r\n" % (host, HINTS)
    head = read_request_head(block)

    assert isinstance(head, RequestHead)
    assert is_page_load(head, secure=secure) == counts


@pytest.mark.parametrize(
    ("policy", "observes"),
    [
        pytest.param(Policy(observe_coep=COEP, report_to="here"), True, id="reported-here"),
        pytest.param(Policy(observe_coep=Embedder(EmbedderPolicy.REQUIRE_CORP, "here")), True, id="by-its-own-report_to"),
        pytest.param(Policy(observe_coep=COEP, report_to="there"), False, id="reported-elsewhere"),
        pytest.param(Policy(observe_coep=COEP, report_to="backend"), False, id="declared-by-the-backend"),
        pytest.param(Policy(observe_coep=COEP), False, id="reported-to-nobody"),
        pytest.param(Policy(coep=COEP, report_to="here"), False, id="enforced"),
        pytest.param(
            Policy(observe_coep=COEP, report_to="here", upstream_fields=UpstreamFields.FILL),
            True,
            id="with-fields-of-the-backend",
        ),
    ],
)
def test_a_plan_observes_if_its_reports_come_to_a_path_of_ours(policy: Policy, observes: bool) -> None:
    endpoints = ReportingEndpoints((("here", "/reports"), ("there", "https://collector.example/"), ("backend", None)))
    decision = table_of(policy, endpoints).decide(request(), b"https", b"shop.example")

    assert isinstance(decision, Forward)
    assert decision.plan.observes == observes
