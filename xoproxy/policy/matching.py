"""Say whether a route is meant by a request: its host, path, method, destination and other fields.

Rule 1: paths are compared decoded and without dot segments, hosts in lower case, without port and final dot; everything else as
it came.
Rule 2: a preflight is matched as the request that it asks for.  Its method is known, and so is what browsers and proxies send
with every request.  What the request will carry besides is known by name at most: then the answer is `MAYBE`.
"""

import re
from collections.abc import Callable, Iterable
from enum import Enum
from functools import lru_cache
from typing import Final

from xoproxy.policy.cors import requested_names
from xoproxy.semantics.heads import RequestHead
from xoproxy.slotted import dataclass

DESTINATION: Final = "Sec-Fetch-Dest"

# What a request may carry although no preflight asks for it: the CORS-safelisted request-header names (Fetch §2.2.2), what the
# browser adds with credentials and for its cache, and client hints, which browsers leave out of preflights.
_UNASKED: Final = re.compile(
    r"(?i)accept|accept-language|content-language|content-type|range|cookie|authorization"
    r"|cache-control|pragma|if-(?:match|none-match|modified-since|unmodified-since|range)|sec-ch-.*|save-data|dpr|dnt|sec-gpc"
)


def compile_path(glob: str) -> re.Pattern[bytes]:
    """Compile a path glob: ``*`` within one segment, ``**`` across; ``/api/**`` also matches ``/api``.

    Clients choose the path, so a wildcard must not be tried against every place for every place of the one before.  What stands
    between two ``**`` is therefore matched at its first place and held there (an atomic group), and so is what stands between
    two ``*`` of one segment: any match of the rest from a later place is one from the first place too.  What is left is at
    worst quadratic, in globs that have a wildcard behind a ``**``.
    """
    subtree = glob.endswith("/**")
    *blocks, last = (glob[:-3] if subtree else glob).split("**")
    pattern = _block(last, is_last=True)
    if blocks:
        first, *between = (_block(block, is_last=False) for block in blocks)
        pattern = first + b"".join(rb"(?>.*?" + block + rb")" for block in between) + rb".*" + pattern
    return re.compile(rb"(?s)" + pattern + (rb"(?:/.*)?" if subtree else b""))


def path_test(glob: str) -> Callable[[bytes], object]:
    """Return what says whether a path matches a glob, as `compile_path` does.

    Most globs are a path, or all below one: no pattern is compiled for these, which takes twenty times as long as all else that
    is made of a route.
    """
    subtree = glob.endswith("/**")
    literal = (glob[:-3] if subtree else glob).encode("utf-8")
    if b"*" in literal:
        return compile_path(glob).fullmatch
    if not subtree:
        return literal.__eq__
    above = literal + b"/"

    def is_below(path: bytes) -> bool:
        return path.startswith(above) or path == literal

    return is_below


def _block(glob: str, *, is_last: bool) -> bytes:
    """Compile what stands between two ``**``; the last one must reach the path's end, so its last ``*`` may give back."""
    first, *others = (re.escape(literal.encode("utf-8")) for literal in glob.split("*"))
    if not others:
        return first
    held = b"".join(rb"(?>[^/]*?" + literal + rb")" for literal in others[:-1])
    return first + held + (rb"[^/]*" + others[-1] if is_last else rb"(?>[^/]*?" + others[-1] + rb")")


def compile_value(glob: str) -> re.Pattern[bytes]:
    """Compile a glob over a field value: ``*`` is any number of characters.  Linear, as `compile_path` is."""
    first, *others = (re.escape(literal.encode("ascii")) for literal in re.sub(r"\*+", "*", glob).split("*"))
    if not others:
        return re.compile(first)
    held = b"".join(rb"(?>.*?" + literal + rb")" for literal in others[:-1])
    return re.compile(rb"(?s)" + first + held + rb".*" + others[-1])


