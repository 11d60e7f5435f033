"""Decide whether a page may open a WebSocket here.  (RFC 6455 §10.2)

CORS does not hold for WebSockets: a browser sends the handshake of any page, cookies included, and shows the page the answer.
All that protects is a server that looks at Origin, which browsers always send with it.  Who sends none is no browser, and
could write into the field what it likes.
"""

from xoproxy.policy.model import WebSocketOrigins
from xoproxy.semantics.heads import RequestHead
from xoproxy.semantics.lists import tokens
from xoproxy.semantics.origins import OriginSet, own_origin


class WebSocketRule:
    """`websocket_origins`, compiled."""

    __slots__ = ("_allows_null", "_origins")

    def __init__(self, origins: WebSocketOrigins) -> None:
        self._origins = OriginSet(origins.allow_origins)
        self._allows_null = origins.allow_null_origin

    def refuses(self, head: RequestHead, scheme: bytes, authority: bytes) -> bool:
        """Whether this request would open a WebSocket for a page that may not; `scheme` and `authority` make its own origin."""
        origin = head.origin
        if origin is None or head.upgrade is None or b"websocket" not in tokens(head.upgrade.lower()):
            return False
        if origin == own_origin(scheme, authority) or self._origins.covers(origin):
            return False
        return not (self._allows_null and origin == b"null")
