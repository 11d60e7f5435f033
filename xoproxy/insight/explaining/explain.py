"""Answer "why is it blocked": ask the policy as each browser would, and find what would turn the verdict.

Rule 1: what is told is what happened: the requests, answers and conclusions are those of the code that serves and judges.
Rule 2: a change is told only if, made, it turns the verdict.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from xoproxy.browser.contexts import SECURE_CONTEXT
from xoproxy.browser.model import Engine, Mode, Tainting, WireRequest, WireResponse
from xoproxy.browser.sockets import ACCEPTED
from xoproxy.browser.urls import parse
from xoproxy.config import Generation, Loaded
from xoproxy.config.problems import Id
from xoproxy.config.routing import RouteDraft
from xoproxy.insight.explaining.answering import Answerer, AsItIs, Backend, ByFile, Remembering
from xoproxy.insight.explaining.candidates import Family, families, isolating, keeping, missed
from xoproxy.insight.explaining.concluding import Concluded, concluded
from xoproxy.insight.explaining.explanation import Exchange, Explanation, Opinion, Remedy
from xoproxy.insight.explaining.messages import console
from xoproxy.insight.explaining.placing import alone, placements
from xoproxy.insight.explaining.question import Question
from xoproxy.insight.explaining.routing import Routing, routing
from xoproxy.insight.explaining.searching import Found, Searched, search
from xoproxy.insight.explaining.sources import removed, sourced
from xoproxy.insight.explaining.withholding import Withholding
from xoproxy.insight.proxied import OK, Answered, authority_and_target
from xoproxy.policy.routes import Route

_NO_FIELD: Final = ("no header can", "no field can")
_NOT_FOR_SCRIPT: Final = re.compile(
    rb"(?i)access-control-.*|cross-origin-.*|vary|connection|keep-alive|date|server|set-cookie2?|transfer-encoding|via"
    rb"|x-content-type-options|strict-transport-security|content-security-policy.*|reporting-endpoints|timing-allow-origin"
)
_INSECURE: Final = "browsers isolate no page there, whatever its fields say; no header can mend this, serve it by https"


def explain(loaded: Loaded, question: Question, backend: Backend | None = None) -> Explanation:
    """Return what browsers make of a question under a policy.  `backend` None: nobody is asked, `question.backend` answers."""
    explanation = _Inquiry(loaded, question, Remembering(backend or assumed(question)), has_file=True).explanation()
    if backend is not None or not any(each.met_backend for opinion in explanation.opinions for each in opinion.exchanges):
        return explanation
    return replace(explanation, notes=(*explanation.notes, _assumption(question)))


def explain_server(loaded: Loaded, question: Question, backend: Backend) -> Explanation:
    """Return what browsers make of servers as they are; `loaded` is an empty policy in front, for what it could mend."""
    asked = Remembering(backend)

    def directly(request: WireRequest, _: Route | None) -> WireResponse:
        return asked(request, None)  # the empty policy's upstream is the server itself

    return _Inquiry(loaded, question, directly, has_file=False).explanation()


def _assumption(question: Question) -> str:
    if question.mode is Mode.WEBSOCKET and question.backend == OK:
        return "no backend was asked: it is taken to accept the WebSocket; --live asks it"
    said = "with the fields of --backend-header" if question.backend.fields else "without a field of its own"
    return f"no backend was asked: it is taken to answer {question.backend.status} {said}; --live asks it"


def assumed(question: Question) -> Backend:
    """Return a backend that answers as the question says, and elsewhere with a 200 that says nothing."""
    asked = parse(question.url)
    assert asked is not None
    answer = ACCEPTED if question.mode is Mode.WEBSOCKET and question.backend == OK else question.backend

    def answering(request: WireRequest, _: Route | None) -> WireResponse:
        url = parse(request.url)
        same = url is not None and (url.authority, url.path, url.query) == (asked.authority, asked.path, asked.query)
        return answer if same else OK

    return answering


class _Inquiry:
    """One question under way."""

    def __init__(self, loaded: Loaded, question: Question, backend: Backend, *, has_file: bool) -> None:
        self._loaded = loaded
        self._question = question
        self._backend = backend
        self._has_file = has_file
        self._drafts = {draft.route.name: draft for draft in loaded.routes}
        self._routings: dict[object, Routing] = {}
        self._withholding = Withholding(loaded)

    def explanation(self) -> Explanation:
        answerer: Answerer = self._by_file(self._loaded.generation) if self._has_file else AsItIs(self._backend)
        found = [self._concluded(engine, answerer) for engine in self._question.engines]
        turning = self._search(found, self._turning(found), _is_allowed)
        is_shown = all(map(_is_allowed, found))
        isolated = self._search(found, self._isolating(found) if is_shown else (), _is_isolated)
        kept = self._search(found, self._keeping(found) if is_shown else (), _keeps_opener)
        return Explanation(
            question=self._question,
            source=self._loaded.generation.source if self._has_file else None,
            opinions=tuple(self._opinion(each) for each in found),
            remedies=self._told(turning),
            isolating=self._told(isolated),
            keeping=self._told(kept),
            beyond=_beyond(self._question, found),
            refusals=tuple(dict.fromkeys(f"{each.id}: {each.message}" for each in turning.refusals if not turning.found)),
            notes=tuple(self._notes(found)),
        )

    def _search(
        self, found: Sequence[Concluded], families: Iterable[Family], is_happy: Callable[[Concluded], bool]
    ) -> Searched:
        """Search for what makes those browsers happy that are not."""
        unhappy = frozenset(each.engine for each in found if not is_happy(each))

        def judge(generation: Generation) -> frozenset[Engine]:
            answerer = self._by_file(generation)
            return frozenset(engine for engine in unhappy if is_happy(self._concluded(engine, answerer)))

        return search(self._loaded, families, unhappy, judge) if unhappy else Searched((), ())

    def _by_file(self, generation: Generation) -> ByFile:
        """Return the proxy by a file: whose the URL is was settled by the file as it stands."""
        hosts = self._question.hosts
        return ByFile(generation, self._backend, () if self._is_of_others() else (self._question.url,), hosts)

    def _is_of_others(self) -> bool:
        """Whether the URL is another server's: the page is known to be behind the file, and the URL is not."""
        question = self._question
        known = ByFile(self._loaded.generation, self._backend, hosts=question.hosts)
        is_page_own = question.page is not None and question.page_is_named and known.serves(question.page)
        return (is_page_own or bool(question.hosts)) and not known.serves(question.url)

    def _concluded(self, engine: Engine, answerer: Answerer) -> Concluded:
        page = self._question.page
        by_file = answerer if isinstance(answerer, ByFile) else None
        knows_page = page is not None and (by_file.serves(page) if by_file is not None else self._question.page_is_named)
        return concluded(self._question, engine, answerer, answerer if knows_page else None)

    def _opinion(self, found: Concluded) -> Opinion:
        exchanges = tuple(self._exchange(exchange) for exchange in found.exchanges)
        said = console(self._question, found) if found.engine is Engine.CHROME else ""
        return Opinion(found.engine, found.verdict, exchanges, said, found.isolated, found.opener)

    def _exchange(self, exchange: tuple[WireRequest, Answered]) -> Exchange:
        request, answered = exchange
        policy = (self._draft(answered.route) or self._loaded.unmatched).policy
        origin = next((value for name, value in request.fields if name.lower() == b"origin"), None)
        return Exchange(
            request,
            answered.response,
            self._withholding.routing(self._routing(exchange)),
            self._withholding.fields(sourced(answered, policy, origin), policy),
            removed(answered, policy),
            answered.outcome,
            answered.refusal,
            met_backend=answered.backend is not None,
        )

    def _routing(self, exchange: tuple[WireRequest, Answered]) -> Routing | None:
        request, answered = exchange
        if not self._has_file or not self._by_file(self._loaded.generation).serves(request.url):
            return None
        key = request, answered.route
        if self._loaded.generation.routes.collects(authority_and_target(request.url)[2]):
            return Routing(None, None, (), collects=True)
        if key not in self._routings:
            self._routings[key] = routing(request, answered.route, self._loaded.routes)
        return self._routings[key]

    def _draft(self, route: Route | None) -> RouteDraft | None:
        return self._drafts.get(route.name) if route is not None else None

    def _targets(self, found: Sequence[Concluded]) -> list[RouteDraft]:
        """Return the routes that answered, the one where it ended first.  Without a file: the one that would be in front."""
        if not self._has_file:
            return list(self._loaded.routes)
        routes = [answered.route for each in found for _, answered in reversed(each.exchanges)]
        drafts = {draft.route.name: draft for route in routes if (draft := self._draft(route)) is not None}
        return list(drafts.values())

    def _page_draft(self, found: Sequence[Concluded]) -> RouteDraft | None:
        return next((draft for each in found if (draft := self._draft(each.page_route)) is not None), None)

    def _turning(self, found: Sequence[Concluded]) -> Iterator[Family]:
        """Yield what could turn the verdict."""
        targets: list[RouteDraft | None] = [*self._targets(found)] or [None]
        for target in targets:
            yield from families(self._question, target, self._page_draft(found))
        routings = [self._routing(exchange) for exchange in found[-1].exchanges]
        yield from missed(self._question, [each for each in routings if each is not None], self._loaded.routes)

    def _isolating(self, found: Sequence[Concluded]) -> Iterator[Family]:
        for target in self._targets(found)[:1]:
            yield from isolating(self._question, target)

    def _keeping(self, found: Sequence[Concluded]) -> Iterator[Family]:
        for target in self._targets(found)[:1]:
            yield from keeping(target, self._page_draft(found))

    def _told(self, searched: Searched) -> tuple[Remedy, ...]:
        return tuple(self._remedy(found) for found in searched.found)

    def _remedy(self, found: Found) -> Remedy:
        placed = placements(self._loaded, found.edits)
        return Remedy(
            tuple(engine for engine in self._question.engines if engine in found.engines),
            placed,
            tuple(dict.fromkeys(edit.danger for edit in found.edits if edit.danger)),
            alone(self._loaded, found.edits) if any(each.also for each in placed) else None,
        )

    def _notes(self, found: Sequence[Concluded]) -> Iterator[str]:
        """Yield what the person should know besides the verdict."""
        if self._has_file and not all(map(_is_allowed, found)):
            yield from (str(each) for each in self._loaded.warnings if each.id == Id.EXPIRED.code)
        urls = dict.fromkeys(request.url for each in found for request, _ in each.exchanges)
        if self._has_file:
            by_file = self._by_file(self._loaded.generation)
            yield from (f"{url} is another server's: no route names its host" for url in urls if not by_file.serves(url))
            page = self._question.page
            if self._question.page_is_named and page is not None and not by_file.serves(page):
                yield (
                    f"no route names the host of {page}: its response is taken to say nothing but what --page-header says; "
                    "if it is behind the file, say so by --hosts"
                )
        for name in dict.fromkeys(name for each in found for name in _hidden(each)):
            where = "cors.expose_headers of the route" if self._has_file else "Access-Control-Expose-Headers"
            yield f"script cannot read {name.decode('latin-1')}: {where} does not name it"


