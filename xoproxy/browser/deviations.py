"""Where an engine decides otherwise than the standards, as seen in November 2026 by comparing fetches and pages made by chance.

What an engine *lacks* is in `support`; here is what it does otherwise.  An engine that was not compared is taken to follow the
standards.  Deviations that change nothing but a request, and not its outcome, are listed with the comparison in the tests.
"""

from enum import Enum
from types import MappingProxyType
from typing import Final

from xoproxy.browser.model import Engine

AS_OF: Final = "2026-11, Chromium 156"


class Deviation(Enum):
    """Something that is decided otherwise than it is written."""

    ADDRESSES_ARE_NO_SITES = "two ports of one address are not same-site for Cross-Origin-Resource-Policy"
    LINES_ARE_COMBINED = "several lines of one name that script sets count as one line, before they are found safelisted or not"
    SANDBOX_IS_SHOWN = "a page with an opener policy and Content-Security-Policy: sandbox is shown, and no error page"
    SOCKETS_SAY_LESS = "no Sec-Fetch-* goes with the handshake of a WebSocket"
    USERINFO_IS_BLOCKED = "no page may fetch a URL with user information, nor be redirected to one"


_SEEN: Final = MappingProxyType({Engine.CHROME: frozenset(Deviation)})


def deviates(engine: Engine, deviation: Deviation) -> bool:
    """Whether `engine` has this deviation."""
    return deviation in _SEEN.get(engine, frozenset())
