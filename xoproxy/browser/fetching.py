"""What a browser concludes of a request: Fetch from its first step to the response that script may or may not see.

`conclude` walks main fetch, HTTP fetch and HTTP-redirect fetch in their order, hop by hop, and asks whoever drives it for each
response.  (Fetch §4)

Knowingly left out, because fields of cross-origin policy do not decide them: Content-Security-Policy (``connect-src``,
``img-src`` ...), subresource integrity, opaque response blocking and ``X-Content-Type-Options``, service workers, HTTP
authentication prompts, HSTS, and caches: each conclusion is a first visit.  What a frame makes of its page is judged in
`framing`, what a WebSocket makes of its handshake in `sockets`.
"""

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Final, assert_never

from xoproxy.browser import addresses, author, mixed_content, preflight, redirects
from xoproxy.browser.contexts import document_isolation_of, embedder_of
from xoproxy.browser.contexts import origin as document_origin
from xoproxy.browser.corp_check import Embedding, corp_check
from xoproxy.browser.cors_check import cors_check
from xoproxy.browser.deviations import Deviation, deviates
from xoproxy.browser.exposure import exposed_names
from xoproxy.browser.hops import Client, Hop
from xoproxy.browser.metadata import wire_request
from xoproxy.browser.model import (
    Conclusion,
    Document,
    Engine,
    Mode,
    Request,
    Step,
    Tainting,
    Verdict,
    WireRequest,
    WireResponse,
)
from xoproxy.browser.ports import bad_port
from xoproxy.browser.urls import Url, parse
from xoproxy.policy.model import DocumentIsolation, EmbedderPolicy

MAIN_FETCH: Final = "https://fetch.spec.whatwg.org/#main-fetch"
FILTERED: Final = "https://fetch.spec.whatwg.org/#concept-filtered-response"
USERINFO: Final = "https://chromestatus.com/feature/5669008342777856"
HTTP_NETWORK: Final = "https://fetch.spec.whatwg.org/#http-network-or-cache-fetch"
_ISOLATION: Final = {
    DocumentIsolation.NONE: EmbedderPolicy.UNSAFE_NONE,
    DocumentIsolation.ISOLATE_AND_REQUIRE_CORP: EmbedderPolicy.REQUIRE_CORP,
    DocumentIsolation.ISOLATE_AND_CREDENTIALLESS: EmbedderPolicy.CREDENTIALLESS,
}


def conclude(request: Request, engine: Engine = Engine.CHROME) -> Conclusion:
    """Conclude what becomes of `request`."""
    course = _Course(request, engine)
    hop = course.begin()
    while hop is not None:
        hop = yield from _main_fetch(hop, course)
    return course.verdict()


def settle(conclusion: Conclusion, answer: Callable[[WireRequest], WireResponse]) -> Verdict:
    """Drive a conclusion to its verdict: `answer` gives the response to each request."""
    try:
        wire = next(conclusion)
        while True:
            wire = conclusion.send(answer(wire))
    except StopIteration as end:
        verdict: Verdict = end.value
        return verdict


def client_of(document: Document, engine: Engine) -> Client:
    """Return what a page is to its requests."""
    own = (embedder_of(document, engine).value, _ISOLATION[document_isolation_of(document, engine).value])
    pages = [parse(page.url) for page in (document, *document.ancestors)]
    return Client(
        document_origin(document),
        tuple(policy for policy in own if policy is not EmbedderPolicy.UNSAFE_NONE),
        restricts_mixed_content=any(page is not None and page.scheme == "https" for page in pages),
        engine=engine,
    )


