"""Every workload gets through xoproxy, and a load that does not get what it asked for is a failure and no figure."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter

import pytest
from support.benchmarking import missing, needs_nginx, staged

from benchmarks.drivers.driver import driving
from benchmarks.drivers.found import Found
from benchmarks.errors import BenchmarkError
from benchmarks.latency import DIRECT, Delay, added, measure_latency
from benchmarks.load import DOWNLOADS_PER_S, Load, Round, load_once
from benchmarks.proxies import Nginx, Xoproxy
from benchmarks.report import latency_table, rounds_table
from benchmarks.rounds import measure_rounds
from benchmarks.running import Running, Stage, running
from benchmarks.turns import Entrant, is_essential, take_turns
from benchmarks.workloads import FILES, SMALL, WORKLOADS, Kind, Request

XOPROXY = Xoproxy("xoproxy")
NAMED = {workload.name: workload for workload in WORKLOADS}
needs_wrk = pytest.mark.skipif(bool(missing("wrk")), reason=missing("wrk"))
pytestmark = needs_nginx


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Run the backend."""
    with staged(tmp_path_factory.mktemp("loads")) as stage:
        yield stage


@pytest.fixture(scope="module")
def proxy(stage: Stage) -> Iterator[Running]:
    """Run xoproxy."""
    with running(XOPROXY, stage) as one:
        yield one


def load(proxy: Running, stage: Stage, request: Request) -> Round:
    return load_once(proxy, request, Load(4, 1, 1), stage.directory / "load.lua")


@needs_wrk
@pytest.mark.parametrize("name", ["chunked", "new-connection", "tls"])
def test_wrk_does_a_workload(proxy: Running, stage: Stage, name: str) -> None:
    if name == "tls" and stage.certificate is None:
        pytest.skip(missing("openssl"))
    done = load(proxy, stage, NAMED[name])

    assert done.requests > 0
    assert done.user_s + done.system_s > 0


def test_events_reach_every_stream(proxy: Running, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten a second on each, for a second."""
    done = load(proxy, stage, replace(NAMED["events"], connections=20))

    assert 20 * 5 <= done.requests <= 20 * 12
    assert 0 < done.p50_ms <= done.p99_ms


def test_messages_come_back(proxy: Running, stage: Stage) -> None:
    done = load(proxy, stage, NAMED["websocket"])

    assert done.requests > 4
    assert 0 < done.p50_ms <= done.p99_ms


def test_bodies_are_downloaded_whole(proxy: Running, stage: Stage) -> None:
    """A fixed number for each second of the round; a file of another length is noticed."""
    request = replace(NAMED["body-100m"], target="/files/1m", response_bytes=FILES["1m"])

    assert load(proxy, stage, request).requests == DOWNLOADS_PER_S
    with pytest.raises(BenchmarkError, match="not what was asked for"):
        load(proxy, stage, replace(request, response_bytes=5))


@pytest.mark.parametrize("name", ["websocket", "events"])
def test_backend_that_does_not_stream_is_no_figure(
    proxy: Running, stage: Stage, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 404 is neither a WebSocket nor a stream."""
    with pytest.raises(BenchmarkError, match=r"no WebSocket|a stream has ended|streams have no event"):
        load(proxy, stage, replace(NAMED[name], target="/no", fields={"Connection": "close"}, connections=1))


def test_latency_counts_what_a_proxy_adds_to_the_backend_alone(stage: Stage) -> None:
    found = measure_latency(stage, [XOPROXY], Load(2, 1, 1), 200.0, lambda _: None)

    assert [one.proxy for one in found] == [DIRECT, "xoproxy"]
    assert all(0 < one.p50_ms <= one.p99_ms for one in found)
    for p50_ms in (attrgetter("single_p50_ms"), attrgetter("successive_p50_ms")):
        assert added(found, DIRECT, p50_ms) == [0]
        assert added(found, "xoproxy", p50_ms) == [p50_ms(found[1]) - p50_ms(found[0])]
        assert 0 < p50_ms(found[0]) < p50_ms(found[1])


def test_latency_is_told_as_a_ratio_of_what_is_added() -> None:
    def delay(proxy: str, single_p50_ms: float, unanswered: int = 0) -> Delay:
        return Delay(proxy, 1.0, 2.0, unanswered, single_p50_ms, 3.0, single_p50_ms * 2, 3.0)

    lines = latency_table([delay(DIRECT, 0.1), delay("nginx", 0.2), delay("slow", 0.6, 7)], "nginx").splitlines()

    once, five_times = ["1.00", "(1.00-1.00)"], ["5.00", "(5.00-5.00)"]
    assert lines[2].split()[-6:] == [*once, "0.200", "(0.200-0.200)", *once]
    assert lines[3].split()[-6:] == [*five_times, "1.000", "(1.000-1.000)", *five_times]
    assert "does not keep up" in lines[3]
    assert "does not keep up" not in lines[2]


def test_proxy_that_fails_is_left_out_of_a_workload_and_others_go_on() -> None:
    """Also in a later round; if it is essential, nothing is returned at all."""
    told: list[str] = []
    count = itertools.count()

    def failing(is_first: bool) -> str:
        if is_first or next(count) < 1:
            return "late"
        raise BenchmarkError("no answer")

    good: Entrant[str] = Entrant("good", True, lambda is_first: "first" if is_first else "counted")
    late = Entrant("late", False, failing)

    assert take_turns([good, late], 3, "small", told.append) == ["counted"] * 3
    assert told.count("late is left out of small: no answer") == 1
    with pytest.raises(BenchmarkError, match="no answer"):
        take_turns([good, replace(late, is_essential=True)], 3, "small", told.append)


def test_order_is_turned_around_from_one_round_to_the_next() -> None:
    entrants: list[Entrant[str]] = [Entrant(name, True, lambda _, name=name: name) for name in "ab"]  # type: ignore[misc]

    assert take_turns(entrants, 3, "small", lambda _: None) == [*"ab", *"ba", *"ab"]


def test_baseline_and_xoproxy_are_essential() -> None:
    nginx, other = Nginx("nginx"), Nginx("other")

    assert [is_essential(one, nginx) for one in (nginx, other, XOPROXY)] == [True, False, True]


@needs_wrk
def test_rounds_of_a_proxy_that_failed_are_shown_as_missing(stage: Stage) -> None:
    found = measure_rounds(stage, [Nginx("nginx")], [SMALL], Load(2, 1, 1), lambda _: None)
    other = replace(found[0], proxy="other", workload="another")
    nginx = replace(found[0], workload="another")

    assert rounds_table([*found, nginx, other], "nginx").splitlines()[2].split() == ["small", "other", *"--------"]


def test_found_is_counted_from_single_times() -> None:
    assert Found.of(2.0, [0.001, 0.002, 0.003]) == Found(3, 2.0, 2.0, 3.0)
    assert Found.of(2.0, []).requests == 0


def test_driver_that_fails_says_why() -> None:
    with pytest.raises(BenchmarkError, match="unexpected keyword"), driving("events", {"nothing": 1}):
        pytest.fail("it is not ready")


def test_every_kind_of_load_is_in_use() -> None:
    assert {workload.kind for workload in WORKLOADS} == set(Kind)
