"""Which routes and which policy keys no test touches.

A route is touched by a test whose request it took.  A key is touched if a touched route has it: what no request ever meets is
what nobody would notice the loss of.
"""

from collections.abc import Iterable

from xoproxy.config import Loaded
from xoproxy.config.problems import Mark
from xoproxy.config.provenance import parts
from xoproxy.insight.testing.running import Result
from xoproxy.slotted import dataclass


@dataclass(frozen=True, slots=True)
class Untouched:
    """A route, or a key of a policy, that no test touches, and where it stands."""

    name: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the tests of a run touch of a policy file."""

    routes: int
    keys: int
    untouched_routes: tuple[Untouched, ...]
    untouched_keys: tuple[Untouched, ...]


def coverage(loaded: Loaded, results: Iterable[Result]) -> Coverage:
    """Return what the results leave untouched of the file."""
    touched = {route.name for result in results for route in result.routes}
    keys: dict[tuple[str, Mark], bool] = {}
    untouched_routes: list[Untouched] = []
    for draft in loaded.routes:
        is_touched = draft.route.name in touched
        if not is_touched:
            untouched_routes.append(Untouched(draft.route.name, draft.places[""].mark if "" in draft.places else Mark("")))
        for name, place in parts(draft.policy).items():
            if place.mark.line:
                keys[name, place.mark] = keys.get((name, place.mark), False) or is_touched
    untouched_keys = tuple(Untouched(name, mark) for (name, mark), is_touched in keys.items() if not is_touched)
    return Coverage(len(loaded.routes), len(keys), tuple(untouched_routes), untouched_keys)
