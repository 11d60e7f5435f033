"""The backend: writes down the exact bytes of every request, and answers each with a serial number of its own."""

import asyncio
import itertools
import re
from typing import cast

from conformance.model import TOKEN, Reply, Then
from conformance.observed import Seen, body_size, read_request

_TOKEN = re.compile(rb"tk[0-9]{6}")
_REQUEST = re.compile(rb"[A-Z]+ \S+ HTTP/1\.[01]\r\n")


class Recorder:
    """A server on a port of loopback.  Requests are told apart by the token of their case."""

    def __init__(self) -> None:
        self.replies: dict[bytes, Reply] = {}
        self.received_bytes = 0
        self.ended: set[int] = set()  # connections that are no more, by their numbers
        self.port = 0
        self._seen: dict[bytes, list[Seen]] = {}  # by token
        self._serials = itertools.count(1)
        self._connections = 0
        self._open: set[_Connection] = set()
        self._server: asyncio.Server

    async def start(self, port: int = 0) -> None:
        """Listen."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self), "127.0.0.1", port, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Listen no more, and close all connections."""
        self._server.close()
        for connection in tuple(self._open):
            connection.transport.abort()

    def of(self, token: bytes) -> list[Seen]:
        """Return the requests of one case, in the order in which they came."""
        return self._seen.get(token, [])

    def add(self, seen: Seen) -> None:
        """Write a request down."""
        seen.serial = next(self._serials)
        self._seen.setdefault(seen.token, []).append(seen)

    async def settled(self) -> None:
        """Return once nothing more has arrived for a while: only so can it be said that something did not."""
        before = -1
        while before != self.received_bytes:
            before = self.received_bytes
            await asyncio.sleep(0.1)

    def opened(self, connection: "_Connection") -> int:
        """Number a connection."""
        self._open.add(connection)
        self._connections += 1
        return self._connections

    def closed(self, connection: "_Connection") -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self.ended.add(connection.number)


class _Connection(asyncio.Protocol):
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._buffer = b""
        self._current: Seen | None = None
        self._last_token = b""
        self.number = 0
        self._broken = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.number = self._recorder.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._recorder.closed(self)
        if self._buffer and self._current is None and not self._broken:
            self._open_request(self._buffer).fault = "the beginning of something that is no request"

    def data_received(self, data: bytes) -> None:
        self._recorder.received_bytes += len(data)
        self._buffer += data
        while self._buffer and not self._broken and self._step():
            pass

    def _step(self) -> bool:
        """Read a head or a body; return whether there may be more."""
        if self._current is None:
            end = self._buffer.find(b"\r\n\r\n") + 4
            if end < 4:
                return False
            head, self._buffer = self._buffer[:end], self._buffer[end:]
            seen = self._current = self._open_request(head)
            read_request(seen)
            if seen.fault is not None:
                self._break()
                return False
            reply = self._reply_to(seen)
            if reply is not None and reply.early:
                self._send(reply)
        return self._read_body(self._current)

    def _open_request(self, head: bytes) -> Seen:
        seen = Seen(connection=self.number, head=head)
        found = _TOKEN.search(head)
        if found is not None:
            seen.token = self._last_token = found[0]
        elif _REQUEST.match(head) is None:
            seen.token = self._last_token  # what is no request is left over from the one before
        self._recorder.add(seen)
        return seen

    def _read_body(self, seen: Seen) -> bool:
        try:
            found = body_size(self._buffer, seen.fields)
        except ValueError as error:
            seen.fault = str(error)
            self._break()
            return False
        if found is None:
            seen.raw_body = self._buffer
            return False
        size, seen.body, seen.trailers = found
        seen.raw_body, self._buffer = self._buffer[:size], self._buffer[size:]
        seen.complete = True
        self._current = None
        self._answer(seen)
        return bool(self._buffer)

    def _reply_to(self, seen: Seen) -> Reply | None:
        return None if b"/marker" in seen.target else self._recorder.replies.get(seen.token)

    def _answer(self, seen: Seen) -> None:
        reply = self._reply_to(seen)
        if reply is None:
            body = b"%d %b %b\n" % (seen.serial, seen.method, seen.target[:100])
            head = b"HTTP/1.1 200 OK\r\nX-Answer: %d\r\nContent-Length: %d\r\n\r\n" % (seen.serial, len(body))
            self.transport.write(head if seen.method == b"HEAD" else head + body)
        elif not reply.early:
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        for data in reply.writes:
            self.transport.write(data.replace(TOKEN, self._last_token))
        if reply.then is Then.CLOSE:
            self.transport.close()
        elif reply.then is Then.RESET:
            self.transport.abort()

    def _break(self) -> None:
        self._broken = True
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        self.transport.close()
