"""Exchanges are counted, whatever is logged."""

import json

from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.records import ExchangeRecord


def test_exchanges_are_counted_by_status_class_cors_outcome_and_error() -> None:
    counters = Counters()
    for status, cors, error in [
        (200, "granted", ""),
        (204, "preflight", ""),
        (502, "none", "dns_error"),
        (0, "none", "client_disconnected"),
    ]:
        counters.count(ExchangeRecord("", 0.0, status=status, cors=cors, error=error))

    assert counters.as_dict() == {
        "status": {"2xx": 2, "5xx": 1, "none": 1},
        "cors": {"granted": 1, "preflight": 1, "none": 2},
        "error": {"dns_error": 1, "client_disconnected": 1},
    }


def test_counts_of_several_processes_add_up() -> None:
    """Through JSON, in which all keys are texts."""
    first, second, both = Counters(), Counters(), Counters()
    first.count(ExchangeRecord("", 0.0, status=200, cors="granted"))
    for _ in range(2):
        second.count(ExchangeRecord("", 0.0, status=200, cors="none", error="dns_error"))
    for counters in (first, second):
        both.add(json.loads(json.dumps(counters.totals())))

    assert both.totals() == {"statuses": {"200": 3}, "cors": {"granted": 1, "none": 2}, "errors": {"dns_error": 2}}
    assert both.as_dict()["status"] == {"2xx": 3}
    assert set(both.totals()) == set(Counters.__slots__)
