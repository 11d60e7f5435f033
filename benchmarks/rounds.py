"""The CPU part: every proxy under every workload, in turns, so that what else the machine does falls on all alike."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from benchmarks.agreement import require_agreement
from benchmarks.load import Load, Round, load_once
from benchmarks.proxies import Proxy
from benchmarks.running import Stage, running
from benchmarks.workloads import Request


def measure_rounds(
    stage: Stage, proxies: Sequence[Proxy], workloads: Iterable[Request], load: Load, tell: Callable[[str], None]
) -> list[Round]:
    """Return `load.rounds` rounds of each proxy and workload.  The order of the proxies is turned around from one to the next.

    Raises:
        BenchmarkError: a proxy does not carry out the policy, or a request failed.
    """
    script = stage.directory / "load.lua"
    found: list[Round] = []
    with ExitStack() as stack:
        stood = [stack.enter_context(running(proxy, stage)) for proxy in proxies]
        for one in stood:
            require_agreement(one)
        tell("the proxies agree: the same fields from all, to every kind of request")
        for workload in workloads:
            for one in stood:  # connections to the backend are opened, caches filled
                load_once(one, workload, replace(load, seconds=1), script)
            for number in range(load.rounds):
                tell(f"{workload.name}: round {number + 1} of {load.rounds}")
                found.extend(load_once(one, workload, load, script) for one in (stood[::-1] if number % 2 else stood))
    return found
