"""Processes as the dashboard meets them: one with something in every view, and parts for others."""

import time

from support.admin_service import FakeService, Reported, loaded, problems
from support.records import exchange_record
from xoproxy.insight.deciding import route_key
from xoproxy.reports.model import Group, Traffic
from xoproxy.telemetry.history import Sample
from xoproxy.telemetry.records import ExchangeRecord
from xoproxy.telemetry.reloads import Outcome, Report, Trigger

CONFIG = """\
version: 1
upstreams: {web: http://web:3000, api: ['http://api:5000', 'http://api-2:5000']}
policies:
  page:
    coop: same-origin-allow-popups
    corp: same-origin
    report_to: isolation
    observe: {coep: require-corp, coop: same-origin}
  api:
    corp: same-site
    cors: {allow_origins: [https://app.example.com, "https://*.partner.example"], allow_credentials: true}
routes:
  - match: {host: api.example.com, path: /v1/**}
    upstream: api
    policy: api
  - match: {host: static.example.com}
    upstream: web
    policy: {corp: same-origin}
  - match: {host: app.example.com}
    upstream: web
    policy: page
reporting: {endpoints: {isolation: /.well-known/xoproxy/reports}}
"""
PAGE = "https://app.example.com/"


def group(document: str = PAGE, blocked: str = "https://cdn.example/player.js", **values: object) -> Group:
    """Return a group of reports, as of a script that COEP would block."""
    now = time.time()
    usual = {"type": "coep", "kind": "corp", "disposition": "report", "destination": "script", "count": 5}
    seen = {"first_seen": now - 3000, "last_seen": now - 60, "agents": {"Chrome 156": 5}}
    return Group(**(usual | seen | values), document=document, blocked=blocked)  # type: ignore[arg-type]


def refused(origin: bytes = b"https://evil.example", target: bytes = b"/v1/items", reason: str = "origin") -> ExchangeRecord:
    """Return the record of a refused request."""
    return exchange_record(
        "192.0.2.7",
        time.time(),
        method=b"GET",
        target=target,
        host=b"api.example.com",
        origin=origin,
        status=200,
        route="routes[0]",
        cors="refused",
        reason=reason,
    )


def busy() -> FakeService:
    """Return a process with something in every view."""
    now = time.time()
    configuration = loaded(CONFIG)
    groups = [
        group(),
        group(blocked="https://static.example.com/logo.svg", destination="image", count=80),
        group(f"{PAGE}login", "https://idp.example/authorize", type="coop", kind="navigation-from-response", destination=""),
        group(type="deprecation", kind="UnloadHandler", disposition="", blocked="", destination=""),
    ]
    traffic = {route_key(draft.route): Traffic(1234, now - 90_000) for draft in configuration.routes}
    service = FakeService(configuration=configuration, collector=Reported(groups, traffic))
    for _ in range(3):
        count(service, refused())
    history = service.measured()
    history.samples.extend(sample(now - 600 + 10 * index, 100 + index) for index in range(60))
    changes = ("1 decision is otherwise", "wider: https://*.partner.example may read GET api.example.com/v1/**")
    service.reloads.append(Report(Outcome.APPLIED, Trigger.WATCH, now - 900, 2, changes=changes))
    service.reloads.append(Report(Outcome.REJECTED, Trigger.SIGNAL, now - 600, 2, problems()))
    service.last_reload = service.reloads[-1]
    return service


def count(service: FakeService, record: ExchangeRecord) -> None:
    """Have an exchange end."""
    service.counters.count(record)
    service.recent.keep(record)


def sample(at: float, requests: int) -> Sample:
    """Return what a sample of ten seconds could say."""
    return Sample(at, requests, 3, 1, 0.004, 0.02, 0.06, 90)
