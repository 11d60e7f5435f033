"""Tell a peer that takes what it is sent slowly from one that takes nothing.

A transport is paused until the kernel has room for a good part of its own buffer again, on Linux a third of up to 4 MiB.  Of a
peer that reads 400 KiB/s nothing is heard for seconds meanwhile.  What the kernel still holds tells it from one that is gone.
"""

import asyncio
import contextlib
import fcntl
import socket
import struct
import sys
import termios
from typing import Final

_SO_NWRITE: Final = 0x1024  # macOS: bytes in the send buffer; no name for it in `socket`


def untaken_bytes(transport: asyncio.Transport) -> int:
    """Return how many bytes were written that the peer has not taken: in our buffer, and in the kernel's where it tells."""
    unsent = transport.get_write_buffer_size()
    peer = transport.get_extra_info("socket")
    if peer is not None:
        with contextlib.suppress(OSError):
            if sys.platform == "darwin":
                unsent += peer.getsockopt(socket.SOL_SOCKET, _SO_NWRITE)
            else:
                unsent += struct.unpack("i", fcntl.ioctl(peer.fileno(), termios.TIOCOUTQ, bytes(4)))[0]  # SIOCOUTQ: tcp(7)
    return unsent
