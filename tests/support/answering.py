"""An upstream that answers by itself: for tests that are about which one is asked, and how often."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, cast

HEAD_END = b"\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class _Connection(asyncio.Protocol):
    def __init__(self, server: "Answering") -> None:
        self._server = server
        self._arrived = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._server.opened += 1
        self._server.open.add(self)
        self._server.most_open = max(self._server.most_open, len(self._server.open))

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.open.discard(self)
        if self in self._server.waiting:
            self._server.waiting.remove(self)

    def data_received(self, data: bytes) -> None:
        self._arrived += data
        while HEAD_END in self._arrived:
            head, _, self._arrived = self._arrived.partition(HEAD_END)
            self._server.requests.append(head)
            self._server.asked(self)


class Answering:
    """Answers every request without content by `answer` (None: by closing), at once, or while it is held once it is let go."""

    running: ClassVar[set["Answering"]] = set()  # so that a test that fails leaves none behind, for which its loop would wait

    def __init__(self, answer: bytes | None = OK) -> None:
        self.answer = answer
        self.port = 0
        self.opened = 0  # connections, ever
        self.most_open = 0
        self.open: set[_Connection] = set()
        self.requests: list[bytes] = []
        self.waiting: list[_Connection] = []
        self._is_held = False
        self._server: asyncio.Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self, host: str = "127.0.0.1") -> None:
        """Listen, on the same port as before."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), host, self.port)
        self.running.add(self)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Listen no more, and cut every connection."""
        self.running.discard(self)
        self._server.close()
        for connection in tuple(self.open):
            connection.transport.abort()

    def asked(self, connection: _Connection) -> None:
        """Answer a request, or keep it waiting."""
        if self._is_held:
            self.waiting.append(connection)
        else:
            self._answer(connection)

    def _answer(self, connection: _Connection) -> None:
        if self.answer is None:
            connection.transport.close()
        else:
            connection.transport.write(self.answer)

    def hold(self) -> None:
        """Keep requests waiting from now on."""
        self._is_held = True

    def release(self) -> None:
        """Answer those that wait, and all to come."""
        self._is_held = False
        self.let_go(len(self.waiting))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep requests waiting within the block."""
        self.hold()
        yield
        self.release()

    def let_go(self, count: int = 1) -> None:
        """Answer those that have waited longest."""
        for _ in range(count):
            self._answer(self.waiting.pop(0))
