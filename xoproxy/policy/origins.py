"""Decide whether a list of origins covers the one that a request names.

Rule 1: only a serialized origin is ever covered, or ``null`` where a key asks for it by name.  No browser sends anything else,
and a regular expression is not asked about anything else.
Rule 2: a regular expression covers plain-http origins of other machines only where the dangerous key says so, whatever it
matches.  What it covers beyond that cannot be seen at load time for sure, so it is decided for each origin.
"""

from typing import Final, Literal

from xoproxy.policy.model import ANY, Anything, Cors, WebSocketOrigins
from xoproxy.semantics.hosts import is_loopback
from xoproxy.semantics.origins import OriginPattern, OriginSet, parse_origin
from xoproxy.semantics.regexes import RegexSet

NULL: Final = b"null"


class OriginRule:
    """The origins of a `Cors` or a `WebSocketOrigins`, compiled.  ``"*"`` is for the caller to know."""

    __slots__ = ("_allows_insecure", "_allows_null", "_listed", "_regexes")

    def __init__(self, origins: Cors | WebSocketOrigins) -> None:
        self._listed = OriginSet.shared(_listed(origins.allow_origins))
        self._regexes = RegexSet(origins.allow_origin_regexes) if origins.allow_origin_regexes else None
        self._allows_insecure = origins.insecure_by_regex
        self._allows_null = origins.allow_null_origin

    def covers(self, origin: bytes) -> bool:
        """Whether `origin`, as it came in an Origin field, is one of these."""
        if self._listed.covers(origin):
            return True
        if origin == NULL:
            return self._allows_null
        return self._regexes is not None and self._matches(self._regexes, origin)

    def _matches(self, regexes: RegexSet, origin: bytes) -> bool:
        parsed = parse_origin(origin)
        if parsed is None:
            return False
        if parsed.scheme == b"http" and not self._allows_insecure and not is_loopback(parsed.host.decode("ascii")):
            return False
        return regexes.matches(origin)


def _listed(origins: tuple[OriginPattern, ...] | Literal[Anything.ANY]) -> tuple[OriginPattern, ...]:
    return () if origins is ANY else origins
