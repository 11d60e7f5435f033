"""A changed record differs in what was changed, and in nothing else."""

import pytest
from support.builds import attributes_of
from support.records import exchange_record

from xoproxy.telemetry.records import ExchangeRecord, Trace

# Of each attribute a value that no new record has.
VALUES = {
    "client": "192.0.2.1",
    "started_at": 1.5,
    "method": b"GET",
    "target": b"/a",
    "host": b"a.example",
    "origin": b"https://o.example",
    "status": 200,
    "request_bytes": 1,
    "response_bytes": 2,
    "began_s": 2.5,
    "duration_s": 3.5,
    "upstream_s": 4.5,
    "forward_to": "app",
    "upstream": "http://app",
    "route": "routes[0]",
    "cors": "granted",
    "reason": "origin",
    "error": "dns_error",
    "conflicts": (b"vary",),
    "generation": 3,
    "page": True,
    "request_id": "a-1",
    "trace": Trace("t"),
    "fields": (("a", b"b"),),
}


def test_a_copy_has_everything_of_the_record() -> None:
    assert set(VALUES) == set(attributes_of(ExchangeRecord))
    record = exchange_record(**VALUES)

    copied = record.changed(status=404)

    assert {name: getattr(record, name) for name in VALUES} == VALUES
    assert {name: getattr(copied, name) for name in VALUES} == VALUES | {"status": 404}


def test_only_what_a_record_has_can_be_changed() -> None:
    with pytest.raises(AttributeError):
        exchange_record().changed(stauts=404)
