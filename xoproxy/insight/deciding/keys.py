"""By what the evidence about a route is kept: a hash of what the route matches and of its whole policy.

Rule: another policy, or another match, is another key.  What was seen under the old one proves nothing about the new one, so
evidence starts anew; a route that only moves in the file, or gets another upstream, keeps what it has.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Final, cast

from xoproxy.policy.routes import Route

_DIGITS: Final = 16  # of hexadecimal: 64 bits, for a few thousand routes


def route_key(route: Route) -> str:
    """Return the key of a route: the same in every process, and for every text that means the same."""
    said = "".join(_tokens((route.match, route.policy)))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def _tokens(value: object) -> Iterator[str]:
    """Yield a value's text in pieces that tell it from every other value; sets in an order of their own."""
    if is_dataclass(value):
        yield f"{type(value).__name__}("
        for field in fields(value):
            yield f"{field.name}="
            yield from _tokens(getattr(value, field.name))
        yield ")"
    elif isinstance(value, frozenset):
        members = cast("frozenset[object]", value)
        yield f"{{{','.join(sorted(''.join(_tokens(member)) for member in members))}}}"
    elif isinstance(value, tuple):
        yield "("
        for item in cast("tuple[object, ...]", value):
            yield from _tokens(item)
            yield ","
        yield ")"
    elif isinstance(value, Enum):
        yield f"{type(value).__name__}.{value.name}"
    else:
        yield repr(value)
