"""What a policy costs: one plain route beside a policy that says everything, a thousand routes, ten thousand origins.

Two figures for each, in turns in one run: processor time per request of a real proxy, and the time that it takes within one
process to decide about a request and to rewrite its response.  Only the ratios to `plain` can be compared from run to run.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Final

from benchmarks.errors import BenchmarkError
from benchmarks.load import Load, Round, load_once
from benchmarks.policy import POLICY, Policy
from benchmarks.proxies import Place
from benchmarks.proxies.xoproxy import Xoproxy, other_routes
from benchmarks.running import Running, Stage, running
from benchmarks.wire import LOOPBACK, ask
from benchmarks.workloads import Request
from xoproxy.config import Overrides, compile_text
from xoproxy.policy.routes import Forward
from xoproxy.semantics.heads import RequestHead, ResponseHead, read_request_head, read_response_head

ROUTES: Final = 1_000
ORIGINS: Final = 10_000
_TARGET: Final = "/small"
_TURNS: Final = 15
_DECISIONS: Final = 3_000  # in each turn
_RESPONSE: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nVary: Accept-Encoding\r\nContent-Length: 40\r\n\r\n"
_LAST_ORIGIN: Final = f"https://tenant{ORIGINS - 1}.example.com"

_PLAIN: Final = f"""
  coop: same-origin
  coep: require-corp
  corp: cross-origin
  cors: {{allow_origins: ["{POLICY.origin}"], allow_methods: [PUT], expose_headers: [X-Total-Count], allow_credentials: true}}
"""
_FULL: Final = f"""
  coop: same-origin
  coep: auto
  corp: cross-origin
  document_isolation: {{value: isolate-and-credentialless, report_to: reports}}
  origin_agent_cluster: true
  permissions_policy: {{camera: none, geolocation: "*", cross-origin-isolated: [self, "https://w.example.com"]}}
  integrity_policy: {{blocked_destinations: [script], sources: [inline]}}
  timing_allow_origin: ["{POLICY.origin}", "https://other.example.com"]
  report_to: reports
  observe:
    coop: noopener-allow-popups
    coep: credentialless
    document_isolation: isolate-and-require-corp
    permissions_policy: {{microphone: none}}
    integrity_policy: {{blocked_destinations: [style]}}
  websocket_origins: {{allow_origins: ["{POLICY.origin}"]}}
  resource_isolation: true
  upstream_fields: replace
  headers: {{set: {{X-Frame-Options: DENY}}, add: {{Link: "</a.css>; rel=preload"}}, remove: [Server, X-Powered-By]}}
  cors:
    allow_origins: ["{POLICY.origin}", "https://*.partner.example", "http://localhost:*"]
    allow_origin_regexes: ['https://pr-[0-9]+\\.preview\\.example\\.com']
    allow_methods: [GET, PUT, DELETE]
    allow_headers: [Authorization, Content-Type]
    expose_headers: [X-Total-Count]
    allow_credentials: true
    max_age: 10m
    refuse: reject
    legacy_private_network: true
"""
_TENANTS: Final = "".join(f"      - https://tenant{number}.example.com\n" for number in range(ORIGINS))
_FIELDS: Final = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}


@dataclass(frozen=True, slots=True)
class Variant(Xoproxy):
    """xoproxy with some policy, and whose page asks."""

    policy: str = f"policy:{_PLAIN}"
    origin: str = POLICY.origin

    def config(self, place: Place, policy: Policy) -> str:  # noqa: ARG002  the policy is what is compared here
        """Return the policy file's text."""
        upstream = f"http://{LOOPBACK}:{place.backend_port}"
        return f"version: 1\nlisten: {LOOPBACK}:{place.port}\nadmin: off\nupstream: {upstream}\n{self.policy}"

    @property
    def request(self) -> Request:
        """What is asked of it."""
        return Request(self.name, "GET with Origin, small answer", _FIELDS | {"Origin": self.origin}, target=_TARGET)


def _routes(last: str) -> str:
    """Return a thousand routes, the last of which is hit."""
    return f"policy:{_PLAIN}routes:\n{other_routes(ROUTES)}  - match: {last}\n"


