"""Read YAML as a tree of texts with their places; the only module that imports yaml.  (YAML 1.1 as PyYAML reads it)

Rule 1: a scalar is its text.  What type it has is for the schema of its key to say, so that ``off``, ``no``, ``1:30`` and
``010`` are never turned into something else.
Rule 2: the tree is built from the parser's events with a stack of our own: depth and the size of aliases are bounded, and no
input can exhaust Python's stack.  `yaml.compose` recurses.
Rule 3: the parser is PyYAML's own, not libyaml.  That one is faster, but puts other places on some values, and takes some texts
that this one refuses: a file would be valid on one machine and not on another.
"""

import re
from collections.abc import Iterator
from dataclasses import field
from typing import Final, Literal, Protocol, cast

import yaml

from xoproxy.config.problems import ConfigInvalid, Id, Mark, Place, Problem, child_path, keep, problem_at, quoted
from xoproxy.slotted import dataclass

MAX_DEPTH: Final = 32  # a policy file needs 8
MAX_ALIASED_NODES: Final = 10_000

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value.  `plain`: without quotes.  `literal`: not from a file, so ``${`` means nothing in it."""

    text: str
    mark: Mark
    plain: bool = False
    literal: bool = False

    @property
    def is_null(self) -> bool:
        """Whether YAML reads it as no value."""
        return self.plain and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: "tuple[Node, ...]"
    mark: Mark


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in the order of the file; no key twice."""

    entries: "tuple[tuple[Scalar, Node], ...]"
    mark: Mark


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment, from its ``#`` on.  `line`: the one it speaks for, its own or the next that says something; 0 if none does."""

    text: str
    mark: Mark
    line: int


Node = Scalar | Sequence | Mapping
Plain = str | list["Plain"] | dict[str, "Plain"]


def node_of(value: Plain, mark: Mark) -> Node:
    """Return a node for a value that stands in the program, not in a file."""
    if isinstance(value, str):
        return Scalar(value, mark, literal=True)
    if isinstance(value, list):
        return Sequence(tuple(node_of(item, mark) for item in value), mark)
    return Mapping(tuple((Scalar(key, mark, literal=True), node_of(item, mark)) for key, item in value.items()), mark)


def plain(node: Node) -> Plain:
    """Return what a node says, as a value that `node_of` takes."""
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key.text: plain(value) for key, value in node.entries}


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been seen; a mapping's `nodes` are key, value, key, value ..."""

    mark: Mark
    is_mapping: bool
    anchor: str | None
    nodes: list[Node] = field(default_factory=list[Node])
    size: int = 1


