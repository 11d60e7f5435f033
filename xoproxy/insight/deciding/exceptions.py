"""An exception for one path: a route before the page's own, with the same policy but for its opener policy.

Login and payment pages open windows of others, or are opened by them, and both lose each other under COOP.  One path without it
costs less than a site without it.
"""

import re
from dataclasses import dataclass
from typing import Final

from xoproxy.config import Loaded, nodes
from xoproxy.config.nodes import Plain
from xoproxy.config.routing import RouteDraft
from xoproxy.insight.explaining.placing import Into, Placement, entries, node_at
from xoproxy.insight.proxied import UnreadableUrlError, authority_and_target
from xoproxy.semantics.targets import route_path

_GLOB: Final = re.compile(r"[*]")
KEY: Final = "coop"


@dataclass(frozen=True, slots=True)
class Excepted:
    """A path of a route that is to have another opener policy."""

    route: str  # the name of the route that takes it now
    path: str  # decoded, as `match.path` has it
    value: str  # of `coop`


def excepted(draft: RouteDraft, document: str, value: str) -> Excepted | None:
    """Return the exception for a page; None if its path cannot be written as a glob that covers nothing else."""
    try:
        _, _, target = authority_and_target(document)
        path = route_path(target).decode("utf-8")
    except (UnreadableUrlError, UnicodeDecodeError):
        return None
    if _GLOB.search(path) or not path.isprintable():
        return None
    return Excepted(draft.route.name, path, value)


def is_whole_route(draft: RouteDraft, exception: Excepted) -> bool:
    """Whether the route takes that path and no other, so that the exception is the route itself."""
    return draft.route.match.path == exception.path


def exception_placement(loaded: Loaded, draft: RouteDraft, exception: Excepted, *, enforced: bool = False) -> Placement | None:
    """Return the change of the file that makes an exception from a route; on trial, unless `enforced`.

    None where the file does not say the route's policy, as options of the command line do.
    """
    standing = draft.places.get("policy")
    policy = node_at(loaded, standing)
    if policy is None:
        return None
    overlay: dict[str, Plain] = {KEY: exception.value}
    said = nodes.plain(policy)
    parts = [*said] if isinstance(said, list) else [said]
    composed: Plain = [*parts, overlay if enforced else {"observe": overlay}]
    place = draft.places[""]
    node = node_at(loaded, place) if place.path.startswith("routes[") else None
    if not isinstance(node, nodes.Mapping):  # the file has no routes, but one for everything
        rest: Plain = {"policy": said} if isinstance(said, str) else {"match": {"path": "/**"}}
        routes: list[Plain] = [{"match": {"path": exception.path}, "policy": composed}, rest]
        return Placement(place, Into.INSERT, {"routes": routes}, f"routes:\n{_indented(entries(routes))}")
    route = nodes.plain(node)
    assert isinstance(route, dict)
    match = route.get("match")
    entry: dict[str, Plain] = {
        **route,
        "match": {**(match if isinstance(match, dict) else {}), "path": exception.path},
        "policy": composed,
    }
    ordered: Plain = {key: entry[key] for key in ("match", *entry)}
    return Placement(place, Into.BEFORE, [ordered], entries([ordered]))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
