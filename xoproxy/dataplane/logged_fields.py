"""Take the values of request fields that the log is to tell (`log.request_fields`) from a head."""

import re
from typing import Final

from xoproxy.telemetry.records import Logged

MAX_TAKEN_BYTES: Final = 512  # of one value: all that a line shows; records are kept for a while


class LoggedFields:
    """Finds the values of some fields, by one generation's settings."""

    __slots__ = ("_names", "_pattern")

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        listed = b"|".join(re.escape(name.encode("ascii")) for name in names)
        self._pattern = re.compile(rb"(?i)\n(" + listed + rb"):[ \t]*+([^\r]*+)")

    def of(self, block: bytes) -> Logged:
        """Return each name with its value, None for a field that was not sent.  Several lines are one value (RFC 9110 §5.3)."""
        found: dict[str, bytes] = {}
        for line in self._pattern.finditer(block):
            name = line[1].lower().decode("ascii")
            value = line[2].rstrip(b" \t")
            found[name] = (found[name] + b", " + value if name in found else value)[:MAX_TAKEN_BYTES]
        return tuple([(name, found.get(name)) for name in self._names])
