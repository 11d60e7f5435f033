"""One connection of a load: a request goes out whole, its response is read to its end."""

import contextlib
import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"
_READ_BYTES: Final = 1 << 18


class Exchange:
    """A connection on which one request at a time is under way.  If the proxy closes it in between, another is opened."""

    def __init__(self, port: int, request: bytes) -> None:
        self._port, self._request = port, request
        self._socket = self._opened()
        self._received = bytearray()
        self._repeated = False
        self.reopened = 0
        self.intended_s = 0.0  # when the request that is under way was to be sent

    def _opened(self) -> socket.socket:
        opened = socket.create_connection((LOOPBACK, self._port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.settimeout(0)
        return opened

    def fileno(self) -> int:
        """Return the descriptor, for `select`."""
        return self._socket.fileno()

    def send(self, intended_s: float) -> None:
        """Send the request."""
        self.intended_s = intended_s
        self._repeated = False
        self._received.clear()
        with contextlib.suppress(ConnectionError):  # it was closed meanwhile: reading will tell
            self._socket.send(self._request)

    def receive(self) -> bytes | None:
        """Take what has come.  Return the response once it is whole, None as long as it is not.

        Raises:
            ConnectionError: the proxy closed the connection again after it was opened anew.
        """
        try:
            some = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return None
        except ConnectionError:
            some = b""
        if not some:
            self._reopen()
            return None
        self._received += some
        return bytes(self._received) if is_whole(self._received) else None

    def _reopen(self) -> None:
        """A connection that was idle may be closed at any time, and the request is then sent again.  (RFC 9112 §9.3.1)"""
        self._socket.close()
        if self._repeated or self._received:
            raise ConnectionError("the proxy closed a connection instead of answering")
        self._repeated = True
        self.reopened += 1
        self._socket = self._opened()
        self._socket.send(self._request)


def is_whole(response: bytes | bytearray) -> bool:
    """Whether a response with a length, in chunks, or of a status without content has come to its end."""
    head, end, content = bytes(response).partition(b"\r\n\r\n")
    if not end:
        return False
    if head[9:12] in {b"204", b"304"}:
        return True
    for line in head.lower().split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return len(content) >= int(value)
        if name == b"transfer-encoding":
            return content.endswith(b"0\r\n\r\n")
    return False
