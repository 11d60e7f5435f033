"""A browser does what a case says; what became of it is laid beside the verdict, and beside the requests that were foretold."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from support.fetches import Case, Maker, pages_of
from support.scripted import Answer, Asked, Scripted
from support.verification import dice
from xoproxy.browser.fetching import conclude, settle
from xoproxy.browser.methods import SAFELISTED
from xoproxy.browser.model import CredentialsMode, Document, Engine, Mode, Tainting, Verdict, WireRequest, WireResponse
from xoproxy.browser.request_fields import unsafe_names
from xoproxy.browser.urls import is_potentially_trustworthy, parse

COOKIE: Final = "who"
BATCH: Final = 30
BODY: Final = b"<!doctype html><title>a page</title>"
HTML: Final = ((b"Content-Type", b"text/html"), (b"Content-Length", b"%d" % len(BODY)))

RUN: Final = """
async cases => {
    const wait = milliseconds => new Promise(resolve => setTimeout(() => resolve({error: "timeout"}), milliseconds));
    const fetched = async ({url, method, headers, mode, credentials}) => {
        try {
            const response = await fetch(url, {method, headers, mode, credentials});
            const names = [...new Set(response.headers.keys())];
            return {type: response.type, status: response.status, url: response.url, names};
        } catch (error) {
            return {error: String(error)};
        }
    };
    const embedded = ({url, element, credentials}) => new Promise(resolve => {
        const [tag, kind] = element.split(" ");
        const node = document.createElement(tag === "style" ? "link" : tag);
        if (kind === "cors") node.crossOrigin = credentials === "include" ? "use-credentials" : "anonymous";
        if (kind === "module") {
            node.type = "module";
            if (credentials === "include") node.crossOrigin = "use-credentials";
        }
        node.onload = () => resolve({loaded: true});
        node.onerror = () => resolve({error: "error event"});
        if (tag === "style") { node.rel = "stylesheet"; node.href = url; } else { node.src = url; }
        document.head.append(node);
    });
    const outcome = one => Promise.race([one.element === "fetch" ? fetched(one) : embedded(one), wait(20000)]);
    return JSON.stringify(await Promise.all(cases.map(outcome)));
}
"""


class Asker(Protocol):
    """A tab of a browser."""

    async def goto(self, url: str, /) -> Any:
        """Open a page."""

    async def evaluate(self, function: str, argument: Any, /) -> Any:
        """Call `function` with `argument`, and return what it resolves to."""


@dataclass(frozen=True)
class Sent:
    """One request as it was foretold, with those before it, and as it came."""

    case: Case
    foretold: tuple[WireRequest, ...]
    asked: Asked

    @property
    def wire(self) -> WireRequest:
        """Return the request as it was foretold."""
        return self.foretold[-1]


def is_known_of_chromium(sent: Sent, name: str) -> bool:
    """Whether Chromium is known to send the field `name` otherwise than the standards say.

    Seen in Chromium 156, November 2026.  None of these changes what becomes of the request:

    - a preflight has Sec-Fetch-Mode even where no Fetch metadata are sent (Fetch Metadata §3: trustworthy URLs only);
    - where a redirect leads to another preflight or another method, Sec-Fetch-Site is that of the current URL alone
      (ibid. §2.3: the worst of the chain);
    - elements with `crossorigin` and module scripts have an Origin even at home (Fetch §3.2: only foreign ones have);
    - a POST whose mode is no-cors has its Origin whatever the referrer policy, but loses it with a redirect to another
      origin (Fetch §3.2 has it the other way round);
    - a Range that can be read is written anew.
    """
    is_cors = sent.case.request.mode is Mode.CORS
    if name == "origin" and is_cors:
        return bool(sent.case.request.destination) and sent.asked.get("Sec-Fetch-Site") in ("same-origin", None)
    if name == "origin":
        return len(sent.foretold) > 1 or (b"Origin", b"null") in sent.wire.fields
    if name == "sec-fetch-mode":
        return sent.wire.is_preflight and sent.asked.get("Sec-Fetch-Site") is None
    if name == "sec-fetch-site":
        return is_cors and len({(wire.method, wire.is_preflight) for wire in sent.foretold}) > 1
    return name == "range"


def is_known_of_firefox(sent: Sent, name: str) -> bool:
    """Whether Firefox is known to send the field `name` otherwise than the standards say.

    Seen in Firefox 153, November 2026.  None of these changes what becomes of the request:

    - Sec-Fetch-Site does not tell http from https, and calls what a redirect led to on the same site cross-site
      (Fetch Metadata §2.3: the scheme counts, the site of each URL counts);
    - an image with `crossorigin` that was upgraded to https has an Origin even at home (Fetch §3.2: only foreign ones have);
    - of several lines of one name that script sets, the last goes out, and a preflight names each (Fetch §4.8: names once).
    """
    if name == "sec-fetch-site":
        return sent.asked.get("Sec-Fetch-Site") in ("same-site", "cross-site")
    if name == "origin":
        return sent.case.request.destination == "image" and sent.case.request.url.startswith("http:")
    names = [each.lower() for each, _ in sent.case.request.fields]
    return len(set(names)) < len(names) and (name == "access-control-request-headers" or name.encode() in names)


IS_KNOWN: Final = {Engine.CHROME: is_known_of_chromium, Engine.FIREFOX: is_known_of_firefox}


def is_not_compared(case: Case, verdict: Verdict, engine: Engine) -> bool:
    """Whether a chain of redirects is one that the engine is known to follow otherwise than the standards say.

    Seen in November 2026.  Chromium 156 decides by the first URL of the chain whether an image of an https page that is
    redirected to http is upgraded, to localhost too, or blocked; by Mixed Content §4 each URL is looked at for itself.
    Firefox 153 sends preflights at each foreign hop for what the first request was, even if a redirect made a plain GET of it
    or took Authorization away, and with the page's own origin where the request has the origin null; by Fetch §4.8 each hop is
    looked at for itself.
    """
    if engine is Engine.FIREFOX:
        wires = [wire for wire, _ in verdict.exchanges]
        asks = not wires or wires[0].method not in SAFELISTED or bool(unsafe_names(case.request.fields))
        return asks and len({wire.url for wire in wires}) > 1
    to_http = ("http://" in location for _, response in verdict.exchanges for location in locations(response))
    return case.request.destination == "image" and case.page.url.startswith("https:") and any(to_http)


def locations(response: WireResponse) -> list[str]:
    """Return where a response sends to."""
    return [value.decode("latin-1") for name, value in response.fields if name == b"Location"]


@dataclass
class Compared:
    """One case after both have decided.  `differences` empty: they agree."""

    case: Case
    verdict: Verdict
    outcome: dict[str, Any]
    asked: list[Asked]
    differences: list[str] = field(default_factory=list)

    def told(self) -> str:
        """Return everything a person needs to find out who is right."""
        lines = [self.case.told(), f"  browser: {self.outcome}"]
        lines += [f"    {asked.method} {asked.url} {asked.fields}" for asked in self.asked]
        lines += [f"  we: {self.verdict.allowed} {self.verdict.tainting} {self.verdict.exposed}"]
        lines += [f"    {wire.method!r} {wire.url} {wire.fields} {wire.credentialed}" for wire, _ in self.verdict.exchanges]
        lines += [f"    {'+' if step.holds else '-'} {step.name}: {step.why}" for step in self.verdict.steps]
        return "\n".join([*lines, *(f"  DIFFERS: {difference}" for difference in self.differences)])


async def compare(server: Scripted, engine: Engine, count: int, open_tab: Callable[[], Awaitable[Asker]]) -> list[Compared]:
    """Let pages in a browser do `count` fetches made by chance, each page in a tab of its own, and compare."""
    maker, documents = Maker(dice("fetches"), server), pages_of(server)
    cases = [maker.case(number, maker.chance.choice(documents)) for number in range(count)]
    compared: list[Compared] = []

    async def ask(document: Document) -> None:
        url = parse(document.url)
        assert url is not None
        server.answers[url.path] = Answer(WireResponse(200, (*document.fields, *HTML)), body=BODY)
        tab = await open_tab()
        await tab.goto(document.url)
        own = [case for case in cases if case.page is document]
        for batch in (own[start : start + BATCH] for start in range(0, len(own), BATCH)):
            server.answers.update((path, answer) for case in batch for path, answer in case.answers.items())
            outcomes = json.loads(await tab.evaluate(RUN, [_described(case) for case in batch]))
            compared.extend(_compare(case, outcome, server, engine) for case, outcome in zip(batch, outcomes, strict=True))

    await asyncio.gather(*(ask(document) for document in documents))
    assert len(compared) == count
    return compared


def differing(compared: list[Compared]) -> str:
    """Tell the cases that differ, the first ten in full; empty if all agree."""
    different = [each for each in compared if each.differences]
    told = [f"{len(different)} of {len(compared)} differ", *(each.told() for each in different[:10])]
    return "\n".join(told) if different else ""


def _described(case: Case) -> dict[str, Any]:
    request = case.request
    return {
        "element": case.element,
        "url": request.url,
        "method": request.method.decode("latin-1"),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.fields],
        "mode": request.mode.value,
        "credentials": request.credentials.value,
    }


def _compare(case: Case, outcome: dict[str, Any], server: Scripted, engine: Engine) -> Compared:
    verdict = settle(conclude(case.request, engine), case.answer)
    asked = [each for path in case.answers for each in server.asked[path]]
    compared = Compared(case, verdict, outcome, asked)
    if not is_not_compared(case, verdict, engine):
        compared.differences += [*_outcome_differences(verdict, outcome), *_wire_differences(verdict, asked, case, engine)]
    return compared


def _outcome_differences(verdict: Verdict, outcome: dict[str, Any]) -> list[str]:
    if "error" in outcome or "loaded" in outcome:
        return [] if verdict.allowed is ("loaded" in outcome) else [f"outcome: {outcome}"]
    if not verdict.allowed:
        return ["outcome: the browser lets it pass"]
    assert verdict.tainting is not None
    last, response = verdict.exchanges[-1]
    is_opaque = verdict.tainting is Tainting.OPAQUE
    ours = {
        "type": verdict.tainting.value,
        "status": 0 if is_opaque else response.status,
        "url": "" if is_opaque else last.url,
        "names": [name.decode("latin-1") for name in verdict.exposed],
    }
    url = re.sub(r"#.*|me:too@", "", outcome["url"])  # user information is no part of `WireRequest.url`
    theirs = {**outcome, "names": sorted(outcome["names"]), "url": url}
    return [f"{key}: {theirs[key]} is not {ours[key]}" for key in ours if ours[key] != theirs[key]]


def _wire_differences(verdict: Verdict, asked: list[Asked], case: Case, engine: Engine) -> list[str]:
    wires = [wire for wire, _ in verdict.exchanges]
    if [(wire.method.decode("latin-1"), wire.url) for wire in wires] != [(each.method, each.url) for each in asked]:
        return ["other requests than foretold"]
    sent = [Sent(case, tuple(wires[: place + 1]), each) for place, each in enumerate(asked)]
    return [difference for each in sent for difference in _request_differences(each, engine)]


def _request_differences(sent: Sent, engine: Engine) -> list[str]:
    wire, asked = sent.wire, sent.asked
    names = {name.decode("latin-1").lower() for name, _ in wire.fields}
    names |= {"origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "sec-fetch-user", "authorization"}
    names |= {"access-control-request-method", "access-control-request-headers"}
    ours = Asked(wire.method.decode("latin-1"), wire.url, wire.fields)
    differences = [
        f"{name} of {asked.method} {asked.url}: {asked.get(name)!r} is not {ours.get(name)!r}"
        for name in sorted(names)
        if (asked.get(name) or "").strip() != (ours.get(name) or "").strip() and not IS_KNOWN[engine](sent, name)
    ]
    if wire.is_preflight is not asked.is_preflight:
        differences.append(f"preflight: {asked}")
    cookies = _cookie_differences(sent) if engine is Engine.CHROME else []  # the one whose cookies a test can set beforehand
    return [*differences, *cookies]


def _cookie_differences(sent: Sent) -> list[str]:
    """Compare whether cookies went along, where that shows: ours goes to trustworthy places, and to no third parties.

    A no-cors request with the credentials mode same-origin keeps its cookies in Chromium when it is redirected from home to
    elsewhere (seen in 156, November 2026); by Fetch §4.6 the response tainting of each hop decides.
    """
    wire, asked, request = sent.wire, sent.asked, sent.case.request
    url = parse(wire.url)
    assert url is not None
    has_cookie = f"{COOKIE}=" in (asked.get("Cookie") or "")
    is_blocked = asked.get("Sec-Fetch-Storage-Access") == "none"  # Chromium says so where it withholds third-party cookies
    is_kept = request.mode is Mode.NO_CORS and request.credentials is CredentialsMode.SAME_ORIGIN and len(sent.foretold) > 1
    if is_blocked or is_kept or has_cookie is (wire.credentialed and is_potentially_trustworthy(url)):
        return []
    return [f"cookie of {asked.method} {asked.url}: {has_cookie}, credentialed {wire.credentialed}"]