@dataclass(frozen=True, slots=True)
class Match:
    """`match` of a route; None and empty mean any.  `host` is lower case: exact, or ``*.example.com``, one or more labels."""

    host: str | None = None
    path: str | None = None  # a glob over the decoded path
    methods: frozenset[bytes] | None = None
    destinations: frozenset[bytes] | None = None  # values of Sec-Fetch-Dest
    headers: tuple[tuple[str, str], ...] = ()  # names of request fields and globs over their values; all must match

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the request fields that decide, as Vary lists them."""
        return (*((DESTINATION,) if self.destinations is not None else ()), *(name for name, _ in self.headers))


class Met(Enum):
    """Whether a request meets what a route asks of its fields."""

    NO = "no"
    MAYBE = "maybe"  # a preflight does not tell
    YES = "yes"


class _Condition:
    """What one field must be.  Several lines count as one value, joined as Fetch's "get" does."""

    __slots__ = ("_is_unasked", "_line", "_name", "_value")

    def __init__(self, name: str, value: re.Pattern[bytes]) -> None:
        self._name = name.lower().encode("ascii")
        self._line = re.compile(rb"(?i)\n" + re.escape(self._name) + rb":[ \t]*+([^\r]*+)")
        self._value = value
        self._is_unasked = _UNASKED.fullmatch(name) is not None

    def holds(self, block: bytes) -> bool:
        """Whether a head has the field, with a value that is meant."""
        found = self._line.findall(block)
        return bool(found) and self._value.fullmatch(b", ".join(value.rstrip(b" \t") for value in found)) is not None

    def holds_for_asked(self, block: bytes, asked: Iterable[bytes]) -> Met:
        """Whether the request will have it that the preflight `block` asks for, with the field names `asked` (lower case)."""
        if self._is_unasked or self._name in asked:
            return Met.MAYBE
        return Met.YES if self.holds(block) else Met.NO


class Matcher:
    """A `Match`, compiled."""

    __slots__ = ("_conditions", "_host", "_methods", "_path", "_suffix", "fields", "is_anything")

    def __init__(self, match: Match) -> None:
        host = match.host.encode("ascii") if match.host is not None else None
        self._suffix = host[1:] if host is not None and host.startswith(b"*.") else None
        self._host = None if self._suffix else host
        self._path = path_test(match.path) if match.path is not None else None
        self._methods = match.methods
        self._conditions = tuple(_Condition(name, compile_value(glob)) for name, glob in match.headers)
        if match.destinations is not None:
            values = re.compile(b"|".join(map(re.escape, sorted(match.destinations))))
            self._conditions = (_Condition(DESTINATION, values), *self._conditions)
        self.fields = tuple(name.encode("ascii") for name in match.fields)
        self.is_anything = match == Match()

    def covers(self, method: bytes, host: bytes, path: bytes) -> bool:
        """Whether this method, host (lower case, without port) and decoded path are meant, whatever the other fields say."""
        if self._methods is not None and method not in self._methods:
            return False
        if self._host is not None and host != self._host:
            return False
        if self._suffix is not None and not (host.endswith(self._suffix) and len(host) > len(self._suffix)):
            return False
        return self._path is None or bool(self._path(path))

    def met_by(self, head: RequestHead) -> Met:
        """Whether a request has the fields that are meant: it does or does not."""
        for condition in self._conditions:
            if not condition.holds(head.block):
                return Met.NO
        return Met.YES

    def met_by_asked(self, preflight: RequestHead) -> Met:
        """Whether the request that a preflight asks for has them, as far as can be known."""
        asked = requested_names(preflight.values(b"access-control-request-headers")) or ()
        met = {condition.holds_for_asked(preflight.block, asked) for condition in self._conditions}
        if Met.NO in met:
            return Met.NO
        return Met.MAYBE if Met.MAYBE in met else Met.YES


_PORT: Final = re.compile(rb":[0-9]*$")


@lru_cache(maxsize=1024)
def host_name(authority: bytes) -> bytes:
    """Return the host of a Host field value as routes compare it: lower case, no port, no final dot, no brackets cut.

    Few are asked for, and often; none is longer than `MAX_HOST_BYTES` of `semantics.heads`.
    """
    return _PORT.sub(b"", authority).lower().removesuffix(b".")
