"""Where each key of a composed policy comes from, and which of its keys decide a response field.

A *key path* is how the policy would be written as one mapping: ``cors.allow_origins[0]``, ``observe.coep``,
``headers.set.X-Frame-Options``.  The `Place` of a part says where in the files (or in which preset or option) it stands, and by
which path there, as ``policies.page.coep``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Final, cast

from xoproxy.config.drafts import (
    CorsDraft,
    EditsDraft,
    IntegrityDraft,
    NamedValues,
    OriginsDraft,
    PermissionsDraft,
    Placed,
    PolicyDraft,
)
from xoproxy.config.nodes import Mapping as MappingNode
from xoproxy.config.nodes import Node, Sequence
from xoproxy.config.problems import Place, child_path
from xoproxy.config.reader import Spot
from xoproxy.policy.model import OFF, Embedder, EmbedderPolicy

# Draft fields that are not called as their key is; `observe_` is a mapping of its own.
_KEYS: Final = MappingProxyType(
    {
        "websocket": "websocket_origins",
        "edits": "headers",
        "max_age_s": "max_age",
        "any_with_credentials": "dangerously_allow_any_origin_with_credentials",
        "insecure_origins": "dangerously_allow_insecure_origins",
        "public_suffixes": "dangerously_allow_public_suffixes",
        "null_origin": "dangerously_allow_null_origin",
    }
)

_OPENER: Final = b"cross-origin-opener-policy"
_EMBEDDER: Final = b"cross-origin-embedder-policy"
_ISOLATION: Final = b"document-isolation-policy"
_PERMISSIONS: Final = b"permissions-policy"
_INTEGRITY: Final = b"integrity-policy"
_TWINS: Final = MappingProxyType(
    {
        _OPENER: "coop",
        _EMBEDDER: "coep",
        _ISOLATION: "document_isolation",
        _PERMISSIONS: "permissions_policy",
        _INTEGRITY: "integrity_policy",
    }
)
# Fields that keys of a policy own one by one, lower case; those of CORS are owned together.
TYPED_FIELDS: Final = (
    *_TWINS,
    *(name + b"-report-only" for name in _TWINS),
    b"cross-origin-resource-policy",
    b"origin-agent-cluster",
    b"timing-allow-origin",
)
_ORIGINS: Final = ("cors.allow_origins", "cors.allow_origin_regexes", "cors.dangerously_allow_null_origin")
_REPORTING: Final = (*_TWINS.values(), *(f"observe.{key}" for key in _TWINS.values()))
# Lower-case names of response fields to the keys that decide whether they go out and what they say.
_DECIDED_BY: Final[Mapping[bytes, tuple[str, ...]]] = MappingProxyType(
    {
        **{name: (key, "report_to") for name, key in _TWINS.items()},
        **{name + b"-report-only": (f"observe.{key}", "report_to") for name, key in _TWINS.items()},
        b"cross-origin-resource-policy": ("corp",),
        b"origin-agent-cluster": ("origin_agent_cluster",),
        b"timing-allow-origin": ("timing_allow_origin",),
        b"reporting-endpoints": ("report_to", *_REPORTING),
        b"access-control-allow-origin": (*_ORIGINS, "cors.allow_credentials"),
        b"access-control-allow-credentials": ("cors.allow_credentials", *_ORIGINS),
        b"access-control-allow-methods": ("cors.allow_methods",),
        b"access-control-allow-headers": ("cors.allow_headers",),
        b"access-control-expose-headers": ("cors.expose_headers",),
        b"access-control-max-age": ("cors.max_age",),
        b"access-control-allow-private-network": ("cors.legacy_private_network",),
        b"vary": (*_ORIGINS, "coep", "observe.coep", "resource_isolation"),
    }
)


def said(draft: PolicyDraft) -> Mapping[str, Placed[object]]:
    """Return every key path that a draft has a word about: the value as drafted, and its place.  Mappings before their keys."""
    return dict(_parts("", draft))


def parts(draft: PolicyDraft) -> Mapping[str, Place]:
    """Return every key path that a draft has a word about, and where that stands."""
    return {key: part.place for key, part in said(draft).items()}


def keys_of_field(name: bytes) -> tuple[str, ...]:
    """Return the key paths that decide a response field (any case), the most telling first.

    A field without a key of its own has the three paths of `headers` that could name it.
    """
    folded = name.lower()
    if folded in _DECIDED_BY:
        return _DECIDED_BY[folded]
    if folded.startswith(b"access-control-"):
        return ("cors",)
    return tuple(child_path(f"headers.{edit}", name.decode("latin-1")) for edit in ("set", "add", "remove"))


def parts_of_field(draft: PolicyDraft, name: bytes) -> Mapping[str, Place]:
    """Return the parts of a draft that decide what a response field (any case) says, or that the backend's own is removed.

    Empty: the policy says nothing of it, and the backend's own passes untouched.
    """
    stated = {key.lower(): (key, part) for key, part in said(draft).items()}
    decided = [stated[key.lower()] for key in keys_of_field(name) if key.lower() in stated]
    found = {key: part.place for key, part in decided if _tells(name.lower(), key, part.value)}
    if set(found) - {"report_to"}:
        return found
    owner = _owner(name.lower())
    return {owner: stated[owner][1].place} if owner in stated and _removes(owner, stated[owner][1].value) else {}


def route_places(root: Spot, route: Spot | None) -> Mapping[str, Place]:
    """Return the places of a route's keys, as ``match.methods[0]``, and under "" its own; of `policy` only the whole.

    `root` is the whole file, which says `upstream` and `policy` for routes that do not; `route` None: it is the only route.
    """
    inherited = {key: Spot(value, key).place for key, value in _entries(root.node) if key in ("upstream", "policy")}
    own = dict(_places("", route.path, route.node)) if route is not None else {"": root.place}
    return inherited | own


def _places(key: str, path: str, node: Node) -> Iterator[tuple[str, Place]]:
    yield key, Place(node.mark, path)
    if key == "policy":
        return
    for name, value in _entries(node):
        yield from _places(child_path(key, name), child_path(path, name), value)
    for index, item in enumerate(node.items if isinstance(node, Sequence) else ()):
        yield from _places(f"{key}[{index}]", f"{path}[{index}]", item)


def _entries(node: Node) -> Iterator[tuple[str, Node]]:
    for key, value in node.entries if isinstance(node, MappingNode) else ():
        yield key.text, value


def _tells(folded: bytes, key: str, value: object) -> bool:
    """Whether a part that may decide a field does: only COEP's ``auto`` looks at the browser, and so is in Vary."""
    if folded == b"vary" and key.endswith("coep"):
        return isinstance(value, Embedder) and value.value is EmbedderPolicy.AUTO
    return folded != b"reporting-endpoints" or value is not OFF


