"""A client on a bare socket: it sends what it is told, reads only when told to, and sees how a connection ends."""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

from benchmarks.errors import BenchmarkError
from benchmarks.wire import LOOPBACK

LIMIT_S: Final = 60.0  # for any wait: what hangs fails
HEAD_END: Final = b"\r\n\r\n"
_ESTABLISHED: Final = 1  # of the states of TCP in the kernel's numbering


class ClientError(BenchmarkError):
    """The proxy did not do what a request may expect of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with a Content-Length."""

    status: int
    head: bytes
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether it announces the connection's end."""
        return b"\r\nconnection: close\r\n" in self.head.lower()


class Client:
    """One connection to a port of loopback."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._pending = b""

    @classmethod
    async def connect(cls, port: int, receive_buffer: int | None = None) -> Self:
        """Connect; `receive_buffer` bounds what the kernel takes unread."""
        sock = socket.socket()
        sock.setblocking(False)  # noqa: FBT003  the signature is socket's
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            async with asyncio.timeout(LIMIT_S):
                await asyncio.get_running_loop().sock_connect(sock, (LOOPBACK, port))
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def send(self, data: bytes) -> None:
        """Send all of `data`."""
        async with asyncio.timeout(LIMIT_S):
            await self._loop.sock_sendall(self._sock, data)

    async def receive(self, limit: int = 1 << 16, within_s: float = LIMIT_S) -> bytes:
        """Return what comes next; empty at the end.  Raises: `ConnectionError`, `TimeoutError`."""
        if self._pending:
            data, self._pending = self._pending[:limit], self._pending[limit:]
            return data
        async with asyncio.timeout(within_s):
            return await self._loop.sock_recv(self._sock, limit)

    async def read_head(self) -> bytes:
        """Return the next head.  Raises: `ClientError` if the connection ends before."""
        head = b""
        while HEAD_END not in head:
            data = await self.receive()
            if not data:
                raise ClientError(f"the connection ended after {head!r}")
            head += data
        at = head.index(HEAD_END) + len(HEAD_END)
        self._pending = head[at:] + self._pending
        return head[:at]

    async def read_answer(self) -> Answer:
        """Return the next response, whole.  Raises: `ClientError`."""
        head = await self.read_head()
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        body = bytearray()
        while len(body) < length:
            data = await self.receive(min(1 << 18, length - len(body)))
            if not data:
                raise ClientError(f"the connection ended after {len(body)} of {length} bytes")
            body += data
        return Answer(int(head[9:12]), head, bytes(body))

    async def ask(self, target: bytes, body: bytes | None = None) -> Answer:
        """Send a request, return the answer."""
        await self.send(request(target, body))
        return await self.read_answer()

    async def read_rest(self) -> tuple[bytes, bool]:
        """Return all bytes up to the end, and whether that was no reset."""
        rest = bytearray()
        with suppress(ConnectionError):
            while data := await self.receive():
                rest += data
            return bytes(rest), True
        return bytes(rest), False

    def is_ended(self) -> bool:
        """Whether the other side has ended the connection, seen without reading.  (TCP_INFO: tcp(7))"""
        return self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != _ESTABLISHED

    def half_close(self) -> None:
        """Send no more."""
        self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close."""
        self._sock.close()

    def reset(self) -> None:
        """Close by a reset."""
        with suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()


def request(target: bytes, body: bytes | None = None) -> bytes:
    """Return a GET, or a POST of `body`."""
    if body is None:
        return b"GET %b HTTP/1.1\r\nHost: h\r\n\r\n" % target
    return b"POST %b HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%b" % (target, len(body), body)
