"""Ask one browser: which of its algorithms judges the question, and what else it makes of the answer."""

from dataclasses import replace
from typing import Final

from xoproxy.browser import fetching, framing, sockets, workers
from xoproxy.browser.isolation import isolation, sandbox_step
from xoproxy.browser.model import (
    NULL_ORIGIN,
    Conclusion,
    CredentialsMode,
    Document,
    Engine,
    Mode,
    Request,
    Step,
    Verdict,
    WireRequest,
    WireResponse,
)
from xoproxy.browser.openers import popup
from xoproxy.browser.support import USER_AGENT
from xoproxy.browser.urls import origin_of
from xoproxy.insight.explaining.answering import Answerer, UnansweredError
from xoproxy.insight.explaining.question import Question
from xoproxy.insight.proxied import Answered
from xoproxy.policy.routes import Route
from xoproxy.slotted import dataclass

NETWORK: Final = "https://fetch.spec.whatwg.org/#http-network-fetch"
FRAMES: Final = frozenset({"iframe", "frame", "embed", "object"})
_WORKERS: Final = frozenset({"worker", "sharedworker", "serviceworker"})
_AGENT: Final = b"User-Agent"


@dataclass(frozen=True, slots=True)
class Concluded:
    """What one browser makes of the question.

    `isolated`: whether the page that is navigated to is cross-origin isolated; `opener`: whether a window that is opened with
    it keeps its opener; None where that is not the question.
    """

    engine: Engine
    verdict: Verdict
    exchanges: tuple[tuple[WireRequest, Answered], ...]
    page_route: Route | None = None  # of the page that asks
    isolated: Verdict | None = None
    opener: Verdict | None = None

    @property
    def allowed(self) -> bool:
        """Whether the browser allows it, and xoproxy did not refuse it."""
        return self.verdict.allowed and not (self.exchanges and self.exchanges[-1][1].refusal)


class _Line:
    """Carries requests to who answers, as a browser sends them, and keeps both."""

    def __init__(self, answerer: Answerer, engine: Engine) -> None:
        self._answerer = answerer
        self._agent = USER_AGENT[engine]
        self.exchanges: list[tuple[WireRequest, Answered]] = []

    def __call__(self, request: WireRequest) -> WireResponse:
        if not any(name.lower() == b"user-agent" for name, _ in request.fields):
            request = replace(request, fields=(*request.fields, (_AGENT, self._agent)))
        answered = self._answerer(request)
        self.exchanges.append((request, answered))
        return answered.response


def concluded(question: Question, engine: Engine, answerer: Answerer, page_answerer: Answerer | None) -> Concluded:
    """Return what `engine` concludes.  `page_answerer` answers for the page that asks; None: its response is not known."""
    asked = _page_answer(question, engine, page_answerer)
    page = _page(question, asked)
    line = _Line(answerer, engine)
    try:
        verdict = fetching.settle(_conclusion(question, page, engine), line)
    except UnansweredError as fault:
        verdict = Verdict(allowed=False, steps=(Step("HTTP-network fetch", NETWORK, holds=False, why=str(fault)),))
    isolated = opener = None
    hops = tuple(Document(request.url, answered.response.fields) for request, answered in line.exchanges)
    if question.mode is Mode.NAVIGATE and question.destination == "document" and verdict.allowed:
        shown = sandbox_step(hops[-1], engine)
        verdict = verdict if shown.holds else replace(verdict, allowed=False, steps=(*verdict.steps, shown))
    if question.mode is Mode.NAVIGATE and verdict.allowed:
        opener = popup(page, hops, engine) if page is not None and question.destination == "document" else None
        above = (page, *page.ancestors) if page is not None and question.destination in FRAMES else ()
        isolated = isolation(replace(hops[-1], ancestors=above), engine)
    route = None if asked is None else asked.route
    return Concluded(engine, verdict, tuple(line.exchanges), route, isolated, opener)


def _page_answer(question: Question, engine: Engine, answerer: Answerer | None) -> Answered | None:
    """Return the answer that the page itself came with; None if it is not known."""
    if question.page is None or answerer is None:
        return None
    line = _Line(answerer, engine)
    request = Request(b"GET", question.page, None, Mode.NAVIGATE, CredentialsMode.INCLUDE, "document")
    fetching.settle(fetching.conclude(request, engine), line)
    return line.exchanges[-1][1] if line.exchanges else None


def _page(question: Question, answered: Answered | None) -> Document | None:
    if question.page is None:
        return None
    received = answered.response.fields if answered is not None else ()
    replaced = {name.lower() for name, _ in question.page_fields}
    fields = (*(line for line in received if line[0].lower() not in replaced), *question.page_fields)
    own = origin_of(question.page)
    return Document(question.page, fields, origin=None if question.origin == own != NULL_ORIGIN else question.origin)


def _conclusion(question: Question, page: Document | None, engine: Engine) -> Conclusion:
    if question.mode is Mode.WEBSOCKET and page is not None:
        protocols = tuple(value for name, value in question.fields if name.lower() == b"sec-websocket-protocol")
        return sockets.conclude(page, question.url, engine, protocols)
    if question.mode is Mode.NAVIGATE and page is not None and question.destination in FRAMES:
        return framing.conclude(page, question.url, engine)
    if question.mode is Mode.SAME_ORIGIN and page is not None and question.destination in _WORKERS:
        return workers.conclude(page, question.url, engine, question.destination)
    request = Request(
        question.method, question.url, page, question.mode, question.credentials, question.destination, question.fields
    )
    return fetching.conclude(request, engine)
