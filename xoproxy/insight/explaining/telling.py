"""An explanation as text, for a person in trouble: the verdict in a sentence, then why, then the fix, then everything else."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from xoproxy.browser.model import CredentialsMode, Engine, Mode, Step, Verdict, WireRequest
from xoproxy.config.problems import Place, printable
from xoproxy.insight.explaining.concluding import FRAMES
from xoproxy.insight.explaining.explanation import Exchange, Explanation, Opinion, Remedy
from xoproxy.insight.explaining.placing import Into, Placement, flow
from xoproxy.insight.explaining.question import Question
from xoproxy.insight.explaining.routing import Routing, Skipped
from xoproxy.insight.explaining.sources import By, SourcedField
from xoproxy.insight.explaining.urls import read_url, server_of

MAX_SKIPPED: Final = 8  # routes that are told one by one
_COLUMN: Final = 64  # where the sources of fields begin


def told(explanation: Explanation) -> str:
    """Return the whole text, with a line feed at its end."""
    lines = [_headline(explanation), *_pages(explanation)]
    lines += _section("why", _why(explanation))
    lines += _fixes(explanation, explanation.remedies, "the fix")
    if not explanation.allowed and not explanation.remedies:
        lines += _section("the fix", _no_remedy(explanation))
    lines += _fixes(explanation, explanation.isolating, "to isolate the page")
    lines += _fixes(explanation, explanation.keeping, "to keep the opener")
    lines += _section("no field changes this", (f"- {text}" for text in explanation.beyond))
    lines += _section("notes", (f"- {text}" for text in _notes(explanation)))
    for engines, opinion in _grouped(explanation.opinions, _course):
        lines += _section(f"step by step{_in(explanation, engines)}", _steps(opinion))
    for engines, opinion in _grouped(explanation.opinions, _talk):
        for number, exchange in enumerate(opinion.exchanges, start=1):
            what = ", the preflight" if exchange.request.is_preflight else ""
            lines += _section(f"exchange {number}{what}{_in(explanation, engines)}", _exchange(exchange))
    return "\n".join(printable(line) for line in lines) + "\n"


def _fixes(explanation: Explanation, remedies: Sequence[Remedy], heading: str) -> list[str]:
    lines: list[str] = []
    widest = max((len(remedy.engines) for remedy in remedies), default=0)
    for number, remedy in enumerate(remedies):
        where_ = f", in {_names(remedy.engines)}" if len(remedy.engines) < widest else ""
        front = ": xoproxy in front of that server, with this policy file" if explanation.source is None and not number else ""
        lines += _section(f"{'or instead' if number else heading}{where_}{front}", _remedy(explanation, remedy))
    return lines


def _section(heading: str, body: Iterable[str]) -> list[str]:
    lines = [f"  {line}" if line else "" for line in body]
    return ["", heading, *lines] if lines else []


def _headline(explanation: Explanation) -> str:
    blocked = [opinion.engine for opinion in explanation.opinions if not opinion.allowed]
    allowed = [opinion.engine for opinion in explanation.opinions if opinion.allowed]
    parts = ([f"blocked in {_names(blocked)}"] if blocked else []) + ([f"allowed in {_names(allowed)}"] if allowed else [])
    return f"{', '.join(parts)}: {subject(explanation.question)}"


def subject(question: Question) -> str:
    """Return who wants what, in words."""
    what = f"{question.method.decode('latin-1')} {question.url}"
    who = "" if question.origin is None else question.origin.decode("ascii")
    who = "the opaque origin null" if who == "null" else who
    match question.mode:
        case Mode.WEBSOCKET:
            return f"a WebSocket to {question.url} for a page of {who}"
        case Mode.NAVIGATE if question.destination in FRAMES:
            return f"{question.url} in {_article(question.destination)} of a page of {who}"
        case Mode.NAVIGATE:
            return f"{what} as a page" + (f", opened by a page of {who}" if who else "")
        case _ if question.destination:
            return f"{what} as {question.destination} of a page of {who}"
        case _:
            cookies = ", with credentials" if question.credentials is CredentialsMode.INCLUDE else ""
            return f"{what} by script of {who}{cookies}"


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _names(engines: Sequence[Engine]) -> str:
    names = [engine.value.capitalize() for engine in engines]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _grouped(opinions: Sequence[Opinion], key: Callable[[Opinion], object]) -> list[tuple[list[Engine], Opinion]]:
    """Return the opinions that say the same, each once, with those who have it."""
    groups: list[tuple[object, list[Engine], Opinion]] = []
    for opinion in opinions:
        mine = key(opinion)
        group = next((each for each in groups if each[0] == mine), None)
        if group is None:
            groups.append((mine, [opinion.engine], opinion))
        else:
            group[1].append(opinion.engine)
    return [(engines, opinion) for _, engines, opinion in groups]


def _course(opinion: Opinion) -> object:
    """Return what was concluded."""
    return [verdict and verdict.steps for verdict in (opinion.verdict, opinion.isolated, opinion.opener)]


def _talk(opinion: Opinion) -> object:
    """Return what was asked and answered, but for the browser's own name."""
    return [(_without_agent(each.request), each.fields, each.response.status) for each in opinion.exchanges]


