"""The parts of the benchmark: what is measured, in which order, and how it is shown."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

from benchmarks import report
from benchmarks.growth import about_workers, measure_growth
from benchmarks.latency import measure_latency
from benchmarks.lifecycle import measure_memory, measure_reloads, measure_start
from benchmarks.load import Load
from benchmarks.policies import measure_costs
from benchmarks.proxies import Feature, Proxy
from benchmarks.reports import measure_reports
from benchmarks.rounds import measure_rounds
from benchmarks.running import Stage
from benchmarks.stall import measure_stalls
from benchmarks.watching import OFF, measure_watching
from benchmarks.workloads import WORKLOADS

LIFECYCLE_TIMES: Final = 7  # starts and reloads; short, and their median is what counts

Tell = Callable[[str], None]  # what is going on, for somebody who waits


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line asks for."""

    parts: tuple[str, ...]
    proxies: tuple[Proxy, ...]
    baseline: str
    workloads: tuple[str, ...]
    load: Load
    rate: float  # of `latency`, requests a second
    tell: Tell
    postgresql: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a part found: a table for people, values for machines."""

    table: str
    values: object


def _cpu(plan: Plan, stage: Stage) -> Outcome:
    chosen = [workload for workload in WORKLOADS if workload.name in plan.workloads]
    rounds = measure_rounds(stage, plan.proxies, chosen, plan.load, plan.tell)
    return Outcome(report.rounds_table(rounds, plan.baseline), [asdict(one) for one in rounds])


def _latency(plan: Plan, stage: Stage) -> Outcome:
    delays = measure_latency(stage, plan.proxies, plan.load, plan.rate, plan.tell)
    return Outcome(report.latency_table(delays, plan.baseline), [asdict(one) for one in delays])


def _growth(plan: Plan, stage: Stage) -> Outcome:
    grown = measure_growth(stage, plan.proxies, plan.load, plan.tell)
    return Outcome(f"{report.growth_table(grown)}\n{about_workers(stage, grown)}", [asdict(one) for one in grown])


def _start(plan: Plan, stage: Stage) -> Outcome:
    starts: dict[str, list[float]] = {proxy.name: [] for proxy in plan.proxies}
    for _ in range(LIFECYCLE_TIMES):
        for proxy in plan.proxies:
            starts[proxy.name].append(measure_start(proxy, stage))
    return Outcome(report.start_table(starts), starts)


def _memory(plan: Plan, stage: Stage) -> Outcome:
    uses = {proxy.name: measure_memory(proxy, stage, plan.load.seconds) for proxy in plan.proxies}
    return Outcome(report.memory_table(uses), {name: asdict(use) for name, use in uses.items()})


def _reload(plan: Plan, stage: Stage) -> Outcome:
    reloads = {
        proxy.name: measure_reloads(proxy, stage, LIFECYCLE_TIMES)
        for proxy in plan.proxies
        if Feature.RELOAD not in proxy.lacks
    }
    return Outcome(report.reload_table(reloads), reloads)


def _stall(plan: Plan, stage: Stage) -> Outcome:
    able = [proxy for proxy in plan.proxies if Feature.ROUTES not in proxy.lacks]
    stalls = {proxy.name: measure_stalls(proxy, stage, plan.tell) for proxy in able}
    return Outcome(report.stalls_table(stalls), {name: [asdict(one) for one in found] for name, found in stalls.items()})


def _policies(plan: Plan, stage: Stage) -> Outcome:
    costs = measure_costs(stage, plan.load, plan.tell)
    return Outcome(report.costs_table(costs), [asdict(cost) for cost in costs])


def _reports(plan: Plan, stage: Stage) -> Outcome:
    costs = measure_reports(stage, plan.postgresql, plan.tell)
    return Outcome(report.reports_table(costs), [asdict(cost) for cost in costs])


def _watching(plan: Plan, stage: Stage) -> Outcome:
    rounds = measure_watching(stage, plan.load, plan.tell)
    return Outcome(report.rounds_table(rounds, OFF), [asdict(one) for one in rounds])


PARTS: Final[dict[str, Callable[[Plan, Stage], Outcome]]] = {
    "cpu": _cpu,
    "latency": _latency,
    "growth": _growth,
    "policies": _policies,
    "watching": _watching,
    "start": _start,
    "memory": _memory,
    "reload": _reload,
    "stall": _stall,
    "reports": _reports,
}
