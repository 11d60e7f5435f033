"""Attack a real xoproxy, and see what it holds afterwards.

    python -m benchmarks.soak                            # everything at full size, a few minutes
    python -m benchmarks.soak --only aborts --only download
    python -m benchmarks.soak --scale 0.1                # a tenth of everything

Each scenario has a process of its own, beside which normal traffic goes on: one request of it that is not answered as it should
be is a failure.  Memory is resident memory (VmRSS, VmHWM), before the scenario and after it, with what it needed at most.

Needs Linux.  Nothing leaves the loopback interface; files are written to a temporary directory only.

Exit codes: 0 nothing failed; 1 something did; 2 usage.
"""

import argparse
import asyncio
import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.errors import BenchmarkError
from benchmarks.lifecycle import many_files
from benchmarks.report import table
from benchmarks.soak.aborts import aborts
from benchmarks.soak.floods import connection_flood, head_flood
from benchmarks.soak.memory import download, idle_connections, upload
from benchmarks.soak.scenario import FULL, Outcome, Scenario, Sizes
from benchmarks.soak.slow import slow_bodies, slow_heads, slow_readers
from benchmarks.soak.starved import starved

SCENARIOS: Final[dict[str, Scenario]] = {
    "slow-heads": slow_heads,
    "slow-bodies": slow_bodies,
    "slow-readers": slow_readers,
    "head-flood": head_flood,
    "connection-flood": connection_flood,
    "aborts": aborts,
    "download": download,
    "upload": upload,
    "idle": idle_connections,
    "starved": starved,
}
_HEAD: Final = (
    "scenario",
    "what was done",
    "MiB before",
    "most",
    "after",
    "fds",
    "after",
    "tasks",
    "after",
    "rounds",
    "failures",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for, print, return the exit code."""
    args = _parser().parse_args(arguments)
    if sys.platform != "linux":
        print("error: this needs Linux: memory and descriptors are read from /proc", file=sys.stderr)
        return 2
    sizes = scaled(FULL, args.scale)
    outcomes: dict[str, Outcome] = {}
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="xoproxy-soak-") as directory, many_files():
        for name in args.only or SCENARIOS:
            print(f"running {name}", file=sys.stderr, flush=True)
            try:
                outcomes[name] = asyncio.run(SCENARIOS[name](Path(directory), sizes))
            except (BenchmarkError, OSError, TimeoutError) as exc:  # the others can still be run
                failures.append(f"{name}: {type(exc).__name__}: {exc}")
    print(table(_HEAD, [row(name, outcome) for name, outcome in outcomes.items()]))
    failures += [f"{name}: {failure}" for name, outcome in outcomes.items() for failure in outcome.failures]
    print(*failures, sep="\n")
    return 1 if failures else 0


def scaled(sizes: Sizes, factor: float) -> Sizes:
    """Return sizes of which each is `factor` times as large, and even."""
    return Sizes(*(max(2, int(value * factor) // 2 * 2) for value in dataclasses.astuple(sizes)))


def row(name: str, outcome: Outcome) -> tuple[str, ...]:
    """Return what is shown of a scenario."""
    before, after = outcome.before, outcome.after
    memory = (f"{kib / 1024:.1f}" for kib in (before.rss_kib, outcome.peak_kib, after.rss_kib))
    counts = (before.descriptors, after.descriptors, before.tasks, after.tasks, outcome.rounds, len(outcome.failures))
    return (name, outcome.said, *memory, *map(str, counts))


def _parser() -> argparse.ArgumentParser:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        "python -m benchmarks.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="may be given several times (default: all)")
    parser.add_argument("--scale", type=float, default=1.0, metavar="X", help="of all sizes (default: 1)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
