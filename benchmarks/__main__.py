"""Measure xoproxy beside other proxies: the same policy, the same backend, the same load, in one run.

    python -m benchmarks                                    # everything that is found: an hour
    python -m benchmarks --proxy xoproxy                    # xoproxy and nginx only: about 20
    python -m benchmarks --part cpu --workload small --proxy xoproxy --proxy haproxy --rounds 9 --json figures.json
    python -m benchmarks --part cpu --part growth --plot figures.svg
    python -m benchmarks --part cpu --against ../before     # two versions: a second tree is what this one is compared to

Parts:

    cpu       processor time per request, user and system, from the process's own accounting, as a ratio to nginx;
              requests per second at saturation
    latency   p50 and p99 at a fixed load, counted from when a request was to be sent; what a proxy adds at one connection
    growth    processor time over the number of routes, origins, idle connections, generations; throughput of workers
    policies  what a request costs under a policy that says everything, and with conditions, as a ratio to a plain route
    watching  what log, metrics, traces and reports cost a request, alone and together, as a ratio to none of them
    start     from starting the program to its first answer
    memory    idle, under load, and per idle keep-alive connection
    reload    from saving the policy file to the new policy in force
    stall     how long an exchange is held while a file of 5,000 routes is reloaded
    reports   how many of browsers' reports are read and kept in a second, and the memory that a million take

Before `cpu` each proxy must show that it answers with exactly the fields of the policy.  Proxies that are not found are named
and left out, and so is one from a workload that it fails; of `growth` and `stall` there are figures for nginx and xoproxy.

Needs Linux, two cores, nginx and wrk.  Nothing is installed, nothing leaves the loopback interface, files are written to a
temporary directory only, and what was started is ended.

Exit codes: 0 measured; 1 a part failed, as nginx or xoproxy did or a proxy does not agree; 2 usage, or something is missing.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from typing import NoReturn

from benchmarks.backend import running_backend
from benchmarks.choosing import Wishes, choose
from benchmarks.cores import divide_cores
from benchmarks.environment import describe, load_average
from benchmarks.errors import BenchmarkError, MissingError
from benchmarks.lifecycle import many_files
from benchmarks.load import Load
from benchmarks.parts import PARTS, Plan
from benchmarks.plot import plot
from benchmarks.proxies import BASELINE, PROXIES
from benchmarks.running import Stage
from benchmarks.tls import make_certificate
from benchmarks.tools import find
from benchmarks.workloads import WORKLOADS


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, return the exit code."""
    args = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)
    failures: list[Exception]
    try:
        failures = _measure(_plan(args), args.json, args.plot)
    except BenchmarkError as exc:
        failures = [exc]
        _tell(f"error: {exc}")
    except KeyboardInterrupt:
        return 130
    return max((2 if isinstance(failure, MissingError) else 1 for failure in failures), default=0)


def _plan(args: argparse.Namespace) -> Plan:
    if sys.platform != "linux":
        raise MissingError("this needs Linux: processor time and memory are read from /proc")
    for tool in ("nginx", "wrk"):
        find(tool)
    wishes = Wishes(args.proxy or (), args.node_modules, args.mitmdump, args.xoproxy, args.against, args.compiled)
    choice = choose(wishes)
    for sentence in choice.left_out:
        _tell(sentence)
    return Plan(
        tuple(part for part in PARTS if part in (args.part or PARTS)),
        choice.proxies,
        choice.baseline,
        tuple(args.workload or (workload.name for workload in WORKLOADS)),
        Load(args.connections, args.seconds, args.rounds),
        float(args.rate),
        _tell,
        args.postgresql,
    )


def _measure(plan: Plan, json_file: Path | None, plot_file: Path | None) -> list[Exception]:
    """Measure each part, and write the values in the end.  Return why parts have none."""
    cores = divide_cores()
    about = describe(plan.proxies, cores) | {"baseline": plan.baseline, "load": str(plan.load)}
    print("\n".join(f"{name}: {value}" for name, value in about.items()), end="\n\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="xoproxy-benchmarks-") as name, many_files():
        directory = Path(name)
        with running_backend(directory / "backend", cores.others) as backend_port:
            stage = Stage(directory, backend_port, cores.proxy, make_certificate(directory))
            values, failures = _measure_parts(plan, stage)
    about["load average at the end"] = load_average()
    print(f"load average at the end: {about['load average at the end']}")
    values["environment"] = about
    if json_file is not None:
        json_file.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    if plot_file is not None:
        plot_file.write_text(plot(json.loads(json.dumps(values))), encoding="utf-8")
    return failures


def _measure_parts(plan: Plan, stage: Stage) -> tuple[dict[str, object], list[Exception]]:
    """Print the table of each part as soon as it is there.  A part that fails leaves the others, which may have taken long."""
    values: dict[str, object] = {}
    failures: list[Exception] = []
    for part in plan.parts:
        _tell(f"measuring {part}")
        try:
            outcome = PARTS[part](plan, stage)
        except (BenchmarkError, OSError, HTTPException) as exc:
            failures.append(exc)
            _tell(f"error: {part}: {exc!r}")
            continue
        values[part] = outcome.values
        print(outcome.table, end="\n\n", flush=True)
    return values, failures


def _parser() -> argparse.ArgumentParser:
    assert __doc__ is not None
    workloads = "; ".join(f"{workload.name}: {workload.summary}" for workload in WORKLOADS)
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--part", action="append", choices=PARTS, help="may be given several times (default: all)")
    add(
        "--proxy",
        action="append",
        choices=[proxy.name for proxy in PROXIES],
        help=f"besides {BASELINE} (default: all that are found)",
    )
    names = [workload.name for workload in WORKLOADS]
    add("--workload", action="append", choices=names, help=f"may be given several times (default: all).  {workloads}")
    add("--rounds", type=_positive, default=5, metavar="N", help="of each proxy and workload (default: 5)")
    add("--seconds", type=_positive, default=2, metavar="S", help="of load in a round (default: 2)")
    add("--connections", type=_positive, default=16, metavar="N", help="kept open by the load (default: 16)")
    where = "a directory: that tree, or a file: what is installed for that interpreter"
    add("--xoproxy", type=Path, metavar="WHERE", help=f"measure another xoproxy than this tree's.  {where}")
    add(
        "--against",
        type=Path,
        metavar="WHERE",
        help=f"a second xoproxy, to which the first is compared instead of {BASELINE}.  {where}",
    )
    add("--compiled", type=Path, metavar="PYTHON", help="an interpreter that has the compiled build: measured besides")
    add(
        "--node-modules",
        type=Path,
        metavar="DIRECTORY",
        help="where http-proxy is, after `npm install http-proxy` (or NODE_PATH)",
    )
    add("--mitmdump", type=Path, metavar="FILE", help="mitmproxy's program, if it is not in PATH")
    add("--rate", type=_positive, default=1000, metavar="N", help="of the part latency, requests a second (default: 1000)")
    add("--postgresql", metavar="URL", help="a database that `reports` may fill")
    add("--plot", type=Path, metavar="FILE", help="draw `cpu` and `growth` there, as SVG")
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
