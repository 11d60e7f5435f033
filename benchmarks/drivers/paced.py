"""Requests at a fixed rate, whether or not the answers keep up; latency counts from when a request was to be sent.

A load that waits for an answer before it sends the next request asks nothing of a proxy that stalls, and so does not see the
stall.  Here each request has its time.  If no connection is free then, it waits for one, and that wait is part of its latency.
"""

import select
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from benchmarks.drivers.clock import be_punctual
from benchmarks.drivers.driver import serve
from benchmarks.drivers.exchange import Exchange

_GRACE_S: Final = 5.0  # for what is still under way at the end


@dataclass(frozen=True, slots=True)
class Pace:
    """What was found.  Times are those of CLOCK_MONOTONIC, which all processes share."""

    samples: tuple[tuple[float, float], ...]  # when a request was to be sent, and how long from then until it was answered
    unanswered: int
    marked_s: float | None  # the first answer with the marker
    reopened: int  # connections that the proxy had closed

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Return what such a process put out."""
        return cls(**{**values, "samples": tuple((sent, took) for sent, took in values["samples"])})


@dataclass(frozen=True, slots=True)
class Pacing:
    """What is asked: `rate` requests a second over `connections`, for `seconds`.

    With a `marker` it ends earlier, `tail_s` after the first answer that has it: that is how answers under a new policy are
    told from those under the old.
    """

    port: int
    request: str
    connections: int
    rate: float
    seconds: float
    marker: str = ""
    tail_s: float = 0.0


class Paced:
    """The load, its connections open."""

    def __init__(self, pacing: Pacing) -> None:
        request = pacing.request.encode("latin-1")
        self._idle = [Exchange(pacing.port, request) for _ in range(pacing.connections)]
        self._busy: list[Exchange] = []
        self._interval_s, self._end_s = 1 / pacing.rate, pacing.seconds
        self._marker, self._tail_s = pacing.marker.encode("latin-1"), pacing.tail_s
        self._waiting: deque[float] = deque()
        self._samples: list[tuple[float, float]] = []
        self._marked_s: float | None = None

    def run(self) -> Mapping[str, object]:
        """Send and receive."""
        be_punctual()
        exchanges = list(self._idle)
        next_s = time.monotonic() + self._interval_s
        self._end_s += next_s - self._interval_s / 2  # between two requests: sums of intervals are not exact
        while True:
            now = time.monotonic()
            while next_s <= now and next_s < self._end_s:
                self._waiting.append(next_s)
                next_s += self._interval_s
            while self._waiting and self._idle:
                self._send(self._waiting.popleft())
            over = next_s >= self._end_s
            if (over and not self._busy and not self._waiting) or now > self._end_s + _GRACE_S:
                break
            self._receive(_GRACE_S if over else max(0.0, next_s - time.monotonic()))
        unanswered, reopened = len(self._busy) + len(self._waiting), sum(one.reopened for one in exchanges)
        return asdict(Pace(tuple(self._samples), unanswered, self._marked_s, reopened))

    def _send(self, intended_s: float) -> None:
        exchange = self._idle.pop()
        exchange.send(intended_s)
        self._busy.append(exchange)

    def _receive(self, timeout_s: float) -> None:
        for exchange in select.select(self._busy, [], [], timeout_s)[0]:
            if (answer := exchange.receive()) is None:
                continue
            now = time.monotonic()
            self._samples.append((exchange.intended_s, now - exchange.intended_s))
            self._busy.remove(exchange)
            self._idle.append(exchange)
            if self._marker and self._marked_s is None and self._marker in answer:
                self._marked_s, self._end_s = now, min(self._end_s, now + self._tail_s)


if __name__ == "__main__":
    serve(lambda settings: Paced(Pacing(**settings)))
