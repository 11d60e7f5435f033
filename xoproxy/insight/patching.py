"""Make changes in the text of policy files as a person would: what need not change stays, byte for byte.

Rule 1: comments, order, quotes, indentation and line ends stay; only lines that say something else are written anew.
Rule 2: what comes out is read again, and must say what was meant.  What cannot be written so is told, and left undone: what is
behind an anchor or alias stands for more than one place, and is for a person to change.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from xoproxy.config import ConfigInvalid, Text, Texts
from xoproxy.config.nodes import Plain, compose, plain
from xoproxy.config.nodes import Sequence as SequenceNode
from xoproxy.config.spans import ListSpan, MappingSpan, Span, spans
from xoproxy.insight.explaining.placing import Into, Placement, block, entries, flow, steps_of
from xoproxy.insight.treeing import applied
from xoproxy.slotted import dataclass

_ORDER: Final = (Into.REPLACE, Into.APPEND, Into.INSERT, Into.REMOVE, Into.BEFORE)
_LINE_END: Final = re.compile(r"[^\r\n]*")
_DASH: Final = re.compile(r"[ \t]*-[ \t]+")
_COMMENT: Final = re.compile(r"[ \t]*#[^\r\n]*(?:\r\n|\n|\r)\Z")


class UnpatchableError(Exception):
    """A change that cannot be made in a text.  Its text says why."""


@dataclass(frozen=True, slots=True)
class Patched:
    """Texts with changes made.  `by_hand`: changes that could not be made, with the reason why."""

    texts: Texts
    by_hand: tuple[tuple[Placement, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Cut:
    """A piece of the text, and what stands there afterwards."""

    start: int
    end: int
    text: str

    def touches(self, other: "_Cut") -> bool:
        return self.start <= other.end and other.start <= self.end


def patch(texts: Texts, placements: Iterable[Placement]) -> Patched:
    """Return the texts with changes made in them, as far as that can be."""
    parts: list[Text] = []
    by_hand: list[tuple[Placement, str]] = []
    wanted = list(placements)
    routes = 0  # in the texts before
    for part in texts.parts:
        mine = [_local(placement, routes) for placement in wanted if placement.place.mark.source == part.name]
        routes += _routes(part)
        text, left = _patched(part, mine)
        parts.append(Text(part.name, text))
        by_hand += left
    names = {part.name for part in texts.parts}
    by_hand += [(each, "it is not in a file") for each in wanted if not each.in_file or each.place.mark.source not in names]
    return Patched(Texts(texts.name, tuple(parts)), tuple(by_hand))


def _routes(part: Text) -> int:
    """Return how many routes a text has."""
    root, _ = compose(part.text, part.name)
    found = next((value for key, value in root.entries if key.text == "routes"), None)
    return len(found.items) if isinstance(found, SequenceNode) else 0


def _local(placement: Placement, routes: int) -> Placement:
    """Return a change with the path that its place has in its own file: routes of several files follow each other."""
    found = re.match(r"routes\[([0-9]+)\]", placement.place.path)
    if found is None or not routes:
        return placement
    path = f"routes[{int(found[1]) - routes}]{placement.place.path[found.end() :]}"
    return replace(placement, place=replace(placement.place, path=path))


def _patched(part: Text, placements: Sequence[Placement]) -> tuple[str, list[tuple[Placement, str]]]:
    """Return a text with changes made, and those that could not be."""
    left: list[tuple[Placement, str]] = []
    made: list[Placement] = []
    text = part.text
    for into in _ORDER:
        pending = [placement for placement in _merged(placements) if placement.into is into]
        while pending:
            cuts, done, pending = _round(text, pending, left)
            made += done
            for cut in sorted(cuts, key=lambda cut: cut.start, reverse=True):
                text = text[: cut.start] + cut.text + text[cut.end :]
    if not made:
        return part.text, left
    meant = applied(_tree(part.text, part.name), made)
    try:
        is_meant = _tree(text, part.name) == meant
    except ConfigInvalid:
        is_meant = False
    if is_meant:
        return text, left
    return part.text, [*left, *((each, "the text there is written in a way that is not patched") for each in made)]


def _merged(placements: Sequence[Placement]) -> list[Placement]:
    """Return the changes, those before the same member of a list as one, the last members first: so no path moves."""
    before: dict[str, Placement] = {}
    others: list[Placement] = []
    for each in placements:
        if each.into is not Into.BEFORE:
            others.append(each)
            continue
        standing = before.get(each.place.path)
        assert isinstance(each.value, list)
        members: list[Plain] = (
            [*standing.value, *each.value] if standing and isinstance(standing.value, list) else [*each.value]
        )
        before[each.place.path] = replace(each, value=members)
    return [*others, *sorted(before.values(), key=lambda each: -int(str(steps_of(each.place.path)[-1])))]


def _round(
    text: str, pending: Sequence[Placement], left: list[tuple[Placement, str]]
) -> tuple[list[_Cut], list[Placement], list[Placement]]:
    """Return cuts that do not touch each other, the changes that they make, and those that wait for the next round."""
    root = spans(text)
    cuts: list[_Cut] = []
    done: list[Placement] = []
    waiting: list[Placement] = []
    for placement in pending:
        try:
            mine = _Patcher(text, root).cuts(placement)
        except UnpatchableError as fault:
            left.append((placement, str(fault)))
            continue
        if any(cut.touches(other) for cut in mine for other in cuts):
            waiting.append(placement)
        else:
            cuts += mine
            done.append(placement)
    return cuts, done, waiting


def _tree(text: str, name: str) -> Plain:
    root, problems = compose(text, name)
    if problems:
        raise ConfigInvalid(problems)
    return plain(root)


class _Patcher:
    """Makes one change."""

    def __init__(self, text: str, root: Span) -> None:
        self._text = text
        self._root = root
        self._break = "\r\n" if "\r\n" in text else "\n"

    def cuts(self, placement: Placement) -> list[_Cut]:
        """Return what a change takes.  Raises: `UnpatchableError`."""
        *above, node = self._chain(placement.place.path)
        match placement.into:
            case Into.REPLACE:
                return [self._replaced(above, node, placement.value)]
            case Into.INSERT:
                assert isinstance(placement.value, dict)
                return self._inserted(node, placement.value)
            case Into.APPEND:
                assert isinstance(placement.value, list)
                return [self._appended(node, placement.value)]
            case Into.BEFORE:
                assert isinstance(placement.value, list)
                return [self._before(above[-1], node, placement.value)]
            case Into.REMOVE:
                return [self._removed(above, node)]

    def _chain(self, path: str) -> list[Span]:
        """Return the nodes on the way to a place, the root first.  Raises: `UnpatchableError`."""
        chain = [self._root]
        for step in steps_of(path):
            node = chain[-1]
            if isinstance(step, int) and isinstance(node, ListSpan):
                chain.append(node.items[step])
            elif isinstance(step, str) and isinstance(node, MappingSpan):
                value = node.value(step)
                if value is None:
                    raise UnpatchableError(f"there is no key {step} in the file any more")
                chain.append(value)
            elif isinstance(step, int):
                continue  # one value that stands for a list of one
            else:
                raise UnpatchableError("it stands behind an alias, or is written in a way that is not patched")
        if any(node.marked for node in chain):
            raise UnpatchableError("it has an anchor, an alias or a tag, so it may stand for more than one place")
        return chain

    def _replaced(self, above: Sequence[Span], node: Span, value: Plain) -> _Cut:
        if node.flow and node.end > node.start:
            return _Cut(node.start, node.end, flow(value))
        parent = above[-1] if above else node
        if not isinstance(parent, MappingSpan):
            raise UnpatchableError("a block stands there that is not patched")
        key = next(key for _, key, each in parent.entries if each is node)
        colon = self._text.index(":", key.end) + 1
        return _Cut(colon, max(colon, self._trimmed(node.end)), f" {flow(value)}")

    def _inserted(self, node: Span, keys: dict[str, Plain]) -> list[_Cut]:
        """Insert keys into a mapping; a key that is there already is replaced, or gets its keys."""
        if not isinstance(node, MappingSpan):
            raise UnpatchableError("there is no mapping any more")
        cuts: list[_Cut] = []
        fresh: dict[str, Plain] = {}
        for key, value in keys.items():
            standing = node.value(key)
            if standing is None:
                fresh[key] = value
            elif standing.marked:
                raise UnpatchableError("it has an anchor, an alias or a tag, so it may stand for more than one place")
            elif isinstance(value, dict) and isinstance(standing, MappingSpan):
                cuts += self._inserted(standing, value)
            else:
                cuts.append(self._replaced([node], standing, value))
        if fresh:
            cuts.append(self._added(node, fresh))
        return cuts

    def _added(self, node: MappingSpan, keys: dict[str, Plain]) -> _Cut:
        if node.flow:
            return self._in_brackets(node, ", ".join(flow({key: value})[1:-1] for key, value in keys.items()))
        return self._on_lines(node.end, self._column(node.entries[0][1].start), block(keys))

    def _appended(self, node: Span, members: list[Plain]) -> _Cut:
        if not isinstance(node, ListSpan):
            raise UnpatchableError("there is no list any more")
        if node.flow:
            return self._in_brackets(node, ", ".join(map(flow, members)))
        return self._on_lines(node.end, self._dash(node.items[-1]), [f"- {flow(member)}" for member in members])

    def _before(self, parent: Span, node: Span, members: list[Plain]) -> _Cut:
        if parent.flow:
            return _Cut(node.start, node.start, "".join(f"{flow(member)}, " for member in members))
        indent = " " * self._dash(node)
        at = self._line_start(node.start)
        while (comment := _last_line(self._text, at)) and _COMMENT.fullmatch(comment):
            at -= len(comment)  # a comment above a member speaks of it
        lines = entries(members).splitlines()
        return _Cut(at, at, "".join(f"{indent}{line}{self._break}" for line in lines))

    def _removed(self, above: Sequence[Span], node: Span) -> _Cut:
        """Remove a key, and the mapping above it if that has no other."""
        parent = above[-1]
        if isinstance(parent, MappingSpan) and len(parent.entries) > 1:
            index = next(index for index, (_, _, value) in enumerate(parent.entries) if value is node)
            return self._entry(parent, index)
        if isinstance(parent, ListSpan) and len(parent.items) > 1:
            return self._member(parent, parent.items.index(node))
        if len(above) < 2:
            raise UnpatchableError("nothing would be left")
        return self._removed(above[:-1], parent)

    def _entry(self, parent: MappingSpan, index: int) -> _Cut:
        key, value = parent.entries[index][1:]
        if parent.flow:
            ends = [(each.start, value.end) for _, each, value in parent.entries]
            return _between(ends, index)
        start = self._line_start(key.start)
        if self._text[start : key.start].strip():  # behind a dash: the next key takes its place
            following = parent.entries[index + 1][1] if index + 1 < len(parent.entries) else None
            if following is None:
                raise UnpatchableError("it is written in a way that is not patched")
            return _Cut(key.start, following.start, "")
        return self._lines(start, value.end)

    def _member(self, parent: ListSpan, index: int) -> _Cut:
        item = parent.items[index]
        if parent.flow:
            return _between([(each.start, each.end) for each in parent.items], index)
        self._dash(item)
        return self._lines(self._line_start(item.start), item.end)

    def _lines(self, start: int, last: int) -> _Cut:
        """Cut whole lines, from the beginning of one to the end of the one where something ends."""
        end = self._line_end(self._trimmed(last))
        return _Cut(start, end + len(_break_at(self._text, end)), "")

    def _in_brackets(self, node: ListSpan | MappingSpan, text: str) -> _Cut:
        """Put something before the bracket at the end."""
        last = (node.items if isinstance(node, ListSpan) else [value for _, _, value in node.entries])[-1:]
        at = max(node.start + 1, *(each.end for each in last)) if last else node.start + 1
        if "," in self._text[at : node.end - 1]:
            at = self._text.index(",", at) + 1
            return _Cut(at, at, f" {text}")
        return _Cut(at, at, f", {text}" if last else text)

    def _on_lines(self, after: int, column: int, lines: Iterable[str]) -> _Cut:
        """Put lines behind the one where something ends."""
        at = self._line_end(self._trimmed(after))
        return _Cut(at, at, "".join(f"{self._break}{' ' * column}{line}" for line in lines))

    def _dash(self, item: Span) -> int:
        """Return the column of the dash before a member of a list in block style.  Raises: `UnpatchableError`."""
        start = self._line_start(item.start)
        if _DASH.fullmatch(self._text[start : item.start]) is None:
            raise UnpatchableError("the list is written in a way that is not patched")
        return self._text.index("-", start) - start

    def _trimmed(self, end: int) -> int:
        """Return where something ends, without the line ends that a block scalar has at its end."""
        while end and self._text[end - 1] in "\r\n":
            end -= 1
        return end

    def _column(self, at: int) -> int:
        return at - self._line_start(at)

    def _line_start(self, at: int) -> int:
        return max(self._text.rfind("\n", 0, at), self._text.rfind("\r", 0, at)) + 1

    def _line_end(self, at: int) -> int:
        found = _LINE_END.match(self._text, at)
        assert found is not None
        return found.end()


def _between(ends: Sequence[tuple[int, int]], index: int) -> _Cut:
    """Cut one of several things that commas stand between."""
    if index + 1 < len(ends):
        return _Cut(ends[index][0], ends[index + 1][0], "")
    return _Cut(ends[index - 1][1], ends[index][1], "")


def _break_at(text: str, at: int) -> str:
    return "\r\n" if text.startswith("\r\n", at) else text[at : at + 1]


def _last_line(text: str, at: int) -> str:
    """Return the line that ends at an index, with its line end; empty at the beginning."""
    lines = text[:at].splitlines(keepends=True)[-1:]
    return lines[0] if lines else ""