def _removes(owner: str, value: object) -> bool:
    """Whether a key has all fields of its kind removed: `cors` in any form, the others where they are ``off``."""
    return owner == "cors" or value is OFF


def _owner(folded: bytes) -> str:
    """Return the key that has a field removed if no key of the field's own says anything."""
    if folded.startswith(b"access-control-"):
        return "cors"
    return _TWINS.get(folded.removesuffix(b"-report-only"), "")


def _parts(path: str, draft: PolicyDraft | CorsDraft | OriginsDraft) -> Iterator[tuple[str, Placed[object]]]:
    for field in fields(draft):
        value: object = getattr(draft, field.name)
        key = _KEYS.get(field.name, field.name)
        key = f"observe.{key.removeprefix('observe_')}" if key.startswith("observe_") else key
        yield from _part(f"{path}.{key}" if path else key, value)


def _part(path: str, value: object) -> Iterator[tuple[str, Placed[object]]]:
    match value:
        case Placed():
            placed = cast("Placed[object]", value)
            yield path, placed
            yield from _members(path, placed.value)
            if isinstance(value, PermissionsDraft | IntegrityDraft):
                for key, part in value.parts:
                    yield child_path(path, key), cast("Placed[object]", part)
        case CorsDraft() | OriginsDraft():
            yield path, Placed(value, value.place)
            yield from _parts(path, value)
        case EditsDraft():
            yield from _edits(path, value)
        case _:  # None, or the place of the mapping itself
            pass


def _members(path: str, value: object) -> Iterator[tuple[str, Placed[object]]]:
    """Yield the members of a list that know their own places."""
    if isinstance(value, tuple):
        for index, member in enumerate(cast("tuple[object, ...]", value)):
            if isinstance(member, Placed):
                yield f"{path}[{index}]", cast("Placed[object]", member)


def _edits(path: str, edits: EditsDraft) -> Iterator[tuple[str, Placed[object]]]:
    for kind, named in (("set", edits.set), ("add", edits.add)):
        for edit in named:
            yield _edit_path(path, kind, edit.name), _values(edit)
    for name in edits.remove:
        yield _edit_path(path, "remove", name.value), Placed(None, name.place)


def _edit_path(path: str, kind: str, name: bytes) -> str:
    return child_path(f"{path}.{kind}", name.decode("ascii"))


def _values(edit: NamedValues) -> Placed[object]:
    return Placed(edit.values, edit.place)
