"""Give each request an id by which logs of several programs can be read together.

A client's own id is taken if it is a plain one: its application, or a proxy in front of us, logs it too.  Ids are no secrets
and prove nothing; what is logged is bounded and holds nothing that could forge a line.
"""

import os
import re
from typing import Final

from xoproxy.semantics.forwarding import NO_EDIT, HeadEdit
from xoproxy.semantics.heads import RequestHead

_PLAIN: Final = re.compile(rb"[A-Za-z0-9._\-+/=:@~]{1,128}")
_PROCESS: Final = os.urandom(8).hex().encode("ascii")
_LAST_DIGITS: Final = [b"%02x" % number for number in range(256)]


class _Numbers:
    """Makes ids that no other request has: 64 bits of chance for the process, and a number.

    All digits but the last two are written once for 256 ids, which makes an id in a fifth of the time.
    """

    __slots__ = ("_digits", "_number")

    def __init__(self) -> None:
        self._number = 0
        self._digits = b""

    def next(self) -> bytes:
        """Return the next id."""
        number = self._number = self._number + 1
        last = number & 0xFF
        if not last or not self._digits:
            self._digits = b"%b%06x" % (_PROCESS, number >> 8)
        return self._digits + _LAST_DIGITS[last]


_numbers: Final = _Numbers()


def new_id() -> bytes:
    """Return an id that no other request has."""
    return _numbers.next()


class RequestIds:
    """Names requests by one field, which the reader of their heads must know."""

    __slots__ = ("_before", "_name")

    def __init__(self, name: str) -> None:
        self._name = name.lower().encode("ascii")
        self._before = name.encode("ascii") + b": "

    def of(self, head: RequestHead) -> tuple[bytes, HeadEdit]:
        """Return the id of a request, and what the upstream gets to see of it."""
        lines = [line for line in head.fields if line[0].name == self._name]
        if len(lines) == 1:
            value = lines[0][0].value
            if _PLAIN.fullmatch(value):
                return value, NO_EDIT
        cuts = tuple([(start, end) for _, start, end in lines])
        value = new_id()
        return value, (cuts, self._before + value + b"\r\n")
