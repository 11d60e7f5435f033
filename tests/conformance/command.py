"""`python -m tests.conformance`: the table against any proxy, and what became of it by groups."""

import argparse
import asyncio
import json
from collections import Counter
from dataclasses import asdict, dataclass

from conformance.against import run_against
from conformance.answer_table import ANSWERS, play_against
from conformance.answers import ResponseCase
from conformance.model import Case
from conformance.playing import Judged
from conformance.runner import Verdict, splits
from conformance.scenarios import Scenario
from conformance.table import ROWS
from conformance.targets import KINDS, version_of


@dataclass(frozen=True)
class Row:
    """One case in the raw report."""

    target: str
    group: str
    case: str
    section: str
    passed: bool
    fault: str | None
    seen: str


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 if a case failed."""
    options = _options(arguments)
    cases = [case for case in ROWS if options.group in (None, case.group) and options.case in case.name]
    if options.splits:
        cases = [cut for case in cases if isinstance(case, Case) and len(case.sent) < 300 for cut in splits(case)]
    asked = () if options.splits else ANSWERS
    answers = [case for case in asked if options.group in (None, case.group) and options.case in case.name]
    targets = options.target or ["xoproxy"]
    results = {name: asyncio.run(_run(name, cases, answers, options.backend_port)) for name in targets}
    rows = [
        Row(name, one.case.group, one.case.name, one.case.section, one.fault is None, one.fault, one.told)
        for name, verdicts in results.items()
        for one in verdicts
    ]
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        _report(rows, targets, verbose=options.verbose)
    return 0 if all(row.passed for row in rows) else 1


async def _run(name: str, cases: list[Case | Scenario], answers: list[ResponseCase], port: int) -> list[Verdict | Judged]:
    """Run requests, then responses."""
    verdicts = await run_against(name, cases, backend_port=port) if cases else []
    return [*verdicts, *await play_against(name, answers, backend_port=port)]


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument(
        "--target",
        action="append",
        help=f"{', '.join(KINDS)}, or HOST:PORT of a proxy that is running before --backend-port; may be repeated",
    )
    parser.add_argument("--group", help="only the cases of this group")
    parser.add_argument("--case", default="", help="only cases with this in their names")
    parser.add_argument("--backend-port", type=int, default=0, help="where the recorder listens; else the kernel chooses")
    parser.add_argument("--splits", action="store_true", help="each short case cut in two writes at each byte")
    parser.add_argument("--json", action="store_true", help="one object per case instead of the table")
    parser.add_argument("--verbose", action="store_true", help="also each case that failed, and why")
    return parser.parse_args(arguments)


def _report(rows: list[Row], targets: list[str], *, verbose: bool) -> None:
    """Print passed of total per group and target, as a Markdown table."""
    passed = Counter((row.target, row.group) for row in rows if row.passed)
    total = Counter((row.target, row.group) for row in rows)
    groups = list(dict.fromkeys(row.group for row in rows))
    names = [version_of(KINDS[name]) if name in KINDS else name for name in targets]
    print(f"| Group | Cases | {' | '.join(names)} |")
    print(f"|---|---|{'---|' * len(targets)}")
    for group in groups:
        counts = " | ".join(str(passed[name, group]) for name in targets)
        print(f"| {group} | {total[targets[0], group]} | {counts} |")
    sums = " | ".join(str(sum(row.passed for row in rows if row.target == name)) for name in targets)
    print(f"| **all** | {sum(row.target == targets[0] for row in rows)} | {sums} |")
    for row in rows:
        if not row.passed and verbose:
            print(f"\n{row.target}: {row.group}: {row.case} ({row.section})\n  {row.fault}\n  {row.seen}")
