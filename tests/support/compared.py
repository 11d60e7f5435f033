"""Chromium does what a case says; what became of it is laid beside the verdict, and beside the requests that were foretold."""

from dataclasses import dataclass, field
from typing import Any, Final

from playwright.async_api import Page

from support.fetches import Case
from support.scripted import Asked, Scripted
from xoproxy.browser.fetching import conclude, settle
from xoproxy.browser.model import CredentialsMode, Mode, Tainting, Verdict, WireRequest, WireResponse
from xoproxy.browser.urls import is_potentially_trustworthy, parse

COOKIE: Final = "who"

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
    return Promise.all(cases.map(one => Promise.race([one.element === "fetch" ? fetched(one) : embedded(one), wait(20000)])));
}
"""


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

    def is_explained(self, name: str) -> bool:
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
        if name == "origin" and self.case.request.mode is Mode.CORS:
            return bool(self.case.request.destination) and self.asked.get("Sec-Fetch-Site") in ("same-origin", None)
        if name == "origin":
            return len(self.foretold) > 1 or (b"Origin", b"null") in self.wire.fields
        if name == "sec-fetch-mode":
            return self.wire.is_preflight and self.asked.get("Sec-Fetch-Site") is None
        if name == "sec-fetch-site":
            is_begun_anew = len({(wire.method, wire.is_preflight) for wire in self.foretold}) > 1
            return self.case.request.mode is Mode.CORS and is_begun_anew
        return name == "range"


def is_upgraded_by_redirect(case: Case, verdict: Verdict) -> bool:
    """Whether an image of an https page was redirected to http.

    Chromium decides by the first URL of the chain whether such a redirect is upgraded, to localhost too, or is blocked (seen in
    156, November 2026); by Mixed Content §4 each URL is looked at for itself.
    """
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
        lines = [self.case.told(), f"  chromium: {self.outcome}"]
        lines += [f"    {asked.method} {asked.url} {asked.fields}" for asked in self.asked]
        lines += [f"  we: {self.verdict.allowed} {self.verdict.tainting} {self.verdict.exposed}"]
        lines += [f"    {wire.method!r} {wire.url} {wire.fields} {wire.credentialed}" for wire, _ in self.verdict.exchanges]
        lines += [f"    {'+' if step.holds else '-'} {step.name}: {step.why}" for step in self.verdict.steps]
        return "\n".join([*lines, *(f"  DIFFERS: {difference}" for difference in self.differences)])


async def ask_chromium(page: Page, cases: list[Case], server: Scripted) -> list[Compared]:
    """Let a page do all `cases` at once, and compare."""
    for case in cases:
        server.answers.update(case.answers)
    outcomes = await page.evaluate(RUN, [_described(case) for case in cases])
    return [_compare(case, outcome, server) for case, outcome in zip(cases, outcomes, strict=True)]


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


def _compare(case: Case, outcome: dict[str, Any], server: Scripted) -> Compared:
    verdict = settle(conclude(case.request), case.answer)
    asked = [each for path in case.answers for each in server.asked[path]]
    compared = Compared(case, verdict, outcome, asked)
    if not is_upgraded_by_redirect(case, verdict):
        compared.differences += [*_outcome_differences(verdict, outcome), *_wire_differences(verdict, asked, case)]
    return compared


def _outcome_differences(verdict: Verdict, outcome: dict[str, Any]) -> list[str]:
    if "error" in outcome or "loaded" in outcome:
        return [] if verdict.allowed is ("loaded" in outcome) else [f"outcome: {outcome}"]
    if not verdict.allowed:
        return ["outcome: chromium lets it pass"]
    assert verdict.tainting is not None
    last, response = verdict.exchanges[-1]
    is_opaque = verdict.tainting is Tainting.OPAQUE
    ours = {
        "type": verdict.tainting.value,
        "status": 0 if is_opaque else response.status,
        "url": "" if is_opaque else last.url,
        "names": [name.decode("latin-1") for name in verdict.exposed],
    }
    theirs = {**outcome, "names": sorted(outcome["names"]), "url": outcome["url"].partition("#")[0]}
    return [f"{key}: {theirs[key]} is not {ours[key]}" for key in ours if ours[key] != theirs[key]]


def _wire_differences(verdict: Verdict, asked: list[Asked], case: Case) -> list[str]:
    wires = [wire for wire, _ in verdict.exchanges]
    if [(wire.method.decode("latin-1"), wire.url) for wire in wires] != [(each.method, each.url) for each in asked]:
        return ["other requests than foretold"]
    sent = [Sent(case, tuple(wires[: place + 1]), each) for place, each in enumerate(asked)]
    return [difference for each in sent for difference in _request_differences(each)]


def _request_differences(sent: Sent) -> list[str]:
    wire, asked = sent.wire, sent.asked
    names = {name.decode("latin-1").lower() for name, _ in wire.fields}
    names |= {"origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "sec-fetch-user", "authorization"}
    names |= {"access-control-request-method", "access-control-request-headers"}
    ours = Asked(wire.method.decode("latin-1"), wire.url, wire.fields)
    differences = [
        f"{name} of {asked.method} {asked.url}: {asked.get(name)!r} is not {ours.get(name)!r}"
        for name in sorted(names)
        if (asked.get(name) or "").strip() != (ours.get(name) or "").strip() and not sent.is_explained(name)
    ]
    if wire.is_preflight is not asked.is_preflight:
        differences.append(f"preflight: {asked}")
    return [*differences, *_cookie_differences(sent)]


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
