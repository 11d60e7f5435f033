"""Where an engine decides otherwise than the standards, as seen in November 2026 by comparing fetches and pages made by chance.

What an engine *lacks* is in `support`; here is what it does otherwise.  An engine that was not compared is taken to follow the
standards.  Deviations that change nothing but a request, and not its outcome, are listed with the comparison in the tests.
"""

from enum import Enum
from types import MappingProxyType
from typing import Final

from xoproxy.browser.model import Engine

AS_OF: Final = "2026-11, Chromium 156, Firefox 153"


class Deviation(Enum):
    """Something that is decided otherwise than it is written."""

    ADDRESSES_ARE_NO_SITES = "two ports of one address are not same-site for Cross-Origin-Resource-Policy"
    ADDRESSES_ARE_UPGRADED = "images from addresses are asked for by https too, where mixed content is upgraded"
    EMPTY_LINES_ARE_DROPPED = "an empty line of a response field beside another line is as if it were not there"
    INSECURE_FRAMES_HAVE_NO_POLICY = "a page that came by http has no policies in a frame of a secure top-level page either"
    LINES_ARE_COMBINED = "several lines of one name that script sets count as one line, before they are found safelisted or not"
    PROTOCOLS_NEED_NOT_AGREE = "a WebSocket opens without the subprotocol it asked for, and with one it did not ask for"
    PROXY_QUESTIONS_ARE_SHOWN = "a 407 that no proxy asked is a response like any other"
    READS_RFC_9651 = "policies are read with the dates and display strings of RFC 9651, which HTML's RFC 8941 has not"
    SANDBOX_IS_SHOWN = "a page with an opener policy and Content-Security-Policy: sandbox is shown, and no error page"
    SOCKETS_SAY_LESS = "no Sec-Fetch-* goes with the handshake of a WebSocket"
    UPGRADE_MAY_LIST = "a WebSocket opens where Upgrade names websocket among others"
    USERINFO_IS_BLOCKED = "no page may fetch a URL with user information, nor be redirected to one"
    VOID_CORP_FORBIDS_NOTHING = "a Cross-Origin-Resource-Policy that is none is allowed under an embedder policy"


_SEEN: Final = MappingProxyType(
    {
        Engine.CHROME: frozenset(
            {
                Deviation.ADDRESSES_ARE_NO_SITES,
                Deviation.LINES_ARE_COMBINED,
                Deviation.SANDBOX_IS_SHOWN,
                Deviation.SOCKETS_SAY_LESS,
                Deviation.USERINFO_IS_BLOCKED,
            }
        ),
        Engine.FIREFOX: frozenset(
            {
                Deviation.ADDRESSES_ARE_UPGRADED,
                Deviation.EMPTY_LINES_ARE_DROPPED,
                Deviation.PROXY_QUESTIONS_ARE_SHOWN,
                Deviation.INSECURE_FRAMES_HAVE_NO_POLICY,
                Deviation.PROTOCOLS_NEED_NOT_AGREE,
                Deviation.READS_RFC_9651,
                Deviation.SANDBOX_IS_SHOWN,
                Deviation.UPGRADE_MAY_LIST,
                Deviation.VOID_CORP_FORBIDS_NOTHING,
            }
        ),
    }
)


def deviates(engine: Engine, deviation: Deviation) -> bool:
    """Whether `engine` has this deviation."""
    return deviation in _SEEN.get(engine, frozenset())
