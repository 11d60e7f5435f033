"""Latency at a fixed, moderate load, and what a proxy adds to it at a single connection.

The load is open: requests go out when they are due, and their latency counts from then.  The backend alone is measured in the
same rounds; what one adds is the difference of the medians.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Final

from benchmarks.drivers.driver import driving
from benchmarks.drivers.paced import Pace, Pacing
from benchmarks.errors import BenchmarkError
from benchmarks.figures import percentile
from benchmarks.load import Load
from benchmarks.proxies import Proxy
from benchmarks.running import Stage, running
from benchmarks.turns import Entrant, is_essential, take_turns
from benchmarks.workloads import SMALL

DIRECT: Final = "no proxy"
_QUEUED_MS: Final = 500.0
SINGLE_RATE: Final = 200.0  # over one connection: a request has long been answered when the next is due


@dataclass(frozen=True, slots=True)
class Delay:
    """One proxy in one round."""

    proxy: str
    p50_ms: float  # at the fixed rate over several connections
    p99_ms: float
    unanswered: int
    single_p50_ms: float  # over one connection
    single_p99_ms: float

    @property
    def is_behind(self) -> bool:
        """Whether requests queue as the rate is too high for the proxy: half of them wait so long for no other reason."""
        return self.unanswered > 0 or self.p50_ms > _QUEUED_MS


def measure_latency(
    stage: Stage, proxies: Sequence[Proxy], load: Load, rate: float, tell: Callable[[str], None]
) -> list[Delay]:
    """Return `load.rounds` rounds of each proxy, and of the backend alone, at `rate` requests a second.

    Another proxy that fails has none.

    Raises:
        BenchmarkError: the baseline or xoproxy does not answer.
    """
    with ExitStack() as stack:
        entrants = [_entrant(DIRECT, stage.backend_port, load, rate)]
        for proxy in proxies:
            port = stack.enter_context(running(proxy, stage)).port
            entrants.append(_entrant(proxy.name, port, load, rate, is_essential(proxy, proxies[0])))
        return take_turns(entrants, load.rounds, "latency", tell)


def _entrant(name: str, port: int, load: Load, rate: float, essential: bool = True) -> Entrant[Delay]:  # noqa: FBT001,FBT002
    def measure(is_first: bool) -> Delay:  # noqa: FBT001
        return _measure_once(name, port, replace(load, seconds=1) if is_first else load, rate)

    return Entrant(name, essential, measure)


def _measure_once(name: str, port: int, load: Load, rate: float) -> Delay:
    several = _pace(name, Pacing(port, SMALL.wire(port), load.connections, rate, load.seconds))
    single = _pace(name, Pacing(port, SMALL.wire(port), 1, SINGLE_RATE, load.seconds))
    took, took_single = ([one * 1000 for _, one in pace.samples] for pace in (several, single))
    figures = (percentile(took, 50), percentile(took, 99), several.unanswered)
    return Delay(name, *figures, percentile(took_single, 50), percentile(took_single, 99))


def _pace(name: str, pacing: Pacing) -> Pace:
    with driving("paced", asdict(pacing)) as driver:
        driver.begin()
        pace = Pace.read(driver.result())
    if not pace.samples:
        raise BenchmarkError(f"{name} answers nothing")
    return pace


def added(delays: Sequence[Delay], proxy: str) -> list[float]:
    """Return what a proxy adds to the median over one connection, in milliseconds, round by round."""
    ours, direct = ([one.single_p50_ms for one in delays if one.proxy == name] for name in (proxy, DIRECT))
    return [one - other for one, other in zip(ours, direct, strict=True)]
