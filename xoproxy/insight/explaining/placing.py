"""Where in the file an edit goes, and how it is written there.

An edit is placed where the file says something of its key already; else in the mapping that the key belongs to; else in the
policy by name, if the route's is one; else it is composed onto the route's policy.  Wherever it goes, the route's policy
becomes the one that was tried.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from xoproxy.config import Loaded, nodes
from xoproxy.config.nodes import Node, Plain
from xoproxy.config.problems import Place
from xoproxy.config.provenance import said
from xoproxy.config.routing import RouteDraft
from xoproxy.insight.explaining.edits import Edit, How, merged, nested

_STEP: Final = re.compile(r'\.?("(?:[^"\\]|\\.)*"|[^.\["]+)|\[([0-9]+)\]')
_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9_\-]*(?:[ /:.@][A-Za-z0-9_\-]+|://[A-Za-z0-9_\-]+)*")
_WORDS: Final = frozenset({"null", "yes", "no", "on", "off", "true", "false", "y", "n"})
_BARE: Final = frozenset({"true", "false", "off"})  # meant as YAML's words
_WIDTH: Final = 100


class Into(Enum):
    """What is done at the place."""

    REPLACE = "replace"  # the value there, by `value`
    INSERT = "insert"  # the keys of `value`, into the mapping there
    APPEND = "append"  # the members of `value`, to the list there


@dataclass(frozen=True, slots=True)
class Placement:
    """One change of the file.  `place.path` names what is changed; `also` are other routes that change with it.

    `in_file` is false where what is changed came from an option of the command line, or a preset: then `yaml` shows what to
    write in a file.
    """

    place: Place
    into: Into
    value: Plain
    yaml: str
    also: tuple[str, ...] = ()

    @property
    def in_file(self) -> bool:
        """Whether there is a line to change."""
        return self.place.mark.line > 0


def placements(loaded: Loaded, edits: Sequence[Edit]) -> tuple[Placement, ...]:
    """Return the changes that make the edits, in the order of the file."""
    drafts = {draft.route.name: draft for draft in loaded.routes}
    placed: dict[tuple[str, Into], list[tuple[Place, Plain]]] = {}
    for edit in edits:
        place, into, value = _placed(loaded, drafts[edit.route], edit)
        placed.setdefault((place.path, into), []).append((place, value))
    meant = {edit.route for edit in edits}
    found = [_joined(loaded, into, parts, meant) for (_, into), parts in placed.items()]
    return tuple(sorted(found, key=lambda each: (each.place.mark.line, each.place.mark.column)))


def alone(loaded: Loaded, edits: Sequence[Edit]) -> Placement | None:
    """Return how the same is had for one route only; None if that takes more than keys laid over its policy."""
    drafts = [draft for draft in loaded.routes if draft.route.name in {edit.route for edit in edits}]
    if len(drafts) != 1 or any(edit.how is How.APPEND or edit.key.startswith("match.") for edit in edits):
        return None
    standing = drafts[0].places.get("policy")
    node = _node(loaded, standing)
    if standing is None or not isinstance(node, nodes.Scalar) or not standing.path.startswith("routes["):
        return None
    value: Plain = [node.text, merged(nested(edit.key, edit.value) for edit in edits)]
    return Placement(standing, Into.REPLACE, value, _written(loaded, standing, Into.REPLACE, value))


def _joined(loaded: Loaded, into: Into, parts: list[tuple[Place, Plain]], meant: set[str]) -> Placement:
    place, value = parts[0]
    for _, other in parts[1:]:
        value = merged(({"": value}, {"": other}))[""]
    return Placement(place, into, value, _written(loaded, place, into, value), _also(loaded, place, meant))


def _placed(loaded: Loaded, draft: RouteDraft, edit: Edit) -> tuple[Place, Into, Plain]:
    """Return where one edit goes, and what is written there."""
    stated = said(draft.policy)
    standing = draft.places.get(edit.key) if edit.key.startswith("match.") else None
    if edit.key in stated:
        standing = stated[edit.key].place
    node = _node(loaded, standing)
    if standing is not None and node is not None:
        if edit.how is How.SET:
            return standing, Into.REPLACE, edit.value
        if isinstance(node, nodes.Sequence):
            return standing, Into.APPEND, [edit.value]
        return standing, Into.REPLACE, [*_texts(node), edit.value]
    value: Plain = [edit.value] if edit.how is How.APPEND else edit.value
    parent, _, last = edit.key.rpartition(".")
    above = stated[parent].place if parent in stated else None
    if above is not None and isinstance(_node(loaded, above), nodes.Mapping):
        return above, Into.INSERT, {last: value}
    place, into, keys = _composed(loaded, draft, nested(edit.key, value))
    if above is not None and into is Into.INSERT and above.path == f"{place.path}.{parent}":
        return above, Into.REPLACE, {last: value}  # of `cors: off`, which hides nothing
    return place, into, keys


def _composed(loaded: Loaded, draft: RouteDraft, keys: dict[str, Plain]) -> tuple[Place, Into, Plain]:
    """Return how keys are laid over the whole policy of a route."""
    standing = draft.places.get("policy")
    if standing is None:
        return draft.places[""], Into.INSERT, {"policy": keys}
    node = _node(loaded, standing)
    match node:
        case nodes.Mapping():
            return standing, Into.INSERT, keys
        case nodes.Sequence():
            return standing, Into.APPEND, [keys]
        case nodes.Scalar():
            named = _node(loaded, Place(standing.mark, f"policies.{node.text}"))
            if isinstance(named, nodes.Mapping):
                return Place(named.mark, f"policies.{node.text}"), Into.INSERT, keys
            return standing, Into.REPLACE, [node.text, keys]
        case None:
            return standing, Into.REPLACE, [*draft.route.policy_name.split(" + "), keys]


def _also(loaded: Loaded, place: Place, meant: set[str]) -> tuple[str, ...]:
    """Return the names of the routes, besides those that are meant, that a place has a part in."""
    path = place.path
    named = re.fullmatch(r"policies\.([^.\[]+)", path)
    return tuple(
        draft.route.name
        for draft in loaded.routes
        if draft.route.name not in meant
        and (_has_part(draft, path) or (named is not None and named[1] in draft.route.policy_name.split(" + ")))
    )


def _has_part(draft: RouteDraft, path: str) -> bool:
    """Whether something of a route stands at a place, or below it."""
    parts = [part.place.path for part in said(draft.policy).values()] + [place.path for place in draft.places.values()]
    return any(each == path or each.startswith((f"{path}.", f"{path}[")) for each in parts)


def _node(loaded: Loaded, place: Place | None) -> Node | None:
    """Return what stands at a place of the file; None if that is not in the file."""
    if place is None or not place.mark.line:
        return None
    node: Node = loaded.tree
    for key, index in _STEP.findall(place.path):
        if index:
            if not isinstance(node, nodes.Sequence):
                continue  # one value that stands for a list of one
            node = node.items[int(index)]
        elif isinstance(node, nodes.Mapping):
            name = json.loads(key) if key.startswith('"') else key
            following = next((value for each, value in node.entries if each.text == name), None)
            if following is None:
                return None
            node = following
    return node


def _texts(node: Node) -> list[Plain]:
    return [node.text] if isinstance(node, nodes.Scalar) and node.text != "same-origin" else []


def _written(loaded: Loaded, place: Place, into: Into, value: Plain) -> str:
    """Return the YAML to write."""
    if into is Into.INSERT:
        return "\n".join(_block(value))
    key = _last_key(place.path)
    if into is Into.APPEND:
        node = _node(loaded, place)
        assert isinstance(node, nodes.Sequence)
        assert isinstance(value, list)
        if all(isinstance(item, nodes.Scalar) for item in node.items):
            standing = [item.text for item in node.items if isinstance(item, nodes.Scalar)]
            line = f"{key}: {flow([*standing, *value])}"
            if len(line) <= _WIDTH:
                return line
        return "\n".join(f"- {flow(item)}" for item in value)
    return "\n".join(_block({key: value}))


def _last_key(path: str) -> str:
    """Return the key that a path ends with; of a long form, the key that it is the form of."""
    names: list[str] = [key for key, _ in _STEP.findall(path) if key]
    return names[-1]


def _block(value: Plain, indent: str = "") -> Iterator[str]:
    """Yield the lines of a mapping in block style; lists, and what has no mapping below, in flow style."""
    assert isinstance(value, dict)
    for key, below in value.items():
        name = scalar(key)
        if isinstance(below, dict) and (
            any(isinstance(each, dict) for each in below.values()) or len(flow(below)) > _WIDTH // 2
        ):
            yield f"{indent}{name}:"
            yield from _block(below, indent + "  ")
        else:
            yield f"{indent}{name}: {flow(below)}"


def flow(value: Plain) -> str:
    """Return a value as YAML in flow style."""
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {flow(below)}" for key, below in value.items()) + "}"
    return value if value in _BARE else scalar(value)


def scalar(text: str) -> str:
    """Return a text as YAML, in quotes unless it is plain in every reading."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else f"{json.dumps(text)}"