def _is_allowed(found: Concluded) -> bool:
    return found.allowed


def _is_isolated(found: Concluded) -> bool:
    return found.isolated is None or found.isolated.allowed


def _keeps_opener(found: Concluded) -> bool:
    return found.opener is None or found.opener.allowed


def _hidden(found: Concluded) -> Iterator[bytes]:
    """Yield the names of the last response's fields that a CORS response hides from script, and need not."""
    if found.verdict.tainting is Tainting.CORS and found.exchanges:
        for name, _ in found.exchanges[-1][1].response.fields:
            if name.lower() not in found.verdict.exposed and _NOT_FOR_SCRIPT.fullmatch(name) is None:
                yield name


def _beyond(question: Question, found: Sequence[Concluded]) -> tuple[str, ...]:
    """Return what browsers said that no field of a response changes."""
    texts = [note for each in found for note in each.verdict.notes if question.mode is Mode.NAVIGATE or not _is_of_pages(note)]
    texts += [each.verdict.decisive.why for each in found if each.verdict.decisive is not None]
    insecure = [each.isolated.decisive for each in found if each.isolated is not None and each.isolated.decisive is not None]
    told = [text for text in texts if any(words in text for words in _NO_FIELD)]
    told += [f"{step.why}; {_INSECURE}" for step in insecure if step.anchor == SECURE_CONTEXT]
    return tuple(dict.fromkeys(told))


def _is_of_pages(note: str) -> bool:
    return "is no secure context" in note
