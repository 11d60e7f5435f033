"""The CPU part: every proxy under every workload, in turns, so that what else the machine does falls on all alike."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks.agreement import require_agreement
from benchmarks.errors import BenchmarkError
from benchmarks.load import Load, Round, load_once
from benchmarks.proxies import Proxy, Xoproxy
from benchmarks.running import Running, Stage, running
from benchmarks.workloads import Kind, Request


def measure_rounds(
    stage: Stage, proxies: Sequence[Proxy], workloads: Iterable[Request], load: Load, tell: Callable[[str], None]
) -> list[Round]:
    """Return `load.rounds` rounds of each proxy and workload.  The order of the proxies is turned around from one to the next.

    A proxy of others that fails under a workload has no round of it.

    Raises:
        BenchmarkError: a proxy does not carry out the policy, or a request failed through the baseline or xoproxy.
    """
    script = stage.directory / "load.lua"
    found: list[Round] = []
    with ExitStack() as stack:
        stood = [stack.enter_context(running(proxy, stage)) for proxy in proxies]
        for one in stood:
            require_agreement(one)
        tell("the proxies agree: the same fields from all, to every kind of request")
        for workload in workloads:
            if workload.kind is Kind.TLS and stage.certificate is None:
                tell("tls is left out: openssl, which makes its certificate, is not installed")
                continue
            found += _rounds_of(workload, stood, load, script, tell)
    return found


def _rounds_of(
    workload: Request, stood: Sequence[Running], load: Load, script: Path, tell: Callable[[str], None]
) -> Iterator[Round]:
    able = list(stood)
    rounds: list[Round] = []
    for number in range(-1, load.rounds):  # before the first, connections to the backend are opened and caches filled
        tell(f"{workload.name}: round {number + 1} of {load.rounds}" if number >= 0 else workload.name)
        for one in able[::-1] if number % 2 else able[:]:
            try:
                done = load_once(one, workload, load if number >= 0 else replace(load, seconds=1), script)
            except BenchmarkError as exc:
                if one is stood[0] or isinstance(one.proxy, Xoproxy):
                    raise
                tell(f"{one.proxy.name} is left out of {workload.name}: {exc}")
                able.remove(one)
            else:
                rounds += [done] if number >= 0 else []
    names = {one.proxy.name for one in able}
    yield from (one for one in rounds if one.proxy in names)
