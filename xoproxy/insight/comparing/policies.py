"""What two policies decide differently, key by key."""

from dataclasses import fields
from enum import Enum
from typing import Final

from xoproxy.insight.comparing.changes import Change, Direction, Names, gained_and_lost
from xoproxy.insight.comparing.cors import compare_cors
from xoproxy.insight.comparing.origins import missing_from
from xoproxy.policy.model import (
    ANY,
    DocumentIsolation,
    Embedder,
    EmbedderPolicy,
    Isolation,
    Opener,
    OpenerPolicy,
    PermissionsPolicy,
    Policy,
    ResourcePolicy,
    UpstreamFields,
    WebSocketOrigins,
)

# How much each value lets pass, most strict first.  An absent key leaves the field to the backend: as if there were none.
_OPENER: Final[dict[object, int]] = {
    OpenerPolicy.SAME_ORIGIN: 0,
    OpenerPolicy.NOOPENER_ALLOW_POPUPS: 1,
    OpenerPolicy.SAME_ORIGIN_ALLOW_POPUPS: 1,
}
_EMBEDDER: Final[dict[object, int]] = {EmbedderPolicy.REQUIRE_CORP: 0, EmbedderPolicy.AUTO: 1, EmbedderPolicy.CREDENTIALLESS: 1}
_RESOURCE: Final[dict[object, int]] = {
    ResourcePolicy.SAME_ORIGIN: 0,
    ResourcePolicy.SAME_SITE: 1,
    ResourcePolicy.CROSS_ORIGIN: 3,
}
_ISOLATION: Final[dict[object, int]] = {
    DocumentIsolation.ISOLATE_AND_REQUIRE_CORP: 0,
    DocumentIsolation.ISOLATE_AND_CREDENTIALLESS: 1,
}
_NOTHING: Final = 2

_BACKEND: Final = "the backend's own"


def compare_policies(old: Policy, new: Policy) -> tuple[Change, ...]:
    """Return all changes, in the order of the policy reference."""
    if old == new:
        return ()
    changes: list[Change] = []
    for key, ranks in (("coop", _OPENER), ("coep", _EMBEDDER), ("corp", _RESOURCE), ("document_isolation", _ISOLATION)):
        changes += _ranked(key, getattr(old, key), getattr(new, key), ranks)
    changes += _isolation(old, new)
    changes += compare_cors(old.cors, new.cors)
    changes += _websockets(old.websocket_origins, new.websocket_origins)
    changes += _timing(old, new)
    changes += _permissions(old.permissions_policy, new.permissions_policy)
    changes += _integrity(old, new)
    changes += _switches(old, new)
    changes += _others(old, new)
    return tuple(changes)


def _value(part: object) -> object:
    """Return what is compared of a key: where its reports go matters to nobody else."""
    return part.value if isinstance(part, Opener | Embedder | Isolation) else part


def _shown(part: object) -> str:
    value = _value(part)
    if value is None:
        return _BACKEND
    return str(value.value) if isinstance(value, Enum) else str(value)


def _ranked(key: str, old: object, new: object, ranks: dict[object, int]) -> list[Change]:
    """Compare two values of a key whose values are ordered by strictness."""
    before, after = _value(old), _value(new)
    if before == after:
        return []
    difference = ranks.get(after, _NOTHING) - ranks.get(before, _NOTHING)
    direction = Direction.CHANGED if not difference else Direction.WIDER if difference > 0 else Direction.NARROWER
    return [Change(key, direction, f"{_shown(old)} -> {_shown(new)}")]


def _isolates(policy: Policy) -> bool:
    opener, embedder, isolation = _value(policy.coop), _value(policy.coep), _value(policy.document_isolation)
    both = opener is OpenerPolicy.SAME_ORIGIN and embedder in _EMBEDDER
    return both or isolation in _ISOLATION


def _isolation(old: Policy, new: Policy) -> list[Change]:
    """Tell of pages that gain or lose cross-origin isolation.  (HTML, "cross-origin isolated")"""
    if _isolates(old) == _isolates(new):
        return []
    said = "pages become cross-origin isolated" if _isolates(new) else "pages are no longer cross-origin isolated"
    return [Change("isolation", Direction.CHANGED, said)]


def _websockets(old: WebSocketOrigins | None, new: WebSocketOrigins | None) -> list[Change]:
    """Compare whose pages may open WebSockets; without the key any page may."""
    if old == new:
        return []
    before = ANY if old is None else old.allow_origins
    after = ANY if new is None else new.allow_origins
    gained, lost = [*missing_from(after, before)], [*missing_from(before, after)]
    if old is not None and new is not None:
        gained += _other_openers(new, old)
        lost += _other_openers(old, new)
    return gained_and_lost("websocket_origins", gained, lost, "may open WebSockets")


