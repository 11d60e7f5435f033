"""The corpus of request streams over real sockets: the same requests arrive, and the same answers, as without sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest
from support.generations import generation, upstream
from support.readers import h11_responses
from support.wild_streams import BAD_REQUESTS, GOOD_REQUESTS
from support.wire import Peer, connect, soon

from conformance.test_fuzz_requests import MARKER, Answering, run
from xoproxy.config.settings import Endpoint
from xoproxy.dataplane import DataPlane
from xoproxy.telemetry.records import ExchangeRecord


class _Feed:
    """What `Answering` answers by, on a real transport."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.feed = transport.write


class _Connection(asyncio.Protocol):
    def __init__(self, origin: Answering) -> None:
        self._origin = origin
        self._heard: Callable[[bytes], None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._heard = self._origin.accept()
        self._origin.transports.append(cast("object", _Feed(cast("asyncio.Transport", transport))))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        self._heard(data)


class Sockets:
    """A data plane between real sockets."""

    def __init__(self) -> None:
        self.origin = Answering()
        self.records: list[ExchangeRecord] = []
        self.port = 0
        self._servers: list[asyncio.Server] = []
        self.plane: DataPlane

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        backend = await loop.create_server(lambda: _Connection(self.origin), "127.0.0.1", 0)
        endpoint = Endpoint("127.0.0.1", backend.sockets[0].getsockname()[1])
        self.plane = DataPlane(generation(upstream(endpoint)), self.records.extend)
        front = await loop.create_server(lambda: self.plane.client_protocol(secure=False), "127.0.0.1", 0)
        self.port = front.sockets[0].getsockname()[1]
        self._servers = [front, backend]

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        self.plane.abort()
        assert await self.plane.wait_closed(10.0)

    async def answers_to(self, stream: bytes, send: Callable[[Peer, bytes], object]) -> list[tuple[int, bytes]]:
        """Send a stream, end it, and return what came back, without the words of refusals."""
        del self.origin.requests[:], self.records[:]
        peer = await connect(self.port)
        try:
            await soon(send(peer, stream))  # type: ignore[arg-type]
            peer.half_close()
            received, _ = await peer.read_until_ended()
        finally:
            peer.close()
        self.plane.tell_all()  # the client read its answer in the very turn of the loop in which the exchange ended
        methods = [record.method for record in self.records if record.status]
        read = h11_responses(received, methods, fin=True)
        assert (read.fault, read.rest, len(read.messages)) == ("", b"", len(methods))
        return [(400, b"") if one.status in (431, 501, 505, 400) else one.response for one in read.messages]


@pytest.fixture
async def sockets() -> AsyncIterator[Sockets]:
    made = Sockets()
    await made.start()
    yield made
    await made.stop()


async def _in_halves(peer: Peer, stream: bytes) -> None:
    await peer.send(stream[: len(stream) // 2])
    await asyncio.sleep(0.001)
    await peer.send(stream[len(stream) // 2 :])


@pytest.mark.parametrize("send", [Peer.send, Peer.drip, _in_halves], ids=["at once", "byte by byte", "in halves"])
async def test_streams_over_sockets_have_the_same_outcome(sockets: Sockets, send: Callable[[Peer, bytes], object]) -> None:
    for stream in (*GOOD_REQUESTS, *BAD_REQUESTS):
        expected = await asyncio.to_thread(lambda stream=stream: run([stream + MARKER])[0])
        answers = await sockets.answers_to(stream + MARKER, send)

        assert sockets.origin.faults == []
        assert [one.request for one in sockets.origin.requests] == [key for key, _, _ in expected.forwarded], stream
        assert answers == [(status, body) for status, body, _ in expected.answers], stream