class _Builder:
    """Builds the tree from events and keeps what is wrong with it, as far as it can go on."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._documents = 0
        self._aliased = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event.  Raises ConfigInvalid where reading on makes no sense."""
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._stop(
                        event,
                        Id.SEVERAL_DOCUMENTS,
                        "a second YAML document begins here; a policy file is one, remove the '---'",
                    )
            case yaml.ScalarEvent():
                self._check_tag(event, event.tag)
                self._close(Scalar(event.value, self._mark(event), plain=event.style is None), event.anchor, 1)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._check_tag(event, event.tag)
                if len(self._open) == MAX_DEPTH:
                    self._stop(event, Id.TOO_DEEP, f"lists and mappings are nested more than {MAX_DEPTH} deep")
                self._open.append(_Open(self._mark(event), isinstance(event, yaml.MappingStartEvent), event.anchor))
            case yaml.SequenceEndEvent():
                done = self._open.pop()
                self._close(Sequence(tuple(done.nodes), done.mark), done.anchor, done.size)
            case yaml.MappingEndEvent():
                done = self._open.pop()
                self._close(Mapping(tuple(self._entries(done)), done.mark), done.anchor, done.size)
            case _:
                pass

    def _close(self, node: Node, anchor: str | None, size: int) -> None:
        """Put a complete node where it belongs."""
        if anchor is not None:
            self._anchors[anchor] = (node, size)
        if not self._open:
            self.root = node
            return
        self._open[-1].nodes.append(node)
        self._open[-1].size += size

    def _alias(self, event: yaml.AliasEvent) -> None:
        """Put the node an alias names, the very same, where the alias stands."""
        name = str(event.anchor)
        if any(frame.anchor == name for frame in self._open):
            self._stop(event, Id.ALIAS, f"the alias *{name} stands inside of what it names")
        if name not in self._anchors:
            self._stop(
                event, Id.ALIAS, f"there is no anchor &{name} before this alias; a text that begins with '*' needs quotes"
            )
        node, size = self._anchors[name]
        self._aliased += size
        if self._aliased > MAX_ALIASED_NODES:
            self._stop(
                event,
                Id.ALIAS,
                f"the file's aliases stand for more than {MAX_ALIASED_NODES} values; write them out or use fewer",
            )
        self._close(node, None, size)

    def _entries(self, done: _Open) -> Iterator[tuple[Scalar, Node]]:
        """Pair keys and values; what cannot be a key is reported and left out."""
        seen: dict[str, Mark] = {}
        for key, value in zip(done.nodes[::2], done.nodes[1::2], strict=True):
            if not isinstance(key, Scalar):
                self._report(key.mark, Id.YAML_FEATURE, "a key must be one plain text")
            elif key.plain and key.text == "<<":
                self._report(
                    key.mark,
                    Id.YAML_FEATURE,
                    "merge keys ('<<') are not used here; compose policies with a list: [name, {key: value}]",
                )
            elif key.text in seen:
                line = seen[key.text].line
                self._report(
                    key.mark,
                    Id.DUPLICATE_KEY,
                    f"the key {quoted(key.text)} stands here already, in line {line}; keep one of the two",
                )
            else:
                seen[key.text] = key.mark
                yield key, value

    def _check_tag(self, event: yaml.Event, tag: str | None) -> None:
        if tag is not None:
            self._report(self._mark(event), Id.YAML_FEATURE, f"the tag {quoted(tag)} is not used here; remove it")

    def _path(self) -> str:
        """Return the path of the innermost open list or mapping."""
        path = ""
        for frame in self._open:
            if not frame.is_mapping:
                path += f"[{len(frame.nodes)}]"
            elif len(frame.nodes) % 2 and isinstance(key := frame.nodes[-1], Scalar):
                path = child_path(path, key.text)
        return path

    def _mark(self, event: yaml.Event) -> Mark:
        at = event.start_mark
        return Mark(self.source, at.line + 1, at.column + 1) if at is not None else Mark(self.source)

    def _report(self, mark: Mark, kind: Id, message: str) -> None:
        keep(self.problems, problem_at(Place(mark, self._path()), kind, message))

    def _stop(self, event: yaml.Event, kind: Id, message: str) -> None:
        self._report(self._mark(event), kind, message)
        raise ConfigInvalid(self.problems)


POLICY_FILE: Final = "`version: 1` and `upstream: http://localhost:5000`"  # how one begins


def compose(text: str, source: str, beginning: str = POLICY_FILE) -> tuple[Mapping, list[Problem]]:
    """Read the text of a file whose `beginning` is told where there is nothing that could be one.

    Returns its mapping and the problems with which reading could go on.  Raises ConfigInvalid with those where it could not.
    """
    builder = _Builder(source)
    try:
        events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)  # pyright: ignore[reportUnknownMemberType]  untyped stub
        for event in events:
            builder.take(event)
    except yaml.reader.ReaderError as fault:
        raise ConfigInvalid([*builder.problems, _not_text(fault, text, source)]) from None
    except yaml.MarkedYAMLError as fault:
        raise ConfigInvalid([*builder.problems, _not_yaml(fault, source)]) from None
    except (ValueError, OverflowError):  # PyYAML on "\U99999999" and on %YAML with thousands of digits
        fault_at = Place(Mark(source))
        raise ConfigInvalid(
            [*builder.problems, problem_at(fault_at, Id.NOT_YAML, "not YAML: an escape or a number is out of bounds")]
        ) from None
    root = builder.root
    if root is None or (isinstance(root, Scalar) and root.is_null):
        raise ConfigInvalid(
            [
                problem_at(
                    Place(Mark(source)),
                    Id.EMPTY_FILE,
                    f"the file is empty; begin with {beginning}",
                )
            ]
        )
    if not isinstance(root, Mapping):
        raise ConfigInvalid(
            [
                *builder.problems,
                problem_at(Place(root.mark), Id.WRONG_KIND, f"the file is no mapping (key: value); begin with {beginning}"),
            ]
        )
    return root, builder.problems


_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # as YAML 1.1 counts lines


