"""The part `growth` runs each size as it says, and compares with the smallest."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from support.benchmarking import needs_nginx, staged

from benchmarks import growth
from benchmarks.growth import SIZES, Grown, Kind, about_workers, measure_growth, ratios
from benchmarks.load import Load, Round
from benchmarks.policy import POLICY
from benchmarks.proxies import Nginx, Place, Proxy, Xoproxy
from benchmarks.report import growth_table
from benchmarks.running import Running, Stage, running
from benchmarks.wire import ask

SMALL_SIZES = {Kind.ROUTES: (20,), Kind.CONNECTIONS: (20,), Kind.GENERATIONS: (2,), Kind.WORKERS: (2,)}


def _round(proxy: str, user_s: float = 1.0, requests: int = 1000) -> Round:
    return Round(proxy, "small", requests, 1.0, user_s, 0.0, 1.0, 2.0)


@needs_nginx
def test_each_size_is_measured_of_proxies_that_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the single load finds is not the point here."""
    monkeypatch.setattr(growth, "load_once", lambda one, *_: _round(one.proxy.name))
    with staged(tmp_path) as stage:
        found = measure_growth(stage, [Nginx("nginx"), Xoproxy("xoproxy")], Load(2, 1, 2), lambda _: None, SMALL_SIZES)

    sizes = {(one.kind, one.proxy, one.size) for one in found}
    both = {(kind.value, proxy, size) for kind in SMALL_SIZES for proxy in ("nginx", "xoproxy") for size in SMALL_SIZES[kind]}
    assert sizes == {(kind, proxy, size) for kind, proxy, size in both if (kind, proxy) != ("generations gone by", "nginx")}
    assert all(len(one.rounds) == 2 for one in found)
    assert len(growth_table(found).splitlines()) == len(found) + 1


@needs_nginx
@pytest.mark.parametrize("proxy", [Nginx("nginx"), Xoproxy("xoproxy")], ids=lambda proxy: proxy.name)
def test_many_origins_and_routes_are_carried_out(proxy: Proxy, tmp_path: Path) -> None:
    """The last origin and the last route are the benchmark's; a look-alike is refused as ever."""
    policy = replace(POLICY, routes=50, origins=50)
    with staged(tmp_path) as stage, running(proxy, stage, policy) as one:
        granted = {
            origin: _granted(one, origin) for origin in (POLICY.origin, *policy.all_origins[:2], f"{POLICY.origin}.evil")
        }

    assert list(granted.values()) == [[POLICY.origin], [policy.all_origins[0]], [policy.all_origins[1]], []]
    assert len(set(policy.all_origins)) == 50


def _granted(one: Running, origin: str) -> list[str]:
    return ask(one.port, "/small", fields={"Origin": origin}).values("Access-Control-Allow-Origin")


@pytest.mark.parametrize("proxy", [Nginx("nginx"), Xoproxy("xoproxy")], ids=lambda proxy: proxy.name)
def test_configuration_has_as_many_routes_as_it_says(proxy: Proxy) -> None:
    place = Place(Path("/nowhere"), 1, 2)
    text = proxy.config(place, replace(POLICY, routes=7))

    assert sum(f"/app{number}/v1/" in text for number in range(10)) == 6


def test_ratio_is_to_the_smallest_of_the_same_proxy() -> None:
    costs = (
        Grown("routes", "a", 1, (_round("a", 1.0), _round("a", 2.0))),
        Grown("routes", "a", 9, (_round("a", 3.0), _round("a", 2.0))),
    )
    rates = Grown("workers", "a", 1, (_round("a"),)), Grown("workers", "a", 2, (_round("a", requests=1900),))

    assert [ratios(costs, one) for one in costs] == [[1.0, 1.0], [3.0, 1.0]]
    assert ratios(rates, rates[1]) == [1.9]


def test_too_few_cores_are_admitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then what workers would do is reckoned from what they cost."""
    stage = Stage(tmp_path, 1, frozenset({0}))
    grown = (
        Grown("routes", "a", 1, (_round("a"),)),
        Grown("workers", "a", 1, (_round("a", 2.0),)),
        Grown("workers", "a", 2, (_round("a", 2.5),)),
    )
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    said = about_workers(stage, grown).splitlines()
    assert "2 cores are too few" in said[0]
    assert said[1:] == ["a: by processor time per request 2 workers with a core each do 1.60 (1.60-1.60) times one's work"]
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2})
    assert about_workers(stage, grown) == "workers have 3 cores, together with load and backend"


def test_sizes_begin_with_the_smallest_and_are_written_as_values() -> None:
    assert all(list(sizes) == sorted(sizes) for sizes in SIZES.values())
    assert set(SIZES) == set(Kind)
    assert json.loads(json.dumps(asdict(Grown("routes", "a", 1, (_round("a"),)))))["rounds"][0]["proxy"] == "a"
