"""Whether one path glob takes every path that another takes, decided exactly.

A glob is read as a small automaton, as `policy.routes.compile_path` reads it: ``*`` stands for any characters of one segment,
``**`` across segments, and a glob that ends in ``/**`` also takes what stands before that.  One language is part of another if
no word of it leads the other's automaton to a place where it would refuse.
"""

from typing import Final

from xoproxy.slotted import dataclass

MAX_STEPS: Final = 5_000  # a path glob has at most 8 wildcards; what takes longer is not decided
_OTHER: Final = "\0"  # any character that neither glob names; no path of a request has this one
_ONE_SEGMENT: Final = "*"
_ACROSS: Final = "**"


@dataclass(frozen=True, slots=True)
class Glob:
    """A glob as a chain of literal characters and wildcards.  `subtree`: what follows a slash, or nothing, may come after."""

    parts: tuple[str, ...]
    subtree: bool
    prefix: str  # what every path begins with

    def sample(self) -> str:
        """Return a path that the glob takes."""
        return "".join({_ONE_SEGMENT: "~", _ACROSS: "~/~"}.get(part, part) for part in self.parts) + ("/~" * self.subtree)


def read_glob(glob: str) -> Glob:
    """Read a glob that `config` has checked."""
    subtree = glob.endswith("/**")
    text = glob[:-3] if subtree else glob
    parts: list[str] = []
    for index, block in enumerate(text.split("**")):
        parts += [_ACROSS] if index else []
        parts += list(block)
    return Glob(tuple(parts), subtree, text.partition("*")[0])


def covers(wide: Glob, narrow: Glob) -> bool:
    """Whether `wide` takes every path that `narrow` takes.  False also where that takes too long to decide."""
    if wide == narrow:
        return True
    alphabet = sorted({part for part in (*wide.parts, *narrow.parts) if part not in (_ONE_SEGMENT, _ACROSS)} | {"/", _OTHER})
    waiting: list[tuple[int, frozenset[int]]] = [(0, _closed(wide, frozenset({0})))]
    seen = set(waiting)
    while waiting:
        state, others = waiting.pop()
        if _accepts(narrow, state) and not any(_accepts(wide, other) for other in others):
            return False
        if len(seen) > MAX_STEPS:
            return False
        for character in alphabet:
            ahead = _closed(wide, frozenset(after for other in others for after in _after(wide, other, character)))
            for after in _closed(narrow, frozenset(_after(narrow, state, character))):
                pair = (after, ahead)
                if pair not in seen:
                    seen.add(pair)
                    waiting.append(pair)
    return True


# States: the number of parts that are behind; one more after the slash of a subtree.


def _accepts(glob: Glob, state: int) -> bool:
    return state >= len(glob.parts)


def _after(glob: Glob, state: int, character: str) -> tuple[int, ...]:
    """Return the states after a character."""
    end = len(glob.parts)
    if state > end:
        return (state,)
    if state == end:
        return (state + 1,) if glob.subtree and character == "/" else ()
    part = glob.parts[state]
    if part == _ACROSS or (part == _ONE_SEGMENT and character != "/"):
        return (state,)
    return (state + 1,) if part == character else ()


def _closed(glob: Glob, states: frozenset[int]) -> frozenset[int]:
    """Return the states with those that a wildcard for nothing leads to."""
    reached = set(states)
    for state in states:
        ahead = state
        while ahead < len(glob.parts) and glob.parts[ahead] in (_ONE_SEGMENT, _ACROSS):
            ahead += 1
            reached.add(ahead)
    return frozenset(reached)
