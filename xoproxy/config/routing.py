"""Read `routes`, and fill in what the top of the file says for those that do not."""

from collections.abc import Mapping, Sequence

from xoproxy.config import keys, values
from xoproxy.config.addresses import path_glob, route_host
from xoproxy.config.composition import Composed, Policies
from xoproxy.config.conditions import read_destinations, read_fields
from xoproxy.config.drafts import PolicyDraft
from xoproxy.config.problems import Id, Place
from xoproxy.config.provenance import route_places
from xoproxy.config.reader import Reader, Spot
from xoproxy.config.sealing import seal
from xoproxy.config.upstreams import Upstreams
from xoproxy.policy.model import Policy
from xoproxy.policy.routes import Match, Route
from xoproxy.slotted import dataclass


@dataclass(frozen=True, slots=True)
class RouteDraft:
    """A route and the draft its policy was sealed from, which knows the place of every key.

    `places`: of the route itself (""), and of each of its keys, as ``match.path``; `upstream` and `policy` may be the file's.
    """

    route: Route
    policy: PolicyDraft
    places: Mapping[str, Place]


class Routing:
    """Reads routes against the policies and upstreams of the file."""

    def __init__(self, reader: Reader, upstreams: Upstreams, policies: Policies, default_policy: Composed) -> None:
        self._reader = reader
        self._upstreams = upstreams
        self._policies = policies
        self._default_policy = default_policy
        self._sealed: dict[int, tuple[PolicyDraft, Policy]] = {}  # by the draft's identity: routes share long policies

    def read(self, root: Spot, routes: Spot | None, upstream: Spot | None) -> tuple[RouteDraft, ...]:
        """Read all routes; without any there is one that matches everything."""
        default = self._upstreams.default(upstream) if upstream is not None else None
        if routes is None:
            if self._reader.lacks(root, "upstream", keys.TOP):
                self._report_no_upstream(root)
            return (self._draft("default", Match(), default or "", self._default_policy, route_places(root, None)),)
        has_default = not self._reader.lacks(root, "upstream", keys.TOP)
        items = self._reader.items(routes) or ()
        read = [(item, self._read_route(root, item, default, has_default=has_default)) for item in items]
        drafts = [(item, draft) for item, draft in read if draft is not None]
        self._warn_unreachable(drafts)
        return tuple(draft for _, draft in drafts)

    def unmatched(self, root: Spot) -> RouteDraft:
        """Return what answers go by that belong to no route, as if it were one."""
        return self._draft("unmatched", Match(), "", self._default_policy, route_places(root, None))

    def _report_no_upstream(self, root: Spot) -> None:
        where = (
            "--upstream http://localhost:5000, or name a policy file with -c"
            if root.node.mark.line == 0
            else "upstream: http://HOST:PORT"
        )
        self._reader.report(root.place, Id.NO_UPSTREAM, f"it is not said where to forward to; write {where}")

    def _read_route(self, root: Spot, spot: Spot, default: str | None, *, has_default: bool) -> RouteDraft | None:
        """Read a route; None if it has ended."""
        found = self._reader.mapping(spot, keys.ROUTE)
        if "upstream" in found:
            upstream = self._upstreams.named(found["upstream"])
        else:
            upstream = default
            if not has_default and self._reader.lacks(spot, "upstream", keys.ROUTE):
                self._reader.report(
                    spot.place,
                    Id.NO_UPSTREAM,
                    "this route has no upstream; write upstream: NAME here, or one at the top of the file",
                )
        policy = self._policies.compose(found["policy"]) if "policy" in found else self._default_policy
        places = route_places(root, spot)
        draft = self._draft(spot.path, self._read_match(found.get("match")), upstream or "", policy, places)
        return None if self._has_ended(found) else draft

    def _has_ended(self, found: Mapping[str, Spot]) -> bool:
        """Read when and why a route is to go."""
        self._reader.value(found.get("reason"), str.strip)
        last = self._reader.value(found.get("expires"), values.day)
        if not self._reader.has_ended(last):
            return False
        message = f"this route ended on {last} and is left out; remove it, or set a new date"
        self._reader.report(found["expires"].place, Id.EXPIRED, message)
        return True

    def _draft(self, name: str, match: Match, upstream: str, policy: Composed, places: Mapping[str, Place]) -> RouteDraft:
        draft = policy.draft
        if id(draft) not in self._sealed:
            self._sealed[id(draft)] = (draft, seal(self._reader, draft))
        return RouteDraft(Route(name, match, upstream, self._sealed[id(draft)][1], policy.name), draft, places)

    def _read_match(self, spot: Spot | None) -> Match:
        found = self._reader.mapping(spot, keys.MATCH)
        methods = self._reader.values(found.get("methods"), values.method)
        return Match(
            host=self._reader.value(found.get("host"), route_host),
            path=self._reader.value(found.get("path"), path_glob),
            methods=frozenset(methods) if methods else None,
            destinations=read_destinations(self._reader, found.get("destinations")),
            headers=read_fields(self._reader, found.get("headers")),
        )

    def _warn_unreachable(self, drafts: Sequence[tuple[Spot, RouteDraft]]) -> None:
        """Tell of routes behind one that matches everything."""
        taken = next((index for index, (_, draft) in enumerate(drafts) if draft.route.match == Match()), None)
        if taken is None or self._reader.has_errors():
            return
        name = drafts[taken][1].route.name
        for spot, _ in drafts[taken + 1 :]:
            self._reader.report(
                spot.place, Id.UNREACHABLE_ROUTE, f"{name} takes every request before this route; move it to the end"
            )
