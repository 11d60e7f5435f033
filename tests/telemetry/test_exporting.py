"""Records of sampled traces become spans at a collector; one that does not take them costs a line and nothing else."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from support.generations import generation, upstream
from support.otlp import attributes, collecting
from support.records import exchange_record
from support.supervised import until

from xoproxy.config.settings import Endpoint, Exporting, LogLevel
from xoproxy.policy.model import Policy
from xoproxy.policy.routes import Match, Route
from xoproxy.telemetry import exporting
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.exporting import Batch, Sending, SpanExport
from xoproxy.telemetry.records import ExchangeRecord, Trace

TRACE_ID, SPAN_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
GET = exchange_record(
    client="203.0.113.9",
    started_at=1_800_000_000.0625,
    method=b"GET",
    target=b"/v1/items?token=secret",
    host=b"app.example:8443",
    origin=b"https://page.example",
    status=200,
    duration_s=0.25,
    upstream_s=0.125,
    upstream="http://app:5000",
    route="routes[0]",
    cors="granted",
    generation=1,
    request_id="a-1",
    trace=Trace(TRACE_ID, SPAN_ID, PARENT_ID, True, "1.1", "https"),
)


def routes() -> tuple[Route, ...]:
    return (
        Route("routes[0]", Match(path="/v1/**"), "app", Policy(), "p"),
        Route("routes[1]", Match(), "app", Policy(), "p"),
    )


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for."""
    monkeypatch.setattr(exporting, "GATHER_S", 0.0)
    monkeypatch.setattr(exporting, "RETRY_S", (0.0,))
    monkeypatch.setattr(exporting, "CALM_S", 0.0)


class Scripted:
    """Takes batches, or refuses them with the words that it is told."""

    def __init__(self) -> None:
        self.batches: list[list[ExchangeRecord]] = []
        self.why: str | None = None
        self.closed = False
        self.may_answer = threading.Event()
        self.may_answer.set()

    def send(self, batch: Batch) -> str | None:
        self.may_answer.wait(20)
        self.batches.append(batch.records)
        return self.why

    def close(self) -> None:
        self.closed = True

    @property
    def sent(self) -> list[int]:
        return [record.status for batch in self.batches for record in batch]


def numbered(number: int) -> ExchangeRecord:
    return GET.changed(status=number)


def exported(*records: ExchangeRecord, settings: Callable[[str], Exporting] = Exporting) -> tuple[list[Any], Any]:
    """Return the spans that a real collector gets for records, and the collector."""
    events: list[Event] = []
    with collecting() as collector:
        export = SpanExport(settings(f"{collector.url}/v1/traces"), events.append, Counters())
        export.know(generation(upstream(Endpoint("app", 5000)), routes=routes()))
        for record in records:
            export.take(record)
        export.close(20)
    assert events == []
    return collector.spans, collector


def test_span_says_everything_about_the_exchange() -> None:
    (span,), collector = exported(GET, settings=lambda url: Exporting(url, "shop", (("X-Key", "hunter2"),)))

    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()) == (TRACE_ID, SPAN_ID, PARENT_ID)
    assert (span.name, span.kind) == ("GET /v1/**", 2)  # SERVER
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1_800_000_000_062_500_000, 1_800_000_000_312_500_000)
    assert span.status.code == 0
    assert attributes(span) == {
        "http.request.method": "GET",
        "url.path": "/v1/items",
        "url.scheme": "https",
        "server.address": "app.example",
        "server.port": 8443,
        "client.address": "203.0.113.9",
        "http.route": "/v1/**",
        "http.response.status_code": 200,
        "network.protocol.name": "http",
        "network.protocol.version": "1.1",
        "xoproxy.route": "routes[0]",
        "xoproxy.cors.outcome": "granted",
        "xoproxy.generation": 1,
        "xoproxy.request_id": "a-1",
        "xoproxy.upstream": "http://app:5000",
        "xoproxy.upstream.duration": 0.125,
    }
    assert collector.resources[0]["service.name"] == "shop"
    assert collector.paths == ["/v1/traces"]
    assert collector.fields[0]["X-Key"] == "hunter2"


