"""Choose the route of a request, and decide: answer it here or forward it.

Routes are tried in the order of the file; the first match wins.  A preflight is matched by the method it asks for, never by
``OPTIONS`` (design section 2).
"""

import re
from dataclasses import dataclass
from typing import Final

from xoproxy.policy.model import Policy, ReportingEndpoints
from xoproxy.policy.plan import ResponsePlan
from xoproxy.policy.rule import Rule
from xoproxy.semantics.heads import RequestHead
from xoproxy.semantics.targets import is_unreadable, may_be_unreadable, other_readings, route_path


def compile_path(glob: str) -> re.Pattern[bytes]:
    """Compile a path glob: ``*`` within one segment, ``**`` across; ``/api/**`` also matches ``/api``.

    Clients choose the path, so a wildcard must not be tried against every place for every place of the one before.  What stands
    between two ``**`` is therefore matched at its first place and held there (an atomic group), and so is what stands between
    two ``*`` of one segment: any match of the rest from a later place is one from the first place too.  What is left is at
    worst quadratic, in globs that have a wildcard behind a ``**``.
    """
    subtree = glob.endswith("/**")
    *blocks, last = (glob[:-3] if subtree else glob).split("**")
    pattern = _block(last, is_last=True)
    if blocks:
        first, *between = (_block(block, is_last=False) for block in blocks)
        pattern = first + b"".join(rb"(?>.*?" + block + rb")" for block in between) + rb".*" + pattern
    return re.compile(rb"(?s)" + pattern + (rb"(?:/.*)?" if subtree else b""))


def _block(glob: str, *, is_last: bool) -> bytes:
    """Compile what stands between two ``**``; the last one must reach the path's end, so its last ``*`` may give back."""
    first, *others = (re.escape(literal.encode("utf-8")) for literal in glob.split("*"))
    if not others:
        return first
    held = b"".join(rb"(?>[^/]*?" + literal + rb")" for literal in others[:-1])
    return first + held + (rb"[^/]*" + others[-1] if is_last else rb"(?>[^/]*?" + others[-1] + rb")")


