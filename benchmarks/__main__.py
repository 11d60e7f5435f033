"""Measure xoproxy beside nginx: the same policy, the same backend, the same load, in one run.

    python -m benchmarks                                    # everything, about ten minutes
    python -m benchmarks --part cpu --workload small --rounds 9
    python -m benchmarks --part cpu --proxy xoproxy --proxy nginx-buffered --json figures.json

Parts: `cpu` (processor time per proxied request from the process's own accounting, as a ratio to nginx; requests per second at
saturation), `policies` (what a request costs under a policy that says everything, 1,000 routes or 10,000 origins, as a ratio
to one plain route), `watching` (what log, metrics, traces and reports cost a request, alone and together, as a ratio to none of
them), `start` (from starting the program to its first answer), `memory` (idle, and per idle keep-alive connection), `reload`
(from saving the policy file to the new policy in force), `stall` (how long an exchange is held while a file of 5,000 routes is
reloaded), `reports` (how many of browsers' reports are read and kept in a second, and the memory that a million take; in
PostgreSQL only with `--postgresql`).  Before `cpu` each proxy must show that it answers with exactly the fields of the policy;
one that does not is not measured.

Needs Linux, two cores, nginx and wrk.  Nothing is installed, nothing leaves the loopback interface, files are written to a
temporary directory only, and what was started is ended.

Exit codes: 0 measured; 1 a proxy failed; 2 usage, or something is missing.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NoReturn

from benchmarks import report
from benchmarks.backend import running_backend
from benchmarks.cores import divide_cores
from benchmarks.environment import describe, load_average
from benchmarks.errors import BenchmarkError, MissingError
from benchmarks.lifecycle import many_files, measure_memory, measure_reloads, measure_start
from benchmarks.load import Load
from benchmarks.policies import measure_costs
from benchmarks.proxies import BASELINE, DEFAULT, PROXIES, Proxy
from benchmarks.reports import measure_reports
from benchmarks.rounds import measure_rounds
from benchmarks.running import Stage
from benchmarks.stall import measure_stalls
from benchmarks.tools import find
from benchmarks.watching import OFF, measure_watching
from benchmarks.workloads import WORKLOADS

LIFECYCLE_TIMES: Final = 7  # starts and reloads; short, and their median is what counts


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line asks for."""

    parts: tuple[str, ...]
    proxies: tuple[Proxy, ...]
    workloads: tuple[str, ...]
    load: Load
    postgresql: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a part found: a table for people, values for machines."""

    table: str
    values: object


def _cpu(plan: Plan, stage: Stage) -> Outcome:
    chosen = [workload for workload in WORKLOADS if workload.name in plan.workloads]
    rounds = measure_rounds(stage, plan.proxies, chosen, plan.load, _tell)
    return Outcome(report.rounds_table(rounds, BASELINE), [asdict(one) for one in rounds])


def _start(plan: Plan, stage: Stage) -> Outcome:
    starts: dict[str, list[float]] = {proxy.name: [] for proxy in plan.proxies}
    for _ in range(LIFECYCLE_TIMES):
        for proxy in plan.proxies:
            starts[proxy.name].append(measure_start(proxy, stage))
    return Outcome(report.start_table(starts), starts)


def _memory(plan: Plan, stage: Stage) -> Outcome:
    uses = {proxy.name: measure_memory(proxy, stage) for proxy in plan.proxies}
    return Outcome(report.memory_table(uses), {name: asdict(use) for name, use in uses.items()})


def _reload(plan: Plan, stage: Stage) -> Outcome:
    reloads = {proxy.name: measure_reloads(proxy, stage, LIFECYCLE_TIMES) for proxy in plan.proxies}
    return Outcome(report.reload_table(reloads), reloads)


def _stall(plan: Plan, stage: Stage) -> Outcome:
    stalls = {proxy.name: measure_stalls(proxy, stage, _tell) for proxy in plan.proxies}
    return Outcome(report.stalls_table(stalls), {name: [asdict(one) for one in found] for name, found in stalls.items()})


def _policies(plan: Plan, stage: Stage) -> Outcome:
    costs = measure_costs(stage, plan.load, _tell)
    return Outcome(report.costs_table(costs), [asdict(cost) for cost in costs])


def _reports(plan: Plan, stage: Stage) -> Outcome:
    costs = measure_reports(stage, plan.postgresql, _tell)
    return Outcome(report.reports_table(costs), [asdict(cost) for cost in costs])


def _watching(plan: Plan, stage: Stage) -> Outcome:
    rounds = measure_watching(stage, plan.load, _tell)
    return Outcome(report.rounds_table(rounds, OFF), [asdict(one) for one in rounds])


PARTS: Final[dict[str, Callable[[Plan, Stage], Outcome]]] = {
    "cpu": _cpu,
    "policies": _policies,
    "watching": _watching,
    "start": _start,
    "memory": _memory,
    "reload": _reload,
    "stall": _stall,
    "reports": _reports,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, return the exit code."""
    args = _parser().parse_args(arguments)
    proxies = _chosen_proxies(args.proxy)
    plan = Plan(
        tuple(part for part in PARTS if part in (args.part or PARTS)),
        proxies,
        tuple(args.workload or (workload.name for workload in WORKLOADS)),
        Load(args.connections, args.seconds, args.rounds),
        args.postgresql,
    )
    signal.signal(signal.SIGTERM, _leave)
    try:
        _measure(plan, args.json)
    except MissingError as exc:
        _tell(f"error: {exc}")
        return 2
    except BenchmarkError as exc:
        _tell(f"error: {exc}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _measure(plan: Plan, json_file: Path | None) -> None:
    """Measure each part, print its table as soon as it is there, and write the values in the end."""
    if sys.platform != "linux":
        raise MissingError("this needs Linux: processor time and memory are read from /proc")
    for tool in ("nginx", "wrk") if {"cpu", "policies", "watching"} & set(plan.parts) else ("nginx",):
        find(tool)
    cores = divide_cores()
    values: dict[str, object] = {}
    about = describe(plan.proxies, cores)
    print("\n".join(f"{name}: {value}" for name, value in about.items()), end="\n\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="xoproxy-benchmarks-") as name, many_files():
        directory = Path(name)
        with running_backend(directory / "backend", cores.others) as backend_port:
            stage = Stage(directory, backend_port, cores.proxy)
            for part in plan.parts:
                _tell(f"measuring {part}")
                outcome = PARTS[part](plan, stage)
                values[part] = outcome.values
                print(outcome.table, end="\n\n", flush=True)
    about["load average at the end"] = load_average()
    print(f"load average at the end: {about['load average at the end']}")
    if json_file is not None:
        json_file.write_text(json.dumps({"environment": about, **values}, indent=1) + "\n", encoding="utf-8")


def _chosen_proxies(names: Sequence[str] | None) -> tuple[Proxy, ...]:
    """Return the proxies of these names; the baseline always comes first."""
    chosen = (BASELINE, *names) if names else DEFAULT
    return tuple(proxy for proxy in PROXIES if proxy.name in chosen)


def _parser() -> argparse.ArgumentParser:
    assert __doc__ is not None
    workloads = "; ".join(f"{workload.name}: {workload.summary}" for workload in WORKLOADS)
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--part", action="append", choices=PARTS, help="may be given several times (default: all)")
    add("--proxy", action="append", choices=[proxy.name for proxy in PROXIES], help=f"besides {BASELINE} (default: xoproxy)")
    names = [workload.name for workload in WORKLOADS]
    add("--workload", action="append", choices=names, help=f"may be given several times (default: all).  {workloads}")
    add("--rounds", type=_positive, default=5, metavar="N", help="of each proxy and workload (default: 5)")
    add("--seconds", type=_positive, default=3, metavar="S", help="of load in a round (default: 3)")
    add("--connections", type=_positive, default=16, metavar="N", help="kept open by the load (default: 16)")
    add("--postgresql", metavar="URL", help="a database that `reports` may fill")
    add("--json", type=Path, metavar="FILE", help="write every round and value there")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def _leave(number: int, frame: object) -> NoReturn:  # noqa: ARG001  signal's signature
    """End as by Ctrl-C: what was started is ended on the way out."""
    raise KeyboardInterrupt


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