REFUSED: dict[str, Any] = {"status": 204, "cors": "preflight-refused", "reason": "method", "upstream_s": None, "upstream": ""}
CASES = [
    pytest.param({"status": 404}, "GET /v1/**", 0, {"error.type": None}, id="client-error"),
    pytest.param({"status": 503}, "GET /v1/**", 2, {"error.type": "503"}, id="of-the-backend"),
    pytest.param({"status": 502, "error": "dns_error"}, "GET /v1/**", 2, {"error.type": "dns_error"}, id="of-ours"),
    pytest.param(
        {"status": 403, "error": "http_request_denied"}, "GET /v1/**", 0, {"error.type": "http_request_denied"}, id="denied"
    ),
    pytest.param({"error": "http_response_incomplete"}, "GET /v1/**", 2, {"error.type": "http_response_incomplete"}, id="cut"),
    pytest.param({"error": "client_disconnected"}, "GET /v1/**", 0, {"error.type": "client_disconnected"}, id="client-left"),
    pytest.param({"status": 0, "error": "draining"}, "GET /v1/**", 2, {"http.response.status_code": None}, id="no-answer"),
    pytest.param(REFUSED, "GET /v1/**", 0, {"xoproxy.cors.reason": "method", "xoproxy.upstream": None}, id="refused"),
    pytest.param({"route": "routes[1]"}, "GET routes[1]", 0, {"http.route": None}, id="route-without-path"),
    pytest.param({"generation": 2}, "GET routes[0]", 0, {"http.route": None}, id="route-of-another-generation"),
    pytest.param({"route": ""}, "GET", 0, {"xoproxy.route": None}, id="no-route"),
    pytest.param(
        {"method": b"BREW"},
        "HTTP /v1/**",
        0,
        {"http.request.method": "_OTHER", "http.request.method_original": "BREW"},
        id="unknown-method",
    ),
    pytest.param({"target": b"http://u:p@h/a/b?c"}, "GET /v1/**", 0, {"url.path": "/a/b"}, id="absolute-form"),
    pytest.param({"target": b"*"}, "GET /v1/**", 0, {"url.path": "*"}, id="asterisk-form"),
    pytest.param({"target": b"/" + b"a" * 9000}, "GET /v1/**", 0, {"url.path": "/" + "a" * 2047}, id="long"),
    pytest.param({"target": b"/\xff\x00"}, "GET /v1/**", 0, {"url.path": "/\xff\x00"}, id="any-bytes"),
    pytest.param({"host": b"[::1]:80"}, "GET /v1/**", 0, {"server.address": "[::1]", "server.port": 80}, id="ipv6-with-port"),
    pytest.param({"host": b"[::1]"}, "GET /v1/**", 0, {"server.address": "[::1]", "server.port": None}, id="ipv6"),
    pytest.param({"host": b""}, "GET /v1/**", 0, {"server.address": None}, id="no-host"),
]


def test_span_of_each_kind_of_exchange() -> None:
    """One export for all of them: name, status (2: an error) and what is told otherwise than of a plain one."""
    records = [GET.changed(**case.values[0]) for case in CASES]
    spans, _ = exported(*records)

    assert len(spans) == len(CASES)
    for case, span in zip(CASES, spans, strict=True):
        _, name, status, told = case.values
        found = attributes(span)
        assert (span.name, span.status.code) == (name, status), case.id
        assert {key: found.get(key) for key in told} == told, case.id


def test_trace_that_begins_here_has_no_parent() -> None:
    (span,), _ = exported(GET.changed(trace=Trace(TRACE_ID, SPAN_ID, "", True, "1.1", "http")))

    assert span.parent_span_id == b""


@pytest.mark.usefixtures("quick")
def test_what_is_taken_is_sent_in_its_order_and_in_bounded_batches() -> None:
    sending = Scripted()
    export = SpanExport(Exporting("http://c"), lambda _: None, Counters(), lambda _: sending)
    for number in range(2000):
        export.take(numbered(number))
    export.close(20)

    assert sending.sent == list(range(2000))
    assert max(map(len, sending.batches)) <= exporting.MAX_BATCH
    assert sending.closed
    assert export.lost == 0


