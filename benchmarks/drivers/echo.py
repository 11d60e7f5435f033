"""WebSockets, a message of 64 bytes under way on each: when it has come back, the next is sent."""

import base64
import os
import select
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.drivers.clock import be_punctual
from benchmarks.drivers.driver import serve
from benchmarks.drivers.exchange import LOOPBACK
from benchmarks.drivers.found import Found

_CONTENT: Final = b"a message of sixty-four bytes, as chats and dashboards send them"
_MASK: Final = b"\x11\x22\x33\x44"
_SENT: Final = bytes((0x81, 0x80 | len(_CONTENT))) + _MASK + bytes(one ^ _MASK[at % 4] for at, one in enumerate(_CONTENT))
_ECHO: Final = bytes((0x81, len(_CONTENT))) + _CONTENT
_GIVE_UP_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Echoes:
    """What is asked.  `request` lacks only the fields of the handshake."""

    port: int
    request: str
    connections: int
    seconds: float


class Echo:
    """The load, its WebSockets open."""

    def __init__(self, echoes: Echoes) -> None:
        self._seconds = echoes.seconds
        self._sockets = [_opened(echoes.port, echoes.request) for _ in range(echoes.connections)]

    def run(self) -> Mapping[str, Any]:
        """Send and receive."""
        be_punctual()
        took: list[float] = []
        begun = time.monotonic()
        sent = dict.fromkeys(self._sockets, begun)
        received = {one: bytearray() for one in self._sockets}
        for one in self._sockets:
            one.sendall(_SENT)
        while (now := time.monotonic()) < begun + self._seconds:
            ready = select.select(self._sockets, [], [], _GIVE_UP_S)[0]
            if not ready:
                raise ConnectionError("no message comes back")
            for one in ready:
                received[one] += (some := one.recv(1 << 16))
                if received[one] == _ECHO:
                    received[one].clear()
                    now = time.monotonic()
                    took.append(now - sent[one])
                    sent[one] = now
                    one.sendall(_SENT)
                elif not some or not _ECHO.startswith(received[one]):
                    raise ConnectionError(f"not what was sent: {bytes(received[one][:100])!r}")
        return asdict(Found.of(now - begun, took))


def _opened(port: int, request: str) -> socket.socket:
    key = base64.b64encode(os.urandom(16)).decode("ascii")
    fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    opened = socket.create_connection((LOOPBACK, port), timeout=_GIVE_UP_S)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.sendall((request.removesuffix("\r\n") + fields).encode("latin-1"))
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        if not (some := opened.recv(1)):
            break
        head += some
    if not head.startswith(b"HTTP/1.1 101 "):
        raise ConnectionError(f"no WebSocket: {bytes(head)!r}")
    return opened


if __name__ == "__main__":
    serve(lambda settings: Echo(Echoes(**settings)))
