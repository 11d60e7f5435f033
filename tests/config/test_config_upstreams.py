"""What an upstream may say of its connections, its addresses and its checks: every key, its default, its forms."""

from pathlib import Path

import pytest
from support.configs import compiled

from xoproxy.config.settings import (
    Ejection,
    HealthCheck,
    KeyPair,
    Queueing,
    Resolving,
    UpstreamSettings,
    UpstreamTls,
)

CASES = Path(__file__).parent / "cases"


def upstream_of(text: str) -> UpstreamSettings:
    (settings,) = compiled(
        f"version: 1\nupstream: a\nupstreams: {{a: {{url: https://a, {text}}}}}\n"
    ).generation.settings.upstreams
    return settings


def test_every_key_of_an_upstream_is_read() -> None:
    loaded = compiled((CASES / "valid" / "upstreams.yaml").read_text())
    first, second, third = loaded.generation.settings.upstreams

    assert first.queueing == Queueing(max_connections=10, max_waiting=0, wait_timeout_s=0.5)
    assert first.ejection == Ejection(failures=1, backoff_s=2.0, max_backoff_s=60.0)
    assert first.resolving == Resolving(floor_s=0.5, ceiling_s=60.0)
    assert first.health_check == HealthCheck("/healthz?x=%20", 5.0, 1.0, 1, 4)
    assert first.tls == UpstreamTls(key_pair=KeyPair("c.pem", "c.key"))
    assert (second.queueing, second.ejection, second.health_check) == (Queueing(), None, HealthCheck("/"))
    assert (third.resolving, third.ejection) == (Resolving(10.0, 10.0), Ejection(backoff_s=60.0, max_backoff_s=60.0))


def test_defaults_of_an_upstream_are_those_of_the_settings() -> None:
    settings = upstream_of("connect_timeout: 1s")

    assert settings.queueing == Queueing()
    assert settings.ejection == Ejection()
    assert settings.resolving == Resolving()
    assert settings.health_check is None
    assert settings.tls == UpstreamTls()


@pytest.mark.parametrize(
    ("text", "queueing"),
    [
        ("max_connections: 1", Queueing(max_connections=1)),
        ("max_connections: unlimited", Queueing()),
        ("max_waiting: 0", Queueing(max_waiting=0)),
        ("max_waiting: 7", Queueing(max_waiting=7)),
        ("wait_timeout: 2m", Queueing(wait_timeout_s=120.0)),
    ],
)
def test_connections_and_who_waits_for_one_are_bounded_one_by_one(text: str, queueing: Queueing) -> None:
    assert upstream_of(text).queueing == queueing


@pytest.mark.parametrize(
    ("text", "ejection"),
    [("off", None), ("'off'", None), ("{failures: 1}", Ejection(1)), ("{backoff: 2s}", Ejection(backoff_s=2.0)),
     ("{max_backoff: 5s}", Ejection(max_backoff_s=5.0)), ("{backoff: 5s, max_backoff: 5s}", Ejection(3, 5.0, 5.0))],
)  # fmt: skip
def test_ejection_is_off_or_has_three_parts(text: str, ejection: Ejection | None) -> None:
    assert upstream_of(f"ejection: {text}").ejection == ejection


@pytest.mark.parametrize(
    ("text", "check"),
    [("/", HealthCheck("/")),
     ("'/a?b=c'", HealthCheck("/a?b=c")),
     ("{path: /a, timeout: 1s}", HealthCheck("/a", timeout_s=1.0)),
     ("{path: /a, interval: 1s}", HealthCheck("/a", interval_s=1.0)),
     ("{path: /a, healthy_after: 1}", HealthCheck("/a", healthy_after=1)),
     ("{path: /a, unhealthy_after: 9}", HealthCheck("/a", unhealthy_after=9))],
)  # fmt: skip
def test_a_health_check_is_a_path_or_has_five_parts(text: str, check: HealthCheck) -> None:
    assert upstream_of(f"health_check: {text}").health_check == check
