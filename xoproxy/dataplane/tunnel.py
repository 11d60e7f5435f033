"""A connection that was upgraded: bytes pass both ways until either side closes.  (RFC 9110 §7.8, RFC 6455)"""

import os
from typing import TYPE_CHECKING

from xoproxy.dataplane.resets import end_half
from xoproxy.semantics.websocket import GOING_AWAY, FrameFollower, close_frame

if TYPE_CHECKING:
    from xoproxy.dataplane.client import ClientConnection
    from xoproxy.dataplane.exchange import Exchange
    from xoproxy.dataplane.upstreams.connection import UpstreamConnection


class Tunnel:
    """The tunnel of an exchange whose upstream switched protocols.  A WebSocket's frames are followed, all else just passes."""

    __slots__ = ("_ends", "_exchange", "_from_client", "_from_upstream")

    def __init__(self, exchange: "Exchange", protocol: bytes) -> None:
        """`protocol`: the value of the Upgrade field."""
        is_websocket = protocol.lower() == b"websocket"
        self._exchange = exchange
        self._from_client = FrameFollower() if is_websocket else None
        self._from_upstream = FrameFollower() if is_websocket else None
        self._ends = 0  # how many sides have closed their half

    def client_data(self, data: bytes) -> None:
        """Pass on bytes from the client."""
        exchange = self._exchange
        if exchange.connection is None:
            return
        if self._from_client is not None:
            self._from_client.feed(data)
        exchange.record.request_bytes += len(data)
        exchange.connection.transport.write(data)
        self._await_more()

    def upstream_data(self, data: bytes) -> None:
        """Pass on bytes from the upstream."""
        exchange = self._exchange
        if self._from_upstream is not None:
            self._from_upstream.feed(data)
        exchange.record.response_bytes += len(data)
        exchange.client.transport.write(data)
        self._await_more()

    def _await_more(self) -> None:
        exchange = self._exchange
        exchange.client.due_in(exchange.settings.timeouts.tunnel_s)

    def client_half_closed(self) -> bool:
        """The client closed its half.  Returns whether our half stays open."""
        assert self._exchange.connection is not None
        return self._half_closed(self._exchange.client, self._exchange.connection)

    def upstream_half_closed(self) -> bool:
        """The upstream closed its half.  Returns whether our half stays open."""
        assert self._exchange.connection is not None
        return self._half_closed(self._exchange.connection, self._exchange.client)

    def _half_closed(
        self, ended: "ClientConnection | UpstreamConnection", other: "ClientConnection | UpstreamConnection"
    ) -> bool:
        """One side closed its half.  TLS cannot stay half open in asyncio, on neither side."""
        self._ends += 1
        if self._ends == 2 or not (ended.transport.can_write_eof() and other.transport.can_write_eof()):
            self._exchange.end_tunnel()
            return False
        end_half(other.transport)
        return True

    def go_away(self) -> bool:
        """End the tunnel because the process ends: a WebSocket between two frames is told so.  Returns whether it was."""
        told = False
        connection = self._exchange.connection
        if connection is not None and self._may_close(self._from_client):
            connection.transport.write(close_frame(GOING_AWAY, os.urandom(4)))
        if self._may_close(self._from_upstream):
            self._exchange.client.transport.write(close_frame(GOING_AWAY))
            told = True
        return told

    @staticmethod
    def _may_close(frames: FrameFollower | None) -> bool:
        return frames is not None and frames.at_boundary and not frames.closing
