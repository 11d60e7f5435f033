"""The CPU part: every proxy under every workload, in turns."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks.agreement import require_agreement
from benchmarks.load import Load, Round, load_once
from benchmarks.proxies import Proxy
from benchmarks.running import Running, Stage, running
from benchmarks.turns import Entrant, is_essential, take_turns
from benchmarks.workloads import Kind, Request


def measure_rounds(
    stage: Stage, proxies: Sequence[Proxy], workloads: Iterable[Request], load: Load, tell: Callable[[str], None]
) -> list[Round]:
    """Return `load.rounds` rounds of each proxy and workload.

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
            entrants = [_entrant(one, workload, load, script, is_essential(one.proxy, proxies[0])) for one in stood]
            found += take_turns(entrants, load.rounds, workload.name, tell)
    return found


def _entrant(one: Running, workload: Request, load: Load, script: Path, essential: bool) -> Entrant[Round]:  # noqa: FBT001
    def measure(is_first: bool) -> Round:  # noqa: FBT001
        return load_once(one, workload, replace(load, seconds=1) if is_first else load, script)

    return Entrant(one.proxy.name, essential, measure)
