"""What is counted, as families of metrics in the words of Prometheus.  (docs/metrics.md lists them)

Labels are names that the policy file gives or that this program has: never an origin, a path, or anything else a client makes
up.  What is summed over workers is counted by the supervisor, and only ever grows; what a worker is now is summed when asked.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final, cast

from prometheus_client import CollectorRegistry, ProcessCollector, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from xoproxy import __version__
from xoproxy.admin.metrics import Snapshot
from xoproxy.reports.model import StoreStatus
from xoproxy.telemetry.counters import Counters, status_class, summed
from xoproxy.telemetry.histograms import BOUNDS_S, Histogram
from xoproxy.telemetry.reloads import Outcome
from xoproxy.telemetry.workers import AddressView, WorkerState, WorkerView

PREFIX: Final = "xoproxy_"
NONE: Final = "none"  # a label's value where there is nothing: no route matched, a report has no disposition

# Errors that are not an upstream's although the exchange was for one: the client's, and our own.
NOT_OF_UPSTREAMS: Final = frozenset(
    (
        "client_disconnected",
        "client_timeout",
        "destination_not_found",
        "draining",
        "http_request_denied",
        "http_request_error",
        "proxy_internal_error",
        "request_too_large",
        "too_many_connections",
    )
)
_PREFLIGHT: Final = "preflight-"

Values = Iterable[tuple[tuple[str, ...], float]]  # label values, value


def write(snapshot: Snapshot, *, is_open: bool) -> bytes:
    """Return the text of everything, and of this process's own use of the machine; `is_open`: as OpenMetrics."""
    registry = CollectorRegistry(auto_describe=False)  # to describe would be to collect twice
    registry.register(SnapshotCollector(snapshot))
    ProcessCollector(registry=registry)
    if is_open:
        made = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # no types
        return cast("bytes", made)
    return exposition.generate_latest(registry)


class SnapshotCollector(Collector):
    """Yields the families of a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Yield every family, those without a sample too: a dashboard can tell zero from a name that is wrong."""
        snapshot = self._snapshot
        yield InfoMetricFamily(f"{PREFIX}build", "The version that runs.", {"version": __version__})
        yield from _exchanges(snapshot.counters)
        yield from _cross_origin(snapshot.counters)
        yield from _reports(snapshot.counters, snapshot.store)
        yield from _configuration(snapshot)
        yield from _upstreams(snapshot.counters, snapshot.workers)
        yield from _processes(snapshot)


def _exchanges(counters: Counters) -> Iterator[Metric]:
    yield counter(
        "requests",
        "Exchanges that ended, by route, method and class of status (none: broken off before one was sent).",
        ("route", "method", "status_class"),
        (((route or NONE, method, status_class(hundreds)), n) for (route, method, hundreds), n in counters.requests.items()),
    )
    yield histogram("request_duration_seconds", "From a request's head to the end of its response.", counters.durations)
    yield histogram(
        "upstream_duration_seconds",
        "From sending a request's head to an upstream to the head of its response.",
        counters.upstream_durations,
    )
    yield counter("request_bytes", "Content of requests, without heads.", (), [((), counters.request_bytes)])
    yield counter("response_bytes", "Content of responses, without heads.", (), [((), counters.response_bytes)])
    yield counter("connections_accepted", "Clients' connections.", (), [((), counters.accepted)])
    yield counter(
        "errors",
        "Exchanges that ended with an error, by its kind.",
        ("kind",),
        singly(summed((kind, n) for (_, kind), n in counters.errors.items())),
    )
    yield counter("log_lines_dropped", "Log lines that the output did not take in time.", (), [((), counters.lines_dropped)])
    yield counter("spans_lost", "Spans that did not reach the collector of traces.", (), [((), counters.spans_lost)])


def _cross_origin(counters: Counters) -> Iterator[Metric]:
    cors = counters.cors
    yield counter(
        "cors",
        "Exchanges by what became of them in the CORS protocol, and why it refused.",
        ("route", "outcome", "reason"),
        (((route or NONE, str(outcome), reason or NONE), n) for (route, outcome, reason), n in cors.items()),
    )
    preflights = (
        (outcome.removeprefix(_PREFLIGHT), n) for (_, outcome, _), n in cors.items() if outcome.startswith(_PREFLIGHT)
    )
    yield counter("preflights", "CORS preflights, by what became of them.", ("outcome",), singly(summed(preflights)))
    yield counter(
        "field_conflicts",
        "Field lines of backends that the policy decides about, whoever won.",
        ("field",),
        singly(counters.conflicts),
    )
    yield counter(
        "observed_pages",
        "Pages that were loaded by browsers that report, where the policy observes something.",
        ("route",),
        singly({route or NONE: n for route, n in counters.pages.items()}),
    )


def _reports(counters: Counters, store: StoreStatus | None) -> Iterator[Metric]:
    yield counter(
        "reports",
        "Reports of browsers, by type and disposition.",
        ("type", "disposition"),
        (((kind, disposition or NONE), n) for (kind, disposition), n in counters.reports.items()),
    )
    yield counter(
        "report_deliveries",
        "Requests that brought reports, by what became of them.",
        ("outcome",),
        singly(counters.deliveries),
    )
    if store is None:
        return
    yield counter("reports_stored", "Reports that the store has counted.", (), [((), store.stored)])
    yield counter("reports_dropped", "Reports that could not be kept.", (), [((), store.dropped)])
    yield gauge("report_store_up", "Whether the store can be written and read.", (), [((), not store.error)])
    yield counter("report_store_errors", "Failed attempts to write or read the store.", (), [((), store.errors)])
    yield gauge("report_store_waiting", "Groups of reports that are not written yet.", (), [((), store.waiting)])


