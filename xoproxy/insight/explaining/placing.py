"""Where in the file an edit goes, and how it is written there.

An edit is placed where the file says something of its key already; else in the mapping that the key belongs to; else in the
policy by name, if the route's is one; else it is composed onto the route's policy.  Wherever it goes, the route's policy
becomes the one that was tried.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Final

from xoproxy.config import Loaded, nodes
from xoproxy.config.drafts import Placed
from xoproxy.config.nodes import Node, Plain
from xoproxy.config.problems import Place
from xoproxy.config.provenance import said
from xoproxy.config.routing import RouteDraft
from xoproxy.insight.explaining.edits import Edit, How, merged, nested
from xoproxy.slotted import dataclass

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
    BEFORE = "before"  # the members of `value`, into the list there, before the member that the place is of
    REMOVE = "remove"  # the key there with its value; with a mapping that has no key left goes that one's, too


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


class Users:
    """Which routes a place of the file has a part in: something of them stands there, or below it."""

    def __init__(self, loaded: Loaded) -> None:
        self._names: dict[str, dict[str, None]] = {}  # by path; the names are in the order of the file
        self._policies: dict[str, dict[str, None]] = {}  # by the name of a policy that they are made of
        paths: dict[int, list[str]] = {}  # by the identity of a draft: routes share policies
        for draft in loaded.routes:
            name = draft.route.name
            if id(draft.policy) not in paths:
                paths[id(draft.policy)] = [part.place.path for part in said(draft.policy).values()]
            for path in (*paths[id(draft.policy)], *(place.path for place in draft.places.values())):
                self._add(path, name)
            for policy in draft.route.policy_name.split(" + "):
                self._policies.setdefault(policy, {})[name] = None

    def _add(self, path: str, name: str) -> None:
        """Add a user of a path, and of what it is in."""
        while name not in (users := self._names.setdefault(path, {})):
            users[name] = None
            path = path[: max(path.rfind("."), path.rfind("["), 0)]

    def of(self, place: Place, meant: set[str]) -> tuple[str, ...]:
        """Return the names of the routes, besides those that are meant."""
        named = re.fullmatch(r"policies\.([^.\[]+)", place.path)
        users = {**self._names.get(place.path, {}), **(self._policies.get(named[1], {}) if named is not None else {})}
        return tuple(name for name in users if name not in meant)


def placements(loaded: Loaded, edits: Sequence[Edit], users: Users | None = None) -> tuple[Placement, ...]:
    """Return the changes that make the edits, in the order of the file.  `users`: of this file, if they are known."""
    users = users or Users(loaded)
    drafts = {draft.route.name: draft for draft in loaded.routes}
    placed: dict[tuple[str, Into], list[tuple[Place, Plain]]] = {}
    for edit in edits:
        place, into, value = _placed(loaded, drafts[edit.route], edit)
        placed.setdefault((place.path, into), []).append((place, value))
    meant = {edit.route for edit in edits}
    found = [_joined(loaded, into, parts, users, meant) for (_, into), parts in placed.items()]
    return tuple(sorted(found, key=lambda each: (each.place.mark.line, each.place.mark.column)))


def alone(loaded: Loaded, edits: Sequence[Edit]) -> Placement | None:
    """Return how the same is had for one route only; None if that takes more than keys laid over its policy."""
    drafts = [draft for draft in loaded.routes if draft.route.name in {edit.route for edit in edits}]
    if len(drafts) != 1 or any(edit.how is not How.SET or edit.key.startswith("match.") for edit in edits):
        return None
    standing, route = drafts[0].places.get("policy"), drafts[0].places[""]
    node = node_at(loaded, standing)
    if standing is None or node is None or not route.path.startswith("routes["):
        return None
    keys: Plain = merged(nested(edit.key, edit.value) for edit in edits)
    value: Plain
    if not standing.path.startswith("routes["):  # it is the file's
        into, place, value = Into.INSERT, route, {"policy": _with(node, keys)}
    elif isinstance(node, nodes.Sequence):
        into, place, value = Into.APPEND, standing, list[Plain]([keys])
    elif isinstance(node, nodes.Scalar):
        into, place, value = Into.REPLACE, standing, _with(node, keys)
    else:
        return None
    return Placement(place, into, value, _written(loaded, place, into, value))


def narrowest(loaded: Loaded, edits: Sequence[Edit], users: Users) -> tuple[Placement, ...]:
    """Return the changes that make the edits, of other routes as few as can be."""
    found = placements(loaded, edits, users)
    if not any(each.also for each in found):
        return found
    return tuple(placement for route in _routes(edits) for placement in _narrowest(loaded, route, users))


def _routes(edits: Sequence[Edit]) -> Iterator[list[Edit]]:
    for route in dict.fromkeys(edit.route for edit in edits):
        yield [edit for edit in edits if edit.route == route]


def _narrowest(loaded: Loaded, edits: Sequence[Edit], users: Users) -> tuple[Placement, ...]:
    found = placements(loaded, edits, users)
    single = alone(loaded, edits) if any(each.also for each in found) else None
    return found if single is None else (single,)


def _with(node: Node, keys: Plain) -> Plain:
    """Return what stands under `policy`, as a list with keys laid over it."""
    standing = nodes.plain(node)
    return [*standing, keys] if isinstance(standing, list) else [standing, keys]


def _joined(loaded: Loaded, into: Into, parts: list[tuple[Place, Plain]], users: Users, meant: set[str]) -> Placement:
    place, value = parts[0]
    for _, other in parts[1:]:
        value = merged(({"": value}, {"": other}))[""]
    return Placement(place, into, value, _written(loaded, place, into, value), users.of(place, meant))


def _placed(loaded: Loaded, draft: RouteDraft, edit: Edit) -> tuple[Place, Into, Plain]:
    """Return where one edit goes, and what is written there."""
    stated = said(draft.policy)
    standing = draft.places.get(edit.key) if edit.key.startswith("match.") else None
    if edit.key in stated:
        standing = stated[edit.key].place
    node = node_at(loaded, standing)
    if standing is not None and (node is not None or edit.how is How.REMOVE):
        return _changed(standing, node, edit)
    value: Plain = [edit.value] if edit.how is How.APPEND else edit.value
    parent, _, last = edit.key.rpartition(".")
    above = stated[parent].place if parent in stated else _beside(loaded, stated, parent)
    if above is not None and isinstance(node_at(loaded, above), nodes.Mapping):
        return above, Into.INSERT, {last: value}
    place, into, keys = _composed(loaded, draft, nested(edit.key, value))
    if above is not None and into is Into.INSERT and above.path == f"{place.path}.{parent}":
        return above, Into.REPLACE, {last: value}  # of `cors: off`, which hides nothing
    return place, into, keys


def _changed(standing: Place, node: Node | None, edit: Edit) -> tuple[Place, Into, Plain]:
    """Return how what stands there already is changed."""
    match edit.how:
        case How.REMOVE:
            return Place(standing.mark, standing.path.removesuffix(".value")), Into.REMOVE, ""
        case How.SET:
            return standing, Into.REPLACE, edit.value
        case How.APPEND if isinstance(node, nodes.Sequence):
            return standing, Into.APPEND, [edit.value]
        case How.APPEND:
            return standing, Into.REPLACE, [*_texts(node), edit.value]


def _beside(loaded: Loaded, stated: Mapping[str, Placed[object]], parent: str) -> Place | None:
    """Return the place of a mapping that is no part by itself, as `observe`: where the first of its keys stands."""
    part = next((part for key, part in stated.items() if parent and key.startswith(f"{parent}.")), None)
    if part is None:
        return None
    place = Place(part.place.mark, part.place.path.rpartition(f"{parent}.")[0] + parent)
    node = node_at(loaded, place)
    return None if node is None else Place(node.mark, place.path)


def _composed(loaded: Loaded, draft: RouteDraft, keys: dict[str, Plain]) -> tuple[Place, Into, Plain]:
    """Return how keys are laid over the whole policy of a route."""
    standing = draft.places.get("policy")
    if standing is None:
        return draft.places[""], Into.INSERT, {"policy": keys}
    node = node_at(loaded, standing)
    match node:
        case nodes.Mapping():
            return standing, Into.INSERT, keys
        case nodes.Sequence():
            return standing, Into.APPEND, [keys]
        case nodes.Scalar():
            named = node_at(loaded, Place(standing.mark, f"policies.{node.text}"))
            if isinstance(named, nodes.Mapping):
                return Place(named.mark, f"policies.{node.text}"), Into.INSERT, keys
            return standing, Into.REPLACE, [node.text, keys]
        case None:
            return standing, Into.REPLACE, [*draft.route.policy_name.split(" + "), keys]


def steps_of(path: str) -> list[str | int]:
    """Return a path's keys and indices."""
    found: list[tuple[str, str]] = _STEP.findall(path)
    return [int(index) if index else json.loads(key) if key[0] == '"' else key for key, index in found]


