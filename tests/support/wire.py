"""Raw peers of the data plane: clients and scripted backends on bare sockets, h11 as the strict reader.

Nothing here reads ahead, repairs or retries: a test says which bytes go out, and sees which bytes came and how they ended.
Every wait has the same generous bound, so that what hangs fails.
"""

import asyncio
import select
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import h11

from xoproxy.config.settings import Endpoint

LIMIT_S = 10.0
_HEAD_LIMIT = 1 << 20

T = TypeVar("T")


async def soon(awaitable: Awaitable[T]) -> T:
    """Await what must not take long."""
    async with asyncio.timeout(LIMIT_S):
        return await awaitable


async def until(condition: Callable[[], object]) -> None:
    """Return once `condition` holds."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.001)


@dataclass
class Message:
    """One message as h11 read it, and its final head as it came."""

    head: bytes = b""
    method: bytes = b""
    target: bytes = b""
    status: int = 0
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    interim: list[int] = field(default_factory=list)

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of all field lines called `name`, in order."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    @property
    def lines(self) -> list[bytes]:
        """The field lines of the head as they came."""
        return self.head.split(b"\r\n")[1:-2]


class Peer:
    """One connection.  It reads only when told to."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self.pending = b""
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def send(self, data: bytes) -> None:
        """Send all of `data`."""
        await soon(self._loop.sock_sendall(self._sock, data))

    def send_now(self, data: bytes) -> None:
        """Send `data`, which fits, before the loop turns."""
        assert self._sock.send(data) == len(data)

    def hears_now(self) -> bool:
        """Whether bytes have come, or do within a moment in which the loop does not turn."""
        return bool(select.select([self._sock], [], [], LIMIT_S)[0])

    async def drip(self, data: bytes) -> None:
        """Send `data` byte by byte, each as a read of its own."""
        for at in range(len(data)):
            await self.send(data[at : at + 1])
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def send_what_fits(self, piece: bytes, most: int) -> int:
        """Send until the other side takes no more for a while, or `most` bytes; return how many were taken."""
        sent = refused = 0
        while refused < 50 and sent < most:
            try:
                sent += self._sock.send(piece)
                refused = 0
                await asyncio.sleep(0)
            except BlockingIOError:
                refused += 1
                await asyncio.sleep(0.002)
        return sent

    async def receive(self, limit: int = 1 << 16) -> bytes:
        """Return what comes next, at most `limit` bytes; empty at the end.  Raises: `ConnectionResetError`."""
        return await soon(self._loop.sock_recv(self._sock, limit))

    async def read_exactly(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        while len(self.pending) < size:
            data = await self.receive()
            assert data, f"the connection ended after {self.pending!r}, {size} bytes were expected"
            self.pending += data
        data, self.pending = self.pending[:size], self.pending[size:]
        return data

    async def read_until(self, end: bytes) -> bytes:
        """Return the next bytes up to and with `end`."""
        while end not in self.pending:
            data = await self.receive()
            assert data, f"the connection ended after {self.pending!r}, {end!r} was expected"
            self.pending += data
        return await self.read_exactly(self.pending.index(end) + len(end))

    async def read_head(self) -> bytes:
        """Return the next head."""
        return await self.read_until(b"\r\n\r\n")

    async def expect(self, data: bytes) -> None:
        """Read as many bytes as `data` has; they must be these."""
        assert await self.read_exactly(len(data)) == data

    async def count(self, size: int) -> int:
        """Read and forget `size` bytes; return how many there were."""
        have = len(self.pending)
        self.pending = b""
        while have < size:
            data = await self.receive(min(1 << 18, size - have))
            if not data:
                break
            have += len(data)
        return have

    async def read_rest(self) -> bytes:
        """Return all bytes up to a clean end.  Raises: `ConnectionResetError`."""
        while data := await self.receive():
            self.pending += data
        data, self.pending = self.pending, b""
        return data

    async def read_until_reset(self) -> bytes:
        """Return all bytes up to a reset; a clean end is a failure."""
        rest, is_clean = await self.read_until_ended()
        assert not is_clean, f"a clean end after {rest!r}"
        return rest

    async def read_until_ended(self) -> tuple[bytes, bool]:
        """Return all bytes up to the end, and whether that was no reset."""
        is_clean = False
        with suppress(ConnectionResetError):
            while data := await self.receive():
                self.pending += data
            is_clean = True
        data, self.pending = self.pending, b""
        return data, is_clean

    async def gone(self) -> None:
        """Return once the other side has ended the connection, in whatever way."""
        with suppress(ConnectionError):
            while await self.receive():
                pass

    async def read_response(self, method: bytes = b"GET") -> Message:
        """Return the next final response, to a request made with `method`."""
        reader = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_LIMIT)
        reader.send(h11.Request(method=method, target=b"/", headers=[(b"Host", b"h")]))
        reader.send(h11.EndOfMessage())
        return await self._read_message(reader)

    async def read_request(self) -> Message:
        """Return the next request."""
        return await self._read_message(h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_LIMIT))

    async def _read_message(self, reader: h11.Connection) -> Message:
        message = Message()
        raw = self.pending
        if raw:
            reader.receive_data(raw)
        while True:
            event = reader.next_event()
            if event is h11.NEED_DATA:
                data = await self.receive()
                raw += data if not message.head else b""
                reader.receive_data(data)
                continue
            assert isinstance(event, h11.Event), f"{event} after {raw!r}"
            if _take(message, event):
                self.pending = reader.trailing_data[0]
                return message
            if not message.head and not isinstance(event, h11.InformationalResponse):
                message.head = raw.split(b"\r\n\r\n")[len(message.interim)] + b"\r\n\r\n"

    def half_close(self) -> None:
        """Send no more."""
        self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close; the kernel sends a reset if something was not read."""
        self._sock.close()

    def reset(self) -> None:
        """Close by a reset."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()


