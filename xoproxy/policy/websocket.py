"""Decide whether a page may open a WebSocket here.  (RFC 6455 §10.2)

CORS does not hold for WebSockets: a browser sends the handshake of any page, cookies included, and shows the page the answer.
All that protects is a server that looks at Origin, which browsers always send with it.  Who sends none is no browser, and
could write into the field what it likes.
"""

from xoproxy.policy.model import ANY, WebSocketOrigins
from xoproxy.policy.origins import OriginRule
from xoproxy.semantics.heads import RequestHead
from xoproxy.semantics.lists import tokens
from xoproxy.semantics.origins import own_origin


def opens_websocket(head: RequestHead) -> bool:
    """Whether a request asks for a WebSocket.  (RFC 6455 §4.1)"""
    return head.upgrade is not None and b"websocket" in tokens(head.upgrade.lower())


class WebSocketRule:
    """`websocket_origins`, compiled."""

    __slots__ = ("_any", "_origins")

    def __init__(self, origins: WebSocketOrigins) -> None:
        self._any = origins.allow_origins is ANY
        self._origins = OriginRule(origins)

    def refuses(self, head: RequestHead, scheme: bytes, authority: bytes) -> bool:
        """Whether the page behind a handshake may not open it; `scheme` and `authority` make the request's own origin."""
        origin = head.origin
        if self._any or origin is None:
            return False
        return origin != own_origin(scheme, authority) and not self._origins.covers(origin)