def _other_openers(wanted: WebSocketOrigins, have: WebSocketOrigins) -> list[str]:
    """Return what else one has and the other has not."""
    others = [f"/{regex}/" for regex in wanted.allow_origin_regexes if regex not in have.allow_origin_regexes]
    if wanted.allow_null_origin and not have.allow_null_origin:
        others.append("the opaque origin null")
    if wanted.insecure_by_regex and not have.insecure_by_regex:
        others.append("plain-http origins that an expression matches")
    return others


def _timing(old: Policy, new: Policy) -> list[Change]:
    before, after = old.timing_allow_origin, new.timing_allow_origin
    if before == after:
        return []
    if after is None or before is None:
        direction = Direction.WIDER if after is not None else Direction.CHANGED
        said = f"{_BACKEND} decides" if after is None else f"{_names(after)} may see timings"
        return [Change("timing_allow_origin", direction, said)]
    gained = [] if before is ANY else ["any origin"] if after is ANY else [n.decode() for n in after if n not in before]
    lost = [] if after is ANY else ["any origin"] if before is ANY else [n.decode() for n in before if n not in after]
    return gained_and_lost("timing_allow_origin", gained, lost, "may see timings")


def _names(names: Names) -> str:
    if names is ANY:
        return "any origin"
    return ", ".join(name.decode("ascii") for name in names) or "nobody"


def _permissions(old: PermissionsPolicy | None, new: PermissionsPolicy | None) -> list[Change]:
    """Compare allowlists feature by feature.  Where a feature is not named the browser's default holds."""
    before = dict(old.features) if old is not None else {}
    after = dict(new.features) if new is not None else {}
    changes: list[Change] = []
    for feature in sorted(before.keys() | after.keys()):
        was, will = before.get(feature), after.get(feature)
        if was == will:
            continue
        direction = _allowlist_direction(was, will)
        shown = f"{_allowlist(was)} -> {_allowlist(will)}"
        changes.append(Change(f"permissions_policy.{feature}", direction, shown))
    return changes


def _allowlist_direction(old: Names | None, new: Names | None) -> Direction:
    """An unnamed feature is between nobody and everybody."""
    if new is ANY or old == ():
        return Direction.WIDER
    if old is ANY or new == ():
        return Direction.NARROWER
    if isinstance(old, tuple) and isinstance(new, tuple):
        return Direction.NARROWER if set(new) < set(old) else Direction.WIDER
    return Direction.CHANGED


def _allowlist(names: Names | None) -> str:
    return "the browser's default" if names is None else "everybody" if names is ANY else _names(names)


def _integrity(old: Policy, new: Policy) -> list[Change]:
    before = set(old.integrity_policy.blocked_destinations) if old.integrity_policy else set[str]()
    after = set(new.integrity_policy.blocked_destinations) if new.integrity_policy else set[str]()
    what = "may load without integrity metadata"
    return gained_and_lost("integrity_policy", sorted(before - after), sorted(after - before), what)


_RANKED_SOURCES: Final = {UpstreamFields.REPLACE: 0, UpstreamFields.FILL: 1, UpstreamFields.PASSTHROUGH: 2}


def _switches(old: Policy, new: Policy) -> list[Change]:
    changes: list[Change] = []
    if old.resource_isolation != new.resource_isolation:
        direction = Direction.NARROWER if new.resource_isolation else Direction.WIDER
        said = "are refused" if new.resource_isolation else "are no longer refused"
        changes.append(Change("resource_isolation", direction, f"cross-site requests {said}"))
    if old.upstream_fields is not new.upstream_fields:
        wider = _RANKED_SOURCES[new.upstream_fields] > _RANKED_SOURCES[old.upstream_fields]
        said = f"{old.upstream_fields.value} -> {new.upstream_fields.value}"
        changes.append(Change("upstream_fields", Direction.WIDER if wider else Direction.NARROWER, said))
    return changes


_PLAIN_KEYS: Final = (
    ("origin_agent_cluster", "origin_agent_cluster"),
    ("observe_coop", "observe.coop"),
    ("observe_coep", "observe.coep"),
    ("observe_document_isolation", "observe.document_isolation"),
    ("observe_permissions_policy", "observe.permissions_policy"),
    ("observe_integrity_policy", "observe.integrity_policy"),
    ("fields", "headers"),
)


def _others(old: Policy, new: Policy) -> list[Change]:
    """Name the keys by which nobody gains or loses."""
    changed = [key for name, key in _PLAIN_KEYS if _value(getattr(old, name)) != _value(getattr(new, name))]
    if _report_targets(old) != _report_targets(new):
        changed.append("report_to")
    return [Change(key, Direction.CHANGED, "changed") for key in changed]


def _report_targets(policy: Policy) -> list[object]:
    """Return where the reports of each part go."""
    own = [getattr(getattr(policy, field.name), "report_to", None) for field in fields(Policy)]
    return [policy.report_to, *own]
