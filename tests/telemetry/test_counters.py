"""What happens is counted, whatever is logged: by keys that nobody outside can make up, and once, however many processes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builds import attributes_of, pure_only
from support.records import exchange_record

from xoproxy.telemetry import counters as module
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.records import ExchangeRecord

KINDS = ("requests", "cors", "errors", "conflicts", "reports", "deliveries", "pages", "ejections", "reloads")


def record(**values: Any) -> ExchangeRecord:
    """Return the record of an exchange."""
    return exchange_record("", 0.0, **values)


def counted(*records: ExchangeRecord) -> Counters:
    """Return counters that counted these."""
    counters = Counters()
    for one in records:
        counters.count(one)
    return counters


def everything(counters: Counters) -> dict[str, Any]:
    """Return all that counters hold."""
    values = {name: getattr(counters, name) for name in attributes_of(Counters)}
    return {name: (value.buckets, value.sum_s) if hasattr(value, "buckets") else value for name, value in values.items()}


def test_exchanges_are_counted_by_status_class_cors_outcome_and_error() -> None:
    """As `/-/config` shows them."""
    counters = counted(
        record(status=200, cors="granted"),
        record(status=204, cors="preflight-granted"),
        record(status=502, error="dns_error"),
        record(error="client_disconnected"),
    )

    assert counters.as_dict() == {
        "status": {"2xx": 2, "5xx": 1, "none": 1},
        "cors": {"granted": 1, "preflight-granted": 1, "none": 2},
        "error": {"dns_error": 1, "client_disconnected": 1},
    }


@pytest.mark.parametrize(
    ("values", "kind", "key"),
    [
        pytest.param({"route": "r", "method": b"GET", "status": 204}, "requests", ("r", "GET", 2), id="request"),
        pytest.param({"route": "r", "method": b"BREW", "status": 0}, "requests", ("r", "other", 0), id="method-made-up"),
        pytest.param({"method": b"get"}, "requests", ("", "other", 0), id="methods-are-case-sensitive"),
        pytest.param({"route": "r", "cors": "refused", "reason": "origin"}, "cors", ("r", "refused", "origin"), id="cors"),
        pytest.param({"cors": "granted", "reason": "no route: /secret"}, "cors", ("", "granted", ""), id="words-are-no-key"),
        pytest.param({"forward_to": "app", "error": "dns_error"}, "errors", ("app", "dns_error"), id="upstream-error"),
        pytest.param({"error": "http_request_error"}, "errors", ("", "http_request_error"), id="own-error"),
        pytest.param({"conflicts": (b"cross-origin-opener-policy",)}, "conflicts", "cross-origin-opener-policy", id="field"),
        pytest.param({"conflicts": (b"access-control-x1",)}, "conflicts", "other", id="field-made-up"),
        pytest.param({"route": "r", "page": True, "status": 200}, "pages", "r", id="page"),
        pytest.param({"route": "r", "page": True, "status": 304}, "pages", "r", id="page-from-the-cache"),
    ],
)
def test_exchange_is_counted_under(values: dict[str, Any], kind: str, key: object) -> None:
    assert getattr(counted(record(**values)), kind) == {key: 1}


@pytest.mark.parametrize("status", [0, 302, 404, 502])
def test_what_was_asked_for_as_a_page_and_is_none_is_no_page_load(status: int) -> None:
    """It proves nothing: a problem of the page would not have shown."""
    assert not counted(record(route="r", page=True, status=status)).pages


def test_report_types_that_are_not_known_are_counted_as_other() -> None:
    """Whoever can post a report could make a time series with each."""
    counters = Counters()
    counters.count_report("coep", "report")
    counters.count_report("<script>", "maybe")

    assert counters.reports == {("coep", "report"): 1, ("other", "other"): 1}


@pure_only
def test_number_of_keys_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes later counts under the route "other"; what is known already goes on as before."""
    monkeypatch.setattr(module, "MAX_KEYS", 2)
    counters = counted(*(record(route=route, method=b"GET", status=200) for route in ("a", "b", "c", "d", "a")))
    both = Counters()
    both.add(counters.take())
    both.add(counted(record(route="e", method=b"GET", status=200)).take())

    assert both.requests == {("a", "GET", 2): 2, ("b", "GET", 2): 1, ("other", "GET", 2): 3}


def test_durations_are_counted_in_the_bucket_that_they_fit_in() -> None:
    """A bound belongs to its bucket; a connection that was upgraded has no duration that means anything."""
    counters = counted(
        record(duration_s=0.0005, upstream_s=0.0005),
        record(duration_s=0.001),
        record(duration_s=0.0011),
        record(duration_s=3600.0),
        record(duration_s=3600.0, status=101, upstream_s=0.003),
    )

    assert counters.durations.buckets == [2, 1, *[0] * 13, 1]
    assert counters.durations.sum_s == pytest.approx(3600.0026)
    assert counters.upstream_durations.buckets == [1, 0, 1, *[0] * 13]


RECORDS = st.builds(
    record,
    route=st.sampled_from(["", "routes[0]", "routes[1]"]),
    method=st.sampled_from([b"GET", b"POST", b"", b"X"]),
    status=st.sampled_from([0, 101, 200, 404, 999]),
    cors=st.sampled_from(["none", "refused"]),
    reason=st.sampled_from(["", "origin", "words"]),
    error=st.sampled_from(["", "dns_error"]),
    forward_to=st.sampled_from(["", "app"]),
    duration_s=st.sampled_from([0.0, 0.5, 70.0]),  # sums of these are exact
    upstream_s=st.sampled_from([None, 0.25]),
    request_bytes=st.integers(0, 9),
    response_bytes=st.integers(0, 9),
    conflicts=st.sampled_from([(), (b"vary", b"access-control-allow-origin")]),
    page=st.booleans(),
)


@given(st.lists(st.one_of(RECORDS, st.just("take"))))
def test_nothing_is_lost_or_counted_twice_between_processes(events: list[Any]) -> None:
    """Whenever increments are taken, and through JSON, they add up to what one process would have counted."""
    worker, supervisor, alone = Counters(), Counters(), Counters()
    for event in events:
        if event == "take":
            supervisor.add(json.loads(json.dumps(worker.take())))
        else:
            worker.count(event)
            alone.count(event)
    supervisor.add(json.loads(json.dumps(worker.take())))

    assert everything(supervisor) == everything(alone)
    assert everything(worker) == everything(Counters())
    assert worker.take() == {}


def test_all_that_is_counted_can_be_taken() -> None:
    """A count that belongs to no group would stay with its process."""
    assert {*module._TALLIES, *module._HISTOGRAMS, *module._SUMS} == set(attributes_of(Counters))


def test_every_kind_of_count_goes_to_the_supervisor() -> None:
    worker, supervisor = Counters(), Counters()
    for name in KINDS:
        getattr(worker, name)[name] = 1
    for name in ("accepted", "lines_dropped", "request_bytes", "response_bytes", "spans_lost"):
        setattr(worker, name, 2)
    worker.durations.buckets[3] = worker.upstream_durations.buckets[4] = 1
    before = json.dumps(everything(worker))
    supervisor.add(json.loads(json.dumps(worker.take())))

    assert json.dumps(everything(supervisor)) == before
