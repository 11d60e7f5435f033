"""How long an exchange is held while a large policy file is reloaded.

Requests go out at a fixed rate; at some moment the file is saved with another policy.  What is compared is their latency before
the saving, and from the saving until some seconds after the first answer under the new policy: what changed is worked out and
logged then, and the old generation given back.  The proxy has one core, so work that it does beside the loop counts as well.

There are several connections, so that a request that is due finds a free one while another is held: over a single one a proxy
that needs some milliseconds for each exchange meanwhile would show the length of the queue, not how long it held an exchange.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Final

from benchmarks.drivers.driver import driving
from benchmarks.drivers.paced import Pace, Pacing
from benchmarks.errors import BenchmarkError
from benchmarks.figures import percentile
from benchmarks.lifecycle import OPENER, write_and_rename
from benchmarks.policy import POLICY, Policy
from benchmarks.proxies import Proxy
from benchmarks.running import Running, Stage, running
from benchmarks.workloads import SMALL

ROUTES: Final = 5_000
RATE: Final = 500.0  # a stall is seen up to two milliseconds too short
CONNECTIONS: Final = 16
TIMES: Final = 5
_SETTLE_S: Final = 1.0  # what a process still does after its first answer
_QUIET_S: Final = 2.0
_TAIL_S: Final = 4.0
_GIVE_UP_S: Final = 30.0
_OPENERS: Final = ("unsafe-none", POLICY.opener)


@dataclass(frozen=True, slots=True)
class Stall:
    """One reload: the latency of requests that were to be sent before the saving, and from it on."""

    quiet_p99_ms: float
    quiet_longest_ms: float
    p99_ms: float
    longest_ms: float
    in_force_s: float  # from the saving to the first answer under the new policy
    reopened: int  # connections that the proxy closed meanwhile


def measure_stalls(
    proxy: Proxy, stage: Stage, tell: Callable[[str], None], times: int = TIMES, routes: int = ROUTES
) -> list[Stall]:
    """Reload a file of `routes` routes, `times` times.

    Raises:
        BenchmarkError: a request failed, or the new policy did not come into force.
    """
    openers = itertools.cycle(_OPENERS)
    found: list[Stall] = []
    with running(proxy, stage, replace(POLICY, routes=routes)) as started:
        time.sleep(_SETTLE_S)
        for number in range(times):
            tell(f"{proxy.name}: reload {number + 1} of {times} of {routes} routes")
            found.append(_one_stall(started, replace(POLICY, routes=routes, opener=next(openers))))
    return found


def _one_stall(started: Running, policy: Policy) -> Stall:
    marker = f"{OPENER}: {policy.opener}\r\n"
    pacing = Pacing(started.port, SMALL.wire(started.port), CONNECTIONS, RATE, _GIVE_UP_S, marker, _TAIL_S)
    text = started.proxy.config(started.place, policy)
    with driving("paced", asdict(pacing)) as driver:
        driver.begin()
        time.sleep(_QUIET_S)
        saved_s = time.monotonic()
        write_and_rename(started.proxy.config_file(started.place), text)
        if started.proxy.reload_signal is not None:
            started.server.signal(started.proxy.reload_signal)
        paced = Pace.read(driver.result())
    if paced.marked_s is None:
        raise BenchmarkError(f"{started.proxy.name} did not take a new policy within {_GIVE_UP_S:g} s")
    if paced.unanswered:
        raise BenchmarkError(f"{started.proxy.name} still owes {paced.unanswered} answers after its reload")
    quiet, meanwhile = ([took for sent, took in paced.samples if (sent >= saved_s) is late] for late in (False, True))
    return Stall(
        percentile(quiet, 99) * 1000,
        max(quiet) * 1000,
        percentile(meanwhile, 99) * 1000,
        max(meanwhile) * 1000,
        paced.marked_s - saved_s,
        paced.reopened,
    )
