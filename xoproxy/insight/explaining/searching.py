"""Find the smallest changes that turn a verdict, by making them and asking again.

Of a family of edits everything is made; if that turns the verdict, edits are taken back one by one as long as it stays turned.
What is left cannot be made smaller.  (A. Zeller, "Simplifying and isolating failure-inducing input", for one step)
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from xoproxy.browser.model import Engine
from xoproxy.config import Generation, Loaded, Problem
from xoproxy.config.routing import RouteDraft
from xoproxy.insight.explaining.candidates import METHODS, Family
from xoproxy.insight.explaining.edits import Edit, edited
from xoproxy.policy.routes import Route, RouteTable
from xoproxy.slotted import dataclass

MAX_FOUND: Final = 3  # more are a menu, not an answer

# Asks browsers again: which of them are content with what a generation answers.
Judge = Callable[[Generation], frozenset[Engine]]


@dataclass(frozen=True, slots=True)
class Found:
    """Edits that turn the verdict of `engines`, none of them superfluous."""

    edits: Family
    engines: frozenset[Engine]


@dataclass(frozen=True, slots=True)
class Searched:
    """What was found, and what the loader says of edits that it would refuse."""

    found: tuple[Found, ...]
    refusals: tuple[Problem, ...]


def search(loaded: Loaded, families: Iterable[Family], unhappy: frozenset[Engine], judge: Judge) -> Searched:
    """Return what turns the verdict of engines that are unhappy now: what helps most of them first, then what costs least."""
    trials = _Trials(loaded, unhappy, judge)
    found: list[Found] = []
    for family in families:
        helped = trials.helped(family)
        if family and helped:
            found.append(Found(trials.smallest(family, helped), helped))
    kept = [one for index, one in enumerate(found) if not any(_is_needless(one, other) for other in _others(found, index))]
    kept.sort(key=lambda one: (-len(one.engines), sum(edit.cost for edit in one.edits), len(one.edits)))
    return Searched(tuple(kept[:MAX_FOUND]), tuple(dict.fromkeys(trials.refusals)))


def _others(found: Sequence[Found], index: int) -> Iterator[Found]:
    """Yield all others but later ones that are as long."""
    for number, other in enumerate(found):
        if number < index or (number > index and len(other.edits) < len(found[index].edits)):
            yield other


def _is_needless(one: Found, other: Found) -> bool:
    """Whether another way out has nothing but what this one has, and helps as many."""
    return other.engines >= one.engines and all(edit in one.edits for edit in other.edits)


class _Trials:
    """Makes edits and asks again."""

    def __init__(self, loaded: Loaded, unhappy: frozenset[Engine], judge: Judge) -> None:
        self._loaded = loaded
        self._unhappy = unhappy
        self._judge = judge
        self.refusals: list[Problem] = []

    def helped(self, edits: Family) -> frozenset[Engine]:
        """Return the engines whose verdict the edits turn."""
        generation = with_edits(self._loaded, edits)
        if isinstance(generation, tuple):
            self.refusals += generation
            return frozenset()
        return self._unhappy & self._judge(generation)

    def smallest(self, family: Family, helped: frozenset[Engine]) -> Family:
        """Return what of a family is needed to help as many."""
        kept = family
        for edit in family:
            fewer = tuple(other for other in kept if other is not edit)
            if fewer and self.helped(fewer) >= helped:
                kept = fewer
        return kept


def with_edits(loaded: Loaded, edits: Family) -> Generation | tuple[Problem, ...]:
    """Return the generation with edits made, or why the loader would refuse them."""
    routes: list[Route] = []
    for draft in loaded.routes:
        route = _edited(draft, [edit for edit in edits if edit.route == draft.route.name])
        if isinstance(route, tuple):
            return route
        routes.append(route)
    generation = loaded.generation
    settings = generation.settings
    table = RouteTable(
        tuple(routes),
        loaded.unmatched.route.policy,
        loaded.endpoints,
        lenient_paths=settings.limits.lenient_paths,
        collected=settings.collecting.targets,
    )
    return replace(generation, routes=table)


def _edited(draft: RouteDraft, edits: Sequence[Edit]) -> Route | tuple[Problem, ...]:
    """Return a route with edits made, or why the loader would refuse them."""
    if not edits:
        return draft.route
    policy = edited(draft.policy, [edit for edit in edits if edit.key != METHODS])
    if isinstance(policy, tuple):
        return policy
    match = draft.route.match
    methods = [edit.value.encode("ascii") for edit in edits if edit.key == METHODS and isinstance(edit.value, str)]
    if methods:
        match = replace(match, methods=(match.methods or frozenset()).union(methods))
    return replace(draft.route, policy=policy, match=match)
