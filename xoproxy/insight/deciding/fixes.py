"""What would have a reported case not blocked: the ways out, the one to prefer first.

Rule 1: a change of the policy file is told only if, made, the browser floor lets the case pass.
Rule 2: whoever gains something by a change is named with it.  No way out here grants anybody to read: CORS is left alone.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from xoproxy.browser.sites import registrable_domain
from xoproxy.config import Loaded
from xoproxy.config.routing import RouteDraft
from xoproxy.insight.deciding.exceptions import excepted, exception_placement, is_whole_route
from xoproxy.insight.deciding.observed import Trial
from xoproxy.insight.deciding.outlook import Fix, Remedy, Whose
from xoproxy.insight.deciding.trying import WORKER, Bench, Case, passes, silent
from xoproxy.insight.explaining.edits import Edit, How
from xoproxy.insight.explaining.placing import Users, narrowest
from xoproxy.policy.model import EmbedderPolicy, ResourcePolicy, UpstreamFields

EMBEDS: Final = "what it embeds from other origins must then agree by CORP or CORS, too"
NOT_SAFARI: Final = "Safari has no credentialless: there the page is not isolated"
NO_COOKIES: Final = "images, scripts and styles of other origins are then asked for without cookies"
CHROMIUM_ONLY: Final = "only Chromium has it, and reports nothing of it; in other browsers the page is not isolated"
NOT_ISOLATED: Final = "this path is not cross-origin isolated: no SharedArrayBuffer there"

_ELEMENTS: Final = {
    "image": "<img crossorigin>",
    "script": "<script crossorigin>",
    "style": "<link crossorigin>",
    "audio": "<audio crossorigin>",
    "video": "<video crossorigin>",
    "track": "<video crossorigin>",
    "font": "a style sheet's @font-face, which asks by CORS as it is",
}
# COOP's reports of a page that opens windows, and of one that is opened.  (HTML §7.1.3.3)
_OPENS: Final = frozenset({"navigation-from-response", "access-from-coop-page-to-openee", "access-to-coop-page-from-openee"})
_IS_OPENED: Final = frozenset({"navigation-to-response", "access-from-coop-page-to-opener", "access-to-coop-page-from-opener"})


class Fixes:
    """Finds the ways out for one file; the same question has the same answer, and is asked once."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._users = Users(loaded)
        self._isolations: dict[tuple[str, tuple[str, ...]], Fix] = {}
        self.bench = Bench(loaded)

    def of_embedded(self, trial: Trial, case: Case, whose: Whose, target: RouteDraft | None) -> tuple[Fix, ...]:
        """Return the ways out for something that the page's embedder policy would block."""
        found: list[Fix] = []
        if target is not None:
            found += self._own(case, target, once_enforced(trial, target))
        if case.is_frame:
            found += self._frame(trial, case, whose, target)
        elif case.kind != WORKER:
            found += self._resource(trial, case, whose, target)
        return tuple(found)

    def _own(self, case: Case, target: RouteDraft, base: tuple[Edit, ...]) -> Iterator[Fix]:
        """Yield what the route of the wanted thing could say; `base` is what it will say in any case."""
        edits = self.bench.first(case, target, _families(case, target, has_embedder=bool(base)), base)
        if not edits:
            return
        edits = (*edits, *_no_longer_on_trial(target, edits))
        keys = {edit.key: edit.value for edit in edits}
        said = " and ".join(f"{key}: {value}" for key, value in keys.items() if key in ("corp", "coep"))
        remedy = Remedy.COEP if "coep" in keys else Remedy.CORP
        yield self._fix(remedy, f"let {target.route.name}, which serves it, say {said}", edits)

    def _resource(self, trial: Trial, case: Case, whose: Whose, target: RouteDraft | None) -> Iterator[Fix]:
        """Yield what helps with an image, a script, a style sheet ... that another server gives."""
        origin = _origin(case.wanted)
        if target is None:
            value = "same-site" if whose is Whose.OWN_ORIGIN else "cross-origin"
            yield Fix(Remedy.ASK_OWNER, f"have {origin} send Cross-Origin-Resource-Policy: {value}")
            element = _ELEMENTS.get(case.destination)
            if element is not None:
                words = f"use {element}, if {origin} answers by CORS: Access-Control-Allow-Origin: {_origin(case.document)}"
                yield Fix(Remedy.CROSSORIGIN, words)
        yield from self._credentialless(trial, case)
        if target is None:
            yield Fix(Remedy.PROXY, f"serve it through a route of this file: an upstream for {origin}, and a path of your own")

    def _credentialless(self, trial: Trial, case: Case) -> Iterator[Fix]:
        """Yield the weaker value for the page, if that lets a server be that says nothing."""
        weaker = {"coep": "credentialless", "document_isolation": "isolate-and-credentialless"}.get(trial.kind.key)
        lenient = Case(case.document, case.wanted, case.destination, case.kind, EmbedderPolicy.CREDENTIALLESS)
        if weaker is None or case.embedder is not EmbedderPolicy.REQUIRE_CORP or not passes(lenient, silent):
            return
        route = trial.draft.route.name
        dangers = (NO_COOKIES, NOT_SAFARI) if trial.kind.key == "coep" else (NO_COOKIES,)
        edit = Edit(route, f"observe.{trial.kind.key}", How.SET, weaker, "; ".join(dangers))
        words = f"try {weaker} on the page's route, {route}"
        yield self._fix(Remedy.CREDENTIALLESS, words, (edit,))

    def _frame(self, trial: Trial, case: Case, whose: Whose, target: RouteDraft | None) -> Iterator[Fix]:
        """Yield what helps with a page in a frame that another server gives, or does without its help."""
        if target is None:
            origin = _origin(case.wanted)
            value = "same-site" if whose is Whose.OWN_ORIGIN else "cross-origin"
            yield Fix(
                Remedy.ASK_OWNER,
                f"have {origin} send Cross-Origin-Embedder-Policy: require-corp and Cross-Origin-Resource-Policy: {value}",
            )
            words = "use <iframe credentialless>, which needs nothing from it: an empty storage of its own, in Chromium only"
            yield Fix(Remedy.CREDENTIALLESS_FRAME, words)
        if trial.kind.key == "coep":
            yield self._isolation(trial, ("observe.coep",))

    def _isolation(self, trial: Trial, instead_of: tuple[str, ...]) -> Fix:
        """Return the other way to be isolated, which asks nothing of frames, openers and popups."""
        key = trial.draft.route.name, instead_of
        if key not in self._isolations:
            self._isolations[key] = self._document_isolation(trial, instead_of)
        return self._isolations[key]

    def _document_isolation(self, trial: Trial, instead_of: Sequence[str]) -> Fix:
        route, policy = trial.draft.route.name, trial.draft.route.policy
        lenient = policy.observe_coep is not None and policy.observe_coep.value is not EmbedderPolicy.REQUIRE_CORP
        value = "isolate-and-credentialless" if lenient else "isolate-and-require-corp"
        edits = (
            Edit(route, "observe.document_isolation", How.SET, value, CHROMIUM_ONLY, 5),
            *(Edit(route, key, How.REMOVE, "") for key in instead_of),
        )
        words = f"try document_isolation: {value} on the page's route instead of {' and '.join(instead_of)}"
        return self._fix(Remedy.DOCUMENT_ISOLATION, words, edits, is_alternative=True)

    def of_opener(self, trial: Trial, document: str, kinds: frozenset[str]) -> tuple[Fix, ...]:
        """Return the ways out for windows that would lose each other: `kinds` are those of COOP's reports about the page."""
        is_opened = bool(kinds & _IS_OPENED)
        value = "unsafe-none" if is_opened or not kinds & _OPENS else "same-origin-allow-popups"
        found: list[Fix] = []
        exception = excepted(trial.draft, document, value)
        if exception is not None:
            remedy = Remedy.POPUP_PAGE if value == "unsafe-none" else Remedy.POPUP_EXCEPTION
            who = "is opened by other windows" if is_opened else "opens windows of others"
            words = f"let {exception.path}, which {who}, try coop: {value}"
            if is_whole_route(trial.draft, exception):
                edit = Edit(trial.draft.route.name, "observe.coop", How.SET, value, NOT_ISOLATED)
                found.append(self._fix(remedy, words, (edit,)))
            else:
                placed = exception_placement(self._loaded, trial.draft, (exception,))
                placements = (placed,) if placed is not None else ()
                found.append(Fix(remedy, words, excepted=exception, placements=placements, dangers=(NOT_ISOLATED,)))
        policy = trial.draft.route.policy
        instead = ("observe.coop", *(("observe.coep",) if policy.observe_coep is not None else ()))
        found.append(self._isolation(trial, instead))
        return tuple(found)

    def _fix(self, remedy: Remedy, words: str, edits: tuple[Edit, ...], *, is_alternative: bool = False) -> Fix:
        dangers = tuple(dict.fromkeys(edit.danger for edit in edits if edit.danger))
        return Fix(
            remedy,
            words,
            edits,
            placements=narrowest(self._loaded, edits, self._users),
            dangers=dangers,
            is_alternative=is_alternative,
        )