@dataclass(frozen=True, slots=True)
class Match:
    """`match` of a route; None means any.  `host` is lower case: exact, or ``*.example.com`` for one or more labels."""

    host: str | None = None
    path: str | None = None  # a glob over the decoded path
    methods: frozenset[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One entry of `routes`, its policy composed."""

    name: str  # how logs name it, as "routes[2]"
    match: Match
    upstream: str  # name of an UpstreamSettings
    policy: Policy
    policy_name: str  # how the file names it, as "page + {coop}"


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the request here: a preflight, or a refusal.  `detail` is why, in words; empty for a success."""

    status: int
    plan: ResponsePlan
    route: Route | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Forward:
    """Send the request on to the route's upstream, and its response back by the plan."""

    route: Route
    plan: ResponsePlan


Decision = Answer | Forward


class _Matcher:
    """A `Match`, compiled."""

    __slots__ = ("_host", "_methods", "_path", "_suffix", "is_anything")

    def __init__(self, match: Match) -> None:
        host = match.host.encode("ascii") if match.host is not None else None
        self._suffix = host[1:] if host is not None and host.startswith(b"*.") else None
        self._host = None if self._suffix else host
        self._path = compile_path(match.path) if match.path is not None else None
        self._methods = match.methods
        self.is_anything = match == Match()

    def covers(self, method: bytes, host: bytes, path: bytes) -> bool:
        """Whether a request with this method, host (lower case, without port) and decoded path is meant."""
        if self._methods is not None and method not in self._methods:
            return False
        if self._host is not None and host != self._host:
            return False
        if self._suffix is not None and not (host.endswith(self._suffix) and len(host) > len(self._suffix)):
            return False
        return self._path is None or self._path.fullmatch(path) is not None


_PORT: Final = re.compile(rb":[0-9]*$")


def host_name(authority: bytes) -> bytes:
    """Return the host of a Host field value as routes compare it: lower case, no port, no final dot, no brackets cut."""
    return _PORT.sub(b"", authority).lower().removesuffix(b".")


class RouteTable:
    """All routes of a generation, compiled."""

    __slots__ = ("_default", "_lenient_paths", "_looks_at_readings", "_table", "default_plan", "routes")

    def __init__(
        self, routes: tuple[Route, ...], default: Policy, endpoints: ReportingEndpoints, *, lenient_paths: bool = False
    ) -> None:
        """`default` is the policy for answers that belong to no route: unreadable heads, no route (404).

        `lenient_paths`: forward also what a backend could read as a path of another route.
        """
        self.routes = routes
        self._lenient_paths = lenient_paths
        self._looks_at_readings = not lenient_paths and any(route.match.path is not None for route in routes)
        rules: dict[Policy, Rule] = {}
        self._table = tuple(
            (_Matcher(route.match), route, rules.setdefault(route.policy, Rule(route.policy, endpoints))) for route in routes
        )
        self._default = Rule(default, endpoints)
        # for an answer to a request that was never read
        self.default_plan = self._default.plan(RequestHead(b"", b"", b"", 1), b"http", b"")

    def decide(self, head: RequestHead, scheme: bytes, authority: bytes) -> Decision:
        """Decide what becomes of a request.

        `scheme` and `authority` are those the client used, as far as we may believe: they make the request's own origin.
        """
        # A preflight is OPTIONS + Origin + Access-Control-Request-Method (Fetch §3.3.2); any other OPTIONS is the backend's.
        asked = head.preflight_method if head.method == b"OPTIONS" and head.origin is not None else None
        method = head.method if asked is None else asked
        found = self._find(head, method)
        if found is None:
            return Answer(404, self._default.plan(head, scheme, authority), None, "no route matches this request")
        route, rule = found
        if self._looks_at_readings or may_be_unreadable(head.target):
            doubt = self._doubt(head, method, route)
            if doubt:
                return Answer(400, rule.plan(head, scheme, authority), route, doubt)
        if asked is not None:
            plan = rule.answer_preflight(head, scheme, authority)
            if plan is not None:
                return _preflight_answer(plan, route)
        plan = rule.plan(head, scheme, authority)
        if head.upgrade is not None and rule.refuses_websocket(head, scheme, authority):
            return Answer(403, plan, route, "this origin is not allowed to open WebSockets here")
        return Forward(route, plan)

    def plan_for_refused(self, remains: RequestHead, scheme: bytes) -> ResponsePlan:
        """Return the plan for the answer to a head that was refused, from what could be read of it (`heads.read_remains`)."""
        asked = remains.preflight_method if remains.method == b"OPTIONS" and remains.origin is not None else None
        found = self._find(remains, asked or remains.method) if remains.target else None
        rule = self._default if found is None else found[1]
        return rule.plan(remains, scheme, remains.host)

    def _find(self, head: RequestHead, method: bytes) -> tuple[Route, Rule] | None:
        """Return the first route that matches; `method` is the request's, or the one a preflight asks for."""
        if self._table and self._table[0][0].is_anything:
            return self._table[0][1:]
        return self._first(method, host_name(head.host), route_path(head.target))

    def _first(self, method: bytes, host: bytes, path: bytes) -> tuple[Route, Rule] | None:
        for matcher, route, rule in self._table:
            if matcher.is_anything or matcher.covers(method, host, path):
                return route, rule
        return None

    def _doubt(self, head: RequestHead, method: bytes, route: Route) -> str:
        """Return why a backend could read the path as one of another route than `route`; empty if none could."""
        if self._lenient_paths:
            return ""
        if is_unreadable(head.target):
            return "the path holds a back-slash or %00, which servers read in different ways"
        if self._looks_at_readings:
            for path in other_readings(head.target):
                other = self._first(method, host_name(head.host), path)
                if other is None or other[0] is not route:
                    return "servers read this path in different ways, and the routes here differ for them"
        return ""


def _preflight_answer(plan: ResponsePlan, route: Route) -> Answer:
    """204 for a granted origin, whatever it asked: the lists in the answer tell browser and person what is allowed."""
    if plan.reason == "origin":
        return Answer(403, plan, route, "this origin is not allowed to make cross-origin requests here")
    return Answer(204, plan, route)
