"""The last hour in samples, for plots: made from the counters, so that it costs nothing while requests are served."""

from collections import deque
from typing import Final

from xoproxy.policy.cors import CorsOutcome
from xoproxy.slotted import dataclass
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.histograms import quantile

INTERVAL_S: Final = 10.0
KEPT: Final = 360  # samples: an hour
_REFUSED: Final = (CorsOutcome.REFUSED, CorsOutcome.PREFLIGHT_REFUSED)
_SERVER_ERROR: Final = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """What happened between the sample before and `time`.  Of no exchange there is no latency."""

    time: float  # Unix time
    requests: int
    refused: int  # by CORS
    errors: int  # answered 5xx, by the backend or by us
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    connections: int  # at that time


class History:
    """The samples of the last hour, oldest first."""

    def __init__(self, counters: Counters) -> None:
        """`counters`: those of the whole process, which only ever grow."""
        self._counters = counters
        self.samples: deque[Sample] = deque(maxlen=KEPT)
        self._sums = self._summed()
        self._buckets = list(counters.durations.buckets)

    def sample(self, unix_time: float, connections: int) -> None:
        """Add what happened since the last sample."""
        sums, before = self._summed(), self._sums
        buckets = list(self._counters.durations.buckets)
        passed = [now - then for now, then in zip(buckets, self._buckets, strict=True)]
        requests, refused, errors = (now - then for now, then in zip(sums, before, strict=True))
        p50_s, p95_s, p99_s = (quantile(passed, share) for share in (0.5, 0.95, 0.99))
        self.samples.append(Sample(unix_time, requests, refused, errors, p50_s, p95_s, p99_s, connections))
        self._sums, self._buckets = sums, buckets

    def _summed(self) -> tuple[int, int, int]:
        requests = self._counters.requests
        return (
            sum(requests.values()),
            sum(count for (_, outcome, _), count in self._counters.cors.items() if outcome in _REFUSED),
            sum(count for (_, _, hundreds), count in requests.items() if hundreds == _SERVER_ERROR),
        )
