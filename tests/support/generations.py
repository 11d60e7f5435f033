"""Generations made of values, without a file: what the data plane is given in its tests."""

from ipaddress import IPv4Network

from xoproxy.config.generation import Generation
from xoproxy.config.settings import (
    Collecting,
    Endpoint,
    Limits,
    LogSettings,
    Settings,
    Timeouts,
    TracingSettings,
    UpstreamSettings,
    UpstreamTls,
)
from xoproxy.policy.model import Cors, FieldEdits, Policy, ReportingEndpoints, ResourcePolicy
from xoproxy.policy.routes import Match, Route, RouteTable
from xoproxy.semantics.origins import OriginPattern

LOOPBACK = (IPv4Network("127.0.0.0/8"),)

# Grants https://app.example, and shows on every response that the policy was applied.
APP = b"https://app.example"
READABLE = Policy(corp=ResourcePolicy.SAME_SITE, cors=Cors((OriginPattern(b"https", b"app.example", 443),)))


def marked(mark: bytes) -> Policy:
    """Return a policy that sets two fields to `mark`, so that a response of two policies would show."""
    return Policy(fields=FieldEdits(set=((b"X-First", mark), (b"X-Second", mark))))


def upstream(
    *endpoints: Endpoint,
    name: str = "app",
    connect_s: float = 60.0,
    response_s: float = 60.0,
    tls: UpstreamTls = UpstreamTls(),  # noqa: B008  immutable
) -> UpstreamSettings:
    """Return an upstream; its timeouts are long unless a test is about them."""
    return UpstreamSettings(name, endpoints, connect_s, response_s, tls)


def generation(
    *upstreams: UpstreamSettings,
    policy: Policy = READABLE,
    routes: tuple[Route, ...] | None = None,
    timeouts: Timeouts = Timeouts(idle_s=60.0, head_s=60.0, body_s=60.0, tunnel_s=60.0, pool_s=60.0),  # noqa: B008
    limits: Limits = Limits(),  # noqa: B008  immutable
    trusts_loopback: bool = False,
    request_id: str | None = None,
    proxy_status: bool = False,
    collecting: Collecting = Collecting(),  # noqa: B008  immutable
    tracing: TracingSettings | None = None,
    log: LogSettings = LogSettings(),  # noqa: B008  immutable
    number: int = 1,
) -> Generation:
    """Return a generation; without `routes` all goes to the first upstream, by `policy`."""
    if routes is None:
        routes = (Route("routes[0]", Match(), upstreams[0].name, policy, "policy"),)
    settings = Settings(
        listeners=(),
        upstreams=upstreams,
        admin=None,
        timeouts=timeouts,
        limits=limits,
        trusted_proxies=LOOPBACK if trusts_loopback else (),
        request_id=request_id,
        proxy_status=proxy_status,
        collecting=collecting,
        tracing=tracing,
        log=log,
    )
    table = RouteTable(routes, policy, ReportingEndpoints(), collected=collecting.targets)
    return Generation(number, "test", "", settings, table)
