"""What reports cost: reading deliveries, keeping them, and the memory that a million of them takes.

Each run is a process of its own, so that its memory can be told: it reads deliveries as Chromium sends them, twenty reports
each, and gives them to a collector, faster than any client might.  Network and HTTP are not part of it (`cpu` measures those).

`read` is of the processor time within reading, `kept` of the time from the first report to the last that is in the store.
"""

import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.accounting import memory
from benchmarks.cores import on_cores
from benchmarks.errors import BenchmarkError
from benchmarks.running import Stage
from xoproxy.config.settings import Collecting, StoreKind, StoreSettings
from xoproxy.reports.collector import Collector
from xoproxy.reports.model import Query
from xoproxy.reports.reading import Unreadable, read_delivery

REPORTS: Final = 1_000_000
GROUPS: Final = (5_000, 100_000)  # a large site; the default of `max_groups`
_DELIVERY: Final = 20
_MAX_WAITING: Final = 4_000  # the load holds back then: dropping reports would be cheaper than keeping them
_ROOT: Final = Path(__file__).parents[1]
_AGENT: Final = b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36"


@dataclass(frozen=True, slots=True)
class ReportCost:
    """What one run came to."""

    store: str
    groups: int
    reports: int
    read_per_s: float  # of processor time
    kept_per_s: float
    cpu_us_per_report: float  # of the whole process: making the delivery, reading it, grouping, writing
    before_mib: float  # resident, the collector made and nothing kept
    after_mib: float
    find_ms: float  # the hundred groups with most reports, and how many there are in all


def measure_reports(stage: Stage, postgresql: str | None, tell: Callable[[str], None]) -> list[ReportCost]:
    """Return what each store costs.  `postgresql`: the URL of a database to be filled, None to leave it out.

    Raises:
        BenchmarkError: a run failed.
    """
    stores = [(StoreKind.MEMORY, ""), (StoreKind.SQLITE, str(stage.directory / "reports-{groups}.db"))]
    if postgresql is not None:
        stores.append((StoreKind.POSTGRESQL, postgresql))
    costs: list[ReportCost] = []
    for kind, where in stores:
        for groups in GROUPS:
            tell(f"  {kind.value}, {groups} groups")
            reports = REPORTS // 10 if kind is StoreKind.POSTGRESQL else REPORTS  # there the server is what is waited for
            costs.append(_run(stage, StoreSettings(kind, where.replace("{groups}", str(groups))), groups, reports))
    return costs


def _run(stage: Stage, store: StoreSettings, groups: int, reports: int) -> ReportCost:
    command = [sys.executable, "-m", "benchmarks.reports", store.kind.value, store.where, str(groups), str(reports)]
    with chdir(_ROOT), on_cores(stage.cores):
        done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise BenchmarkError(f"reports, {store.kind.value}: {done.stderr.strip()}")
    return ReportCost(**json.loads(done.stdout))


def deliveries(groups: int, reports: int) -> Iterator[bytes]:
    """Yield the contents of deliveries: `reports` in all, of `groups` groups, each as often as the others."""
    for first in range(0, reports, _DELIVERY):
        numbers = (number % groups for number in range(first, first + _DELIVERY))
        yield f"[{','.join(map(_report, numbers))}]".encode()


def _report(number: int) -> str:
    return (
        f'{{"age":1500,"body":{{"blockedURL":"https://cdn{number % 7}.example.com/assets/images/{number}/header.png?v=3",'
        f'"destination":"image","disposition":"reporting","type":"corp"}},"type":"coep",'
        f'"url":"https://app.example.com/account/pages/{number % 500}","user_agent":"{_AGENT.decode()}"}}'
    )


async def _measure(store: StoreSettings, groups: int, reports: int) -> ReportCost:
    failures: list[str] = []
    collector = Collector(Collecting(store=store), lambda event: failures.append(event.message))
    await collector.find(Query())
    gc.collect()
    before = memory(os.getpid()).rss_kib
    begun, begun_cpu, read_s = time.perf_counter(), time.process_time(), 0.0
    for body in deliveries(groups, reports):
        at = time.thread_time()
        read = read_delivery(b"application/reports+json", body, _AGENT, keep_queries=False)
        read_s += time.thread_time() - at
        assert not isinstance(read, Unreadable)
        collector.keep(read)
        while collector.status.waiting > _MAX_WAITING:  # noqa: ASYNC110  no event tells of a thread that writes
            await asyncio.sleep(0.001)
    await collector.find(Query(limit=1))
    kept_s, cpu_s = time.perf_counter() - begun, time.process_time() - begun_cpu
    gc.collect()
    after = memory(os.getpid()).rss_kib
    at = time.perf_counter()
    await collector.find(Query(limit=100))
    find_ms = (time.perf_counter() - at) * 1000
    status = collector.status
    await collector.close()
    if failures or status.dropped or status.stored != reports:
        raise SystemExit(f"{status}\n" + "\n".join(failures))
    rates = reports / read_s, reports / kept_s, cpu_s / reports * 1e6
    return ReportCost(store.kind.value, groups, reports, *rates, before / 1024, after / 1024, find_ms)


def main(arguments: Sequence[str]) -> None:
    """Be one run: its figures go to standard output as JSON."""
    kind, where, groups, reports = arguments
    print(json.dumps(asdict(asyncio.run(_measure(StoreSettings(StoreKind(kind), where), int(groups), int(reports))))))


if __name__ == "__main__":
    main(sys.argv[1:])
