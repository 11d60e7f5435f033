"""Resets, which transports do not always tell from an orderly close.

A close says "I have sent all"; a reset says "I am gone", and cuts off what was on its way.  Where a body ends by closing, one
taken for the other would pass a broken body off as a whole one.
"""

import asyncio
import contextlib
import socket
import struct
from typing import Final

_ASK_INTERVAL_S: Final = 5
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # struct linger: on, 0 seconds


def abort_by_reset(transport: asyncio.Transport) -> None:
    """Abort so that the peer sees a reset.  `Transport.abort` alone closes in good order where nothing is left to send."""
    peer = transport.get_extra_info("socket")
    if peer is not None and peer.family != socket.AF_UNIX:
        with contextlib.suppress(OSError):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


def end_half(transport: asyncio.Transport) -> None:
    """Send no more.  A peer that has reset the connection meanwhile need not be told: plain asyncio raises then."""
    with contextlib.suppress(OSError):
        transport.write_eof()


def find_out_whether_gone(transport: asyncio.Transport) -> None:
    """Ask a peer that has closed its half, now and then, whether the other half is still there.

    A close of one half and of both look the same; only who asks hears of the second, from Linux after a minute (tcp(7),
    tcp_fin_timeout), from others sooner.
    """
    peer = transport.get_extra_info("socket")
    if peer is None or peer.family == socket.AF_UNIX:
        return
    with contextlib.suppress(OSError):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option in ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_KEEPINTVL"):  # the second is macOS's name for the first
            if hasattr(socket, option):
                peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), _ASK_INTERVAL_S)


def was_reset(transport: asyncio.Transport) -> bool:
    """Whether what the transport calls the end of the stream was a reset.

    uvloop before 0.23 reports the end where bytes and a reset arrive together; the socket still has the error.
    """
    peer = transport.get_extra_info("socket")
    if peer is None:
        return False
    try:
        return bool(peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    except OSError:
        return True
