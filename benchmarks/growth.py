"""What a request costs as things grow in number: routes, origins, idle connections, generations gone by, workers.

Each size is a process of its own, and all sizes of a kind are measured in turns; the figure is the ratio to the smallest.  Of
workers it is requests per second that count: they get every core that there is, and share them with load and backend.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from benchmarks.figures import spread
from benchmarks.lifecycle import change_policies, hold_connections
from benchmarks.load import Load, Round, load_once
from benchmarks.policy import POLICY
from benchmarks.proxies import Feature, Proxy, Xoproxy
from benchmarks.running import Running, Stage, running
from benchmarks.workloads import SMALL


class Kind(Enum):
    """What grows."""

    ROUTES = "routes"
    ORIGINS = "origins"
    CONNECTIONS = "idle connections"
    GENERATIONS = "generations gone by"
    WORKERS = "workers"


SIZES: Final[dict[Kind, tuple[int, ...]]] = {
    Kind.ROUTES: (1, 100, 1_000, 5_000),
    Kind.ORIGINS: (1, 100, 10_000),
    Kind.CONNECTIONS: (0, 1_000, 5_000),
    Kind.GENERATIONS: (0, 100, 1_000),
    Kind.WORKERS: (1, 2),
}


@dataclass(frozen=True, slots=True)
class Grown:
    """One proxy at one size."""

    kind: str
    proxy: str
    size: int
    rounds: tuple[Round, ...]


def measure_growth(
    stage: Stage,
    proxies: Sequence[Proxy],
    load: Load,
    tell: Callable[[str], None],
    sizes: dict[Kind, tuple[int, ...]] = SIZES,
) -> list[Grown]:
    """Measure every kind with the proxies that have it.

    Raises:
        BenchmarkError: a request failed.
    """
    found: list[Grown] = []
    for kind, its_sizes in sizes.items():
        tell(f"growth: {kind.value}")
        found += _one_kind(kind, its_sizes, stage, [proxy for proxy in proxies if _has(proxy, kind)], load)
    return found


def _has(proxy: Proxy, kind: Kind) -> bool:
    match kind:
        case Kind.ROUTES | Kind.ORIGINS | Kind.CONNECTIONS:
            return Feature.ROUTES not in proxy.lacks
        case Kind.GENERATIONS:
            return isinstance(proxy, Xoproxy)  # others begin anew with processes of their own
        case Kind.WORKERS:
            return Feature.WORKERS not in proxy.lacks


def _one_kind(kind: Kind, sizes: Sequence[int], stage: Stage, proxies: Sequence[Proxy], load: Load) -> Iterator[Grown]:
    script = stage.directory / "load.lua"
    rounds: dict[tuple[str, int], list[Round]] = {}
    with ExitStack() as stack:
        stood = [
            (proxy.name, size, stack.enter_context(_grown(kind, size, proxy, stage))) for proxy in proxies for size in sizes
        ]
        for _, _, one in stood:
            load_once(one, SMALL, replace(load, seconds=1), script)
        for number in range(load.rounds):
            for name, size, one in stood[::-1] if number % 2 else stood:
                rounds.setdefault((name, size), []).append(load_once(one, SMALL, load, script))
    for name, size, _ in stood:
        yield Grown(kind.value, name, size, tuple(rounds[name, size]))


@contextmanager
def _grown(kind: Kind, size: int, proxy: Proxy, stage: Stage) -> Iterator[Running]:
    """Run a proxy at a size."""
    policy, workers = POLICY, 1
    match kind:
        case Kind.ROUTES:
            policy = replace(POLICY, routes=size)
        case Kind.ORIGINS:
            policy = replace(POLICY, origins=size)
        case Kind.WORKERS:
            stage, workers = replace(stage, cores=stage.cores | os.sched_getaffinity(0)), size
    with ExitStack() as stack:
        one = stack.enter_context(running(proxy, stage, policy, workers))
        if kind is Kind.CONNECTIONS:
            stack.enter_context(hold_connections(one, size))
        elif kind is Kind.GENERATIONS:
            change_policies(one, size)
        yield one


def ratios(grown: Sequence[Grown], one: Grown) -> list[float]:
    """Return, round by round, processor time over that of the smallest; of workers the throughput over it."""
    smallest = next(each for each in grown if (each.kind, each.proxy) == (one.kind, one.proxy))
    pairs = zip(one.rounds, smallest.rounds, strict=True)
    if one.kind == Kind.WORKERS.value:
        return [ours.rate / first.rate for ours, first in pairs]
    return [ours.total_us / first.total_us for ours, first in pairs]


def with_a_core_each(grown: Sequence[Grown], one: Grown) -> list[float]:
    """Return, round by round, how many times one worker's work `one.size` workers would do, each with a core to itself.

    Reckoned from processor time per request: if two workers need as much of it as one, they do twice as much.  That connections
    are spread evenly is taken for granted; that load and backend share the cores here counts against the workers.
    """
    smallest = next(each for each in grown if (each.kind, each.proxy) == (one.kind, one.proxy))
    pairs = zip(one.rounds, smallest.rounds, strict=True)
    return [one.size / smallest.size * first.total_us / ours.total_us for ours, first in pairs]


def about_workers(stage: Stage, grown: Sequence[Grown]) -> str:
    """Return what to think of the figures of workers on this machine."""
    cores = len(stage.cores | os.sched_getaffinity(0))
    enough = max(SIZES[Kind.WORKERS]) + 1
    if cores >= enough:
        return f"workers have {cores} cores, together with load and backend"
    lines = [
        f"workers: {cores} cores are too few to tell, as two workers, load and backend share them; it takes {enough} or more"
    ]
    for one in grown:
        if one.kind == Kind.WORKERS.value and one.size > 1:
            times = spread(with_a_core_each(grown, one), 2)
            lines.append(
                f"{one.proxy}: by processor time per request {one.size} workers with a core each do {times} times one's work"
            )
    return "\n".join(lines)