VARIANTS: Final = (
    Variant("plain", policy=f"policy:{_PLAIN}routes: [{{match: {{path: {_TARGET}}}}}]\n"),
    Variant("everything", policy=f"reporting: {{endpoints: {{reports: https://reports.example.com/}}}}\npolicy:{_FULL}"),
    Variant(f"{ROUTES} routes", policy=_routes(f"{{path: {_TARGET}}}")),
    Variant(
        "destinations, fields",
        policy=_routes(f'{{path: {_TARGET}, destinations: [empty], headers: {{Origin: "*"}}}}\n  - {{}}'),
    ),
    Variant(
        f"{ORIGINS} origins",
        policy=f"policy:\n  cors:\n    allow_credentials: true\n    allow_origins:\n{_TENANTS}"
        "  coop: same-origin\n  coep: require-corp\n  corp: cross-origin\n",
        origin=_LAST_ORIGIN,
    ),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What was measured of one variant: by rounds of the real proxy, by turns within one process."""

    name: str
    rounds: tuple[Round, ...]
    decision_us: tuple[float, ...]  # decide about a request, and rewrite its response
    load_s: float  # from the text to a generation


def measure_costs(stage: Stage, load: Load, tell: Callable[[str], None]) -> list[Cost]:
    """Measure all variants.

    Raises:
        BenchmarkError: one does not grant what it should, or a request failed.
    """
    tell("deciding within one process")
    decided = _decisions()
    rounds: dict[str, list[Round]] = {variant.name: [] for variant in VARIANTS}
    with ExitStack() as stack:
        stood = [(variant, stack.enter_context(running(variant, stage))) for variant in VARIANTS]
        for variant, one in stood:
            _require_grant(variant, one)
            load_once(one, variant.request, replace(load, seconds=1), stage.directory / "load.lua")
        for number in range(load.rounds):
            tell(f"policies: round {number + 1} of {load.rounds}")
            for variant, one in stood[::-1] if number % 2 else stood:
                rounds[variant.name].append(load_once(one, variant.request, load, stage.directory / "load.lua"))
    return [Cost(name, tuple(rounds[name]), turns, load_s) for name, turns, load_s in decided]


def _require_grant(variant: Variant, one: Running) -> None:
    answer = ask(one.port, _TARGET, fields=variant.request.fields)
    if answer.status != 200 or answer.values("Access-Control-Allow-Origin") != [variant.origin]:
        raise BenchmarkError(f"{variant.name}: {answer.status}, and not granted to {variant.origin}")


def _decisions() -> list[tuple[str, tuple[float, ...], float]]:
    made = [(variant.name, *_work(variant)) for variant in VARIANTS]
    turns: dict[str, list[float]] = {name: [] for name, _, _ in made}
    for number in range(_TURNS):
        for name, work, _ in made[::-1] if number % 2 else made:
            start = process_time()
            for _ in range(_DECISIONS):
                work()
            turns[name].append((process_time() - start) / _DECISIONS * 1e6)
    return [(name, tuple(turns[name]), load_s) for name, _, load_s in made]


def _work(variant: Variant) -> tuple[Callable[[], object], float]:
    """Return what is done for each request, and how long loading took."""
    text = variant.config(Place(Path(), 1, 2), POLICY)
    start = process_time()
    loaded = compile_text(text, variant.name, Overrides(), environ={}, today=datetime.now(UTC).date(), number=1)
    load_s = process_time() - start
    lines = "".join(f"{name}: {value}\r\n" for name, value in variant.request.fields.items())
    request = read_request_head(f"GET {_TARGET} HTTP/1.1\r\nHost: {LOOPBACK}\r\n{lines}\r\n".encode("ascii"))
    response = read_response_head(_RESPONSE, b"GET")
    assert isinstance(request, RequestHead)
    assert isinstance(response, ResponseHead)
    routes = loaded.generation.routes

    def work() -> bytes:
        decision = routes.decide(request, b"http", request.host)
        assert isinstance(decision, Forward)
        return decision.plan.apply(response)

    return work, load_s


def ratios(costs: Sequence[Cost]) -> Iterator[tuple[str, list[float], list[float]]]:
    """Yield for each variant its figures over those of the first, round by round and turn by turn."""
    first = costs[0]
    for cost in costs:
        proxied = [one.total_us / other.total_us for one, other in zip(cost.rounds, first.rounds, strict=True)]
        yield cost.name, proxied, [one / other for one, other in zip(cost.decision_us, first.decision_us, strict=True)]
