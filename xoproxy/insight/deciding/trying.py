"""Would it be blocked, by the policy as it is or as it could be?  A reported case, put to the browser floor.

A *case* is one thing that one page wants, under the value that is on trial.  What a route of the file answers is asked of the
very code that answers on the wire; its backend is taken to be the worst that can be: one that forbids to be embedded, so that a
change is only believed in if it helps whatever the backend sends.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from xoproxy.browser import fetching, framing, workers
from xoproxy.browser.model import Conclusion, CredentialsMode, Document, Engine, Mode, Request, WireRequest, WireResponse
from xoproxy.browser.policies import EMBEDDER, RESOURCE
from xoproxy.config import Loaded
from xoproxy.config.routing import RouteDraft
from xoproxy.insight.explaining.edits import Edit, edited
from xoproxy.insight.proxied import Proxied
from xoproxy.policy.matching import Match
from xoproxy.policy.model import EmbedderPolicy
from xoproxy.policy.routes import RouteTable
from xoproxy.slotted import dataclass

FRAMES: Final = frozenset({"iframe", "frame", "embed", "object", "fencedframe"})
NAVIGATION: Final = "navigation"
WORKER: Final = "worker initialization"

_UNWILLING: Final = WireResponse(200, ((RESOURCE, b"same-origin"),))
_SILENT: Final = WireResponse(200)

Answer = Callable[[WireRequest], WireResponse]


@dataclass(frozen=True, slots=True)
class Case:
    """Something that a page wants under an embedder policy.

    `kind`: as COEP's reports call it; `destination` is empty where that is not told.
    """

    document: str
    wanted: str
    destination: str
    kind: str
    embedder: EmbedderPolicy

    @property
    def is_frame(self) -> bool:
        """Whether a page in a frame is wanted."""
        return self.kind == NAVIGATION or self.destination in FRAMES


def passes(case: Case, answer: Answer) -> bool:
    """Whether every browser lets the page have it."""
    both = (EmbedderPolicy.CREDENTIALLESS, EmbedderPolicy.REQUIRE_CORP)
    values = both if case.embedder is EmbedderPolicy.AUTO else (case.embedder,)
    return all(_passes(case, value, engine, answer) for value in values for engine in Engine)


def _passes(case: Case, value: EmbedderPolicy, engine: Engine, answer: Answer) -> bool:
    page = Document(case.document, ((EMBEDDER, value.value.encode("ascii")),))
    return fetching.settle(_conclusion(case, page, engine), answer).allowed


def _conclusion(case: Case, page: Document, engine: Engine) -> Conclusion:
    if case.kind == WORKER:
        return workers.conclude(page, case.wanted, engine)
    if case.is_frame:
        return framing.conclude(page, case.wanted, engine)
    request = Request(b"GET", case.wanted, page, Mode.NO_CORS, CredentialsMode.INCLUDE, case.destination)
    return fetching.conclude(request, engine)


def is_asked_without_cookies(case: Case) -> bool:
    """Whether the page may have it once ``credentialless`` is enforced, because it is then asked for without cookies.

    While that value is only observed, requests go with cookies as before, and so the check that reports fails for whatever
    says nothing of who may embed it.  (Fetch §3.7; tried with Chromium 156.)  A server that forbids it by CORP does so already.
    """
    return case.embedder is EmbedderPolicy.CREDENTIALLESS and not case.is_frame and case.kind != WORKER and passes(case, silent)


def silent(_: WireRequest) -> WireResponse:
    """Answer as a server that says nothing of who may embed it: what third parties are taken to be."""
    return _SILENT


class Bench:
    """Tries edits on routes of one file."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._answers: dict[tuple[str, tuple[Edit, ...]], Answer | None] = {}

    def first(
        self, case: Case, draft: RouteDraft, families: Iterable[Sequence[Edit]], base: tuple[Edit, ...] = ()
    ) -> tuple[Edit, ...] | None:
        """Return the first edits of the route that let the page have it, none of them superfluous; None if none do.

        `base`: what is edited in any case.
        """
        for family in families:
            if self.helps(case, draft, (*base, *family)):
                kept = tuple(family)
                for edit in family:
                    fewer = tuple(other for other in kept if other is not edit)
                    kept = fewer if self.helps(case, draft, (*base, *fewer)) else kept
                return kept
        return None

    def helps(self, case: Case, draft: RouteDraft, edits: tuple[Edit, ...]) -> bool:
        """Whether the page may have it once the route is edited; not if the loader would refuse that."""
        key = draft.route.name, edits
        if key not in self._answers:
            self._answers[key] = self._edited(draft, edits)
        answer = self._answers[key]
        return answer is not None and passes(case, answer)

    def _edited(self, draft: RouteDraft, edits: tuple[Edit, ...]) -> Answer | None:
        policy = edited(draft.policy, edits) if edits else draft.route.policy
        if isinstance(policy, tuple):
            return None
        route = replace(draft.route, policy=policy, match=Match())
        table = RouteTable((route,), policy, self._loaded.endpoints, lenient_paths=True)
        proxied = Proxied(replace(self._loaded.generation, routes=table))
        return lambda request: proxied.answer(request, _UNWILLING).response
