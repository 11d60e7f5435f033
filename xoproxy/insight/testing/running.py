"""Run policy tests: ask the policy, let the browser floor judge, compare with what is expected."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, replace
from typing import Final

from xoproxy.browser import framing, openers, sockets, workers
from xoproxy.browser.fetching import conclude, settle
from xoproxy.browser.isolation import isolation
from xoproxy.browser.model import (
    Conclusion,
    CredentialsMode,
    Document,
    Engine,
    Fields,
    Mode,
    Request,
    Verdict,
    WireRequest,
    WireResponse,
)
from xoproxy.browser.support import USER_AGENT
from xoproxy.browser.urls import parse
from xoproxy.config import Loaded
from xoproxy.insight.explaining.answering import covers
from xoproxy.insight.proxied import OK, Answered, Proxied
from xoproxy.insight.testing.cases import (
    Asker,
    Case,
    Comparing,
    Connected,
    Expected,
    Fetched,
    FieldExpected,
    Opened,
    PoppedUp,
)
from xoproxy.policy.matching import host_name
from xoproxy.policy.routes import Route
from xoproxy.semantics.lists import tokens
from xoproxy.slotted import dataclass

_FRAMES: Final = frozenset({"iframe", "frame", "embed", "object"})
_WORKERS: Final = frozenset({"worker", "sharedworker", "serviceworker"})


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a case.  `response`: the last one that the browser got; None if it never asked."""

    verdict: Verdict
    response: WireResponse | None
    answered: Answered | None  # by the proxy, the last; None if another server did


@dataclass(frozen=True, slots=True)
class Result:
    """A case and what is not as expected: one sentence each, none where it passes."""

    case: Case
    failures: tuple[str, ...]
    seen: Seen
    routes: tuple[Route, ...] = field(default=())  # that had a part in it
    met_others: bool = False  # servers that are not behind the policy had a part in it, too

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.failures


class _Network:
    """Answers what a browser sends: what is behind the policy by the policy, the rest as the test says."""

    def __init__(self, proxied: Proxied, is_ours: Callable[[str], bool], engine: Engine) -> None:
        self._proxied = proxied
        self._is_ours = is_ours
        self._agent = (b"User-Agent", USER_AGENT[engine])  # `coep: auto` answers by it
        self.upstream = OK
        self.answered: list[Answered | None] = []

    def __call__(self, request: WireRequest) -> WireResponse:
        if not self._is_ours(request.url):
            self.answered.append(None)
            return self.upstream
        answered = self._proxied.answer(replace(request, fields=(*request.fields, self._agent)), self.upstream)
        self.answered.append(answered)
        return answered.response


def run_cases(loaded: Loaded, cases: Sequence[Case], hosts: Sequence[str] = ()) -> Iterator[Result]:
    """Run cases under a policy.  `hosts`: what is behind it besides the pages' own hosts and those that routes name."""
    proxied = Proxied(loaded.generation)
    named = {route.match.host for route in loaded.generation.routes.routes if route.match.host is not None}
    for case in cases:
        yield _Run(case, proxied, (*hosts, *named)).result()


class _Run:
    """One case under way."""

    def __init__(self, case: Case, proxied: Proxied, hosts: Sequence[str]) -> None:
        self._case = case
        self._hosts = (*hosts, _host(case.asker.url)) if case.asker.is_own else None
        self._network = _Network(proxied, self._is_ours, case.engine)

    def result(self) -> Result:
        seen = self._run()
        routes = tuple(answered.route for answered in self._network.answered if answered is not None and answered.route)
        met_others = None in self._network.answered
        return Result(self._case, tuple(_failures(self._case.expected, seen)), seen, routes, met_others)

    def _run(self) -> Seen:
        """Let the page do what the test says; what it asks for is answered as the test says, the page itself by a plain 200."""
        case, network = self._case, self._network
        match case.deed:
            case Opened():
                network.upstream = case.upstream
                return self._shown(isolation(self._document(case.asker), case.engine))
            case PoppedUp(url):
                opener = self._document(case.asker)
                network.upstream = case.upstream
                return self._shown(openers.popup(opener, self._navigate(url), case.engine))
            case Connected(url):
                conclusion = sockets.conclude(self._document(case.asker), url, case.engine)
                network.upstream = sockets.ACCEPTED if case.upstream == OK else case.upstream
                return self._asked(conclusion)
            case Fetched():
                conclusion = self._conclusion(case.deed, self._document(case.asker))
                network.upstream = case.upstream
                return self._asked(conclusion)

    def _shown(self, verdict: Verdict) -> Seen:
        """What became of a page: the response is that of the page."""
        answered = self._network.answered[-1]
        return Seen(verdict, answered.response if answered is not None else self._network.upstream, answered)

    def _asked(self, conclusion: Conclusion) -> Seen:
        """What became of a request: it may never have been sent."""
        verdict = settle(conclusion, self._network)
        if not verdict.exchanges:
            return Seen(verdict, None, None)
        return Seen(verdict, verdict.exchanges[-1][1], self._network.answered[-1])

    def _conclusion(self, deed: Fetched, page: Document) -> Conclusion:
        engine = self._case.engine
        if deed.destination in _FRAMES:
            return framing.conclude(page, deed.url, engine)
        if deed.destination in _WORKERS:
            return workers.conclude(page, deed.url, engine, deed.destination)
        return conclude(
            Request(deed.method, deed.url, page, deed.mode, deed.credentials, deed.destination, deed.fields), engine
        )

    def _document(self, asker: Asker) -> Document:
        """Return the page that asks, its response by the policy if it is behind it."""
        if not asker.is_own:
            return Document(asker.url, asker.fields, origin=asker.origin)
        return self._navigate(asker.url)[-1]

    def _navigate(self, url: str) -> tuple[Document, ...]:
        """Return the pages on the way to `url`, redirects first."""
        request = Request(b"GET", url, None, Mode.NAVIGATE, CredentialsMode.INCLUDE, "document")
        verdict = settle(conclude(request, self._case.engine), self._network)
        return tuple(Document(sent.url, received.fields) for sent, received in verdict.exchanges)

    def _is_ours(self, url: str) -> bool:
        if self._hosts is None:
            return True
        return any(covers(name, _host(url)) for name in self._hosts)


