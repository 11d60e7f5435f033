"""A process as the admin endpoint sees it, without one."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

import pytest

from xoproxy.config import ConfigInvalid, Generation, Loaded, Overrides, Problem, compile_text
from xoproxy.reports.model import Found, Group, Query, StoreStatus, Traffic
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.history import History
from xoproxy.telemetry.recent import Recent, Shown, Wanted
from xoproxy.telemetry.reloads import Outcome, Report, Trigger
from xoproxy.telemetry.workers import AddressView, WorkerState, WorkerView

CONFIG = """
version: 1
listen: [{address: ':8443', tls: {certificate: /c.pem, key: /k.pem}}, 'unix:/run/x.sock']
admin: {address: '0.0.0.0:9464', token_file: /run/secrets/token}
upstreams: {web: {urls: ['http://web:3000', 'http+unix:/run/web.sock']}}
trusted_proxies: [10.0.0.0/8]
limits: {request_body: 1MiB}
routes:
  - match:
      {host: api.example.com, path: /v1/**, methods: [POST, GET], destinations: [worker, empty], headers: {X-Key: '${SECRET}'}}
    upstream: web
    policy: {cors: {allow_origins: ['https://a.example', 'https://*.b.example'], allow_headers: '*', allow_credentials: true}}
  - upstream: web
    policy: [isolated, {corp: off, observe: {coep: credentialless}, headers: {set: {X-Key: '${SECRET}'}, remove: [Server]}}]
tracing: {export: 'http://otel:4318', export_headers: {X-Key: '${SECRET}'}}
"""


def loaded(text: str = CONFIG, number: int = 1) -> Loaded:
    """Return a configuration with the places of everything in it."""
    environ = {"SECRET": "hunter2", "XOPROXY_ADMIN_TOKEN": "token-in-environment"}
    return compile_text(text, "x.yaml", Overrides(), environ=environ, today=date(2026, 1, 1), number=number)


def compiled(text: str = CONFIG) -> Generation:
    """Return a configuration."""
    return loaded(text).generation


def problems() -> tuple[Problem, ...]:
    """Return the problems of a broken file."""
    with pytest.raises(ConfigInvalid) as caught:
        compiled("version: 1\nupstraem: x\n")
    return caught.value.problems


@dataclass
class FakeService:
    """A process whose reload is a report."""

    report: Report = field(default_factory=lambda: Report(Outcome.APPLIED, Trigger.ADMIN, 1_800_000_000.0, 2))
    configuration: Loaded = field(default_factory=loaded)
    counters: Counters = field(default_factory=Counters)
    history: History = field(default_factory=lambda: History(Counters()))
    recent: Recent = field(default_factory=Recent)
    collector: "Reported | None" = None
    is_ready: bool = True
    is_draining: bool = False
    is_orphaned: bool = False
    last_reload: Report | None = None
    reloads: list[Report] = field(default_factory=list)
    workers: tuple[WorkerView, ...] = (
        WorkerView(
            0,
            4711,
            1,
            3,
            WorkerState.SERVING,
            1_800_000_000.0,
            (AddressView("app", "http://app:5000 (192.0.2.1)", 1, 2, 1, False, True, 4),),
            {"app": 2},
            1.5,
            30_000_000,
        ),
        WorkerView(1, 4712, 0, 0, WorkerState.STARTING, 1_800_000_060.0),
    )

    async def reload(self) -> Report:
        self.last_reload = self.report
        self.reloads.append(self.report)
        return self.report

    async def loaded(self) -> Loaded:
        return self.configuration

    @property
    def generation(self) -> Generation:
        return self.configuration.generation

    def measured(self) -> History:
        """Return a history of what is counted from now on."""
        self.history = History(self.counters)
        return self.history

    async def decisions(self, wanted: Wanted) -> list[Shown]:
        return self.recent.select(wanted)

    async def traffic(self, since: float) -> Mapping[str, Traffic]:
        return {} if self.collector is None else self.collector.pages

    @property
    def store(self) -> StoreStatus | None:
        return None if self.collector is None else self.collector.status


class Reported:
    """Groups of reports and page loads, without a store."""

    def __init__(self, groups: Sequence[Group] = (), traffic: Mapping[str, Traffic] = MappingProxyType({})) -> None:
        self.groups = groups
        self.pages = traffic
        self.status = StoreStatus("memory", stored=sum(group.count for group in groups))

    async def find(self, query: Query) -> Found:
        found = [each for each in self.groups if each.last_seen >= query.since and query.type in ("", each.type)]
        page = found[query.offset : query.offset + query.limit]
        return Found(tuple(page), len(found), sum(each.count for each in found))


@dataclass
class Answer:
    """What came back."""

    status: int
    fields: dict[str, str]
    body: Any


Ask = Callable[..., Awaitable[Answer]]