def _configuration(snapshot: Snapshot) -> Iterator[Metric]:
    last = snapshot.last_reload
    reloads = {outcome.value: snapshot.counters.reloads[outcome.value] for outcome in Outcome}
    yield counter("reloads", "Reloads, by outcome.", ("outcome",), singly(reloads))
    is_good = last is None or last.outcome is not Outcome.REJECTED
    yield gauge(
        "config_last_reload_successful", "Whether the last reload, if there was any, was not rejected.", (), [((), is_good)]
    )
    times = [] if last is None else [((), last.unix_time)]
    yield gauge("config_last_reload_timestamp_seconds", "When the last reload was.", (), times)
    yield gauge("config_generation", "The number of the configuration in force.", (), [((), snapshot.generation)])
    yield gauge(
        "config_orphaned",
        "Whether the watched file can never change again, as when a single file is mounted and replaced.",
        (),
        [((), snapshot.is_orphaned)],
    )


def _upstreams(counters: Counters, workers: tuple[WorkerView, ...]) -> Iterator[Metric]:
    views: dict[tuple[str, ...], list[AddressView]] = {}
    waiting: dict[str, int] = {}
    for worker in workers:
        for view in worker.addresses:
            views.setdefault((view.upstream, view.address), []).append(view)
        for upstream, n in worker.waiting.items():
            waiting[upstream] = waiting.get(upstream, 0) + n
    labels = ("upstream", "address")

    def of_addresses(name: str, text: str, values: Mapping[tuple[str, ...], float]) -> Metric:
        return gauge(f"upstream_{name}", text, labels, values.items())

    healthy = {key: all(view.healthy for view in each) for key, each in views.items()}
    ejected = {key: any(view.ejected for view in each) for key, each in views.items()}
    yield of_addresses("healthy", "Whether the health checks of every worker hold an address for well.", healthy)
    yield of_addresses("ejected", "Whether a worker leaves an address alone, because connections failed.", ejected)
    connections = {key: sum(view.connections for view in each) for key, each in views.items()}
    idle = {key: sum(view.idle for view in each) for key, each in views.items()}
    outstanding = {key: sum(view.outstanding for view in each) for key, each in views.items()}
    yield of_addresses("connections", "Connections to an address, idle ones and those being made included.", connections)
    yield of_addresses("idle", "Idle connections to an address.", idle)
    yield of_addresses("outstanding", "Exchanges on their way through an address.", outstanding)
    yield gauge("upstream_waiting", "Exchanges that wait for a connection.", ("upstream",), singly(waiting))
    # Known addresses begin at 0: where a series begins, Prometheus sees no rise.
    ejections = dict.fromkeys(views, 0)
    ejections.update(counters.ejections.items())
    yield counter("upstream_ejections", "How often an address was ejected, in any worker.", labels, ejections.items())
    yield counter(
        "upstream_errors",
        "Exchanges that failed because of an upstream, by the kind of error.",
        ("upstream", "kind"),
        ((key, n) for key, n in counters.errors.items() if key[0] and key[1] not in NOT_OF_UPSTREAMS),
    )


def _processes(snapshot: Snapshot) -> Iterator[Metric]:
    workers = snapshot.workers
    yield gauge("ready", "Whether new connections are welcome.", (), [((), snapshot.is_ready)])
    yield gauge("connections", "Clients that are connected.", (), [((), sum(worker.connections for worker in workers))])
    states = {state.value: sum(worker.state is state for worker in workers) for state in WorkerState}
    yield gauge("workers", "Processes that serve, by where they are in their life.", ("state",), singly(states))
    # While a successor starts there are two in a slot: the one that serves is shown, or else the younger.
    ranked = sorted(workers, key=lambda worker: (worker.state is WorkerState.SERVING, worker.started))
    in_slot = {str(worker.slot): worker for worker in ranked}
    slots = sorted(in_slot.items())
    cpu = (((slot,), worker.cpu_s) for slot, worker in slots)
    yield counter("worker_cpu_seconds", "Processor time of the worker in a slot.", ("slot",), cpu)
    resident = (((slot,), worker.resident_bytes) for slot, worker in slots)
    yield gauge("worker_resident_memory_bytes", "Memory of the worker in a slot.", ("slot",), resident)
    started = (((slot,), worker.started) for slot, worker in slots)
    yield gauge("worker_start_time_seconds", "When the worker in a slot was started.", ("slot",), started)


def counter(name: str, text: str, labels: tuple[str, ...], values: Values) -> Metric:
    """Return a family of counters; its samples get the suffix ``_total``."""
    return _filled(CounterMetricFamily(PREFIX + name, text, labels=labels), values)


def gauge(name: str, text: str, labels: tuple[str, ...], values: Values) -> Metric:
    """Return a family of gauges."""
    return _filled(GaugeMetricFamily(PREFIX + name, text, labels=labels), values)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, values: Values) -> CounterMetricFamily | GaugeMetricFamily:
    for labels, value in values:
        family.add_metric(labels, float(value))
    return family


def histogram(name: str, text: str, durations: Histogram) -> Metric:
    """Return a histogram of durations."""
    bounds = [*map(str, BOUNDS_S), "+Inf"]
    buckets = list(zip(bounds, map(float, accumulate(durations.buckets)), strict=True))
    return HistogramMetricFamily(PREFIX + name, text, buckets=buckets, sum_value=durations.sum_s)


def singly(values: Mapping[str, float]) -> Values:
    """Return values of families with a single label."""
    return (((label,), value) for label, value in values.items())
