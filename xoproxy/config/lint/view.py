"""A configuration as the checks look at it: each composed policy once, with all the routes that have it."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from xoproxy.config.compiler import Loaded
from xoproxy.config.drafts import Placed, PolicyDraft
from xoproxy.config.nodes import Mapping, Node, Sequence
from xoproxy.config.problems import Mark, Place, child_path
from xoproxy.config.routing import RouteDraft
from xoproxy.policy.model import Policy
from xoproxy.slotted import dataclass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Used:
    """A composed policy and the routes that have it, one at least."""

    draft: PolicyDraft
    routes: tuple[RouteDraft, ...]

    @property
    def policy(self) -> Policy:
        """The sealed policy."""
        return self.routes[0].route.policy

    def place(self, *parts: Placed[T] | None) -> Place:
        """Return where the first of these parts stands that is there; the policy of the route, if it stands in a preset."""
        places = self.routes[0].places
        of_policy = places.get("policy", places[""])
        at = next((part.place for part in parts if part is not None), of_policy)
        return of_policy if is_preset(at.mark) else at


@dataclass(frozen=True, slots=True)
class View:
    """What the checks look at."""

    loaded: Loaded
    routes: tuple[RouteDraft, ...]
    policies: tuple[Used, ...]  # in the order of their first routes

    @staticmethod
    def of(loaded: Loaded) -> "View":
        """Return the view of a configuration."""
        by_draft: dict[int, list[RouteDraft]] = {}
        for route in loaded.routes:
            by_draft.setdefault(id(route.policy), []).append(route)
        policies = tuple(Used(routes[0].policy, tuple(routes)) for routes in by_draft.values())
        return View(loaded, loaded.routes, policies)

    def place(self, *path: str) -> Place:
        """Return where a key of the file stands, from the top: its value, or the last key of the path that is there."""
        node: Node = self.loaded.tree
        key: Mark | None = None
        name = ""
        for step in path:
            entry = (
                next((entry for entry in node.entries if entry[0].text == step), None) if isinstance(node, Mapping) else None
            )
            if entry is None:
                break
            key, node, name = entry[0].mark, entry[1], child_path(name, step)
        return Place(key or node.mark, name)

    def is_option(self, key: str) -> bool:
        """Whether a top-level key is an option of the command: what the file says of it is not known then."""
        return any(name.text == key and not value.mark.line for name, value in self.loaded.tree.entries)

    def item_places(self, key: str) -> tuple[Place, ...]:
        """Return where the members of a top-level list stand; one value is a list of one."""
        at = self.place(key)
        node = next((value for name, value in self.loaded.tree.entries if name.text == key), None)
        if not isinstance(node, Sequence):
            return (at,) if node is not None else ()
        return tuple(Place(item.mark, f"{key}[{index}]") for index, item in enumerate(node.items))


def is_preset(mark: Mark) -> bool:
    """Whether a value is a preset's own: nobody can change it there."""
    return mark.line == 0 and mark.source.startswith("preset ")


def once(view: View, part_of: Callable[[PolicyDraft], Placed[T] | None]) -> Iterator[tuple[Placed[T], tuple[Used, ...]]]:
    """Yield each value that stands in the file, once, with all the policies that have it; those of presets are left out.

    A value may be right in one composition and idle in another: it is for the caller to look at all.
    """
    found: dict[int, tuple[Placed[T], list[Used]]] = {}
    for used in view.policies:
        part = part_of(used.draft)
        if part is not None and not is_preset(part.place.mark):
            found.setdefault(id(part), (part, []))[1].append(used)
    for part, policies in found.values():
        yield part, tuple(policies)


def listed(names: Iterable[str]) -> str:
    """Return names as a sentence has them: ``a``, ``a and b``, ``a, b and c``."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
