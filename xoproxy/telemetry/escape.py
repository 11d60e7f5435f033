"""Put text of any kind into a log line so that it can neither end the line nor pass for another key.

Rule 1: whatever goes through here comes out as printable ASCII without a bare quote or backslash.
Rule 2: what came in can be read back: the result is a JSON string, a byte above 0x7e stands as the code point of its number.
"""

import json
import re
from functools import lru_cache
from typing import Final

# Caps are generous for people and small for a disk: nginx logs a whole 32 KiB target, HAProxy cuts the line at 1 KiB.
MAX_VALUE_CHARS: Final = 2048

# Changes every byte that needs escaping, and no other: twice as fast as a search where, as nearly always, there is none.
PLAIN: Final = bytes(byte if 0x20 <= byte <= 0x7E and byte not in b'"\\' else byte ^ 0x80 for byte in range(256))
_is_unsafe_text: Final = re.compile(r"[^ !#-\[\]-~]").search
_is_bare_word: Final = re.compile(r"[!#-<>-\[\]-~]++").fullmatch  # no space, quote, equals sign or backslash

_CUT: Final = "..."


def quote(text: str, cap: int = MAX_VALUE_CHARS) -> str:
    """Return `text` as a JSON string in ASCII, cut after `cap` characters with three dots in place of the rest."""
    if len(text) > cap:
        text = text[:cap] + _CUT
    return json.dumps(text) if _is_unsafe_text(text) else f'"{text}"'


def quote_bytes(value: bytes, cap: int = MAX_VALUE_CHARS) -> str:
    """Return bytes from the wire as a JSON string: each byte is the character of the same number."""
    return quote(value.decode("latin-1"), cap)


def word(text: str, cap: int = MAX_VALUE_CHARS) -> str:
    """Return `text` bare where nothing in it could be misread in a line of ``key=value``, else quoted."""
    return text if len(text) <= cap and _is_bare_word(text) else quote(text, cap)


# For addresses of clients: they repeat.
word_cached: Final = lru_cache(maxsize=1024)(word)
