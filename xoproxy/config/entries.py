"""Members of a list that may end: a value alone, or a mapping of the value, the last day on which it holds, and why."""

from collections.abc import Callable
from typing import TypeVar

from xoproxy.config import values
from xoproxy.config.drafts import Placed
from xoproxy.config.keys import Keys
from xoproxy.config.nodes import Mapping
from xoproxy.config.problems import Id, quoted
from xoproxy.config.reader import Reader, Spot

T = TypeVar("T")


def read_entry(reader: Reader, item: Spot, known: Keys, parse: Callable[[Spot], T | None]) -> Placed[T] | None:
    """Return a member of a list, None if it has ended or cannot be read; the first key of `known` is that of its value."""
    if not isinstance(item.node, Mapping):
        value = parse(item)
        return Placed(value, item.place) if value is not None else None
    name = known.names[0]
    found = reader.mapping(item, known)
    reader.value(found.get("reason"), str.strip)
    last = reader.value(found.get("expires"), values.day)
    if name not in found:
        if reader.lacks(item, name, known):
            reader.report(item.place, Id.MISSING_KEY, f"{known.where} needs {name}; write {{{name}: ..., expires: 2027-01-31}}")
        return None
    at = found[name]
    value = parse(at)
    if value is not None and reader.has_ended(last):
        said = f"{quoted(reader.peek(at) or '')} ended on {last} and is left out"
        reader.report(found["expires"].place, Id.EXPIRED, f"{said}; remove it, or set a new date")
        return None
    return Placed(value, at.place) if value is not None else None
