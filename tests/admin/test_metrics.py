"""`GET /-/metrics`: everything that is counted, once, in both formats, with nothing that a client made up."""

import asyncio
import socket
import subprocess
import sys

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open_metrics
from prometheus_client.parser import text_string_to_metric_families
from support.admin_service import FakeService
from support.expositions import counters, families, samples, snapshot, value

from xoproxy.admin.exposition import NOT_OF_UPSTREAMS, write
from xoproxy.admin.guard import Guard
from xoproxy.admin.server import AdminServer
from xoproxy.config.settings import TcpAddress
from xoproxy.dataplane.errors import ErrorKind
from xoproxy.policy.cors import CorsOutcome
from xoproxy.telemetry.counters import CORS_REASONS, Counters
from xoproxy.telemetry.workers import WorkerState, WorkerView


def test_everything_is_shown_under_its_labels() -> None:
    found = samples(families())

    assert value(found, "requests_total", route="routes[0]", method="POST", status_class="5xx") == 1
    assert value(found, "requests_total", route="none", method="other", status_class="none") == 1
    assert value(found, "request_duration_seconds_bucket", le="0.1") == 2  # the others took no time
    assert value(found, "request_duration_seconds_bucket", le="0.25") == 3
    assert value(found, "request_duration_seconds_bucket", le="+Inf") == value(found, "request_duration_seconds_count") == 3
    assert value(found, "upstream_duration_seconds_sum") == 0.2
    assert value(found, "cors_total", route="routes[0]", outcome="preflight-refused", reason="origin") == 1
    assert value(found, "preflights_total", outcome="refused") == 1
    assert value(found, "field_conflicts_total", field="cross-origin-opener-policy") == 1
    assert value(found, "observed_pages_total", route="routes[0]") == 1
    assert value(found, "reports_total", type="coep", disposition="report") == 1
    assert value(found, "report_deliveries_total", outcome="taken") == 1
    assert value(found, "report_store_up") == 0
    assert value(found, "reports_dropped_total") == 2
    assert value(found, "reloads_total", outcome="rejected") == 1
    assert value(found, "reloads_total", outcome="applied") == 0
    assert value(found, "config_last_reload_successful") == 0
    assert value(found, "config_last_reload_timestamp_seconds") == 1_800_000_000
    assert value(found, "upstream_ejections_total", upstream="app", address="http://app:5000") == 2
    assert value(found, "log_lines_dropped_total") == 4
    assert value(found, "spans_lost_total") == 5


def test_error_is_an_upstreams_only_if_it_is_its_fault() -> None:
    found = samples(families())

    assert value(found, "errors_total", kind="client_disconnected") == 1
    assert {labels for name, labels in found if name == "xoproxy_upstream_errors_total"} == {
        frozenset({("upstream", "app"), ("kind", "dns_error")})
    }
    assert {kind.value for kind in ErrorKind} > NOT_OF_UPSTREAMS


def test_what_workers_are_is_summed_and_a_slot_shows_who_serves_in_it() -> None:
    """While one drains and another starts there are three in one slot; a series must not stand there twice."""
    found = samples(families())
    address = {"upstream": "app", "address": "http://app:5000"}

    assert value(found, "connections") == 11
    assert value(samples(families(snapshot(Counters()))), "upstream_ejections_total", **address) == 0
    assert [value(found, f"upstream_{name}", **address) for name in ("connections", "idle", "outstanding")] == [7, 3, 3]
    assert value(found, "upstream_waiting", upstream="app") == 3
    assert (value(found, "upstream_healthy", **address), value(found, "upstream_ejected", **address)) == (0, 1)
    assert value(found, "worker_cpu_seconds_total", slot="0") == 1.5
    assert value(found, "workers", state="serving") == 1


def test_worker_that_starts_in_an_empty_slot_is_shown() -> None:
    starting = (WorkerView(1, 3, 0, 0, WorkerState.STARTING, 70.0),)

    assert value(samples(families(snapshot(workers=starting))), "worker_start_time_seconds", slot="1") == 70


def test_both_formats_say_the_same() -> None:
    of = snapshot()
    text = samples(text_string_to_metric_families(write(of, is_open=False).decode()))
    opened = samples(read_open_metrics(write(of, is_open=True).decode()))

    assert {key: n for key, n in text.items() if key[0].startswith("xoproxy_")} == {
        key: n for key, n in opened.items() if key[0].startswith("xoproxy_")
    }


def test_nothing_that_a_client_made_up_is_shown() -> None:
    text = write(snapshot(), is_open=False).decode()

    for made_up in ("evil.example", "secret", "token", "192.0.2.1"):
        assert made_up not in text


def test_snapshot_does_not_change_while_it_is_written() -> None:
    counted = counters()
    copied = counted.copy()
    before = copied.take()
    for key in list(counted.requests):
        counted.requests[key] += 1
    counted.durations.buckets[0] += 1
    counted.accepted += 1

    assert counters().take() == before


def test_words_that_counters_know_are_those_of_the_policy() -> None:
    assert {"origin", "method", "headers"} == CORS_REASONS
    assert {outcome.value for outcome in CorsOutcome if outcome.startswith("preflight-")} == {
        "preflight-granted",
        "preflight-refused",
        "preflight-forwarded",
    }


def test_library_is_not_imported_before_the_first_scrape() -> None:
    """A start waits for the admin endpoint, and most endpoints are never scraped."""
    program = "import sys, xoproxy.admin.server; print('prometheus_client' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)

    assert said.stdout == b"False\n"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        pytest.param("", "text/plain; version=0.0.4; charset=utf-8", id="nothing-said"),
        pytest.param("text/html, */*", "text/plain; version=0.0.4; charset=utf-8", id="a-browser"),
        pytest.param(
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            id="prometheus",
        ),
        pytest.param(
            "application/openmetrics-text;version=x\xff;escaping=<script>",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            id="junk-is-not-echoed",
        ),
    ],
)
async def test_format_is_the_one_that_is_accepted(accept: str, content_type: str) -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    server = AdminServer(FakeService(counters=counters()), Guard(TcpAddress("127.0.0.1", port), None))
    await server.start([sock])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = ("GET /-/metrics HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close", f"Accept: {accept}", "", "")
    writer.write("\r\n".join(lines).encode("latin-1"))
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    await server.stop()

    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert f"\r\nContent-Type: {content_type}\r\n" in head
    assert "\r\nCache-Control: no-store\r\n" in head
    assert 'xoproxy_requests_total{method="POST",route="routes[0]",status_class="5xx"} 1.0\n' in body
    assert body.endswith("# EOF\n") is content_type.startswith("application")
