"""From reports to a decision: which observed values are safe to enforce, and what stands in the way of the others.

Rule 1: *safe* takes both: pages that were loaded by browsers that report, and no report since the value is on trial.
Rule 2: a report counts whatever the policy says by now.  Two kinds do not, because the trial itself makes them: what gets the
policy together with its page, and what browsers would ask for in another way if the value were enforced.
Rule 3: what is listed is bounded, what is counted is not.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Final

from xoproxy.config import Loaded
from xoproxy.config.routing import RouteDraft
from xoproxy.insight.deciding.fixes import Fixes, once_enforced
from xoproxy.insight.deciding.keys import route_key
from xoproxy.insight.deciding.moving import enforcing
from xoproxy.insight.deciding.observed import KIND_OF, Trial, match_text, trials
from xoproxy.insight.deciding.outlook import Blocker, Fix, Observation, Other, Outlook, Page, Remedy, Verdict, Whose
from xoproxy.insight.deciding.trying import FRAMES, NAVIGATION, WORKER, Case, is_asked_without_cookies
from xoproxy.insight.deciding.whose import Owners
from xoproxy.insight.deciding.words import harmless, what_of, why
from xoproxy.insight.explaining.placing import Users, placements
from xoproxy.policy.model import DocumentIsolation, Embedder, EmbedderPolicy, Isolation
from xoproxy.reports.model import Group, Traffic
from xoproxy.slotted import dataclass

MAX_PAGES: Final = 50  # of one observation
MAX_BLOCKERS: Final = 20  # of one page
MAX_LISTED: Final = 2_000  # blockers in all
MAX_OTHERS: Final = 200
MAX_CASES: Final = 300  # for which ways out are tried; reports are many, cases few
MAX_ENFORCING: Final = 50  # values whose change of the file is written out


@dataclass(slots=True)
class _Tally:
    """The groups that are about one thing on one page."""

    group: Group
    reports: int = 0
    first_seen: float = 0.0
    last_seen: float = 0.0
    kinds: set[str] = field(default_factory=set[str])
    agents: Counter[str] = field(default_factory=Counter[str])

    def add(self, group: Group) -> None:
        self.first_seen = min(self.first_seen or group.first_seen, group.first_seen)
        self.last_seen = max(self.last_seen, group.last_seen)
        self.reports += group.count
        self.kinds.add(group.kind)
        self.agents.update(group.agents)
        if not self.group.destination:
            self.group = group if group.destination else self.group


_Pages = dict[str, dict[tuple[str, ...], _Tally]]


def decide(  # noqa: PLR0913, PLR0917  the evidence, its period, and what is wrong with it
    loaded: Loaded, groups: Sequence[Group], traffic: Mapping[str, Traffic], since: float, now: float, doubt: str = ""
) -> Outlook:
    """Return the decision about everything that a file observes, by what came since a time; `traffic` by `route_key`.

    `doubt`: why there may be reports that are not among the groups, in words; nothing is safe then.
    """
    return _Deciding(loaded, traffic, since, doubt).outlook(groups, now)


class _Deciding:
    """One decision under way."""

    def __init__(self, loaded: Loaded, traffic: Mapping[str, Traffic], since: float, doubt: str) -> None:
        self._loaded = loaded
        self._doubt = doubt
        self._traffic = traffic
        self._since = since
        self._owners = Owners(loaded)
        self._fixes = Fixes(loaded)
        self._trials = {(trial.draft.route.name, trial.kind.key): trial for trial in trials(loaded)}
        self._keys: dict[str, str] = {}
        self._about: dict[tuple[str, str], Trial | None] = {}
        self._cases: dict[tuple[object, ...], tuple[bool, tuple[Fix, ...]]] = {}
        self._listed = 0
        self._written = 0
        self._users = Users(loaded)

    def outlook(self, groups: Sequence[Group], now: float) -> Outlook:
        pages: dict[tuple[str, str], _Pages] = {key: {} for key in self._trials}
        others: list[Group] = []
        for group in groups:
            trial = self._trial(group)
            if trial is None:
                others.append(group)
            elif group.last_seen >= self._begins(trial):
                name = trial.draft.route.name, trial.kind.key
                blockers = pages[name].setdefault(group.document, {})
                blockers.setdefault(_thing(group), _Tally(group)).add(group)
        others.sort(key=lambda group: -group.count)
        return Outlook(
            self._since,
            now,
            tuple(self._observation(trial, pages[key]) for key, trial in self._trials.items()),
            tuple(self._other(group) for group in others[:MAX_OTHERS]),
            max(0, len(others) - MAX_OTHERS),
        )

    def _trial(self, group: Group) -> Trial | None:
        """Return the trial that a group is about; None if it is about none."""
        kind = KIND_OF.get(group.type)
        if kind is None or group.disposition == "enforce":
            return None
        key = group.document, kind.key
        if key not in self._about:
            names = ((draft.route.name, kind.key) for draft in self._owners.page_routes(group.document))
            self._about[key] = next((self._trials[name] for name in names if name in self._trials), None)
        return self._about[key]

    def _seen(self, draft: RouteDraft) -> Traffic | None:
        name = draft.route.name
        if name not in self._keys:
            self._keys[name] = route_key(draft.route)
        return self._traffic.get(self._keys[name])

    def _begins(self, trial: Trial) -> float:
        """Return since when reports count: the period's beginning, or the trial's if that is later."""
        seen = self._seen(trial.draft)
        return self._since if seen is None else max(self._since, seen.observed_since)

    def _observation(self, trial: Trial, found: _Pages) -> Observation:
        listed = sorted(found.items(), key=lambda item: (-_reports(item[1]), item[0]))
        pages = tuple(self._pages(trial, listed))
        reports = sum(_reports(things) for things in found.values())
        is_blocked = len(listed) > len(pages) or any(map(_is_in_the_way, pages))
        seen = self._seen(trial.draft)
        loads = seen.pages if seen is not None else 0
        verdict = _verdict(trial, loads, is_blocked=is_blocked)
        doubt = self._doubt if verdict is Verdict.SAFE else ""
        verdict = Verdict.UNKNOWN if doubt else verdict
        route, kind = trial.draft.route, trial.kind
        edits = enforcing(self._loaded, trial) if verdict is Verdict.SAFE and self._written < MAX_ENFORCING else ()
        self._written += bool(edits)
        return Observation(
            route=route.name,
            place=trial.place,
            match=match_text(route.match),
            policy=route.policy_name,
            key=kind.key,
            value=trial.text,
            field=kind.field,
            verdict=verdict,
            why=doubt or why(trial, verdict, loads, reports, len(found)),
            loads=loads,
            observed_since=seen.observed_since if seen is not None else None,
            reports=reports,
            pages=pages,
            more=len(listed) - len(pages),
            enforcing=placements(self._loaded, edits, self._users),
        )

    def _pages(self, trial: Trial, found: Sequence[tuple[str, Mapping[tuple[str, ...], _Tally]]]) -> Iterator[Page]:
        """Yield those pages that are listed."""
        for url, things in found[:MAX_PAGES]:
            if self._listed >= MAX_LISTED:
                return
            page = self._page(trial, url, things)
            self._listed += len(page.blockers)
            yield page

    def _page(self, trial: Trial, url: str, things: Mapping[tuple[str, ...], _Tally]) -> Page:
        listed = sorted(things.values(), key=lambda tally: (-tally.reports, tally.group.blocked))
        blockers = tuple(self._blocker(trial, url, tally) for tally in listed[:MAX_BLOCKERS])
        last_seen = max(tally.last_seen for tally in listed)
        return Page(url, _reports(things), last_seen, blockers, len(listed) - len(blockers))

    def _blocker(self, trial: Trial, url: str, tally: _Tally) -> Blocker:
        group = tally.group
        kind = NAVIGATION if NAVIGATION in tally.kinds else group.kind
        destination = "iframe" if kind == NAVIGATION and not group.destination else group.destination
        destination = "worker" if kind == WORKER else destination
        whose, target = self._owners.whose(url, group.blocked, destination)
        mended, fixes = False, tuple[Fix, ...]()
        embedder = _embedder(trial)
        if embedder is not None and whose is not Whose.UNKNOWN:
            case = Case(url, group.blocked, destination, kind, embedder)
            mended, fixes = self._tried(trial, case, whose, target)
        elif trial.kind.key == "coop":
            fixes = self._fixes.of_opener(trial, url, frozenset(tally.kinds))
        elif embedder is None:
            fixes = (Fix(Remedy.PAGE, _change(trial, group)),)
        return Blocker(
            type=group.type,
            kind=kind,
            what=group.blocked,
            destination=destination,
            words=what_of(group, kind, destination, tally.kinds),
            whose=whose,
            reports=tally.reports,
            first_seen=tally.first_seen,
            last_seen=tally.last_seen,
            route=target.route.name if target is not None else "",
            mended=mended,
            harmless=harmless(trial, kind, target.route.name if target is not None else "") if mended else "",
            agents=dict(tally.agents),
            fixes=fixes,
        )

    def _tried(self, trial: Trial, case: Case, whose: Whose, target: RouteDraft | None) -> tuple[bool, tuple[Fix, ...]]:
        """Return whether something is mended by now, and the ways out; the same for all that are alike."""
        owners, bench = self._owners, self._fixes.bench
        name = target.route.name if target is not None else ""
        origins = owners.origin(case.document), owners.origin(case.wanted)
        key = (trial.draft.route.name, trial.kind.key, *origins, name, case.kind, case.destination)
        if key not in self._cases:
            if len(self._cases) >= MAX_CASES:
                return False, ()
            mended = is_asked_without_cookies(case) or (
                target is not None and bench.helps(case, target, once_enforced(trial, target))
            )
            self._cases[key] = mended, () if mended else self._fixes.of_embedded(trial, case, whose, target)
        return self._cases[key]

    def _other(self, group: Group) -> Other:
        draft = next(self._owners.page_routes(group.document), None)
        return Other(
            group.type,
            group.kind,
            group.disposition,
            group.document,
            group.blocked,
            group.destination,
            draft.route.name if draft is not None else "",
            group.count,
            group.last_seen,
        )


def _is_in_the_way(page: Page) -> bool:
    return page.more > 0 or not all(blocker.harmless for blocker in page.blockers)


def _thing(group: Group) -> tuple[str, ...]:
    """Return by what reports are about the same thing: a frame is reported twice, a popup with every access to it."""
    if group.type == "coop":
        return (group.blocked,)
    if group.kind == NAVIGATION or group.destination in FRAMES:
        return (group.blocked, "frame")
    return (group.blocked, group.kind, group.destination)


def _reports(things: Mapping[tuple[str, ...], _Tally]) -> int:
    return sum(tally.reports for tally in things.values())


def _embedder(trial: Trial) -> EmbedderPolicy | None:
    """Return the embedder policy that a trial amounts to; None for one that is about something else."""
    match trial.value:
        case Embedder():
            return trial.value.value
        case Isolation():
            credentialless = trial.value.value is DocumentIsolation.ISOLATE_AND_CREDENTIALLESS
            return EmbedderPolicy.CREDENTIALLESS if credentialless else EmbedderPolicy.REQUIRE_CORP
        case _:
            return None


def _verdict(trial: Trial, loads: int, *, is_blocked: bool) -> Verdict:
    if is_blocked:
        return Verdict.BLOCKED
    if not trial.kind.is_reported:
        return Verdict.UNKNOWN
    return Verdict.SAFE if loads and trial.is_heard else Verdict.NO_TRAFFIC


def _change(trial: Trial, group: Group) -> str:
    """Return what to do about a feature that is used, or a script without integrity metadata."""
    if trial.kind.key == "integrity_policy":
        return 'write integrity="sha384-..." and crossorigin on the element that loads it'
    feature = group.destination or group.kind or "the feature"
    return f"have the page do without {feature}, or allow it in observe.permissions_policy for the origins that use it"
