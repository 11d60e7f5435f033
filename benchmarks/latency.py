"""Latency at a fixed, moderate load, and what a proxy adds to it at a single connection.

The load is open: requests go out when they are due, and their latency counts from then.  Over one connection there are two:
a request every 5 ms, which finds caches cold and the processor asleep, and each as soon as the one before is answered.  The
backend alone is measured in the same rounds; what one adds is the difference of the medians.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from statistics import median
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
# What proxies add differs by microseconds, and the machine drifts by more within seconds: turns are short, a round has several.
SINGLE_S: Final = 0.5
SINGLE_TURNS: Final = 4


@dataclass(frozen=True, slots=True)
class Delay:
    """One proxy in one round."""

    proxy: str
    p50_ms: float  # at the fixed rate over several connections
    p99_ms: float
    unanswered: int
    single_p50_ms: float  # over one connection, at `SINGLE_RATE`: the median turn's
    single_p99_ms: float
    successive_p50_ms: float  # over one connection, one after the other: the median turn's
    successive_p99_ms: float

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
        ports = {DIRECT: (stage.backend_port, True)}
        for proxy in proxies:
            ports[proxy.name] = stack.enter_context(running(proxy, stage)).port, is_essential(proxy, proxies[0])
        turns = load.rounds * SINGLE_TURNS
        kinds = (
            ("latency", load.rounds, load.connections, rate, load.seconds),
            ("latency over one connection", turns, 1, SINGLE_RATE, SINGLE_S),
            ("latency, one after the other", turns, 1, None, SINGLE_S),
        )
        at_rate, single, successive = (
            take_turns([_Turns(name, *port, *how).entrant() for name, port in ports.items()], times, what, tell)
            for what, times, *how in kinds
        )
    return [delay for name in ports for delay in _rounds(name, at_rate, single, successive)]


_Found = tuple[str, Pace]  # and whose


def _rounds(proxy: str, at_rate: Sequence[_Found], single: Sequence[_Found], successive: Sequence[_Found]) -> Iterator[Delay]:
    """Yield the rounds of one proxy; none if it failed."""
    several, *turns = ([pace for name, pace in found if name == proxy] for found in (at_rate, single, successive))
    if not all(turns):
        return
    for number, pace in enumerate(several):
        of_round = slice(number * SINGLE_TURNS, (number + 1) * SINGLE_TURNS)
        medians = [median(_ms(one, percent) for one in its[of_round]) for its in turns for percent in (50, 99)]
        yield Delay(proxy, _ms(pace, 50), _ms(pace, 99), pace.unanswered, *medians)


@dataclass(frozen=True, slots=True)
class _Turns:
    """One proxy under one load, as it is measured again and again."""

    proxy: str
    port: int
    essential: bool
    connections: int
    rate: float | None  # None: each as soon as the one before is answered
    seconds: float

    def entrant(self) -> Entrant[tuple[str, Pace]]:
        """Return it as what takes turns; what is measured brings the name along."""
        return Entrant(self.proxy, self.essential, self._measure)

    def _measure(self, is_first: bool) -> tuple[str, Pace]:  # noqa: FBT001
        return self.proxy, self._pace(min(1, self.seconds) if is_first else self.seconds)

    def _pace(self, seconds: float) -> Pace:
        request = SMALL.wire(self.port)
        if self.rate is None:
            load = driving("successive", {"port": self.port, "request": request, "seconds": seconds})
        else:
            load = driving("paced", asdict(Pacing(self.port, request, self.connections, self.rate, seconds)))
        with load as driver:
            driver.begin()
            pace = Pace.read(driver.result())
        if not pace.samples:
            raise BenchmarkError(f"{self.proxy} answers nothing")
        return pace


def _ms(pace: Pace, percent: float) -> float:
    return percentile([took * 1000 for _, took in pace.samples], percent)


def added(delays: Sequence[Delay], proxy: str, p50_ms: Callable[[Delay], float]) -> list[float]:
    """Return what a proxy adds to a median, in milliseconds, round by round."""
    ours, direct = ([p50_ms(one) for one in delays if one.proxy == name] for name in (proxy, DIRECT))
    return [one - other for one, other in zip(ours, direct, strict=True)]
