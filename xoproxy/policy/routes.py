"""Choose the route of a request, and decide: answer it here, forward it, or take its content as reports.

Routes are tried in the order of the file; the first match wins.  A preflight is matched by the method it asks for, never by
``OPTIONS`` (design section 2).  What asks for a path where reports are collected belongs to no route, whatever its host.
"""

from collections.abc import Iterator
from typing import Final

from xoproxy.policy import collecting
from xoproxy.policy.index import RouteIndex
from xoproxy.policy.matching import Match, Matcher, Met, host_name
from xoproxy.policy.model import Policy, ReportingEndpoints
from xoproxy.policy.plan import ResponsePlan
from xoproxy.policy.rule import Rule
from xoproxy.semantics.heads import RequestHead
from xoproxy.semantics.targets import is_unreadable, may_be_unreadable, origin_form, other_readings, plain_path, route_path
from xoproxy.slotted import dataclass

SLASH: Final = 0x2F
FEW_ROUTES: Final = 4  # trying so many costs less than asking the index, some 0.9 us

__all__ = ["Answer", "Collect", "Decision", "Forward", "Match", "Route", "RouteTable"]


@dataclass(frozen=True, slots=True)
class Route:
    """One entry of `routes`, its policy composed."""

    name: str  # how logs name it, as "routes[2]"
    match: Match
    upstream: str  # name of an UpstreamSettings
    policy: Policy
    policy_name: str  # how the file names it, as "page + {coop}"


# What is decided, one per request.  Plain classes: mypyc leaves the constructors of dataclasses to the interpreter.
class Answer:
    """Answer the request here: a preflight, or a refusal.  `detail` is why, in words; empty for a success."""

    __slots__ = ("detail", "plan", "route", "status")

    def __init__(self, status: int, plan: ResponsePlan, route: Route | None, detail: str = "") -> None:
        self.status = status
        self.plan = plan
        self.route = route
        self.detail = detail


class Forward:
    """Send the request on to the route's upstream, and its response back by the plan."""

    __slots__ = ("plan", "route")

    def __init__(self, route: Route, plan: ResponsePlan) -> None:
        self.route = route
        self.plan = plan


class Collect:
    """Take the request's content as reports of a browser; it is never forwarded.  All answers go by the plan."""

    __slots__ = ("plan",)

    def __init__(self, plan: ResponsePlan) -> None:
        self.plan = plan

    @property
    def route(self) -> None:
        """It belongs to none."""


Decision = Answer | Forward | Collect


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """A route, compiled."""

    matcher: Matcher
    route: Route
    rule: Rule


@dataclass(frozen=True, slots=True)
class _Found:
    """The routes that a request could belong to: none, one, or, for a preflight, several, in the order of the file.

    `fields`: those that decided besides host, path and method.
    """

    entries: tuple[_Entry, ...]
    fields: tuple[bytes, ...] = ()


class Entries:
    """The routes of a table, compiled one after the other: who serves meanwhile can do so between any two.

    A policy is compiled once, however many routes have it.
    """

    __slots__ = ("_compiled", "_endpoints", "all", "index", "only")

    def __init__(self, endpoints: ReportingEndpoints) -> None:
        self.all: list[_Entry] = []
        self.only: list[_Found] = []  # what is found where it is this one
        self.index = RouteIndex()
        self._endpoints = endpoints
        self._compiled: dict[int, Rule] = {}  # by identity: to compare two policies would cost more than another rule

    def add(self, route: Route) -> None:
        """Add a route, behind those before."""
        rule = self._compiled.get(id(route.policy))
        if rule is None:
            rule = self._compiled[id(route.policy)] = Rule(route.policy, self._endpoints)
        entry = _Entry(Matcher(route.match), route, rule)
        self.index.add(route.match, len(self.all))
        self.all.append(entry)
        self.only.append(_Found((entry,)))


