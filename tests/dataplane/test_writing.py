"""What a lone exchange writes goes out at once, and what belongs together in one write."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from support.memory import MemoryProxy, MemoryTransport, Origin
from support.planes import Proxy
from support.wire import Backend

from xoproxy.dataplane.writing import write

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_heads_of_a_lone_exchange_go_out_before_the_loop_turns(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET)
    origin = await backend.answer_once(OK)
    await client.read_response()
    (connection,) = proxy.plane._connections
    connection.data_received(GET)

    assert origin.hears_now()
    await origin.read_request()
    exchange = connection._exchange
    assert exchange is not None
    assert exchange.connection is not None
    exchange.connection.data_received(OK)
    assert client.hears_now()


class Listener(Origin):
    """An upstream that notes each write by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[bytes] = []

    def accept(self) -> Callable[[bytes], None]:
        return self.heard.append


@dataclass
class Stage:
    """A proxy whose connection to the upstream stands and is idle."""

    proxy: MemoryProxy
    listener: Listener
    client: MemoryTransport

    def feed(self, *pieces: bytes) -> list[bytes]:
        """Have the client send these; return what is written to the upstream."""
        self.client.feed(*pieces)
        self.proxy.loop.settle()
        return self.listener.heard


@pytest.fixture
def stage() -> Iterator[Stage]:
    listener = Listener()
    proxy = MemoryProxy(listener)
    stage = Stage(proxy, listener, proxy.connect())
    stage.feed(GET)
    listener.transports[0].feed(OK)
    proxy.loop.settle()
    assert stage.client.written.endswith(b"\r\n\r\nok")
    stage.client.written.clear()
    listener.heard.clear()
    yield stage
    proxy.close()


def test_a_body_that_comes_with_its_head_goes_out_in_one_write_with_it(stage: Stage) -> None:
    (written,) = stage.feed(POST + b"whole")

    assert written.endswith(b"\r\n\r\nwhole")


def test_a_body_that_comes_later_goes_out_as_it_comes(stage: Stage) -> None:
    assert [written[-2:] for written in stage.feed(POST + b"wh", b"o", b"le")] == [b"wh", b"o", b"le"]


def test_of_a_body_that_is_broken_from_its_beginning_nothing_goes_out(stage: Stage) -> None:
    assert stage.feed(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n") == []
    assert stage.client.written.startswith(b"HTTP/1.1 400 ")
    assert [record.status for record in stage.proxy.records] == [200, 400]


class Halfless(asyncio.Transport):
    """A transport that cannot close its half, as those of TLS: it would pause its writer if nothing may wait in it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[object] = []

    def can_write_eof(self) -> bool:
        return False

    def write(self, data: object) -> None:
        self.written.append(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        raise AssertionError(f"what may wait was changed to {high}")


def test_tls_is_left_to_gather() -> None:
    transport = Halfless()
    write(transport, b"little", at_once=True)

    assert transport.written == [b"little"]