def _take(message: Message, event: h11.Event) -> bool:
    """Add what h11 read; return whether the message is complete."""
    match event:
        case h11.InformationalResponse():
            message.interim.append(event.status_code)
        case h11.Response():
            message.status = event.status_code
            message.fields = list(event.headers.raw_items())
        case h11.Request():
            message.method, message.target = event.method, event.target
            message.fields = list(event.headers.raw_items())
        case h11.Data():
            message.body += event.data
        case h11.EndOfMessage():
            message.trailers = list(event.headers.raw_items())
            return True
        case _:
            raise AssertionError(f"{event} in the place of a message")
    return False


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class Backend:
    """An upstream that does what the test says: connections are taken one by one."""

    def __init__(self, path: str | None = None, backlog: int = 128, host: str = "127.0.0.1", port: int = 0) -> None:
        self.path = path
        self.host = host
        self.port = port
        self._backlog = backlog
        self._socket: socket.socket
        self._taken: list[Peer] = []
        self.start()

    def start(self) -> None:
        """Listen, on the same address as before."""
        self._socket = socket.socket(socket.AF_UNIX if self.path else _family(self.host))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.setblocking(False)
        self._socket.bind(self.path or (self.host, self.port))
        self._socket.listen(self._backlog)
        if self.path is None:
            self.port = self._socket.getsockname()[1]

    def stop(self) -> None:
        """Listen no more; connections stay."""
        self._socket.close()

    def close(self) -> None:
        """Listen no more, and close every connection that was taken."""
        self.stop()
        for peer in self._taken:
            peer.close()

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens, as a configuration names it."""
        return Endpoint(self.host, self.port, unix_path=self.path)

    async def accept(self) -> Peer:
        """Return the next connection."""
        sock, _ = await soon(asyncio.get_running_loop().sock_accept(self._socket))
        self._taken.append(Peer(sock))
        return self._taken[-1]

    def is_called(self) -> bool:
        """Whether a connection waits to be accepted."""
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    async def answer_once(self, response: bytes) -> Peer:
        """Take a connection, read one request, answer it."""
        peer = await self.accept()
        await peer.read_request()
        await peer.send(response)
        return peer


class TlsBackend:
    """A scripted upstream behind TLS: `script` is called with each connection's streams."""

    def __init__(self, script: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
        self._script = script
        self._server: asyncio.Server
        self._open: list[asyncio.StreamWriter] = []
        self.port = 0

    async def start(self, context: ssl.SSLContext) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.append(writer)
        await self._script(reader, writer)

    async def stop(self) -> None:
        """Listen no more, and end what the script and the proxy keep open: from Python 3.12 on a server waits for these."""
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await soon(self._server.wait_closed())


class SecurePeer:
    """A client's connection over TLS.  It too reads only when told to."""

    def __init__(self, peer: Peer, context: ssl.SSLContext) -> None:
        self._peer = peer
        self._arrived, self._departing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._arrived, self._departing, server_hostname="localhost")
        self._pending = b""

    @classmethod
    async def connect(cls, peer: Peer, context: ssl.SSLContext) -> "SecurePeer":
        """Shake hands."""
        made = cls(peer, context)
        await made._until_done(made._tls.do_handshake)
        return made

    async def _until_done(self, step: Callable[[], T]) -> T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self._peer.receive()
                self._arrived.write(data) if data else self._arrived.write_eof()
            else:
                await self._flush()
                return result

    async def _flush(self) -> None:
        if self._departing.pending:
            await self._peer.send(self._departing.read())

    async def send(self, data: bytes) -> None:
        """Send all of `data`."""
        await self._until_done(lambda: self._tls.write(data))

    async def read_until(self, end: bytes) -> bytes:
        """Return the next bytes up to and with `end`."""
        while end not in self._pending:
            data = await self._until_done(lambda: self._tls.read(1 << 16))
            assert data, f"the connection ended after {self._pending!r}, {end!r} was expected"
            self._pending += data
        at = self._pending.index(end) + len(end)
        data, self._pending = self._pending[:at], self._pending[at:]
        return data

    async def read_rest(self) -> bytes:
        """Return all bytes up to a close_notify.  Raises: `ssl.SSLEOFError`, `ConnectionResetError`."""
        while data := await self._until_done(lambda: self._tls.read(1 << 16)):
            self._pending += data
        data, self._pending = self._pending, b""
        return data

    async def end(self) -> None:
        """Send a close_notify, and no FIN."""
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        await self._flush()

    def close(self) -> None:
        """Close."""
        self._peer.close()


async def connect(port: int, *, receive_buffer: int | None = None) -> Peer:
    """Connect to a port of loopback; `receive_buffer` bounds what the kernel takes for us unread."""
    sock = socket.socket()
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setblocking(False)
    await soon(asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port)))
    return Peer(sock)
