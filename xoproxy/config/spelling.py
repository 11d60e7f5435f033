"""Which key or word is most likely meant by one that is not known, and what to say about it."""

import difflib
import itertools
from collections.abc import Iterable
from typing import Final

from xoproxy.config.keys import (
    ADMIN,
    CORS,
    HEADERS,
    LIMITS,
    LISTENER,
    MATCH,
    POLICY,
    REPORTING,
    ROUTE,
    TIMEOUTS,
    TOP,
    UPSTREAM,
    Keys,
    bare,
)
from xoproxy.config.problems import quoted

_ALL: Final = (TOP, LISTENER, ADMIN, UPSTREAM, POLICY, CORS, HEADERS, ROUTE, MATCH, REPORTING, TIMEOUTS, LIMITS)


def _homes(folded: str) -> list[str]:
    """Return the mappings that have a key of this very name."""
    return [f"{keys.where} (`{name}`)" for keys in _ALL for name in keys.names if bare(name) == folded]


def meant(key: str, keys: Keys) -> str | None:
    """Return the key of `keys` that `key` is most likely meant to be, if there is one."""
    folded = bare(key)
    candidates = dict(keys.peers) | {bare(name): name for name in keys.names}
    if folded in candidates:
        return candidates[folded]
    if _homes(folded):
        return None
    close = similar(folded, candidates, cutoff=0.75)
    return candidates[close] if close is not None else None


def similar(text: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the name that `text` most likely is a slip of.  Looks at some hundred names: the search is slow."""
    close = difflib.get_close_matches(text[:64].lower(), list(itertools.islice(names, 300)), n=1, cutoff=cutoff)
    return close[0] if close else None


def unknown_key(key: str, keys: Keys) -> str:
    """Return the message for a key that is none of `keys`: which of ours is meant, or which there are."""
    folded = bare(key)
    said = f"{quoted(key)} is not a key of {keys.where}"
    likely = meant(key, keys)
    if likely is not None:
        if folded == bare(likely):
            return f"{said}; it is spelled `{likely}`"
        return f"{said}; write `{likely}`" if folded in keys.peers else f"{said}; did you mean `{likely}`?"
    if homes := _homes(folded):
        return f"{said}; it belongs in {' or '.join(homes[:2])}"
    return f"{said}; its keys are {', '.join(keys.names)}"
