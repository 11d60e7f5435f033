"""Texts that a regular expression matches, as witnesses of what it covers.  (github.com/google/re2/wiki/Syntax)

RE2 says whether a text matches; which texts do, it does not say.  So a pattern that RE2 has taken is read here once more,
roughly, and some hundred texts are made of it, each wildcard filled with what an attacker would choose.  What is not understood
is left out or guessed: whoever uses a witness asks RE2 whether it is one.

Each character of a witness has a mark: it stands in the pattern (`FIXED`), is one of several (`CHOSEN`), or comes from a
repetition (`REPEATED`), so that its number is free too.
"""

import re
import string
from collections.abc import Sequence
from typing import Final

from xoproxy.semantics.origins import MAX_ORIGIN_BYTES
from xoproxy.slotted import dataclass

FIXED: Final = "="
CHOSEN: Final = "?"
REPEATED: Final = "*"

MAX_DEPTH: Final = 20  # of groups in groups
_MAX_WITNESSES: Final = 1024
_MAX_OF_A_GROUP: Final = 64  # that is repeated
_STRIDE: Final = 7919  # a prime larger than any number of combinations divided by it leaves the order mixed

_ALL: Final = frozenset(string.printable) - frozenset(string.whitespace)
_CLASSES: Final = {
    "d": frozenset(string.digits),
    "w": frozenset(string.ascii_letters + string.digits + "_"),
    "s": frozenset(string.whitespace),
}
_NAMED: Final = {
    "alnum": frozenset(string.ascii_letters + string.digits),
    "alpha": frozenset(string.ascii_letters),
    "digit": frozenset(string.digits),
    "lower": frozenset(string.ascii_lowercase),
    "punct": frozenset(string.punctuation),
    "upper": frozenset(string.ascii_uppercase),
    "word": _CLASSES["w"],
    "xdigit": frozenset(string.hexdigits),
}
_CONTROLS: Final = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}

_QUOTED: Final = re.compile(r"\\Q(.*?)(?:\\E|\Z)|\\.", re.DOTALL)  # and what is escaped otherwise, to pass over it
_QUANTIFIER: Final = re.compile(r"(?:([*+?])|\{([0-9]+)(,?)([0-9]*)\})\??")
_GROUP: Final = re.compile(r"\((?:\?(?:P?<\w+>|([imsU-]*)([:)])))?")
_NAME: Final = re.compile(r"\[:(\^?)(\w+):\]")
_CODE: Final = re.compile(r"x\{([0-9A-Fa-f]+)\}|x([0-9A-Fa-f]{2})|(0[0-7]{0,2}|[1-7][0-7]{1,2})")
_PROPERTY: Final = re.compile(r"([pP])(?:\{\^?\w+\}|\w)")

# What a single wildcard, and a repeated one, are filled with: parts of a host name, then what would make another origin of it.
_CHARACTERS: Final = "a1-.:/"
_WORDS: Final = (
    *("a", "", "1", "a.a", ".a", "a.", "-a", "a-", ":1", "a:1", ".a:1"),
    *("https://a", "http://a", "https://a.", "http://a.", "https://", "http://", "s", "s://a", "://a", "//a"),
)


class TooDeepError(ValueError):
    """Groups in groups, more than `MAX_DEPTH` deep."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A text, and the mark of each of its characters."""

    text: str
    marks: str

    def then(self, other: "Witness") -> "Witness":
        """Return this with another behind it."""
        return Witness(self.text + other.text, self.marks + other.marks)

    def repeated(self) -> "Witness":
        """Return this as a part that could stand there more often or less."""
        return Witness(self.text, REPEATED * len(self.text))


_NOTHING: Final = Witness("", "")


@dataclass(frozen=True, slots=True)
class _Characters:
    """One character of a set, in the case that origins have if it has several."""

    members: frozenset[str]

    @property
    def is_fixed(self) -> bool:
        return len({member.lower() for member in self.members}) == 1

    def witnesses(self) -> Sequence[Witness]:
        if self.is_fixed:
            return (Witness(max(self.members), FIXED),)
        usual = [member for member in _CHARACTERS if member in self.members]
        return [Witness(member, CHOSEN) for member in usual or sorted(self.members)[:2]]


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: "tuple[_Node, ...]"

    def witnesses(self) -> Sequence[Witness]:
        made: Sequence[Witness] = (_NOTHING,)
        for part in self.parts:
            made = _combined(made, part.witnesses(), _MAX_WITNESSES)
        return made


@dataclass(frozen=True, slots=True)
class _Choice:
    branches: "tuple[_Node, ...]"

    def witnesses(self) -> Sequence[Witness]:
        return _thinned([made for branch in self.branches for made in branch.witnesses()], _MAX_WITNESSES)


@dataclass(frozen=True, slots=True)
class _Repeat:
    """A part that stands there `least` to `most` times (None: without end)."""

    part: "_Node"
    least: int
    most: int | None

    def witnesses(self) -> Sequence[Witness]:
        if self.most == 1:
            return (*self.part.witnesses(), *(() if self.least else (_NOTHING,)))
        if isinstance(self.part, _Characters) and not self.part.is_fixed:
            return self._words(self.part.members)
        once = _thinned(self.part.witnesses(), _MAX_OF_A_GROUP)
        times: Sequence[Witness] = (_NOTHING,)
        for _ in range(self.least):
            times = _combined(times, once, _MAX_OF_A_GROUP)
        if self.least == self.most:
            return times if all(set(made.marks) <= {FIXED} for made in times) else [made.repeated() for made in times]
        return [made.repeated() for made in (*times, *_combined(times, once, _MAX_OF_A_GROUP))]

    def _words(self, members: frozenset[str]) -> Sequence[Witness]:
        padding = _Characters(members).witnesses()[0].text
        words = [word for word in _WORDS if members.issuperset(word) and (self.most is None or len(word) <= self.most)]
        padded = dict.fromkeys(word + padding * (self.least - len(word)) for word in (*words, padding * self.least))
        return [Witness(word, REPEATED * len(word)) for word in padded if len(word) <= MAX_ORIGIN_BYTES]


