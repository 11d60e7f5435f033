"""An exception for one path: a route before the page's own, with the same policy but for its opener policy.

Login and payment pages open windows of others, or are opened by them, and both lose each other under COOP.  One path without it
costs less than a site without it.
"""

import re
from collections.abc import Sequence
from typing import Final

from xoproxy.config import Loaded, nodes
from xoproxy.config.nodes import Plain
from xoproxy.config.routing import RouteDraft
from xoproxy.insight.explaining.placing import Into, Placement, entries, node_at
from xoproxy.insight.proxied import UnreadableUrlError, authority_and_target
from xoproxy.semantics.targets import route_path
from xoproxy.slotted import dataclass

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


def exception_placement(
    loaded: Loaded, draft: RouteDraft, exceptions: Sequence[Excepted], *, enforced: bool = False
) -> Placement | None:
    """Return the change of the file that makes exceptions from a route; on trial, unless `enforced`.

    None where the file does not say the route's policy, as options of the command line do.
    """
    standing = draft.places.get("policy")
    policy = node_at(loaded, standing)
    if policy is None:
        return None
    said = nodes.plain(policy)
    parts: list[Plain] = [*said] if isinstance(said, list) else [said]
    place = draft.places[""]
    node = node_at(loaded, place) if place.path.startswith("routes[") else None
    route = nodes.plain(node) if isinstance(node, nodes.Mapping) else {}
    assert isinstance(route, dict)
    observed = draft.route.policy.observe_coop
    endpoint = observed.report_to if observed is not None else None
    members: list[Plain] = [_entry(route, parts, each, endpoint, enforced=enforced) for each in exceptions]
    if node is not None:
        return Placement(place, Into.BEFORE, members, entries(members))
    rest: Plain = {"policy": said} if isinstance(said, str) else {"match": {"path": "/**"}}
    routes: Plain = [*members, rest]  # the file has none, which means one for everything
    return Placement(place, Into.INSERT, {"routes": routes}, f"routes:\n{_indented(entries(routes))}")


def _entry(route: dict[str, Plain], policy: list[Plain], exception: Excepted, endpoint: str | None, *, enforced: bool) -> Plain:
    """Return the route for an excepted path: all that the other one says, for this path alone, with its own opener policy."""
    match = route.get("match")
    reported = endpoint is not None and not enforced
    overlay: dict[str, Plain] = {KEY: {"value": exception.value, "report_to": endpoint or ""} if reported else exception.value}
    changed: dict[str, Plain] = {
        "match": {**(match if isinstance(match, dict) else {}), "path": exception.path},
        "policy": [*policy, overlay if enforced else {"observe": overlay}],
    }
    return {key: {**route, **changed}[key] for key in dict.fromkeys(("match", *route, "policy"))}


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
