"""Turn what was measured into tables for people."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from operator import attrgetter
from statistics import median

from benchmarks.figures import spread
from benchmarks.growth import Grown
from benchmarks.growth import ratios as growth_ratios
from benchmarks.latency import DIRECT, Delay, added
from benchmarks.lifecycle import MemoryUse
from benchmarks.load import Round
from benchmarks.policies import Cost
from benchmarks.policies import ratios as cost_ratios
from benchmarks.reports import ReportCost
from benchmarks.stall import Stall

_LEAST_MS = 0.001  # what a proxy adds at least, as the clock sees it


def ratios(rounds: Iterable[Round], workload: str, proxy: str, baseline: str) -> list[float]:
    """Return processor time per request of `proxy` over `baseline`, of each pair measured side by side."""
    ours, theirs = ([one for one in rounds if one.workload == workload and one.proxy == name] for name in (proxy, baseline))
    return [one.total_us / other.total_us for one, other in zip(ours, theirs, strict=True)] if ours else []


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in columns: the first two to the left, the others to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def rounds_table(rounds: Sequence[Round], baseline: str) -> str:
    """Return processor time per request and requests per second; medians, with the least and the greatest."""
    head = (
        "workload",
        "proxy",
        "user us",
        "system us",
        "total us (min-max)",
        f"x {baseline} (min-max)",
        "requests/s",
        "busy",
        "p50 ms",
        "p99 ms",
    )
    rows: list[Sequence[str]] = []
    for workload, proxy in product(
        *(dict.fromkeys(names) for names in zip(*((one.workload, one.proxy) for one in rounds), strict=True))
    ):
        mine = [one for one in rounds if (one.workload, one.proxy) == (workload, proxy)]
        if not mine:  # it does not do that, and was said to be left out
            rows.append((workload, proxy, *"-" * (len(head) - 2)))
            continue

        def middle(value: Callable[[Round], float], mine: Sequence[Round] = mine) -> float:
            return median(map(value, mine))

        ratio = "1" if proxy == baseline else spread(ratios(rounds, workload, proxy, baseline), 2)
        rows.append(
            (
                workload,
                proxy,
                f"{middle(lambda one: one.user_us):.1f}",
                f"{middle(lambda one: one.system_us):.1f}",
                spread([one.total_us for one in mine], 1),
                ratio,
                f"{middle(lambda one: one.rate):.0f}",
                f"{middle(lambda one: one.busy):.0%}",
                f"{middle(lambda one: one.p50_ms):.2f}",
                f"{middle(lambda one: one.p99_ms):.2f}",
            )
        )
    return table(head, rows)


def latency_table(delays: Sequence[Delay], baseline: str) -> str:
    """Return latencies at the fixed rate, and what each proxy adds at one connection."""
    rows: list[Sequence[str]] = []
    for name in dict.fromkeys(one.proxy for one in delays):
        mine = [one for one in delays if one.proxy == name]
        row = [name, "does not keep up" if any(one.is_behind for one in mine) else ""]
        row += [spread([one.p50_ms for one in mine], 2), spread([one.p99_ms for one in mine], 2)]
        for p50_ms in (attrgetter("single_p50_ms"), attrgetter("successive_p50_ms")):
            more, first = added(delays, name, p50_ms), added(delays, baseline, p50_ms)
            over = [one / max(other, _LEAST_MS) for one, other in zip(more, first, strict=True)]
            row += [spread(more, 3), "-" if name == DIRECT else spread(over, 2)]
        rows.append(row)
    times = f"x {baseline}"
    head = ("proxy", "", "p50 ms", "p99 ms", "one connection: added ms", times, "one after the other: added ms", times)
    return table(head, rows)


def growth_table(grown: Sequence[Grown]) -> str:
    """Return what a request costs at each size, and how much more than at the smallest."""
    rows = [
        (
            one.kind,
            one.proxy,
            f"{one.size}",
            spread([each.total_us for each in one.rounds], 1),
            f"{median(each.rate for each in one.rounds):.0f}",
            spread(growth_ratios(grown, one), 2),
        )
        for one in grown
    ]
    return table(("what grows", "proxy", "to", "total us (min-max)", "requests/s", "x smallest"), rows)


def start_table(starts: Mapping[str, Sequence[float]]) -> str:
    """Return the start-up times."""
    rows = [(name, "", spread([value * 1000 for value in values], 0)) for name, values in starts.items()]
    return table(("proxy", "", "start to first answer, ms (min-max)"), rows)


def memory_table(uses: Mapping[str, MemoryUse]) -> str:
    """Return the memory after the start, in MiB, and per idle connection."""
    rows = [
        (
            name,
            "",
            *(f"{kib / 1024:.1f}" for kib in (use.idle.rss_kib, use.idle.pss_kib, use.idle.uss_kib)),
            *([f"{kib / 1024:.1f}" for kib in (use.loaded.rss_kib, use.loaded.pss_kib)] if use.loaded else "--"),
            f"{use.rss_per_connection_bytes / 1024:.1f}",
            f"{use.uss_per_connection_bytes / 1024:.1f}",
        )
        for name, use in uses.items()
    ]
    loaded = ("under load: RSS MiB", "PSS MiB")
    return table(("proxy", "", "RSS MiB", "PSS MiB", "USS MiB", *loaded, "RSS KiB per idle connection", "USS KiB"), rows)


def reload_table(reloads: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Return the times from saving to the new policy in force."""
    rows = [
        (name, way, spread([value * 1000 for value in values], 0))
        for name, ways in reloads.items()
        for way, values in ways.items()
    ]
    return table(("proxy", "saved", "to the new policy in force, ms (min-max)"), rows)


