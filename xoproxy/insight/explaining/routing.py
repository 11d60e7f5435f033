"""Which route a request takes, and why it does not take those before.

Rule: each condition of a route is put alone to what matches requests on the wire: nothing is matched here a second way.
"""

from collections.abc import Iterator
from dataclasses import fields, replace

from xoproxy.browser.model import WireRequest
from xoproxy.config.problems import Place
from xoproxy.config.routing import RouteDraft
from xoproxy.insight.proxied import request_block
from xoproxy.policy.matching import Match, Matcher, Met, host_name
from xoproxy.policy.routes import Route
from xoproxy.semantics.heads import RequestHead, read_request_head
from xoproxy.semantics.targets import route_path
from xoproxy.slotted import dataclass

_NOTHING = Match()


@dataclass(frozen=True, slots=True)
class Miss:
    """A condition that a request does not meet: what the route wants, what the request has, where the condition stands."""

    condition: str  # a key of `match`
    wanted: str
    got: str
    place: Place | None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A route that was tried in vain."""

    name: str
    place: Place
    misses: tuple[Miss, ...]


@dataclass(frozen=True, slots=True)
class Routing:
    """The route that was taken, None for none, and those tried before.  `collects`: reports are taken there, by no route."""

    route: Route | None
    place: Place | None
    skipped: tuple[Skipped, ...]
    collects: bool = False


def routing(request: WireRequest, taken: Route | None, drafts: tuple[RouteDraft, ...]) -> Routing:
    """Return why a request takes the route that it takes."""
    block, _ = request_block(request)
    head = read_request_head(block)
    if not isinstance(head, RequestHead):
        return Routing(taken, None, ())
    skipped: list[Skipped] = []
    for draft in drafts:
        if taken is not None and draft.route.name == taken.name:
            return Routing(taken, draft.places[""], tuple(skipped))
        misses = tuple(_misses(draft, head, request))
        skipped.append(Skipped(draft.route.name, draft.places[""], misses))
    return Routing(taken, None, tuple(skipped))


def _misses(draft: RouteDraft, head: RequestHead, request: WireRequest) -> Iterator[Miss]:
    match = draft.route.match
    for condition in fields(Match):
        alone = replace(_NOTHING, **{condition.name: getattr(match, condition.name)})
        if alone != _NOTHING and not _is_met(Matcher(alone), head):
            wanted, got = _told(condition.name, match, head, request)
            yield Miss(condition.name, wanted, got, draft.places.get(f"match.{condition.name}"))


def _is_met(matcher: Matcher, head: RequestHead) -> bool:
    """Whether one condition is met; for a preflight, whether it may be by the request that is asked for."""
    if not matcher.covers(_method(head), host_name(head.host), route_path(head.target)):
        return False
    met = matcher.met_by_asked(head) if _is_preflight(head) else matcher.met_by(head)
    return met is not Met.NO


def _told(condition: str, match: Match, head: RequestHead, request: WireRequest) -> tuple[str, str]:
    """Return what a route wants and what the request has, in words."""
    match condition:
        case "host":
            wanted, got = match.host or "", host_name(head.host)
        case "path":
            wanted, got = match.path or "", route_path(head.target)
        case "methods":
            wanted, got = _listed(match.methods), _method(head)
        case "destinations":
            wanted, got = _listed(match.destinations), _value(request, b"Sec-Fetch-Dest")
        case _:
            wanted = "; ".join(f"{name}: {glob}" for name, glob in match.headers)
            names = [name.encode("ascii") for name, _ in match.headers]
            got = b"; ".join(name + b": " + _value(request, name) for name in names)
    return wanted, got.decode("utf-8", "backslashreplace")


def _value(request: WireRequest, name: bytes) -> bytes:
    return b", ".join(value for each, value in request.fields if each.lower() == name.lower()) or b"(absent)"


def _is_preflight(head: RequestHead) -> bool:
    return head.method == b"OPTIONS" and head.origin is not None and head.preflight_method is not None


def _method(head: RequestHead) -> bytes:
    """Return the method by which a request is routed: a preflight's is the one it asks for."""
    return head.preflight_method if _is_preflight(head) and head.preflight_method is not None else head.method


def _listed(wanted: frozenset[bytes] | None) -> str:
    return ", ".join(sorted(each.decode("ascii") for each in wanted or ()))
