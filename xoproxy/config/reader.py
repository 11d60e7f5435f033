"""Walk the tree of a configuration: each value is read once, by the schema of its key, and every problem is kept.

A reader's functions return None for what could not be read; the problem has been reported then, and the caller goes on with
what else there is.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from datetime import date, timedelta
from typing import Final, TypeVar, cast

from xoproxy.config import nodes
from xoproxy.config.drafts import Placed
from xoproxy.config.environment import expand
from xoproxy.config.keys import Keys
from xoproxy.config.nodes import Node, Scalar, Sequence
from xoproxy.config.problems import Id, Mark, Place, Problem, Refused, Severity, child_path, keep, problem_at, quoted
from xoproxy.config.silencing import Allowance
from xoproxy.config.spelling import meant, unknown_key
from xoproxy.slotted import dataclass

T = TypeVar("T")

_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Spot:
    """A node and its path.  `key`: the mark of its key, if it is a mapping's value."""

    node: Node
    path: str
    key: Mark | None = None

    @property
    def place(self) -> Place:
        """Where the value stands."""
        return Place(self.node.mark, self.path)

    @property
    def key_place(self) -> Place:
        """Where the value's key stands, or else the value."""
        return Place(self.key or self.node.mark, self.path)

    def key_names(self) -> tuple[str, ...]:
        """Return the keys of a mapping, as they are written; nothing for any other node."""
        return tuple(key.text for key, _ in self.node.entries) if isinstance(self.node, nodes.Mapping) else ()


@dataclass(slots=True)
class Reader:
    """What reading needs besides the tree, and the problems it found."""

    environ: Mapping[str, str]
    today: date
    problems: list[Problem] = field(default_factory=list[Problem])
    allowances: tuple[Allowance, ...] = ()  # comments that silence some of them
    written: dict[Place, str] = field(default_factory=dict[Place, str])  # values of the environment, as the file refers to them
    made: dict[int, tuple[object, object]] = field(default_factory=dict[int, tuple[object, object]])  # see `once`
    ends: date | None = None  # the first day on which something that holds today no longer does

    def once(self, key: object, make: Callable[[], T]) -> T:
        """Return what `make` returns, called once for this very object: a thousand routes may share what is costly to check."""
        if id(key) not in self.made:
            self.made[id(key)] = (key, make())  # the key is kept, so that no other object can have its identity
        return cast("T", self.made[id(key)][1])

    def has_ended(self, last: date | None) -> bool:
        """Whether something that holds up to and including the day `last` (None: for ever) is over.

        If not, the day after is remembered: then the same text means something else.
        """
        if last is None or last == date.max:
            return False
        if last < self.today:
            return True
        end = last + timedelta(days=1)
        self.ends = end if self.ends is None else min(self.ends, end)
        return False

    def report(self, place: Place, kind: Id, message: str) -> None:
        """Keep a problem.  Raises ConfigInvalid if there are too many."""
        keep(self.problems, problem_at(place, kind, message))

    def has_errors(self) -> bool:
        """Whether a problem was found that keeps the configuration from taking effect."""
        return any(problem.severity is Severity.ERROR for problem in self.problems)

    def text(self, spot: Spot) -> str | None:
        """Return the text of one value, references to the environment filled in."""
        node = spot.node
        if not isinstance(node, Scalar):
            self.report(spot.place, Id.WRONG_KIND, f"one value is wanted here, not {_kind(node)}")
            return None
        try:
            text = node.text if node.literal else expand(node.text, self.environ)
        except Refused as refused:
            self.report(spot.place, refused.kind, refused.message)
            return None
        if text != node.text:
            self.written[spot.place] = node.text
        if node.is_null or not text.strip():
            self._report_empty(spot)
            return None
        if _CONTROL.search(text):
            self.report(spot.place, Id.CONTROL_CHARACTERS, f"{quoted(text)} holds control characters; remove them")
            return None
        return text

    def peek(self, spot: Spot) -> str | None:
        """Return the text of one value, even if it is empty or ``null``; None, and no problem, if there is none."""
        node = spot.node
        if not isinstance(node, Scalar):
            return None
        with suppress(Refused):
            return node.text if node.literal else expand(node.text, self.environ)
        return None

    def value(self, spot: Spot | None, parse: Callable[[str], T]) -> T | None:
        """Return one value as `parse` reads it; None for a spot that is None."""
        text = self.text(spot) if spot is not None else None
        if spot is None or text is None:
            return None
        try:
            return parse(text)
        except Refused as refused:
            self.report(spot.place, refused.kind, refused.message)
            return None

    def placed(self, spot: Spot | None, parse: Callable[[str], T]) -> Placed[T] | None:
        """As `value`, with its place."""
        value = self.value(spot, parse)
        return Placed(value, spot.place) if spot is not None and value is not None else None

    def items(self, spot: Spot) -> tuple[Spot, ...] | None:
        """Return the members of a list; one value stands for a list of one."""
        node = spot.node
        if isinstance(node, nodes.Mapping):
            self.report(spot.place, Id.WRONG_KIND, "a list is wanted here, not a mapping")
            return None
        if isinstance(node, Scalar):
            if node.is_null:
                self._report_empty(spot)
                return None
            return (spot,)
        if not node.items:
            self.report(spot.place, Id.EMPTY_VALUE, "the list is empty; give it a value or remove the key")
            return None
        return tuple(Spot(item, f"{spot.path}[{index}]") for index, item in enumerate(node.items))

    def values(self, spot: Spot | None, parse: Callable[[str], T]) -> tuple[T, ...] | None:
        """Return the members of a list that `parse` could read; None if there is no list."""
        items = self.items(spot) if spot is not None else None
        if items is None:
            return None
        read = [self.value(item, parse) for item in items]
        return tuple(value for value in read if value is not None)

    def named(self, spot: Spot) -> Iterator[tuple[Scalar, Spot]]:
        """Yield the entries of a mapping whose keys are names the file chooses."""
        if not isinstance(spot.node, nodes.Mapping):
            self._report_no_mapping(spot)
            return
        for key, value in spot.node.entries:
            yield key, Spot(value, child_path(spot.path, key.text), key.mark)

    def mapping(self, spot: Spot | None, keys: Keys) -> dict[str, Spot]:
        """Return the values of the keys that are known here; unknown ones are reported."""
        known: dict[str, Spot] = {}
        for key, value in self.named(spot) if spot is not None else ():
            if key.text in keys.names:
                known[key.text] = value
            else:
                self.report(value.key_place, Id.UNKNOWN_KEY, unknown_key(key.text, keys))
        return known

    def lacks(self, spot: Spot, name: str, keys: Keys) -> bool:
        """Whether a mapping has no such key: neither as we spell it nor as others do, which was reported then."""
        return isinstance(spot.node, nodes.Mapping) and not any(
            key == name or meant(key, keys) == name for key in spot.key_names()
        )

    def _report_no_mapping(self, spot: Spot) -> None:
        if isinstance(spot.node, Scalar) and spot.node.is_null:
            self._report_empty(spot)
        else:
            self.report(spot.place, Id.WRONG_KIND, f"a mapping (key: value) is wanted here, not {_kind(spot.node)}")

    def _report_empty(self, spot: Spot) -> None:
        self.report(spot.place, Id.EMPTY_VALUE, "the value is empty; write one, or remove the key")


def _kind(node: Node) -> str:
    if isinstance(node, Scalar):
        return "one value"
    return "a list" if isinstance(node, Sequence) else "a mapping"
