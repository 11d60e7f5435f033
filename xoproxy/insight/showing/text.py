"""What is shown, as text for people: for terminals of any width, without colour."""

import os.path
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from xoproxy.config.problems import Place, printable, quoted
from xoproxy.insight.effective import Json
from xoproxy.insight.showing.shown import Line, Part, Shown, ShownCors, ShownRoute
from xoproxy.policy.model import Refusal, UpstreamFields
from xoproxy.slotted import dataclass

_LABEL: Final = 12  # columns of a label with its indentation
_LEAST: Final = 40  # columns that are used whatever the terminal says
_REPORT_ONLY: Final = "-Report-Only"
_KEPT: Final = {
    UpstreamFields.REPLACE.value: "",
    UpstreamFields.FILL.value: "what the application sends and browsers would heed (upstream_fields: fill)",
    UpstreamFields.PASSTHROUGH.value: "what the application sends (upstream_fields: passthrough)",
}
_PLAIN: Final = re.compile(r"""[^\s"'*&!|>%@`\[\]{},#?-](?:[^#:,\[\]{}]|:(?! )|(?<! )#)*""")


@dataclass(frozen=True, slots=True)
class _Row:
    """A line that says something, and where that stands; empty if that is told elsewhere."""

    said: str
    at: str = ""


def where(place: Place | None) -> str:
    """Return a place as people read it: ``xoproxy.yaml:12``, ``preset isolated``, ``--upstream``.

    Files of one configuration stand in one directory, which is told once.
    """
    if place is None:
        return ""
    mark = place.mark
    return f"{os.path.basename(mark.source)}:{mark.line}" if mark.line else mark.source  # noqa: PTH119  a name in messages


def as_text(shown: Shown, width: int) -> str:
    """Return a text for people, in lines of up to `width` columns where that can be."""
    width = max(width, _LEAST)
    blocks = [[f"{shown.source}, route by route"]]
    blocks += [[*_block(route.name, route, width)] for route in shown.routes]
    blocks.append([*_block("no route: answers of xoproxy's own", shown.unmatched, width)])
    return "\n\n".join("\n".join(map(printable, lines)) for lines in blocks) + "\n"


def _block(title: str, route: ShownRoute, width: int) -> Iterator[str]:
    """Yield the lines of one route."""
    rows = [_Row(title, where(route.place))]
    matches = [_Row(f"{part.key}: {flow(part.value)}", where(part.place)) for part in route.match]
    if route.upstream is not None and route.upstream_name:
        rows += _labelled("match", matches or [_Row("every request")])
        urls = ", ".join(map(flow, route.upstream.value)) if isinstance(route.upstream.value, list) else ""
        said = urls if urls == route.upstream_name else f"{route.upstream_name}: {urls}"
        rows += _labelled("upstream", [_Row(said, where(route.upstream.place))])
    rows += _labelled("policy", [_Row(route.policy_name, where(route.policy_place))])
    rows += _labelled("keys", [*_keys(route.parts)])
    yield from _aligned(rows, width)
    yield from _outcome(route, width)


def _labelled(label: str, rows: list[_Row]) -> list[_Row]:
    return [_Row(f"  {'' if index else label:{_LABEL - 2}}{row.said}", row.at) for index, row in enumerate(rows)]


def _aligned(rows: list[_Row], width: int) -> Iterator[str]:
    """Yield rows with the places in a column of their own, as far to the left as what is said lets it."""
    longest = max(len(row.at) for row in rows)
    column = min(max((len(row.said) for row in rows if row.at), default=0), width - longest - 2)
    for row in rows:
        yield f"{row.said:{max(column, 0)}}  {row.at}" if row.at else row.said


def _keys(parts: tuple[Part, ...]) -> Iterator[_Row]:
    """Yield the keys of a policy; members of a list that stand on other lines have lines of their own."""
    members_of: dict[str, list[Part]] = {}
    for part in parts:
        members_of.setdefault(part.key.rpartition("[")[0], []).append(part)
    for part in parts:
        at = where(part.place)
        members = members_of.get(part.key, ()) if not part.key.endswith("]") else ()
        if any(where(member.place) != at for member in members):
            yield _Row(f"{part.key}:", at)
            yield from (_Row(f"  - {flow(member.value)}", where(member.place)) for member in members)
        elif part.value is not None and not part.key.endswith("]"):
            yield _Row(f"{part.key}: {flow(part.value)}", at)
        elif part.key.startswith("headers.remove."):
            yield _Row(part.key, at)


def _outcome(route: ShownRoute, width: int) -> Iterator[str]:
    """Yield what becomes of responses."""
    yield from _wrapped("sends", [*_sent(route.sends)], width)
    if route.cors is not None:
        yield from _wrapped("cors", _cors(route.cors, route.upstream_fields), width)
    kept = _KEPT[route.upstream_fields] if route.parts else ""
    for label, text in (("keeps", kept), ("removes", _listed(route.removes)), ("leaves", _listed(route.leaves))):
        yield from _wrapped(label, [text] if text else [], width)


def _sent(lines: Iterable[Line]) -> Iterator[str]:
    for line in lines:
        yield f"{line.line}  ({line.when})" if line.when else line.line


def _cors(cors: ShownCors, upstream_fields: str) -> Iterator[str]:
    to_all = cors.origins == ("*",)
    yield f"granted: {'every origin' if to_all else ', '.join(cors.origins) or 'none but its own'}"
    yield from (f"  {line}" for line in cors.lines)
    if cors.preflight_lines:
        yield "their preflights: 204, answered here"
        yield from (f"  {line}" for line in cors.preflight_lines)
    else:
        yield "preflights: the application answers"
    if not to_all:
        keeps = upstream_fields == UpstreamFields.PASSTHROUGH.value
        omitted = "what the application says" if keeps else "no CORS field"
        rejects = cors.refuse is Refusal.REJECT
        preflights = "; their preflights: 403" if cors.preflight_lines or rejects else ""
        yield f"others: {'403' if rejects else omitted}{preflights}"


def _listed(names: tuple[str, ...]) -> str:
    """Return a list of field names, a field and its Report-Only twin as one."""
    twins = {name + _REPORT_ONLY for name in names}
    return ", ".join(f"{name}[{_REPORT_ONLY}]" if name + _REPORT_ONLY in names else name for name in names if name not in twins)


def _wrapped(label: str, texts: Iterable[str], width: int) -> Iterator[str]:
    """Yield texts behind a label, each wrapped at spaces with its further lines set in."""
    lead = f"  {label:{_LABEL - 2}}"
    for text in texts:
        step = " " * (len(text) - len(text.lstrip()))
        yield from textwrap.wrap(
            text.strip(),
            width,
            initial_indent=lead + step,
            subsequent_indent=" " * (_LABEL + 2) + step,
            break_long_words=False,
            break_on_hyphens=False,
        )
        lead = " " * _LABEL


def flow(value: Json) -> str:
    """Return a value in YAML's flow style."""
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return "[" + ", ".join(map(flow, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
        case _:
            text = str(value)
            return text if _PLAIN.fullmatch(text) else quoted(text)
