"""The last decisions are kept, bounded whatever clients send, and found by route, outcome and origin."""

import json
from typing import Any

import pytest
from support.records import exchange_record

from xoproxy.policy.cors import CorsOutcome
from xoproxy.telemetry.recent import MAX_CLIENT_BYTES, MAX_NAME, MAX_TARGET, Recent, Wanted, merged
from xoproxy.telemetry.records import ExchangeRecord


def record(started_at: float = 0.0, **values: Any) -> ExchangeRecord:
    """Return the record of an exchange."""
    return exchange_record("192.0.2.1", started_at, **values)


def recent(*records: ExchangeRecord, kept: int = 1000) -> Recent:
    """Return what keeps these."""
    made = Recent(kept)
    for one in records:
        made.keep(one)
    return made


REFUSED = {"route": "a", "cors": CorsOutcome.REFUSED, "reason": "origin", "origin": b"https://evil.example"}
BROKEN = {"route": "b", "error": "dns_error", "reason": "no such name"}


@pytest.mark.parametrize(
    ("wanted", "times"),
    [
        pytest.param(Wanted(), [3, 2, 1, 0], id="all-newest-first"),
        pytest.param(Wanted(limit=2), [3, 2], id="limit"),
        pytest.param(Wanted(route="a"), [2, 0], id="route"),
        pytest.param(Wanted(outcome="refused"), [2], id="cors-outcome"),
        pytest.param(Wanted(outcome="dns_error"), [3], id="error-kind"),
        pytest.param(Wanted(outcome="error"), [3], id="any-error"),
        pytest.param(Wanted(outcome="granted", route="b"), [], id="nothing"),
        pytest.param(Wanted(origin="evil"), [2], id="part-of-an-origin"),
        pytest.param(Wanted(origin="https://app.example", outcome="granted"), [0], id="both"),
    ],
)
def test_decisions_are_found(wanted: Wanted, times: list[int]) -> None:
    kept = recent(
        record(0, route="a", cors=CorsOutcome.GRANTED, origin=b"https://app.example"),
        record(1, route="c"),
        record(2, **REFUSED),
        record(3, **BROKEN),
    )

    assert [one["time"] for one in kept.select(wanted)] == [f"1970-01-01T00:00:0{second}.000Z" for second in times]


def test_refusals_outlive_the_flood_of_all_that_went_well() -> None:
    """And each is shown once, wherever it still is."""
    flood = [record(second, route="c") for second in range(3, 9)]
    kept = recent(record(1, **REFUSED), record(2, **BROKEN), *flood, record(9, **REFUSED), kept=3)

    assert [one["time"][17:19] for one in kept.select(Wanted())] == ["09", "08", "07", "02", "01"]  # type: ignore[index]


def test_long_values_of_clients_are_kept_shortened() -> None:
    long = b"x" * 32_768
    original = record(method=long, target=b"/" + long, host=long, origin=long, fields=(("x-a", long), ("x-b", None)))
    [shown] = recent(original).select(Wanted())

    assert shown["target"] == "/" + "x" * (MAX_TARGET - 1) + "..."
    assert shown["origin"] == shown["method"] == shown["host"] == "x" * MAX_NAME + "..."
    assert original.target == b"/" + long


def test_field_of_a_request_is_not_kept_if_it_is_long() -> None:
    """The log has it; here nobody is shown it."""
    kept = recent(record(fields=(("x-a", b"x" * (MAX_CLIENT_BYTES + 1)), ("x-b", None))), record(fields=(("x-a", b"x"),)))

    assert [len(one.fields) for one in kept._all] == [0, 1]


def test_short_record_is_kept_as_it_is() -> None:
    """The copy would cost more than all the rest."""
    short = record(target=b"/" * MAX_CLIENT_BYTES)
    kept = recent(short)

    assert kept._all[0] is short


def test_bytes_that_are_no_text_are_escaped() -> None:
    [shown] = recent(record(target=b'/\xff"<script>', conflicts=(b"vary",))).select(Wanted())

    assert shown["target"] == '/\\xff"<script>'
    assert json.loads(json.dumps(shown)) == shown


def test_what_workers_found_is_merged_newest_first() -> None:
    first = recent(record(1), record(4)).select(Wanted())
    second = recent(record(2), record(3)).select(Wanted())

    assert [str(one["time"])[17:19] for one in merged([first, second], 3)] == ["04", "03", "02"]