class RouteTable:
    """All routes of a generation, compiled."""

    __slots__ = (
        "_collected",
        "_default",
        "_entries",
        "_everything",
        "_index",
        "_lenient_paths",
        "_looks_at_readings",
        "_only",
        "default_plan",
        "routes",
    )

    def __init__(  # noqa: PLR0913  all that a generation says of routes
        self,
        routes: tuple[Route, ...],
        default: Policy,
        endpoints: ReportingEndpoints,
        *,
        lenient_paths: bool = False,
        collected: tuple[bytes, ...] = (),
        entries: Entries | None = None,
    ) -> None:
        """`default` is the policy for answers that belong to no route: unreadable heads, no route (404).

        `lenient_paths`: forward also what a backend could read as a path of another route.  `collected`: the request targets
        at which reports are taken.  `entries`: the routes, if they are compiled already.
        """
        if entries is None:
            entries = Entries(endpoints)
            for route in routes:
                entries.add(route)
        self._collected = frozenset(collected)
        self.routes = routes
        self._lenient_paths = lenient_paths
        self._looks_at_readings = not lenient_paths and any(route.match.path is not None for route in routes)
        self._entries = tuple(entries.all)
        self._only = tuple(entries.only)
        self._everything = self._only[0] if self._entries and self._entries[0].matcher.is_anything else None
        self._index = entries.index if len(routes) > FEW_ROUTES else None
        self._default = Rule(default, endpoints)
        # for an answer to a request that was never read
        self.default_plan = self._default.plan(RequestHead(b"", b"", b"", 1), b"http", b"")

    def parts(self) -> Iterator[object]:
        """Yield what the table is made of: whoever lets go of these one by one has no table that is freed all at once."""
        yield from self._entries
        yield from self._only
        if self._index is not None:
            yield from self._index.parts()

    def decide(self, head: RequestHead, scheme: bytes, authority: bytes) -> Decision:
        """Decide what becomes of a request.

        `scheme` and `authority` are those the client used, as far as we may believe: they make the request's own origin.
        """
        collected = self._collected
        if collected and (head.target in collected or (head.target[0] != SLASH and self.collects(head.target))):
            return _collector_decision(head, scheme, authority)
        # A preflight is OPTIONS + Origin + Access-Control-Request-Method (Fetch §3.3.2); any other OPTIONS is the backend's.
        asked = head.preflight_method if head.method == b"OPTIONS" and head.origin is not None else None
        plain = plain_path(head.target) if self._everything is None else None
        found = self._find(head, asked, plain)
        if not found.entries:
            plan = self._default.plan(head, scheme, authority).varied_by(found.fields)
            return Answer(404, plan, None, "no route matches this request")
        entry = found.entries[0]
        if plain is None and (self._looks_at_readings or may_be_unreadable(head.target)):
            doubt, found = self._doubt(head, asked, found)
            if doubt:
                return Answer(400, entry.rule.plan(head, scheme, authority).varied_by(found.fields), entry.route, doubt)
        preflight_plan: ResponsePlan | None = None
        if asked is not None:
            entry, preflight_plan = _asked_plan(found.entries, head, scheme, authority)
            if preflight_plan is not None and not entry.rule.forwards_preflights:
                return _preflight_answer(preflight_plan.varied_by(found.fields), entry.route)
        plan = (preflight_plan or entry.rule.plan(head, scheme, authority)).varied_by(found.fields)
        refusal = entry.rule.refusal(head, plan, scheme, authority) if entry.rule.guards else ""
        return Answer(403, plan, entry.route, refusal) if refusal else Forward(entry.route, plan)

    def plan_for_refused(self, remains: RequestHead, scheme: bytes) -> ResponsePlan:
        """Return the plan for the answer to a head that was refused, from what could be read of it (`heads.read_remains`)."""
        if self.collects(remains.target):
            return collecting.DELIVERIES.plan(remains, scheme, remains.host)
        asked = remains.preflight_method if remains.method == b"OPTIONS" and remains.origin is not None else None
        found = self._find(remains, asked, None) if remains.target else _Found(())
        rule = found.entries[0].rule if found.entries else self._default
        return rule.plan(remains, scheme, remains.host).varied_by(found.fields)

    def collects(self, target: bytes) -> bool:
        """Whether reports are collected at this request target."""
        return target in self._collected or (target[:1] != b"/" and origin_form(target) in self._collected)

    def _find(self, head: RequestHead, asked: bytes | None, plain: bytes | None) -> _Found:
        """Return the first route that matches; `asked` is the method a preflight asks for, None for any other request.

        `plain`: the path, where it is known to be plain.
        """
        if self._everything is not None:
            return self._everything
        return self._first(head, asked, host_name(head.host), route_path(head.target) if plain is None else plain)

    def _first(self, head: RequestHead, asked: bytes | None, host: bytes, path: bytes) -> _Found:
        """Try the candidates in the order of the file.

        A preflight does not tell all that a route may look at: one that could take the request is kept, and the next is tried.
        """
        method = head.method if asked is None else asked
        fields: tuple[bytes, ...] = ()
        possible: tuple[_Entry, ...] = ()
        for number in range(len(self._entries)) if self._index is None else self._index.candidates(host, path):
            entry = self._entries[number]
            matcher = entry.matcher
            if not matcher.covers(method, host, path):
                continue
            if not matcher.fields:
                return _Found((*possible, entry), fields) if fields else self._only[number]
            fields += matcher.fields
            met = matcher.met_by(head) if asked is None else matcher.met_by_asked(head)
            if met is not Met.NO:
                possible = (*possible, entry)
            if met is Met.YES:
                break
        return _Found(possible, fields)

    def _doubt(self, head: RequestHead, asked: bytes | None, found: _Found) -> tuple[str, _Found]:
        """Return why a backend could read the path as one of another route than was `found`; empty if none could.

        Besides, what was found, with the fields that decided about the other readings too.
        """
        if self._lenient_paths:
            return "", found
        if is_unreadable(head.target):
            return "the path holds a back-slash or %00, which servers read in different ways", found
        if self._looks_at_readings:
            for path in other_readings(head.target):
                other = self._first(head, asked, host_name(head.host), path)
                if other.fields:
                    found = _Found(found.entries, found.fields + other.fields)
                if other.entries != found.entries:
                    return "servers read this path in different ways, and the routes here differ for them", found
        return "", found


