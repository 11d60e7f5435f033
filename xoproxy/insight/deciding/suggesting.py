"""The policy file as it should be next: what was decided, made in its text.

Rule 1: for each blocker the first way out that the file can take; ways out that change the plan are for a person to choose.
Rule 2: what is enforced was safe, or is after these changes; and so must be whatever else uses the same words of the file.
Rule 3: the new text is compiled, and every route must then have the policy that was meant; else it is not suggested, and the
changes are told instead.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from xoproxy.config import ConfigInvalid, Loaded, Texts
from xoproxy.config.nodes import Plain
from xoproxy.insight.deciding.exceptions import Excepted, exception_placement
from xoproxy.insight.deciding.moving import enforcing
from xoproxy.insight.deciding.observed import Trial, trials
from xoproxy.insight.deciding.outlook import Blocker, Fix, Observation, Outlook, Verdict
from xoproxy.insight.explaining.edits import Edit, How, edited
from xoproxy.insight.explaining.placing import Placement, Users, narrowest, placements
from xoproxy.insight.patching import patch
from xoproxy.policy.model import Policy
from xoproxy.slotted import dataclass

# The narrower value first: where several pages want different ones, the wider serves both.
_WIDTHS: Final = {
    "corp": ("same-origin", "same-site", "cross-origin"),
    "coep": ("require-corp", "credentialless"),
    "observe.coep": ("require-corp", "credentialless"),
    "observe.coop": ("same-origin", "same-origin-allow-popups", "unsafe-none"),
}

Compile = Callable[[Texts], Loaded]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Texts with all changes made that could be.

    `done`: what was changed and why, with what is to be known of it; `remaining`: what the file cannot do, or should not yet;
    `by_hand`: changes that could not be made in the text, with the reason.
    """

    texts: Texts
    done: tuple[str, ...]
    remaining: tuple[str, ...]
    by_hand: tuple[tuple[Placement, str], ...] = ()


def suggest(loaded: Loaded, texts: Texts, outlook: Outlook, compile_: Compile, *, enforce: bool) -> Suggestion:
    """Return the texts as they should be next.  `enforce`: what is safe then is moved out of `observe`, too."""
    plan = _Plan(loaded, outlook, enforce=enforce)
    result = patch(texts, plan.placements)
    if result.by_hand:
        told = tuple(result.by_hand)
        made = [each for each in plan.placements if all(each.place.path != other.place.path for other, _ in told)]
        if made:  # a part of the plan may mean something else than the whole
            told = (*told, *((each, "it belongs to the change above") for each in made))
        return Suggestion(texts, (), tuple(plan.remaining), told)
    fault = _fault(plan, compile_, result.texts)
    if fault:
        return Suggestion(texts, (), tuple(plan.remaining), tuple((each, fault) for each in plan.placements))
    return Suggestion(result.texts, tuple(plan.done), tuple(plan.remaining))


def _fault(plan: "_Plan", compile_: Compile, texts: Texts) -> str:
    """Return why patched texts are not what was meant; empty if they are."""
    try:
        after = compile_(texts)
    except ConfigInvalid as invalid:
        return f"the file would be invalid: {invalid.problems[0]}"
    meant = plan.meant()
    return "" if meant == [draft.route.policy for draft in after.routes] else "the file would say something else than is meant"


