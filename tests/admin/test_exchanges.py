"""Decisions with their reasons, and the last hour: what a query filters, and what it may not say."""

import pytest
from support.admin_service import Ask, FakeService
from support.records import exchange_record

REFUSED = {"cors": "refused", "reason": "origin", "origin": b"https://evil.example"}


def keep(service: FakeService, target: bytes, **values: object) -> None:
    """Count and keep an exchange."""
    record = exchange_record("192.0.2.7", 1_800_000_000.0, method=b"GET", target=target, status=200, **values)  # type: ignore[arg-type]
    service.counters.count(record)
    service.recent.keep(record)


@pytest.mark.parametrize(
    ("query", "targets"),
    [
        pytest.param("", ["/4", "/3", "/2", "/1"], id="all-newest-first"),
        pytest.param("?limit=1", ["/4"], id="limit"),
        pytest.param("?limit=0", [], id="none"),
        pytest.param("?outcome=refused", ["/3", "/2"], id="refused"),
        pytest.param("?outcome=error", ["/4"], id="any-error"),
        pytest.param("?outcome=connection_refused", ["/4"], id="that-error"),
        pytest.param("?outcome=refused&route=routes%5B1%5D", ["/3"], id="route"),
        pytest.param("?origin=https://evil.example", ["/3", "/2"], id="origin"),
    ],
)
async def test_decisions_are_those_that_are_wanted(ask: Ask, service: FakeService, query: str, targets: list[str]) -> None:
    keep(service, b"/1")
    keep(service, b"/2", route="routes[0]", **REFUSED)
    keep(service, b"/3", route="routes[1]", **REFUSED)
    keep(service, b"/4", error="connection_refused")
    answer = await ask(f"GET /-/decisions{query}")

    assert answer.status == 200
    assert [decision["target"] for decision in answer.body["decisions"]] == targets


@pytest.mark.parametrize(
    ("query", "told"),
    [
        pytest.param("?outcome=refusd", "did you mean refused?", id="misspelt"),
        pytest.param("?outcome=No%20way", "write one of none, granted", id="no-outcome"),
        pytest.param("?limit=many", "as limit=100", id="no-number"),
        pytest.param("?limit=1001", "from 0 to 1000", id="too-many"),
        pytest.param("?orign=x", "some of route, outcome, origin, limit", id="unknown"),
        pytest.param("?origin=" + "x" * 3000, "2048 at most", id="long"),
    ],
)
async def test_query_that_means_nothing_is_told_what_to_write(ask: Ask, query: str, told: str) -> None:
    answer = await ask(f"GET /-/decisions{query}")

    assert answer.status == 400
    assert told in answer.body["error"]


async def test_history_says_what_happened_in_a_second_and_nothing_of_latencies_where_nothing_did(
    ask: Ask, service: FakeService
) -> None:
    history = service.measured()
    for duration_s in (0.01, 0.02, 0.03):
        keep(service, b"/", duration_s=duration_s)
    keep(service, b"/", duration_s=0.04, **REFUSED)
    history.sample(1_800_000_010.0, 7)
    history.sample(1_800_000_020.0, 0)
    answer = await ask("GET /-/history")
    first, second = answer.body["samples"]

    assert answer.body["interval_s"] == 10
    assert (first["time"], first["requests"], first["refused"], first["errors"]) == (1_800_000_010, 0.4, 0.1, 0)
    assert 0 < first["p50_ms"] <= first["p95_ms"] <= first["p99_ms"]
    assert first["connections"] == 7
    assert (second["requests"], second["p50_ms"], second["p99_ms"]) == (0, None, None)
