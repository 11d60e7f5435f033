"""Requests over one connection, each as soon as the one before is answered; latency counts from the sending."""

import select
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from benchmarks.drivers.clock import be_punctual
from benchmarks.drivers.driver import serve
from benchmarks.drivers.exchange import Exchange
from benchmarks.drivers.paced import Pace

_GRACE_S: Final = 5.0  # for an answer


class Successive:
    """The load, its connection open."""

    def __init__(self, port: int, request: str, seconds: float) -> None:
        self._exchange = Exchange(port, request.encode("latin-1"))
        self._seconds = seconds

    def run(self) -> Mapping[str, object]:
        """Send and receive."""
        be_punctual()
        samples: list[tuple[float, float]] = []
        unanswered = 0
        end_s = time.monotonic() + self._seconds
        while not unanswered and (sent_s := time.monotonic()) < end_s:
            self._exchange.send(sent_s)
            if self._is_answered():
                samples.append((sent_s, time.monotonic() - sent_s))
            else:
                unanswered = 1
        return asdict(Pace(tuple(samples), unanswered, None, self._exchange.reopened))

    def _is_answered(self) -> bool:
        while select.select([self._exchange], [], [], _GRACE_S)[0]:
            if self._exchange.receive() is not None:
                return True
        return False


if __name__ == "__main__":
    serve(lambda settings: Successive(**settings))
