"""A backend that does what the target says, well or badly, and counts who is connected to it.

`/small` answers at once; `/count` answers how many bytes of content came, `/count-slowly` takes its time to read them;
`/bytes/N` sends N bytes, `/part/N` promises N, sends half and falls silent, `/break/N` sends half and resets; `/silent` never
answers, `/refuse` resets before an answer, `/tunnel` switches protocols and returns what it gets.
"""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Final

from benchmarks.wire import LOOPBACK

SMALL: Final = b"hello"
_PIECE: Final = b"x" * (1 << 16)
_SLOW_READ: Final = 1 << 18
_SLOW_READ_S: Final = 0.001


class Backend:
    """An HTTP/1.1 server on a port of loopback."""

    def __init__(self) -> None:
        self.port = 0
        self._server: asyncio.Server
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._writers)

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0, backlog=2048)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End all connections, and listen no more."""
        self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()
        while self._writers:  # noqa: ASYNC110  their handlers are tasks of the server
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read one request and answer it.  Returns whether another one may follow."""
        head = await reader.readuntil(b"\r\n\r\n")
        _, kind, argument = (head.split(b" ", 2)[1].partition(b"?")[0] + b"/").split(b"/")[:3]
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        match kind:
            case b"small":
                await _send(writer, SMALL)
            case b"count" | b"count-slowly":
                await _send(writer, b"%d" % await _count(reader, length, slowly=kind == b"count-slowly"))
            case b"bytes":
                await _send_bytes(writer, int(argument), int(argument))
            case b"part" | b"break":
                await _send_bytes(writer, int(argument), int(argument) // 2)
                if kind == b"break":
                    _reset(writer)
                await reader.read()
                return False
            case b"silent":
                await reader.read()
                return False
            case b"tunnel":
                await _tunnel(reader, writer)
                return False
            case _:
                _reset(writer)
                return False
        return True


async def _send(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content))
    await writer.drain()


async def _send_bytes(writer: asyncio.StreamWriter, promised: int, sent: int) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % promised)
    for at in range(0, sent, len(_PIECE)):
        writer.write(_PIECE[: sent - at])
        await writer.drain()


async def _count(reader: asyncio.StreamReader, length: int, *, slowly: bool) -> int:
    counted = 0
    while counted < length:
        data = await reader.read(min(_SLOW_READ, length - counted))
        if not data:
            raise asyncio.IncompleteReadError(b"", length - counted)
        counted += len(data)
        if slowly:
            await asyncio.sleep(_SLOW_READ_S)
    return counted


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
