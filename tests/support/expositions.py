"""Expositions with every metric in them, and what a parser reads in one."""

from collections.abc import Iterable

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from support.records import exchange_record
from xoproxy.admin.exposition import write
from xoproxy.admin.metrics import Snapshot
from xoproxy.reports.model import StoreStatus
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.reloads import Outcome, Report, Trigger
from xoproxy.telemetry.workers import AddressView, WorkerState, WorkerView

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]  # by name and labels


def counters() -> Counters:
    """Return counters that counted something of every kind."""
    made = Counters()
    made.count(
        exchange_record(
            "192.0.2.1",
            0.0,
            method=b"POST",
            target=b"/secret?token=1",
            origin=b"https://evil.example",
            status=502,
            request_bytes=10,
            response_bytes=20,
            duration_s=0.25,
            upstream_s=0.2,
            forward_to="app",
            route="routes[0]",
            cors="preflight-refused",
            reason="origin",
            error="dns_error",
            conflicts=(b"cross-origin-opener-policy",),
        )
    )
    made.count(exchange_record("192.0.2.1", 0.0, forward_to="app", error="client_disconnected"))
    made.count(exchange_record("192.0.2.1", 0.0, method=b"GET", status=200, route="routes[0]", page=True))
    made.count_report("coep", "report")
    made.deliveries["taken"] += 1
    made.ejections["app", "http://app:5000"] += 2
    made.reloads["rejected"] += 1
    made.accepted, made.lines_dropped, made.spans_lost = 3, 4, 5
    return made


def snapshot(counted: Counters | None = None, workers: tuple[WorkerView, ...] | None = None) -> Snapshot:
    """Return everything that could be shown."""
    first = AddressView("app", "http://app:5000", 1, 3, 2, ejected=False, healthy=True)
    second = AddressView("app", "http://app:5000", 2, 4, 1, ejected=True, healthy=False)
    if workers is None:
        workers = (
            WorkerView(0, 1, 2, 5, WorkerState.DRAINING, 50.0, (first,), {"app": 1}, 9.0, 900),
            WorkerView(0, 2, 2, 6, WorkerState.SERVING, 60.0, (second,), {"app": 2}, 1.5, 100),
            WorkerView(0, 3, 0, 0, WorkerState.STARTING, 70.0),
        )
    last = Report(Outcome.REJECTED, Trigger.WATCH, 1_800_000_000.0, 2)
    store = StoreStatus("memory", "disk full", stored=1, dropped=2, errors=3, waiting=4)
    return Snapshot(counters() if counted is None else counted, workers, 2, True, False, last, store)


def families(of: Snapshot | None = None) -> list[Metric]:
    """Return what a scrape reads."""
    return list(text_string_to_metric_families(write(of or snapshot(), is_open=False).decode()))


def samples(found: Iterable[Metric]) -> Samples:
    """Return values by name and labels."""
    return {(one.name, frozenset(one.labels.items())): one.value for family in found for one in family.samples}


def value(found: Samples, name: str, **labels: str) -> float:
    """Return one value."""
    return found[f"xoproxy_{name}", frozenset(labels.items())]