def _in(explanation: Explanation, engines: Sequence[Engine]) -> str:
    """Return in which browsers, empty for all of them."""
    return "" if len(engines) == len(explanation.opinions) else f" in {_names(engines)}"


def _without_agent(request: WireRequest) -> WireRequest:
    return replace(request, fields=tuple(line for line in request.fields if line[0].lower() != b"user-agent"))


def _pages(explanation: Explanation) -> Iterator[str]:
    """Yield what becomes of a page that is navigated to."""
    if not explanation.allowed:
        return
    yes = "the page is cross-origin isolated (SharedArrayBuffer)", "the page is not cross-origin isolated"
    yield from _side_verdict(explanation, yes, lambda opinion: opinion.isolated)
    kept = "a window opened with it keeps its opener", "a window opened with it loses its opener"
    yield from _side_verdict(explanation, kept, lambda opinion: opinion.opener)


def _side_verdict(explanation: Explanation, words: tuple[str, str], of: Callable[[Opinion], Verdict | None]) -> Iterator[str]:
    def key(opinion: Opinion) -> object:
        verdict = of(opinion)
        return verdict and (verdict.allowed, verdict.decisive)

    for engines, opinion in _grouped(explanation.opinions, key):
        verdict = of(opinion)
        if verdict is not None:
            where = "" if len(engines) == len(explanation.opinions) else f"in {_names(engines)} "
            why = "" if verdict.decisive is None else f": {verdict.decisive.why}"
            yield f"{where}{words[0] if verdict.allowed else words[1]}{why}"


def _why(explanation: Explanation) -> Iterator[str]:
    blocked = [opinion for opinion in explanation.opinions if not opinion.allowed]
    for engines, opinion in _grouped(blocked, lambda opinion: (opinion.verdict.decisive, opinion.refusal)):
        step = opinion.verdict.decisive
        where_ = "" if len(engines) == len(explanation.opinions) else f"in {_names(engines)}: "
        if opinion.refusal:
            yield f"{where_}xoproxy answers {opinion.exchanges[-1].response.status} itself: {opinion.refusal}"
        if step is not None:
            yield f"{where_}{step.why}"
            yield f"decided by: {step.name}, {step.anchor}"
        if opinion.console:
            yield f"Chrome says: {opinion.console}"


def _remedy(explanation: Explanation, remedy: Remedy) -> Iterator[str]:
    if explanation.source is None:
        yield from ("    version: 1", f"    upstream: {server_of(explanation.question.url)}")
        yield from (f"    {line}" for placement in remedy.placements for line in placement.yaml.splitlines())
    else:
        for placement in remedy.placements:
            yield from _placement(placement)
    for danger in remedy.dangers:
        yield f"careful: {danger}"
    also = list(dict.fromkeys(name for placement in remedy.placements for name in placement.also))
    if also:
        yield f"this changes {_listed(also)} too" + ("; for this route alone:" if remedy.alone is not None else "")
    if remedy.alone is not None:
        yield from _placement(remedy.alone)


def _placement(placement: Placement) -> Iterator[str]:
    mark = placement.place.mark
    return change_lines(mark.source, (mark.line, mark.column), placement.place.path, placement.into, placement.yaml)


def change_lines(source: str, at: tuple[int, int], path: str, into: Into, yaml: str) -> Iterator[str]:
    """Yield the lines that tell of one change of a file.  `at`: line and column; no line where there is none to change."""
    name = path or "the file"
    where_ = f"{source}:{at[0]}:{at[1]}"
    if not at[0]:
        yield f"{source} has no line to change; in a policy file write"
    elif into is Into.INSERT:
        yield f"{where_}: add to {name}"
    elif into is Into.BEFORE:
        yield f"{where_}: put before {name}"
    elif into is Into.REMOVE:
        yield f"{where_}: remove {name}"
    elif yaml.startswith("- "):
        yield f"{where_}: add to the list {name}"
    else:
        yield f"{where_}: {name} becomes"
    yield from (f"    {line}" for line in (yaml.splitlines() if into is not Into.REMOVE else ()))