def once_enforced(trial: Trial, target: RouteDraft) -> tuple[Edit, ...]:
    """Return what the route of the wanted thing will say once the trial is over: something, if it is the page's own."""
    observed = trial.draft.route.policy.observe_coep
    if target.route.name != trial.draft.route.name or trial.kind.key != "coep" or observed is None:
        return ()
    return (Edit(target.route.name, "coep", How.SET, observed.value.value),)


def _families(case: Case, target: RouteDraft, *, has_embedder: bool) -> Iterator[Sequence[Edit]]:
    """Yield what the route could say so that the page may have it, what gives away least first."""
    route, policy = target.route.name, target.route.policy
    owning = () if policy.upstream_fields is UpstreamFields.REPLACE else (Edit(route, "upstream_fields", How.SET, "replace"),)
    embedder: tuple[Edit, ...] = ()
    if (case.is_frame or case.kind == WORKER) and not has_embedder:
        observed = policy.observe_coep
        is_trial = observed is not None and observed.value in (EmbedderPolicy.REQUIRE_CORP, EmbedderPolicy.CREDENTIALLESS)
        value = observed.value if observed is not None and is_trial else EmbedderPolicy.REQUIRE_CORP
        embedder = (Edit(route, "coep", How.SET, value.value, EMBEDS),)
        yield (*embedder, *owning)
    if case.kind == WORKER:
        return
    for corp in ResourcePolicy:
        edit = Edit(route, "corp", How.SET, corp.value, _reach(corp, case.wanted))
        yield (edit, *owning)
        yield (edit, *embedder, *owning)


def _no_longer_on_trial(target: RouteDraft, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Return the edit by which an embedder policy that is enforced now is no longer observed beside."""
    observed = target.route.policy.observe_coep
    if observed is None or not any(edit.key == "coep" and edit.value == observed.value.value for edit in edits):
        return ()
    return (Edit(target.route.name, "observe.coep", How.REMOVE, ""),)


def _reach(corp: ResourcePolicy, wanted: str) -> str:
    """Return who may embed by a resource policy, in words."""
    match corp:
        case ResourcePolicy.CROSS_ORIGIN:
            return "any site may then embed what this route answers"
        case ResourcePolicy.SAME_SITE:
            host = _origin(wanted).partition("://")[2].partition(":")[0]
            return f"every page of the site {registrable_domain(host) or host} may then embed what this route answers"
        case ResourcePolicy.SAME_ORIGIN:
            return ""


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
