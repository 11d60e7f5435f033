"""Regular expressions over text that clients choose: the only module that loads RE2.  (github.com/google/re2/wiki/Syntax)

Rule 1: a match is of the whole text, in time linear in its length, whatever the patterns say: RE2 never backtracks.  So it
has neither lookaround nor backreferences.
Rule 2: what a set of patterns may take of memory is bounded, the states of its automaton included, which the texts choose.
Rule 3: text is ASCII, and so are patterns: a byte is a character.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, Protocol, cast

# RE2 takes up to 8 MiB for a pattern unless told otherwise.  A dozen usual patterns over origins need less than 100 KiB.
MAX_MEMORY_BYTES: Final = 4 * 1024 * 1024


class _Options(Protocol):
    max_mem: int
    log_errors: bool
    never_capture: bool
    encoding: Any  # of an enumeration that the package does not export by name


class _Set(Protocol):
    def Add(self, pattern: bytes) -> int: ...  # noqa: N802  named so there
    def Compile(self) -> None: ...  # noqa: N802  named so there
    def Match(self, text: bytes) -> list[int] | None: ...  # noqa: N802  named so there


class _Re2(Protocol):
    """The module `re2`, as far as it is used here: the package has no types."""

    Options: Any  # a class whose attributes are made in C++
    Set: Any
    error: type[Exception]

    def compile(self, pattern: bytes, options: _Options) -> object: ...
    def purge(self) -> None: ...


class RegexError(ValueError):
    """A pattern that RE2 does not take.  Its text is RE2's reason."""


class RegexSet:
    """Some patterns, matched all at once: their number costs a match next to nothing."""

    __slots__ = ("_set",)

    def __init__(self, patterns: Sequence[str]) -> None:
        """Raises: `RegexError` for a pattern outside RE2's syntax, and if they take too much memory together."""
        re2 = cast("_Re2", import_module("re2"))  # only a file that has patterns loads it
        options: _Options = re2.Options()
        options.max_mem = MAX_MEMORY_BYTES
        options.log_errors = False  # it would write them to standard error itself
        options.never_capture = True
        options.encoding = re2.Options.Encoding.LATIN1
        self._set: _Set = re2.Set.FullMatchSet(options)
        try:
            for pattern in patterns:
                encoded = pattern.encode("ascii")
                re2.compile(encoded, options)  # for its reason: adding to a set says only that it failed
                self._set.Add(encoded)
            self._set.Compile()
        except re2.error as fault:
            raise RegexError(_reason(fault)) from None
        finally:
            re2.purge()  # what `compile` remembers

    def matches(self, text: bytes) -> bool:
        """Whether one of the patterns matches the whole text."""
        return self._set.Match(text) is not None


def _reason(fault: Exception) -> str:
    said: str | bytes = fault.args[0]
    return said.decode("ascii") if isinstance(said, bytes) else said