def stalls_table(stalls: Mapping[str, Sequence[Stall]]) -> str:
    """Return how long exchanges were held: without a reload, and during one."""
    columns: dict[str, Callable[[Stall], float]] = {
        "quiet: p99 ms": lambda one: one.quiet_p99_ms,
        "longest ms": lambda one: one.quiet_longest_ms,
        "reloading: p99 ms": lambda one: one.p99_ms,
        "longest ms ": lambda one: one.longest_ms,
        "in force after s": lambda one: one.in_force_s,
        "connections closed": lambda one: one.reopened,
    }
    rows = [
        (
            name,
            "",
            *(spread([value(one) for one in found], 0 if title.endswith("closed") else 2) for title, value in columns.items()),
        )
        for name, found in stalls.items()
    ]
    return table(("proxy", "", *columns), rows)


def costs_table(costs: Sequence[Cost]) -> str:
    """Return what each policy costs, and how much more than the first."""
    head = ("policy", "", "proxied, us (min-max)", "x plain", "decided, us", "x plain", "loaded, s")
    rows = [
        (
            cost.name,
            "",
            spread([one.total_us for one in cost.rounds], 1),
            spread(proxied, 2),
            spread(cost.decision_us, 1),
            spread(decided, 2),
            f"{cost.load_s:.2f}",
        )
        for cost, (_, proxied, decided) in zip(costs, cost_ratios(costs), strict=True)
    ]
    return table(head, rows)


def reports_table(costs: Sequence[ReportCost]) -> str:
    """Return what it costs to read and keep reports."""
    head = (
        "store",
        "groups",
        "reports",
        "read/s",
        "kept/s",
        "CPU us per report",
        "RSS MiB before",
        "after",
        "100 groups found, ms",
    )
    rows = [
        (
            cost.store,
            f"{cost.groups}",
            f"{cost.reports}",
            f"{cost.read_per_s:.0f}",
            f"{cost.kept_per_s:.0f}",
            f"{cost.cpu_us_per_report:.1f}",
            f"{cost.before_mib:.1f}",
            f"{cost.after_mib:.1f}",
            f"{cost.find_ms:.0f}",
        )
        for cost in costs
    ]
    return table(head, rows)