def _asked_plan(
    entries: tuple[_Entry, ...], preflight: RequestHead, scheme: bytes, authority: bytes
) -> tuple[_Entry, ResponsePlan | None]:
    """Return who answers a preflight, and its plan; no plan if the policy leaves CORS to the backend.

    Where the request could turn out to belong to one of several routes, the first of them answers, unless another refuses: what
    a preflight grants must hold wherever the request goes.
    """
    plans = [(entry, entry.rule.preflight_plan(preflight, scheme, authority)) for entry in entries]
    refusals = ((entry, plan) for entry, plan in plans if plan is not None and plan.reason)
    return next(refusals, plans[0])


def _preflight_answer(plan: ResponsePlan, route: Route) -> Answer:
    """204 for a granted origin, whatever it asked: the lists in the answer tell browser and person what is allowed."""
    if plan.reason == "origin":
        return Answer(403, plan, route, "this origin is not allowed to make cross-origin requests here")
    return Answer(204, plan, route)


def _collector_decision(head: RequestHead, scheme: bytes, authority: bytes) -> Answer | Collect:
    """Decide about a request for a path where reports are collected."""
    if head.method == b"POST":
        return Collect(collecting.DELIVERIES.plan(head, scheme, authority))
    if head.method != b"OPTIONS":
        plan = collecting.OTHERS.plan(head, scheme, authority)
        return Answer(405, plan, None, "reports are collected here: they come by POST")
    asks = head.origin is not None and head.preflight_method is not None
    preflight = collecting.DELIVERIES.preflight_plan(head, scheme, authority) if asks else None
    return Answer(204, preflight or collecting.OTHERS.plan(head, scheme, authority), None)
