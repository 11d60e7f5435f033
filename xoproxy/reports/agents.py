"""Tell browsers apart as far as reports need it: family and major version.

User-Agent strings name several families, each to be taken for the next: the order decides.  Whatever is none of them is
"other": a group counts its agents by name, and names must be few.
"""

import re
from functools import lru_cache
from typing import Final

OTHER: Final = "other"
MAX_AGENT_BYTES: Final = 512  # no browser's is longer

# On iOS every browser is WebKit, but each calls itself by its own name.
_FAMILIES: Final = (
    ("Edge", re.compile(rb"\bEdg(?:e|A|iOS)?/(\d{1,4})").search),
    ("Opera", re.compile(rb"\bOPR/(\d{1,4})").search),
    ("Firefox", re.compile(rb"\b(?:Firefox|FxiOS)/(\d{1,4})").search),
    ("Chrome", re.compile(rb"\b(?:Headless)?(?:Chrome|CriOS)/(\d{1,4})").search),
    ("Safari", re.compile(rb"\bVersion/(\d{1,4})[^ ]* (?:Mobile/[^ ]* )?Safari/").search),
)


@lru_cache(maxsize=256)
def _family(agent: bytes) -> str:
    for name, version in _FAMILIES:
        if (found := version(agent)) is not None:
            return f"{name} {int(found[1])}"
    return OTHER


def agent_name(agent: bytes) -> str:
    """Return family and major version of a User-Agent field's value, as ``Chrome 156``; empty if there is none."""
    return _family(agent[:MAX_AGENT_BYTES]) if agent else ""
