"""Cross-Origin-Embedder-Policy and its Report-Only twin.  (HTML §7.1.4)

A structured-field item of type token: set once, never appended, for two lines void it.  ``auto`` is ours: ``credentialless``
to browsers that have it, ``require-corp`` to the others, so that Safari isolates too.  It reads User-Agent, because no other
request field tells; the answer then varies by it.
"""

import re
from typing import Final

from xoproxy.policy.model import Embedder, EmbedderPolicy
from xoproxy.semantics.structured import serialize_string

NAME: Final = b"Cross-Origin-Embedder-Policy"
OBSERVED_NAME: Final = b"Cross-Origin-Embedder-Policy-Report-Only"

_CHROMIUM: Final = re.compile(rb" (?:Chrome|HeadlessChrome)/([0-9]{1,4})")
_FIREFOX: Final = re.compile(rb" Firefox/([0-9]{1,4})")


def has_credentialless(user_agent: bytes) -> bool:
    """Whether a browser implements ``credentialless``: Chromium from 96 on, Firefox from 119 on but not on Android.

    Browsers on iOS are Safari under any name, and they say so: their tokens are CriOS and FxiOS.
    """
    chromium = _CHROMIUM.search(user_agent)
    if chromium is not None:
        return int(chromium[1]) >= 96
    firefox = _FIREFOX.search(user_agent)
    return firefox is not None and int(firefox[1]) >= 119 and b"Android" not in user_agent


def field_line(embedder: Embedder, report_to: str | None, *, observed: bool = False, credentialless: bool = True) -> bytes:
    """Return the field line.  `report_to` is the endpoint used where the value names none of its own.

    `credentialless` decides what ``auto`` becomes.
    """
    value = embedder.value
    if value is EmbedderPolicy.AUTO:
        value = EmbedderPolicy.CREDENTIALLESS if credentialless else EmbedderPolicy.REQUIRE_CORP
    endpoint = embedder.report_to or report_to
    parameter = b"; report-to=" + serialize_string(endpoint) if endpoint else b""
    name = OBSERVED_NAME if observed else NAME
    return name + b": " + value.value.encode("ascii") + parameter + b"\r\n"
