"""Where in a text its lists, mappings and values stand, from their first character to their last.

For whoever changes a text and leaves the rest of it alone.  Comments and white space between nodes belong to none.
"""

from collections.abc import Iterator

from xoproxy.config.nodes import Event, events
from xoproxy.slotted import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A node of a text.  `end`: behind its last character; of a block, of its last value.

    `flow`: written on one line or in brackets; a block scalar is not.  `marked`: it has an anchor or is an alias, so that it
    stands for more than this place.
    """

    start: int
    end: int
    flow: bool
    marked: bool


@dataclass(frozen=True, slots=True)
class ListSpan(Span):
    """A list."""

    items: "tuple[Span, ...]"


@dataclass(frozen=True, slots=True)
class MappingSpan(Span):
    """A mapping, its keys with their texts."""

    entries: "tuple[tuple[str, Span, Span], ...]"

    def value(self, key: str) -> Span | None:
        """Return the value of a key; None if it is not there."""
        return next((value for name, _, value in self.entries if name == key), None)


def spans(text: str) -> Span:
    """Return the root of a text that `nodes.compose` read without a problem."""
    stream = events(text)
    return _node(next(stream), stream)


def _node(event: Event, stream: Iterator[Event]) -> Span:
    """Return the node that an event begins.  Its depth is bounded: `nodes.compose` read the text before."""
    if event.kind in ("scalar", "alias"):
        return Span(event.start, event.end, event.flow, event.marked)
    children: list[tuple[str, Span]] = []
    following = next(stream)
    while following.kind != "end":
        children.append((following.said, _node(following, stream)))
        following = next(stream)
    nodes = [node for _, node in children]
    end = following.end if event.flow else max((node.end for node in nodes), default=event.start)
    if event.kind == "sequence":
        return ListSpan(event.start, end, event.flow, event.marked, tuple(nodes))
    entries = tuple((said, key, nodes[2 * index + 1]) for index, (said, key) in enumerate(children[::2]))
    return MappingSpan(event.start, end, event.flow, event.marked, entries)
