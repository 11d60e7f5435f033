"""Read `routes`, and fill in what the top of the file says for those that do not."""

from collections.abc import Mapping
from dataclasses import dataclass

from xoproxy.config import keys, values
from xoproxy.config.addresses import path_glob, route_host
from xoproxy.config.composition import Composed, Policies
from xoproxy.config.drafts import PolicyDraft
from xoproxy.config.problems import Id, Place
from xoproxy.config.provenance import route_places
from xoproxy.config.reader import Reader, Spot
from xoproxy.config.sealing import seal
from xoproxy.config.upstreams import Upstreams
from xoproxy.policy.routes import Match, Route


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

    def read(self, root: Spot, routes: Spot | None, upstream: Spot | None) -> tuple[RouteDraft, ...]:
        """Read all routes; without any there is one that matches everything."""
        default = self._upstreams.default(upstream) if upstream is not None else None
        if routes is None:
            if self._reader.lacks(root, "upstream", keys.TOP):
                self._report_no_upstream(root)
            return (self._draft("default", Match(), default or "", self._default_policy, route_places(root, None)),)
        has_default = not self._reader.lacks(root, "upstream", keys.TOP)
        drafts = tuple(
            self._read_route(root, item, default, has_default=has_default) for item in self._reader.items(routes) or ()
        )
        self._warn_unreachable(routes, drafts)
        return drafts

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

    def _read_route(self, root: Spot, spot: Spot, default: str | None, *, has_default: bool) -> RouteDraft:
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
        return self._draft(spot.path, self._read_match(found.get("match")), upstream or "", policy, places)

    def _draft(self, name: str, match: Match, upstream: str, policy: Composed, places: Mapping[str, Place]) -> RouteDraft:
        route = Route(name, match, upstream, seal(self._reader, policy.draft), policy.name)
        return RouteDraft(route, policy.draft, places)

    def _read_match(self, spot: Spot | None) -> Match:
        found = self._reader.mapping(spot, keys.MATCH)
        methods = self._reader.values(found.get("methods"), values.method)
        return Match(
            host=self._reader.value(found.get("host"), route_host),
            path=self._reader.value(found.get("path"), path_glob),
            methods=frozenset(methods) if methods else None,
        )

    def _warn_unreachable(self, routes: Spot, drafts: tuple[RouteDraft, ...]) -> None:
        """Tell of routes behind one that matches everything."""
        taken = next((index for index, draft in enumerate(drafts) if draft.route.match == Match()), None)
        if taken is None or self._reader.has_errors():
            return
        for spot in (self._reader.items(routes) or ())[taken + 1 :]:
            self._reader.report(
                spot.place, Id.UNREACHABLE_ROUTE, f"routes[{taken}] takes every request before this route; move it to the end"
            )
