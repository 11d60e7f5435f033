"""An hour of samples: what happened in each ten seconds, from counters that only grow."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import exchange_record

from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.histograms import BOUNDS_S, quantile
from xoproxy.telemetry.history import KEPT, History, Sample


def test_sample_holds_what_happened_since_the_one_before() -> None:
    counters = Counters()
    counters.count(exchange_record("", 0.0, status=500))
    history = History(counters)
    for status, cors in ((200, "refused"), (403, "preflight-refused"), (502, "none"), (0, "none")):
        counters.count(exchange_record("", 0.0, status=status, cors=cors, duration_s=0.02))
    history.sample(100.0, 7)
    history.sample(110.0, 6)

    busy, idle = history.samples
    assert (busy.time, busy.requests, busy.refused, busy.errors, busy.connections) == (100.0, 4, 2, 1, 7)
    assert 0.01 <= (busy.p50_s or 0) <= (busy.p95_s or 0) <= (busy.p99_s or 0) <= 0.025
    assert idle == Sample(110.0, 0, 0, 0, None, None, None, 6)


def test_an_hour_is_kept() -> None:
    history = History(Counters())
    for second in range(KEPT + 1):
        history.sample(float(second), 0)

    assert (len(history.samples), history.samples[0].time) == (KEPT, 1.0)


@given(st.lists(st.floats(0.0, 60.0), min_size=1), st.sampled_from([0.0, 0.5, 0.95, 1.0]))
def test_quantile_lies_in_the_bucket_of_the_exact_one(durations: list[float], share: float) -> None:
    buckets = [0] * (len(BOUNDS_S) + 1)
    for duration in durations:
        buckets[bisect_left(BOUNDS_S, duration)] += 1
    exact = sorted(durations)[max(0, -int(-share * len(durations) // 1) - 1)]
    found = quantile(buckets, share)
    at = bisect_left(BOUNDS_S, exact)

    assert found is not None
    assert (0.0 if at == 0 else BOUNDS_S[at - 1]) <= found <= BOUNDS_S[at]


def test_quantile_of_what_is_longer_than_all_bounds_is_the_last_bound() -> None:
    assert quantile([*[0] * len(BOUNDS_S), 1], 0.5) == pytest.approx(60.0)
    assert quantile([0] * (len(BOUNDS_S) + 1), 0.5) is None
