"""Read the values of a request's query.  Whatever stands there, the outcome is a value or an `UnusableError`."""

import re
from collections.abc import Collection, Mapping
from typing import Final

from xoproxy.admin.answers import UnusableError
from xoproxy.config.problems import quoted

MAX_TEXT_CHARS: Final = 2048  # of what decisions are searched for

_WHOLE: Final = re.compile(r"[0-9]{1,9}")
_AGE: Final = re.compile(r"([0-9]{1,6})([smhd])")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def known(query: Mapping[str, str], names: Collection[str]) -> None:
    """Refuse names that mean nothing: a misspelt filter must not look like one that lets everything through.

    Raises: `UnusableError`.
    """
    for name in query:
        if name not in names:
            raise UnusableError(f"the query has no {quoted(name)}; write some of {', '.join(names)}")


def text(query: Mapping[str, str], name: str) -> str:
    """Return a text, empty if it is not there.  Raises: `UnusableError`."""
    value = query.get(name, "")
    if len(value) > MAX_TEXT_CHARS:
        raise UnusableError(f"{name} has {len(value)} characters; write {MAX_TEXT_CHARS} at most")
    return value


def number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """Return a whole number up to `most`.  Raises: `UnusableError`."""
    value = query.get(name, "")
    if not value:
        return min(default, most)
    if _WHOLE.fullmatch(value) is None or int(value) > most:
        raise UnusableError(f"{name}={quoted(value)} is no number from 0 to {most}; write one, as {name}={min(default, most)}")
    return int(value)


def age_s(query: Mapping[str, str], name: str, default: str) -> int:
    """Return how long ago something is, in seconds.  Raises: `UnusableError`."""
    value = query.get(name, "") or default
    found = _AGE.fullmatch(value)
    if found is None:
        raise UnusableError(f"{name}={quoted(value)} is no time span; write a number and s, m, h or d, as {name}=24h")
    return int(found[1]) * _UNIT_S[found[2]]


def flag(query: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Return a yes or no.  Raises: `UnusableError`."""
    value = query.get(name, "")
    if value not in ("", "true", "false"):
        raise UnusableError(f"{name}={quoted(value)} is neither true nor false; write one of the two")
    return value == "true" if value else default