_Node = _Characters | _Sequence | _Choice | _Repeat
_EMPTY: Final = _Sequence(())


def _combined(firsts: Sequence[Witness], seconds: Sequence[Witness], most: int) -> Sequence[Witness]:
    """Return each of the first with each of the second behind it, as far as an origin can be so long."""
    made = [first.then(second) for first in firsts for second in seconds]
    return _thinned([witness for witness in made if len(witness.text) <= MAX_ORIGIN_BYTES], most)


def _thinned(made: Sequence[Witness], most: int) -> Sequence[Witness]:
    """Return some of them, in mixed order: every part of the pattern should still be seen in each of its forms."""
    if len(made) <= most:
        return made
    return [made[at * _STRIDE % len(made)] for at in range(most)]


class _Parser:
    """Reads a pattern that RE2 has taken."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._depth = 0
        self._ignores_case = False

    def read(self) -> _Node:
        branches = [self._sequence()]
        while self._text[self._at : self._at + 1] == "|":
            self._at += 1
            branches.append(self._sequence())
        return _Choice(tuple(branches)) if len(branches) > 1 else branches[0]

    def _sequence(self) -> _Node:
        parts: list[_Node] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            parts.append(self._quantified(self._atom()))
        return _Sequence(tuple(parts))

    def _quantified(self, part: _Node) -> _Node:
        found = self._take(_QUANTIFIER)
        if found is None:
            return part
        if found[1]:
            return _Repeat(part, int(found[1] == "+"), 1 if found[1] == "?" else None)
        least = int(found[2])
        return _Repeat(part, least, int(found[4]) if found[4] else None if found[3] else least)

    def _atom(self) -> _Node:
        character = self._text[self._at]
        if character == "(":
            return self._group()
        self._at += 1
        match character:
            case "[":
                return _Characters(self._class())
            case ".":
                return _Characters(_ALL)
            case "^" | "$":
                return _EMPTY
            case "\\":
                return self._escape()
            case _:
                return _Characters(self._folded(character))

    def _group(self) -> _Node:
        found = self._take(_GROUP)
        assert found is not None
        outer = self._ignores_case
        if found[1] is not None:
            on, _, off = found[1].partition("-")
            self._ignores_case = (outer or "i" in on) and "i" not in off
        if found[2] == ")":  # from here to the end of the group around it
            return _EMPTY
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TooDeepError
        inner = self.read()
        self._depth -= 1
        self._at += 1  # the closing parenthesis
        self._ignores_case = outer
        return inner

    def _folded(self, character: str) -> frozenset[str]:
        return frozenset({character, character.swapcase()} if self._ignores_case else {character})

    def _escape(self) -> _Node:
        members = self._escaped()
        return _Characters(members) if members else _EMPTY

    def _escaped(self) -> frozenset[str]:
        """Read what stands behind a back-slash: the characters that it means, none for a place between two."""
        coded = self._take(_CODE)
        if coded is not None:
            number = int(coded[1] or coded[2], 16) if coded[3] is None else int(coded[3], 8)
            return self._folded(chr(min(number, 0x10FFFF)))
        prop = self._take(_PROPERTY)
        if prop is not None:  # which characters a Unicode property has is not known here: guess, RE2 will tell
            return _NAMED["alnum"]
        character = self._text[self._at]
        self._at += 1
        if character in "bBAz":
            return frozenset()
        if character == "C":
            return _ALL
        if character.lower() in _CLASSES:
            members = _CLASSES[character.lower()]
            return members if character.islower() else _ALL - members
        return self._folded(_CONTROLS.get(character, character))

    def _class(self) -> frozenset[str]:
        """Read what stands between brackets."""
        negated = self._text.startswith("^", self._at)
        self._at += negated
        members: set[str] = set()
        first = True
        while first or self._text[self._at] != "]":
            first = False
            members |= self._range()
        self._at += 1
        return _ALL - members if negated else frozenset(members)

    def _range(self) -> frozenset[str]:
        named = self._take(_NAME)
        if named is not None:
            members = _NAMED.get(named[2], _ALL)
            return _ALL - members if named[1] else members
        low = self._member()
        if len(low) > 1 or self._text[self._at] != "-" or self._text[self._at + 1] == "]":
            return self._cased(low)
        self._at += 1
        high = self._member()
        return self._cased(frozenset(chr(code) for code in range(ord(min(low)), min(ord(max(high)), 0x7E) + 1)))

    def _cased(self, members: frozenset[str]) -> frozenset[str]:
        return members | {member.swapcase() for member in members} if self._ignores_case else members

    def _member(self) -> frozenset[str]:
        character = self._text[self._at]
        self._at += 1
        if character != "\\":
            return frozenset({character})
        return self._escaped()

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found


def witnesses(pattern: str) -> Sequence[Witness]:
    """Return texts that a pattern matches, most likely, none longer than an origin can be.

    Raises: `TooDeepError`.
    """
    return _Parser(_QUOTED.sub(_unquoted, pattern)).read().witnesses()


def _unquoted(found: re.Match[str]) -> str:
    return re.escape(found[1]) if found[1] is not None else found[0]