def _no_remedy(explanation: Explanation) -> Iterator[str]:
    routing = explanation.opinions[0].exchanges[-1].routing if explanation.opinions[0].exchanges else None
    if routing is not None and routing.route is None and not routing.collects:
        url = read_url(explanation.question.url)
        yield "there is no route for this; write one, with a policy that allows it"
        yield f"    - match: {flow({'host': url.host, 'path': url.path})}"
        return
    whole = (
        "no change of the policy file" if explanation.source is not None else "nothing that xoproxy could send in front of it"
    )
    yield f"{whole} turns this"
    yield from (f"- not possible: {text}" for text in explanation.refusals)


def _notes(explanation: Explanation) -> Iterator[str]:
    yield from explanation.notes
    known = {*explanation.notes, *explanation.beyond}
    for engines, opinion in _grouped(explanation.opinions, lambda opinion: opinion.verdict.notes):
        where_ = "" if len(engines) == len(explanation.opinions) else f"{_names(engines)}: "
        yield from (f"{where_}{note}" for note in opinion.verdict.notes if note not in known)


def _steps(opinion: Opinion) -> Iterator[str]:
    verdicts = (("", opinion.verdict), ("cross-origin isolated?", opinion.isolated), ("keeps its opener?", opinion.opener))
    for heading, verdict in verdicts:
        if heading and verdict is not None:
            yield heading
        yield from (_step(step) for step in (verdict.steps if verdict is not None else ()))


def _step(step: Step) -> str:
    return f"{'holds' if step.holds else 'FAILS'}  {step.name}: {step.why}"


def _exchange(exchange: Exchange) -> Iterator[str]:
    request = exchange.request
    yield f"{request.method.decode('latin-1')} {request.url}"
    for name, value in _without_agent(request).fields:
        yield f"    {name.decode('latin-1')}: {value.decode('utf-8', 'backslashreplace')}"
    yield from _routing(exchange.routing)
    by = _answerer(exchange)
    yield f"{exchange.response.status} {by}" + (f": {exchange.refusal}" if exchange.refusal else "")
    backend = "as it came" if exchange.routing is None else "from the backend"
    yield from (_field(field, backend) for field in exchange.fields)
    if exchange.removed:
        yield "removed from the backend's answer"
        yield from (_field(field, backend) for field in exchange.removed)


def _answerer(exchange: Exchange) -> str:
    if exchange.routing is None:
        return "from the server"
    if exchange.met_backend:
        return "from the backend"
    return "by xoproxy itself" + ("" if exchange.refusal else ", the backend is not asked")


def _field(field: SourcedField, backend: str) -> str:
    line = f"    {field.name}: {field.value}"
    if field.parts:
        source = f"{where(field.parts[0].place)} {field.parts[0].key}"
    else:
        source = backend if field.by is By.BACKEND else "by xoproxy"
    return f"{line:<{_COLUMN}}  {source}"


def _routing(routing: Routing | None) -> Iterator[str]:
    if routing is None:
        return
    shown = routing.skipped if len(routing.skipped) <= MAX_SKIPPED else _nearest(routing.skipped)
    for skipped in shown:
        missed = "; ".join(_missed(skipped))
        yield f"not {skipped.name} ({where(skipped.place)}): {missed}"
    if len(shown) < len(routing.skipped):
        yield f"not {len(routing.skipped) - len(shown)} more routes"
    if routing.collects:
        yield "xoproxy collects reports there, for every host: no route takes this, and no upstream is asked"
    elif routing.route is None:
        yield "no route matches: xoproxy answers 404 by the policy at the top of the file"
    else:
        place = f" ({where(routing.place)})" if routing.place is not None else ""
        yield f"{routing.route.name}{place}, policy {routing.route.policy_name}, upstream {routing.route.upstream}"


def _nearest(skipped: Sequence[Skipped]) -> list[Skipped]:
    """Return the routes that were missed by the least, in the order of the file."""
    nearest = sorted(skipped, key=lambda each: len(each.misses))[:MAX_SKIPPED]
    return [each for each in skipped if each in nearest]


def _missed(skipped: Skipped) -> Iterator[str]:
    for miss in skipped.misses:
        line = f" (line {miss.place.mark.line})" if miss.place is not None and miss.place.mark.line else ""
        yield f"{miss.condition} {miss.got} is not {miss.wanted}{line}"


def where(place: Place) -> str:
    """Return a place as messages write it."""
    mark = place.mark
    return f"{mark.source}:{mark.line}:{mark.column}" if mark.line else mark.source


def _listed(names: Sequence[str]) -> str:
    return (
        ", ".join(names)
        if len(names) <= MAX_SKIPPED
        else f"{', '.join(names[:MAX_SKIPPED])} and {len(names) - MAX_SKIPPED} more"
    )
