"""The backend's other half: WebSockets that echo, and events that go to every stream.  nginx passes them on.

A process of its own: `python -m benchmarks.streams PORT`.
"""

import asyncio
import base64
import hashlib
import sys
import time
from typing import Final, cast

import uvloop

from benchmarks.wire import LOOPBACK

EVENT_INTERVAL_S: Final = 0.1
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
_EVENTS_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n"
    b"Connection: close\r\n\r\n"
)


class Peer(asyncio.Protocol):
    """A connection from nginx."""

    def __init__(self, streams: set[asyncio.Transport]) -> None:
        self._streams = streams
        self._received = bytearray()
        self._echoes = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        self._streams.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._echoes:
            self._echo()
            return
        head, end, rest = bytes(self._received).partition(b"\r\n\r\n")
        if not end:
            return
        self._received[:] = rest
        fields = dict(line.lower().split(b": ", 1)[:1] + line.split(b": ", 1)[1:] for line in head.split(b"\r\n")[1:])
        if (key := fields.get(b"sec-websocket-key")) is not None:
            self._echoes = True
            self._transport.write(_accepted(key))
        elif b" /events " in head:
            self._transport.write(_EVENTS_HEAD)
            self._streams.add(self._transport)
        else:
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def _echo(self) -> None:
        """Send every whole frame back, unmasked.  The load's messages are shorter than 126 bytes."""
        received, answers = self._received, []
        while len(received) >= 6 and len(received) >= 6 + (length := received[1] & 0x7F):
            mask = bytes(received[2:6]) * (length // 4 + 1)
            content = int.from_bytes(received[6 : 6 + length], "big") ^ int.from_bytes(mask[:length], "big")
            answers.append(bytes((received[0], length)) + content.to_bytes(length, "big"))
            del received[: 6 + length]
        self._transport.write(b"".join(answers))


def _accepted(key: bytes) -> bytes:
    accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


async def main(port: int) -> None:
    """Serve until the process is ended."""
    streams: set[asyncio.Transport] = set()
    server = await asyncio.get_running_loop().create_server(lambda: Peer(streams), LOOPBACK, port, backlog=1000)
    async with server:
        while True:
            await asyncio.sleep(EVENT_INTERVAL_S)
            event = b'data: {"at":%.6f}\n\n' % time.monotonic()
            for stream in streams:
                stream.write(event)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