class _Plan:
    """What is to be changed."""

    def __init__(self, loaded: Loaded, outlook: Outlook, *, enforce: bool) -> None:
        self._loaded = loaded
        self._users = Users(loaded)
        self._drafts = {draft.route.name: draft for draft in loaded.routes}
        self._trials = {(trial.draft.route.name, trial.kind.key): trial for trial in trials(loaded)}
        self.done: list[str] = []
        self.remaining: list[str] = []
        self._edits: dict[tuple[str, str], Edit] = {}
        self._exceptions: dict[tuple[str, str], Excepted] = {}
        solved = [observation for observation in outlook.observations if self._solve(observation)]
        self._enforced = self._enforceable(solved, outlook) if enforce else {}
        for trial in self._enforced.values():
            self.done.append(f"{trial.draft.route.name}: {trial.kind.key} is enforced")
        self.placements = tuple(self._placements())

    def meant(self) -> list[Policy] | None:
        """Return the policies that the routes should have afterwards, exceptions where they stand; None if one is refused."""
        edits = [*self._edits.values(), *self._moves()]
        endpoints = [name for name, _ in self._loaded.endpoints.urls]
        policies: list[Policy] = []
        for draft in self._loaded.routes:
            name = draft.route.name
            policy = edited(draft.policy, [edit for edit in edits if edit.route == name], endpoints)
            for exception in (each for each in self._exceptions.values() if each.route == name):
                key = "coop" if self._is_enforced(name) else "observe.coop"
                overlaid = [*(edit for edit in edits if edit.route == name), Edit(name, key, How.SET, exception.value)]
                excepted = edited(draft.policy, overlaid, endpoints)
                if isinstance(excepted, tuple):
                    return None
                policies.append(excepted)
            if isinstance(policy, tuple):
                return None
            policies.append(policy)
        return policies

    def _solve(self, observation: Observation) -> bool:
        """Take the first way out of everything in the way.  Returns whether nothing is then left there."""
        left = observation.more
        for page in observation.pages:
            left += page.more
            for blocker in page.blockers:
                fix = next((fix for fix in blocker.fixes if fix.in_file and not fix.is_alternative), None)
                if fix is not None:
                    self._take(fix)
                elif not blocker.mended:
                    left += 1
                    self.remaining.append(_left(page.url, blocker))
        hidden = observation.more + sum(page.more for page in observation.pages)
        if hidden:
            self.remaining.append(f"{observation.route}: {observation.key} has {hidden} more things in the way; suggest again")
        return not left and observation.verdict in (Verdict.SAFE, Verdict.BLOCKED)

    def _take(self, fix: Fix) -> None:
        for edit in fix.edits:
            key = edit.route, edit.key
            self._edits[key] = _wider(self._edits.get(key), edit)
        if fix.excepted is not None:
            where = fix.excepted.route, fix.excepted.path
            standing = self._exceptions.get(where)
            widths = _WIDTHS["observe.coop"]
            if standing is None or widths.index(fix.excepted.value) > widths.index(standing.value):
                self._exceptions[where] = fix.excepted
        told = "; ".join((fix.words, *(f"careful: {danger}" for danger in fix.dangers)))
        if told not in self.done:
            self.done.append(told)

    def _enforceable(self, solved: Sequence[Observation], outlook: Outlook) -> dict[tuple[str, str], Trial]:
        """Return what can be enforced: with everything else that uses the same words."""
        settled = [each for each in solved if (each.route, f"observe.{each.key}") not in self._edits]  # else it is tried first
        found = {(each.route, each.key): self._trials[each.route, each.key] for each in settled}
        is_settled = False
        while not is_settled:
            shared = {key: self._sharing(trial, found) for key, trial in found.items()}
            is_settled = not any(shared.values())
            found = {key: trial for key, trial in found.items() if not shared[key]}
        for observation in outlook.observations:
            if (observation.route, observation.key) not in found:
                self.remaining.append(
                    f"{observation.route}: {observation.key} is not enforced yet: {self._reason(observation)}"
                )
        return found

    def _reason(self, observation: Observation) -> str:
        """Return why something is not enforced, in words."""
        if (observation.route, f"observe.{observation.key}") in self._edits:
            return "its value is another one now, which is to be tried first"
        if observation.verdict is Verdict.BLOCKED:
            return f"something is left in the way, or another route with the same words is not ready ({observation.why})"
        return "another route with the same words is not ready" if observation.verdict is Verdict.SAFE else observation.why

    def _sharing(self, trial: Trial, found: Iterable[tuple[str, str]]) -> bool:
        """Whether another route would change with this one that is not ready."""
        names = {name for name, key in found if key == trial.kind.key}
        moves = enforcing(self._loaded, trial)
        changed = placements(self._loaded, moves, self._users)
        return not moves or any(name not in names for placement in changed for name in placement.also)

    def _is_enforced(self, route: str) -> bool:
        return (route, "coop") in self._enforced

    def _moves(self) -> Iterator[Edit]:
        """Yield the edits that enforce."""
        for trial in self._enforced.values():
            yield from enforcing(self._loaded, trial)

    def _placements(self) -> Iterator[Placement]:
        if self._edits:
            yield from narrowest(self._loaded, [*self._edits.values()], self._users)
        moves = [*self._moves()]
        if moves:
            yield from placements(self._loaded, moves, self._users)
        by_route: dict[str, list[Excepted]] = {}
        for exception in self._exceptions.values():
            by_route.setdefault(exception.route, []).append(exception)
        for route, exceptions in by_route.items():
            enforced = self._is_enforced(route)
            placed = exception_placement(self._loaded, self._drafts[route], exceptions, enforced=enforced)
            if placed is not None:
                yield placed


def _wider(standing: Edit | None, edit: Edit) -> Edit:
    """Return the edit that serves both, of two of one key."""
    widths = _WIDTHS.get(edit.key)
    if standing is None or widths is None or edit.how is How.REMOVE:
        return edit

    def width(value: Plain) -> int:
        return widths.index(value) if isinstance(value, str) and value in widths else -1

    return edit if width(edit.value) > width(standing.value) else standing


def _left(page: str, blocker: Blocker) -> str:
    """Return what the file cannot mend, with what can."""
    ways = " or ".join(fix.words for fix in blocker.fixes if not fix.in_file)
    others = "; another plan: ".join(("", *(fix.words for fix in blocker.fixes if fix.is_alternative)))
    what = blocker.what or blocker.words
    return f"{page}: {what}: {ways or 'nothing in the file mends it'}{others}"
