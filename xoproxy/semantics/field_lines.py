"""Read field lines, each by itself, and remember the usual ones.  (RFC 9110 §5, RFC 9112 §5)

A head is made of lines that were seen before: of a browser's twenty fields most come again with the next request, and so do a
backend's.  A line that is remembered costs one look into a table, a seventh of reading it again; what a line is does not depend
on the lines around it.
"""

import re
from collections.abc import Sequence
from typing import Final

from xoproxy.semantics import grammar
from xoproxy.semantics.lists import tokens

# What peers make up is remembered too: bounded in number and size, and forgotten whole when that is full, so that a flood of
# new lines costs everybody else a few hundred readings.
MAX_REMEMBERED: Final = 1024
MAX_REMEMBERED_BYTES: Final = 160

# In names of fields whose values are secrets: those are not kept in memory for longer than their message.
_SECRET: Final = re.compile(rb"auth|cookie|key|passw|secret|session|token")

# A Connection field that names one of these is mistaken or hostile: the message would change its meaning (RFC 9110 §7.6.1:
# "intended for all recipients").  The option is ignored, the field goes on.
_NEVER_NAMED: Final = frozenset(
    (
        b"host",
        b"content-length",
        b"cache-control",
        b"date",
        b"authorization",
        b"origin",
        b"cookie",
        b"vary",
        b"close",
        b"keep-alive",
        b"upgrade",
    )
)
NO_NAMES: Final[frozenset[bytes]] = frozenset()


class Field:
    """A field line that is inside the grammar, if the proxy must know it; `_OTHER` stands for all that it need not know."""

    __slots__ = ("name", "named", "number", "options", "value")

    def __init__(self, name: bytes, value: bytes) -> None:
        self.name = name  # in lower case
        self.value = value  # without surrounding white space
        # What a Connection field lists, in lower case.  (RFC 9110 §7.6.1)
        self.options = tuple(tokens(value.lower())) if name == b"connection" else ()
        self.named = frozenset(self.options) - _NEVER_NAMED if self.options else NO_NAMES  # fields that end here
        # What a Content-Length says, -1 if that is no plain number (RFC 9110 §8.6).  18 digits stay below 2**63.
        is_number = name == b"content-length" and value.isdigit() and len(value) <= 18
        self.number = int(value) if is_number else -1


# A field line, and where it stands with its CRLF, as start and end.  A plain tuple: some are made per head.
FieldLine = tuple[Field, int, int]

_OTHER: Final = Field(b"", b"")


class FieldReader:
    """Reads field lines of requests, or of responses.  `known` tells which names (lower case) are to be known."""

    __slots__ = ("_known", "remembered")

    def __init__(self, known: re.Pattern[bytes]) -> None:
        self._known = known
        self.remembered: dict[bytes, Field] = {}

    def known_lines(self, lines: list[bytes], at: int) -> list[FieldLine] | None:
        """Return those of a head's field lines that are to be known; None if any is outside the grammar.

        `lines` are all lines of a head, its first and the two empty ones after its last CRLFs too; `at` is where the second is.
        """
        found: list[FieldLine] = []
        remembered = self.remembered
        for line in lines[1:-2]:
            field = remembered.get(line) or self._read(line)
            if field is None:
                return None
            end = at + len(line) + 2
            if field is not _OTHER:
                found.append((field, at, end))
            at = end
        return found

    def known(self, lines: list[bytes]) -> list[Field]:
        """Return those of some lines that are to be known, whatever the others are."""
        read = map(self._read, lines)
        return [field for field in read if field is not None and field is not _OTHER]

    def _read(self, line: bytes) -> Field | None:
        """Read a line, without its CRLF; None if it is outside the grammar."""
        match = grammar.FIELD_LINE.fullmatch(line)
        if match is None:
            return None
        name = match[1].lower()
        field = Field(name, match[2].strip(b" \t")) if self._known.fullmatch(name) is not None else _OTHER
        if len(line) <= MAX_REMEMBERED_BYTES and _SECRET.search(name) is None:
            if len(self.remembered) >= MAX_REMEMBERED:
                self.remembered.clear()
            self.remembered[line] = field
        return field


def request_reader(names: Sequence[bytes]) -> FieldReader:
    """Return a reader that knows these names (lower case) too."""
    known = b"|".join((grammar.KNOWN_REQUEST_NAMES.pattern, *map(re.escape, names)))
    return FieldReader(re.compile(known))


REQUEST_FIELDS: Final = FieldReader(grammar.KNOWN_REQUEST_NAMES)
RESPONSE_FIELDS: Final = FieldReader(grammar.KNOWN_RESPONSE_NAMES)