@pytest.mark.usefixtures("quick")
def test_queue_is_bounded_and_what_is_too_much_is_counted() -> None:
    """The oldest go; the log says so once, and how many were lost when it is over."""
    sending, events, counters = Scripted(), list[Event](), Counters()
    sending.may_answer.clear()
    export = SpanExport(Exporting("http://c"), events.append, counters, lambda _: sending)
    export.take(numbered(0))
    until(lambda: not export._waiting)  # the first is on its way
    for number in range(1, exporting.MAX_WAITING + 8):
        export.take(numbered(number))
    sending.may_answer.set()
    until(lambda: len(events) == 2)
    export.close(20)

    assert sending.sent == [0, *range(8, exporting.MAX_WAITING + 8)]
    assert export.lost == counters.spans_lost == 7
    assert [(event.level, event.values["outcome"], event.values["lost"]) for event in events] == [
        (LogLevel.WARNING, "failing", 0),
        (LogLevel.INFO, "working", 7),
    ]


@pytest.mark.usefixtures("quick")
def test_collector_that_fails_is_one_line_when_it_begins_and_one_when_it_ends() -> None:
    sending, events, counters = Scripted(), list[Event](), Counters()
    export = SpanExport(Exporting("http://c/v1/traces"), events.append, counters, lambda _: sending)
    sending.why = "nobody listens"
    for number in range(5):
        export.take(numbered(number))
        until(lambda number=number: number in sending.sent)  # type: ignore[misc]
    until(lambda: export.lost == 5)
    sending.why = None
    for number in range(5, 9):
        export.take(numbered(number))
        until(lambda number=number: number in sending.sent)  # type: ignore[misc]
    export.close(20)

    assert [event.message for event in events] == [
        "spans do not reach http://c/v1/traces: nobody listens",
        "spans reach http://c/v1/traces again; 5 were lost",
    ]
    assert [event.logger for event in events] == ["xoproxy.tracing", "xoproxy.tracing"]
    assert counters.spans_lost == 5


@pytest.mark.usefixtures("quick")
def test_record_of_which_no_span_can_be_made_does_not_end_the_export() -> None:
    events: list[Event] = []
    with collecting() as collector:
        export = SpanExport(Exporting(f"{collector.url}/v1/traces"), events.append, Counters())
        export.take(GET.changed(trace=Trace("no number", SPAN_ID, "", True)))
        until(lambda: export.lost == 1)
        export.take(GET)
        export.close(20)

    assert len(collector.spans) == 1
    assert "ValueError" in events[0].message


def test_broken_installation_is_told_once_and_takes_nothing_down() -> None:
    events: list[Event] = []

    def connect(_: Exporting) -> Sending:
        raise ImportError("no module named opentelemetry")

    export = SpanExport(Exporting("http://c"), events.append, Counters(), connect)
    export.take(GET)
    export.close(20)

    assert [(event.level, event.values["outcome"]) for event in events] == [(LogLevel.ERROR, "failed")]
    assert "no module named opentelemetry" in events[0].message


@pytest.mark.usefixtures("quick")
def test_end_does_not_wait_for_a_collector_that_does_not_answer() -> None:
    sending = Scripted()
    sending.may_answer.clear()
    export = SpanExport(Exporting("http://c"), lambda _: None, Counters(), lambda _: sending)
    export.take(GET)
    export.close(0.0)

    assert export._thread.is_alive()
    sending.may_answer.set()
    export.close(20)
    assert not export._thread.is_alive()


@pytest.mark.usefixtures("quick")
def test_words_of_the_exporter_end_in_our_line_and_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """What it says of each batch again is said once, and says why."""
    events: list[Event] = []
    with collecting() as collector:
        collector.status = 400
        export = SpanExport(Exporting(f"{collector.url}/v1/traces", headers=(("X-Key", "hunter2"),)), events.append, Counters())
        for number in range(3):
            export.take(numbered(200))
            until(lambda number=number: collector.refused > number)  # type: ignore[misc]
        export.close(20)

    assert caplog.records == []
    assert len(events) == 1
    assert "400" in events[0].message
    assert "hunter2" not in events[0].message


def test_long_targets_wait_shortened() -> None:
    """The record itself, which others keep, is not changed."""
    sending = Scripted()
    export = SpanExport(Exporting("http://c"), lambda _: None, Counters(), lambda _: sending)
    long = GET.changed(target=b"/" * 20_000)
    export.take(long)
    export.close(20)

    assert len(sending.batches[0][0].target) == exporting.MAX_TARGET_BYTES
    assert len(long.target) == 20_000
