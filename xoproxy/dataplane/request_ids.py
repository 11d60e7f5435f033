"""Give each request an id by which logs of several programs can be read together.

A client's own id is taken if it is a plain one: its application, or a proxy in front of us, logs it too.  Ids are no secrets
and prove nothing; what is logged is bounded and holds nothing that could forge a line.
"""

import itertools
import os
import re
from typing import Final

from xoproxy.semantics.forwarding import NO_EDIT, HeadEdit

_PLAIN: Final = re.compile(rb"[A-Za-z0-9._\-+/=:@~]{1,128}")
_PROCESS: Final = os.urandom(8).hex().encode("ascii")
_numbers: Final = itertools.count(1)


def new_id() -> bytes:
    """Return an id that no other request has: 64 bits of chance for the process, and a number."""
    return b"%b%08x" % (_PROCESS, next(_numbers))


class RequestIds:
    """Names requests by one field."""

    __slots__ = ("_before", "_pattern")

    def __init__(self, name: str) -> None:
        field_name = name.encode("ascii")
        self._before = field_name + b": "
        self._pattern = re.compile(rb"(?i)\n" + re.escape(field_name) + rb":[ \t]*+([^\r]*+)")

    def of(self, tail: bytes) -> tuple[bytes, HeadEdit]:
        """Return the id of the request with this tail, and what the upstream gets to see of it."""
        first = self._pattern.search(tail)
        cuts: tuple[tuple[int, int], ...] = ()
        if first is not None:
            value = first[1].rstrip(b" \t")
            if _PLAIN.fullmatch(value) and self._pattern.search(tail, first.end()) is None:
                return value, NO_EDIT
            cuts = tuple((found.start() + 1, found.end() + 2) for found in self._pattern.finditer(tail))
        value = new_id()
        return value, (cuts, self._before + value + b"\r\n")
