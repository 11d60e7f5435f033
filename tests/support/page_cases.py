"""Cases about pages: what a server answers, what the browser floor concludes of it, and what a browser is to be asked.

Each case belongs to one path of a `Teller`, so that many can be tried at once.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from support import documents
from support.verification import ACCEPT, Made, Teller
from xoproxy.browser import framing, openers, sockets, workers
from xoproxy.browser.fetching import settle
from xoproxy.browser.isolation import isolation
from xoproxy.browser.model import Document, Engine, Fields, Frame, Verdict, WireResponse

# Synchronous, so that a page that has loaded has reported.
_REPORT: Final = b"""<!doctype html><script>
const report = new XMLHttpRequest();
report.open("POST", "/report" + location.pathname, false);
const shared = typeof SharedArrayBuffer !== "undefined";
try { report.send(JSON.stringify({isolated: crossOriginIsolated, shared, opener: opener !== null})); }
catch (error) { /* it has arrived: only the answer is kept from pages of other origins */ }
</script>"""
_WORKER: Final = b"""
if (self.postMessage) { postMessage(crossOriginIsolated); } else { onconnect = event => event.ports[0].postMessage(0); }
"""

START_WORKER = """([url, kind]) => new Promise(resolve => {
    let worker;
    try { worker = kind === "worker" ? new Worker(url) : new SharedWorker(url); } catch (error) { resolve(false); return; }
    worker.onerror = () => resolve(false);
    (worker.port ?? worker).onmessage = () => resolve(true);
})"""
OPEN_SOCKET = """([url, protocols]) => new Promise(resolve => {
    const socket = new WebSocket(url, protocols);
    socket.onopen = () => resolve(true);
    socket.onerror = () => resolve(false);
})"""


Maker = Callable[[Teller, random.Random, str, Engine], "Case"]


@dataclass
class Case:
    """One case.  `begin` is the page to open; `concluded` is compared with what the browser made of it."""

    name: str
    begin: str
    concluded: Any
    pages: list[Document]
    verdicts: list[Verdict]
    arguments: list[Any] = field(default_factory=list)
    extra: str = ""

    def told(self, decided: object) -> str:
        """Return everything a person needs to find out who is right."""
        told = [f"{self.name} {self.arguments} {self.extra}", f"  the browser: {decided}", f"  we: {self.concluded}"]
        for page in self.pages:
            told += [f"  {page.url} {page.frame if page.ancestors else ''}"]
            told += [f"      {name.decode()}: {value!r}" for name, value in page.fields]
        for verdict in self.verdicts:
            told += [f"    {'+' if step.holds else '-'} {step.name}: {step.why}" for step in verdict.steps]
        return "\n".join(told)


def answering(answers: dict[str, WireResponse]) -> Callable[[Any], WireResponse]:
    """Return who answers requests by their URL."""
    return lambda wire: answers[wire.url]


def frames_case(teller: Teller, chance: random.Random, name: str, engine: Engine) -> Case:
    """Return a page with up to two frames in each other; concluded is, for each, whether it is isolated, None if not shown."""
    pages: list[Document] = []
    for level in range(chance.choice((1, 2, 2, 3))):
        url = teller.url(documents.host(chance), f"/{name}/{level}")
        other = teller.url(chance.choice(documents.HOSTS), "")
        own = url.removesuffix(f"/{name}/{level}")
        frame = documents.frame(chance, chance.choice((own, own, other))) if level else Frame()
        pages.append(Document(url, documents.page_fields(chance, other), tuple(reversed(pages)), frame=frame))
    for level, page in enumerate(pages):
        inner = documents.element(pages[level + 1].url, pages[level + 1].frame) if level + 1 < len(pages) else b""
        teller.answers[f"/{name}/{level}"] = Made(page.fields, _REPORT + inner)
    concluded, verdicts = _conclude_frames(pages, engine)
    return Case(name, pages[0].url, concluded, pages, verdicts)


def _conclude_frames(pages: list[Document], engine: Engine) -> tuple[list[bool | None], list[Verdict]]:
    concluded: list[bool | None] = [None] * len(pages)
    verdicts: list[Verdict] = []
    for level, page in enumerate(pages):
        if level:
            parent = replace(pages[level - 1], ancestors=page.ancestors[1:])
            answer = WireResponse(200, page.fields)
            shown = settle(framing.conclude(parent, page.url, engine, page.frame), lambda _, answer=answer: answer)
            verdicts.append(shown)
            if not shown.allowed:
                break
        verdicts.append(isolation(page, engine))
        concluded[level] = verdicts[-1].allowed
    return concluded, verdicts


def popup_case(teller: Teller, chance: random.Random, name: str, engine: Engine) -> Case:
    """Return a page, or a frame in one, that opens a popup, perhaps by a redirect; concluded is whether it keeps its opener."""

    def page(role: str) -> Document:
        return Document(teller.url(documents.host(chance), f"/{name}/{role}"), documents.popup_fields(chance))

    top = opener = page("opener")
    inner = b""
    if chance.random() < 0.25:
        frame = Frame(sandbox=chance.choice((None, *documents.POPUP_SANDBOXES)))
        framed = (*documents.HTML, (documents.COEP, b"require-corp"), (documents.CORP, b"cross-origin"))
        opener = Document(teller.url(chance.choice(documents.HOSTS), f"/{name}/frame"), framed, (top,), frame=frame)
        teller.answers[f"/{name}/frame"] = Made(framed, _REPORT)
        inner = documents.element(opener.url, frame)
    teller.answers[f"/{name}/opener"] = Made(top.fields, _REPORT + inner)
    popup = page("popup")
    teller.answers[f"/{name}/popup"] = Made(popup.fields, _REPORT)
    hops: tuple[Document, ...] = (popup,)
    if chance.random() < 0.25:
        hop = page("hop")
        hops = (hop, popup)
        teller.answers[f"/{name}/hop"] = Made((*hop.fields, (b"Location", popup.url.encode())), status=302)
    verdict = openers.popup(opener, hops, engine)
    return Case(name, top.url, verdict.allowed, [opener, *opener.ancestors, *hops], [verdict], [hops[0].url])


def worker_case(teller: Teller, chance: random.Random, name: str, engine: Engine) -> Case:
    """Return a page that starts a worker; concluded is whether it starts."""
    host = "app.test" if chance.random() < 0.06 else "app.localhost"
    page = Document(teller.url(host, f"/{name}/page"), documents.owner_fields(chance))
    script = documents.script_fields(chance)
    url = teller.url("other.localhost" if chance.random() < 0.07 else host, f"/{name}/worker.js")
    teller.answers[f"/{name}/page"] = Made(page.fields, b"<!doctype html>")
    teller.answers[f"/{name}/worker.js"] = Made(script, _WORKER)
    answers, begin = {url: WireResponse(200, script)}, url
    if chance.random() < 0.1:
        location = ((b"Location", url.encode()),)
        begin = teller.url(host, f"/{name}/hop")
        teller.answers[f"/{name}/hop"] = Made(location, status=302)
        answers[begin] = WireResponse(302, location)
    kind = workers.DEDICATED if chance.random() < 0.8 else workers.SHARED
    verdict = settle(workers.conclude(page, begin, engine, kind), answering(answers))
    return Case(name, page.url, verdict.allowed, [page, Document(url, script)], [verdict], [begin, kind])


def socket_case(teller: Teller, chance: random.Random, name: str, engine: Engine) -> Case:
    """Return a page that opens a WebSocket; concluded is whether it opens."""
    page = Document(teller.url(chance.choice(documents.HOSTS), f"/{name}/page"), documents.HTML)
    protocols = chance.choice(((), (), (b"chat",), (b"chat", b"v2")))
    status, fields = documents.handshake(chance, protocols)
    teller.answers[f"/{name}/page"] = Made(page.fields, b"<!doctype html>")
    teller.answers[f"/{name}/socket"] = Made(fields, status=status)
    url = teller.url(chance.choice(documents.HOSTS), f"/{name}/socket")
    if chance.random() < 0.8:
        url = "ws" + url.removeprefix("http")
    answer = WireResponse(status, _with_accept(fields))
    verdict = settle(sockets.conclude(page, url, engine, protocols), lambda _: answer)
    asked = [protocol.decode() for protocol in protocols]
    return Case(name, page.url, verdict.allowed, [page], [verdict], [url, asked], f"{status} {fields}")


def _with_accept(fields: Fields) -> Fields:
    """Return the fields as they come to who knows the key: the floor's is the RFC's own."""
    accept = dict(sockets.ACCEPTED.fields)[b"Sec-WebSocket-Accept"]
    return tuple((name, value.replace(ACCEPT, accept).strip()) for name, value in fields)