def _host(url: str) -> str:
    parsed = parse(url)
    assert parsed is not None, "URLs of tests were checked"
    return host_name(parsed.host.encode("ascii")).decode("ascii")


def _failures(expected: Expected, seen: Seen) -> Iterator[str]:
    """Yield what is not as expected."""
    allowed = seen.verdict.allowed and not _refused(seen)
    if expected.allowed is not None and allowed is not expected.allowed:
        yield f"expected {_outcome(expected.allowed)}, and it is {_outcome(allowed)}: {_reason(seen)}"
    if expected.isolated is not None and seen.verdict.allowed is not expected.isolated:
        yield f"expected cross_origin_isolated {_yes(expected.isolated)}, and it is not so: {_reason(seen)}"
    if expected.opener_kept is not None and seen.verdict.allowed is not expected.opener_kept:
        said = "kept" if expected.opener_kept else "severed"
        yield f"expected the opener to be {said}, and it is not: {_reason(seen)}"
    if expected.step is not None and _step(seen) != expected.step:
        yield f"expected the step {expected.step} to decide, and it is {_step(seen) or 'none that blocks'}"
    preflight = any(request.is_preflight for request, _ in seen.verdict.exchanges)
    if expected.preflight is not None and preflight is not expected.preflight:
        yield f"expected {'a' if expected.preflight else 'no'} preflight, and there is {'one' if preflight else 'none'}"
    yield from _response_failures(expected, seen)


def _response_failures(expected: Expected, seen: Seen) -> Iterator[str]:
    """Compare what the response says."""
    if seen.response is None:
        if expected.status is not None or expected.fields:
            yield f"expected a response, and the browser never asks: {_reason(seen)}"
        return
    if expected.status is not None and seen.response.status != expected.status:
        yield f"expected status {expected.status}, and it is {seen.response.status}"
    route = seen.answered.route.name if seen.answered is not None and seen.answered.route is not None else None
    if expected.route is not None and route != expected.route:
        yield f"expected {expected.route} to be taken, and it is {route or 'none'}"
    for wanted in expected.fields:
        if failure := _field_failure(wanted, seen.response.fields):
            yield failure
    for name in expected.readable:
        if name not in seen.verdict.exposed:
            yield f"expected {name.decode('ascii')} to be readable by script, and it is not"


def _field_failure(wanted: FieldExpected, fields: Fields) -> str:
    name = wanted.name.decode("ascii")
    values = [value.decode("latin-1") for line, value in fields if line.lower() == wanted.name.lower()]
    found = ", ".join(values)
    said = f'"{found}"' if values else "absent"
    match wanted.comparing:
        case Comparing.ABSENT:
            return f"expected {name} to be absent, and it is {said}" if values else ""
        case Comparing.PRESENT:
            return "" if values else f"expected {name} to be there, and it is absent"
        case Comparing.IS:
            return "" if values and found == wanted.value else f'expected {name} to be "{wanted.value}", and it is {said}'
        case Comparing.CONTAINS:
            members = {member.lower() for member in tokens(found.encode("latin-1"))}
            contained = wanted.value.lower().encode("latin-1", "replace") in members or wanted.value in found
            return "" if contained else f'expected {name} to contain "{wanted.value}", and it is {said}'


def _refused(seen: Seen) -> str:
    return seen.answered.refusal if seen.answered is not None else ""


def _reason(seen: Seen) -> str:
    """Return why it is as it is: the step that blocks, or what refused it."""
    step = seen.verdict.decisive
    if step is not None:
        return f"{step.name}: {step.why}"
    if refusal := _refused(seen):
        return f"xoproxy refuses it: {refusal}"
    return seen.verdict.steps[-1].why if seen.verdict.steps else "nothing stands against it"


def _step(seen: Seen) -> str:
    step = seen.verdict.decisive
    return step.name if step is not None else ""


def _outcome(allowed: bool) -> str:  # noqa: FBT001  the word for a value
    return "allowed" if allowed else "blocked"


def _yes(value: bool) -> str:  # noqa: FBT001  as above
    return "true" if value else "false"