class _Course:
    """What was concluded so far: steps, exchanges, notes, and in the end what script sees."""

    def __init__(self, request: Request, engine: Engine) -> None:
        self.engine = engine
        self._request = request
        self._steps: list[Step] = []
        self._exchanges: list[tuple[WireRequest, WireResponse]] = []
        self._notes: list[str] = []
        self._tainting: Tainting | None = None
        self._exposed: tuple[bytes, ...] = ()

    def begin(self) -> Hop | None:
        """Make the request out of what the author wants; None if that cannot be wanted."""
        request = self._request
        page = None if request.document is None else parse(request.document.url)
        url = parse(request.url, page)
        fault = author.fault(request, url)
        if url is None or fault is not None:
            self.holds(fault)
            return None
        fields, dropped = author.header_list(request, self.engine)
        self._notes += [f'script cannot set "{name.decode("latin-1")}" on this request; it is dropped' for name in dropped]
        if page is not None:
            self._note_addresses(page, url)
        client = None if request.document is None else client_of(request.document, self.engine)
        return Hop(
            author.method(request),
            (url,),
            client,
            request.mode,
            request.credentials,
            request.destination,
            fields,
            referrer_policy=self._referrer_policy(),
        )

    def holds(self, *steps: Step | None) -> bool:
        """Add steps up to the first that fails; whether none does.  None: a step that has nothing to say here."""
        for step in steps:
            if step is not None:
                self._steps.append(step)
                if not step.holds:
                    return False
        return True

    def exchange(self, request: WireRequest) -> Generator[WireRequest, WireResponse, WireResponse]:
        """Send a request and remember the response."""
        response = yield request
        self._exchanges.append((request, response))
        return response

    def note(self, text: str) -> None:
        """Add what the person should know besides."""
        self._notes.append(text)

    def finish(self, hop: Hop, response: WireResponse) -> None:
        """Conclude what script sees of the last response."""
        if response.status == 304:
            self.note("a 304 that the browser's cache asked for is not checked itself: its fields update the stored response")
        if not hop.is_read:
            return
        self._tainting = hop.tainting
        self._exposed = exposed_names(response.fields, hop.tainting, hop.credentials)
        self.holds(_filtered(hop.tainting, self._exposed))

    def verdict(self) -> Verdict:
        """Return the conclusion."""
        notes = tuple(dict.fromkeys(self._notes))
        allowed = self._steps[-1].holds
        return Verdict(allowed, tuple(self._steps), self._tainting, self._exposed, tuple(self._exchanges), notes)

    def _referrer_policy(self) -> str:
        document = self._request.document
        policy = "" if document is None else redirects.referrer_policy(document.fields)
        return policy or "strict-origin-when-cross-origin"

    def _note_addresses(self, page: Url, url: Url) -> None:
        for text in (addresses.local_network_note(page, url, self.engine), addresses.insecure_note(page)):
            if text is not None:
                self.note(text)


def _main_fetch(hop: Hop, course: _Course) -> Generator[WireRequest, WireResponse, Hop | None]:
    """Take one hop; return the next if the response redirects.  (Fetch §4.1, "main fetch"; §4.3, "HTTP fetch")"""
    hop, upgrade = mixed_content.upgraded(hop)
    if not course.holds(upgrade, bad_port(hop.url), mixed_content.mixed_content(hop), _userinfo(hop)):
        return None
    tainting, step = _taint(hop)
    if not course.holds(step) or not hop.url.is_http:
        return None
    hop = replace(hop, tainting=tainting)
    if tainting is Tainting.CORS and not (yield from _preflight(hop, course)):
        return None
    wire = wire_request(hop, course.engine)
    response = yield from course.exchange(wire)
    if not course.holds(*_response_checks(hop, wire, response)):
        return None
    if hop.mode is Mode.WEBSOCKET or not redirects.is_redirect(response):
        course.finish(hop, response)
        return None
    following, step = redirects.redirected(hop, response)
    return following if course.holds(step) else None