def node_at(loaded: Loaded, place: Place | None) -> Node | None:
    """Return what stands at a place of the file; None if that is not in the file."""
    if place is None or not place.mark.line:
        return None
    node: Node = loaded.tree
    for step in steps_of(place.path):
        if isinstance(step, int):
            if not isinstance(node, nodes.Sequence):
                continue  # one value that stands for a list of one
            node = node.items[step]
        elif isinstance(node, nodes.Mapping):
            following = next((value for each, value in node.entries if each.text == step), None)
            if following is None:
                return None
            node = following
    return node


def _texts(node: Node | None) -> list[Plain]:
    return [node.text] if isinstance(node, nodes.Scalar) and node.text != "same-origin" else []


def _written(loaded: Loaded, place: Place, into: Into, value: Plain) -> str:
    """Return the YAML to write."""
    if into is Into.INSERT:
        return "\n".join(block(value))
    if into is Into.BEFORE:
        return entries(value)
    key = _last_key(place.path)
    if into is Into.REMOVE:
        return f"{key}: {flow(_said(loaded, place))}"
    if into is Into.APPEND:
        node = node_at(loaded, place)
        assert isinstance(node, nodes.Sequence)
        assert isinstance(value, list)
        if all(isinstance(item, nodes.Scalar) for item in node.items):
            standing = [item.text for item in node.items if isinstance(item, nodes.Scalar)]
            line = f"{key}: {flow([*standing, *value])}"
            if len(line) <= _WIDTH:
                return line
        return "\n".join(f"- {flow(item)}" for item in value)
    return "\n".join(block({key: value}))


def _said(loaded: Loaded, place: Place) -> Plain:
    node = node_at(loaded, place)
    return "" if node is None else nodes.plain(node)


def entries(value: Plain) -> str:
    """Return members of a list as YAML in block style; each is a mapping."""
    assert isinstance(value, list)
    return "\n".join(f"{'  ' if number else '- '}{line}" for each in value for number, line in enumerate(block(each)))


def _last_key(path: str) -> str:
    """Return the key that a path ends with; of a long form, the key that it is the form of."""
    return [step for step in steps_of(path) if isinstance(step, str)][-1]


def block(value: Plain, indent: str = "") -> Iterator[str]:
    """Yield the lines of a mapping in block style; lists, and what has no mapping below, in flow style."""
    assert isinstance(value, dict)
    for key, below in value.items():
        name = scalar(key)
        if isinstance(below, dict) and (
            any(isinstance(each, dict) for each in below.values()) or len(flow(below)) > _WIDTH // 2
        ):
            yield f"{indent}{name}:"
            yield from block(below, indent + "  ")
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