class _At(Protocol):
    """A place as the scanner counts: characters, lines and columns from 0."""

    index: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the parser: a value, the beginning or end of a list or mapping, or an alias.

    `start` and `end` are indices of the text.  `flow`: in brackets, or a value that is no block scalar.  `marked`: with an
    anchor or a tag, or an alias itself.  `said`: what a value is.
    """

    kind: Literal["scalar", "sequence", "mapping", "end", "alias"]
    start: int
    end: int
    flow: bool = False
    marked: bool = False
    said: str = ""


def events(text: str) -> Iterator[Event]:
    """Yield the events of a text that `compose` read."""
    parsed: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)  # pyright: ignore[reportUnknownMemberType]  untyped stub
    for event in parsed:
        start, end = cast("_At", event.start_mark).index, cast("_At", event.end_mark).index
        match event:
            case yaml.ScalarEvent():
                flow = event.style not in ("|", ">")
                yield Event("scalar", start, end, flow=flow, marked=_is_marked(event), said=event.value)
            case yaml.SequenceStartEvent():
                yield Event("sequence", start, end, flow=bool(event.flow_style), marked=_is_marked(event))
            case yaml.MappingStartEvent():
                yield Event("mapping", start, end, flow=bool(event.flow_style), marked=_is_marked(event))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                yield Event("end", start, end)
            case yaml.AliasEvent():
                yield Event("alias", start, end, marked=True)
            case _:
                pass


def _is_marked(event: yaml.ScalarEvent | yaml.SequenceStartEvent | yaml.MappingStartEvent) -> bool:
    return event.anchor is not None or event.tag is not None


class _Token(Protocol):
    start_mark: _At
    end_mark: _At


def comments(text: str, source: str) -> Iterator[Comment]:
    """Yield the comments of a text that `compose` read.

    Comments stand between the scanner's tokens and nowhere else: a ``#`` within quotes or a block scalar is in a token.
    """
    index, line, column = 0, 0, 0  # where the token before ended
    scanned = yaml.scan(text, Loader=yaml.SafeLoader)  # pyright: ignore[reportUnknownMemberType]  untyped stub
    tokens = cast("Iterator[_Token]", scanned)
    for token in tokens:
        start, end = token.start_mark, token.end_mark
        if start.index == end.index and not isinstance(token, yaml.StreamEndToken):
            continue  # the beginning or end of a block, which has no text
        following = 0 if isinstance(token, yaml.StreamEndToken | yaml.DocumentEndToken) else start.line + 1
        for number, part in enumerate(_BREAK.split(text[index : start.index])):
            head, sign, said = part.partition("#")
            if sign:
                mark = Mark(source, line + number + 1, len(head) + (0 if number else column) + 1)
                yield Comment(sign + said, mark, mark.line if number == 0 and column else following)
        index, line, column = end.index, end.line, end.column


def _not_text(fault: yaml.reader.ReaderError, text: str, source: str) -> Problem:
    """Tell of a character that YAML does not allow."""
    before = text[: fault.position]
    mark = Mark(source, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
    return problem_at(
        Place(mark), Id.NOT_TEXT, f"not a text file: the character U+{ord(text[fault.position]):04X} cannot stand in YAML"
    )


_ADVICE: Final = (
    (re.compile(r"'\\t' that cannot start"), "a tab stands here; YAML is indented with spaces"),
    (re.compile(r"scanning an alias"), "a text that begins with '*' needs quotes; write \"*\""),
    (
        re.compile(r"mapping values are not allowed"),
        "a ':' cannot stand here; mend the indentation, or put the value in quotes",
    ),
    (re.compile(r"could not find expected ':'"), "a ':' with a space after it is missing after a key"),
    (re.compile(r"'[%@`]' that cannot start"), "a text that begins with this character needs quotes"),
    (re.compile(r"but got '\{'"), 'within { } or [ ] a text with a bracket needs quotes, as "${NAME}"'),
    (re.compile(r"expected <block end>"), "the indentation is off; what belongs together begins in the same column"),
    (re.compile(r"unexpected end of stream|'<stream end>'"), "a quote or bracket is opened and never closed"),
)


def _not_yaml(fault: yaml.MarkedYAMLError, source: str) -> Problem:
    """Tell of a syntax error in words that help, where we have them."""
    said = ": ".join(part for part in (fault.context, fault.problem) if part)
    at = fault.problem_mark or fault.context_mark
    mark = Mark(source, at.line + 1, at.column + 1) if at is not None else Mark(source)
    for pattern, advice in _ADVICE:
        if pattern.search(said):
            return problem_at(Place(mark), Id.NOT_YAML, advice)
    return problem_at(Place(mark), Id.NOT_YAML, f"not YAML: {said}")