def _taint(hop: Hop) -> tuple[Tainting, Step]:
    """Decide the response tainting of a hop.  (Fetch §4.1, "main fetch" step 12)"""
    if not hop.is_read:
        return Tainting.BASIC, _main(f"CORS does not apply to the mode {hop.mode.value}")
    if (hop.is_same_origin and hop.tainting is Tainting.BASIC) or hop.url.scheme == "data":
        return Tainting.BASIC, _main(f"{hop.url} is of the page's own origin: no CORS, response tainting basic")
    why = _why_foreign(hop)
    if hop.mode is Mode.SAME_ORIGIN:
        return Tainting.BASIC, _main(f"{why}, and the mode is same-origin", holds=False)
    if not hop.url.is_http:
        return Tainting.BASIC, _main(f"the scheme of {hop.url} is neither http nor https", holds=False)
    if hop.mode is Mode.NO_CORS:
        return Tainting.OPAQUE, _main(f"{why}, and the mode is no-cors: response tainting opaque")
    return Tainting.CORS, _main(f"{why}, and the mode is cors: response tainting cors")


def _userinfo(hop: Hop) -> Step | None:
    """Return the step that fails in engines that fetch no URL with user information for a page."""
    if not (hop.url.has_userinfo and hop.is_read and hop.client and deviates(hop.client.engine, Deviation.USERINFO_IS_BLOCKED)):
        return None
    why = f"{hop.url} is fetched with user information, which {hop.client.engine.value} blocks"
    return Step("subresource requests with embedded credentials", USERINFO, holds=False, why=why)


def _why_foreign(hop: Hop) -> str:
    if hop.is_same_origin:
        return f"the request has been to another origin before {hop.url}"
    return f"{hop.url.origin.decode('ascii')} is not the page's origin, {hop.origin.decode('ascii')}"


def _preflight(hop: Hop, course: _Course) -> Generator[WireRequest, WireResponse, bool]:
    """Send a preflight if one is needed; whether the request may be sent."""
    reasons = preflight.reasons(hop)
    if not reasons:
        return course.holds(Step(preflight.NAME, preflight.ANCHOR, holds=True, why="the request needs no preflight"))
    why = f"a preflight is needed: {'; '.join(reasons)}"
    course.holds(Step(preflight.NAME, preflight.ANCHOR, holds=True, why=why))
    response = yield from course.exchange(preflight.preflight_request(hop, course.engine))
    if not course.holds(*preflight.judge(hop, response, course.engine)):
        return False
    for text in preflight.notes(hop, response.fields, course.engine):
        course.note(text)
    return True


def _response_checks(hop: Hop, wire: WireRequest, response: WireResponse) -> tuple[Step, ...]:
    if response.status == 407 and not (hop.client and deviates(hop.client.engine, Deviation.PROXY_QUESTIONS_ARE_SHOWN)):
        why = "a 407 is a proxy's question to the browser, and never reaches a page; answer 401"
        return (Step("HTTP-network-or-cache fetch", HTTP_NETWORK, holds=False, why=why),)
    if hop.tainting is Tainting.CORS:
        return (cors_check(hop.serialized_origin, hop.credentials, response.fields),)
    if hop.tainting is Tainting.OPAQUE and hop.client is not None:
        return (corp_check(Embedding(hop.client, hop.url.origin, response.fields, wire.credentialed)),)
    return ()


def _filtered(tainting: Tainting, exposed: tuple[bytes, ...]) -> Step:
    match tainting:
        case Tainting.BASIC:
            name, why = "basic filtered response", "script sees the response, Set-Cookie excepted"
        case Tainting.CORS:
            names = ", ".join(name.decode("latin-1") for name in exposed) or "none"
            name, why = "CORS filtered response", f"script sees status, content and these fields: {names}"
        case Tainting.OPAQUE:
            name, why = "opaque filtered response", "the page can embed the response; script sees nothing of it"
        case _:
            assert_never(tainting)
    return Step(name, FILTERED, holds=True, why=why)


def _main(why: str, *, holds: bool = True) -> Step:
    return Step("main fetch", MAIN_FETCH, holds, why)
