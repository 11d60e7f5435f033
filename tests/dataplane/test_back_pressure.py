"""Buffers are bounded both ways, whoever does not read.  (design rule 10)"""

import asyncio
import contextlib
from pathlib import Path

import pytest
from support.generations import generation, upstream
from support.planes import Constant, Proxy, Serve
from support.wire import Backend, Peer, until

from xoproxy.config.settings import Limits, Timeouts
from xoproxy.dataplane import client as client_module

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MIB = 1 << 20
PIECE = b"x" * (1 << 16)


def most_in_kernel(kind: str) -> int:
    """Return how many bytes a socket's buffer grows to (tcp(7)); where the kernel does not say, what is usual."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/sys/net/ipv4/tcp_{kind}").read_text(encoding="ascii").split()[2])
    return 5 * MIB


# What lies between two peers that do not read: the kernel's buffers on both sides, ours, a read each.
BOUND = 2 * (most_in_kernel("rmem") + most_in_kernel("wmem")) + 4 * MIB
BODY = BOUND + 40 * MIB


async def send_all(peer: Peer, size: int) -> None:
    for _ in range(size // len(PIECE)):
        await peer.send(PIECE)


@pytest.fixture
async def tight(serve: Serve, backend: Backend) -> Proxy:
    """Return a proxy whose clients' connections hold little in the kernel, so that its own buffers fill."""
    return await serve(generation(upstream(backend.endpoint)), send_buffer=4096)


async def test_a_client_that_does_not_read_stops_the_upstream(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET)
    origin = await backend.answer_once(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY)
    sent = await origin.send_what_fits(PIECE, BODY)
    rest = asyncio.ensure_future(send_all(origin, BODY))
    await client.read_head()

    assert sent < BOUND
    assert await client.count(BODY) == BODY
    rest.cancel()


async def test_an_upstream_that_does_not_read_stops_the_client(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(POST + b"Content-Length: %d\r\n\r\n" % BODY)
    origin = await backend.accept()
    await origin.read_head()
    sent = await client.send_what_fits(PIECE, BODY)
    rest = asyncio.ensure_future(send_all(client, BODY))

    assert sent < BOUND
    assert await origin.count(BODY) == BODY
    await origin.send(OK)
    assert (await client.read_response(b"POST")).status == 200
    rest.cancel()


async def test_a_client_is_stopped_while_the_upstream_is_not_connected(serve: Serve) -> None:
    stuck = Backend(backlog=0)
    fillers = [await _fill(stuck) for _ in range(2)]
    proxy = await serve(generation(upstream(stuck.endpoint)))
    client = await proxy.ask(POST + b"Content-Length: %d\r\n\r\n" % BODY)

    assert await client.send_what_fits(PIECE, BODY) < BOUND
    for filler in fillers:
        filler.cancel()
    stuck.close()


async def _fill(stuck: Backend) -> "asyncio.Task[None]":
    """Take one place of the backlog."""

    async def hold() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", stuck.port)
        try:
            await asyncio.Event().wait()
        finally:
            writer.transport.abort()

    task = asyncio.ensure_future(hold())
    await asyncio.sleep(0)
    return task


async def test_64_mib_pass_both_ways_at_once(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(POST + b"Content-Length: %d\r\n\r\n" % BODY)
    origin = await backend.accept()
    await origin.read_head()
    await origin.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (BODY + 2))
    await client.read_head()
    _, _, *received = await asyncio.gather(
        send_all(client, BODY), send_all(origin, BODY), client.count(BODY), origin.count(BODY)
    )
    await origin.send(b"ok")
    await client.expect(b"ok")

    assert received == [BODY, BODY]
    record = await proxy.record()
    assert (record.request_bytes, record.response_bytes) == (BODY, BODY + 2)


async def test_a_tunnel_stops_whoever_the_other_side_does_not_read(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
    origin = await backend.accept()
    await origin.read_head()
    await origin.send(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
    await client.read_head()
    for sender, receiver in ((client, origin), (origin, client)):
        sent = await sender.send_what_fits(PIECE, BODY)

        assert sent < BOUND
        assert await receiver.count(sent) == sent


async def test_a_pipelined_response_is_not_read_for_a_client_that_does_not_read(tight: Proxy, backend: Backend) -> None:
    """What is paused at the end of one exchange is paused at the start of the next."""
    client = await tight.connect(receive_buffer=4096)
    await client.send(GET + GET)
    origin = await backend.accept()
    await origin.read_request()
    await origin.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000)
    second = asyncio.ensure_future(_answer_much(origin))
    await asyncio.wait([second], timeout=0.5)  # whether it is asked for now or later is the proxy's choice
    assert len((await client.read_response()).body) == 200_000

    assert await second < BOUND


async def _answer_much(origin: Peer) -> int:
    """Answer the next request with as much as fits; return how much that is."""
    await origin.read_request()
    await origin.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY)
    return await origin.send_what_fits(PIECE, BODY)


@pytest.mark.parametrize("size", range(66_000, 120_000, 6_000))
async def test_a_connection_that_was_paused_serves_the_next_exchange(tight: Proxy, backend: Backend, size: int) -> None:
    """The last bytes of a response may be the ones that fill the client's buffer."""
    client = await tight.connect(receive_buffer=4096)
    await client.send(GET)
    origin = await backend.answer_once(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
    await until(lambda: tight.records)
    assert len((await client.read_response()).body) == size
    await client.send(GET)
    await origin.read_request()
    await origin.send(OK)

    assert (await client.read_response()).body == b"ok"


NOT_FOUND = b"GET /no HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize("first", [0, 400])
async def test_a_client_that_does_not_read_our_own_answers_is_not_read(serve: Serve, backend: Backend, first: int) -> None:
    """Whether its buffer fills while much of what it sent ahead is pending, or (`first`) while little is."""
    proxy = await serve(generation(upstream(backend.endpoint), routes=()), send_buffer=4096)
    client = await proxy.connect(receive_buffer=4096)
    await client.send(NOT_FOUND * first)
    await until(lambda: len(proxy.records) >= first / 2)
    sent = await client.send_what_fits(NOT_FOUND * 1000, BODY)
    answered = len(proxy.records)

    assert sent < BOUND
    assert answered < 2000  # an answer has more than 300 bytes, a buffer 64 KiB
    for _ in range(answered + 100):
        assert (await client.read_response()).status == 404


async def test_a_client_that_sends_ahead_is_stopped_while_its_request_is_in_flight(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET)
    origin = await backend.accept()
    sent = await client.send_what_fits(GET * 1000, BODY)

    assert sent < BOUND
    for _ in range(20):
        await origin.read_request()
        await origin.send(OK)
        assert (await client.read_response()).status == 200


async def test_a_request_head_larger_than_what_may_be_sent_ahead_arrives(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(request_head_bytes=1 << 18)))
    head = b"GET / HTTP/1.1\r\nHost: h\r\nX-Large: " + b"v" * 200_000 + b"\r\n\r\n"
    client = await proxy.connect()
    await client.send(head[:150_000])
    await client.send(head[150_000:])
    request = await backend.answer_once(OK)

    assert request is not None
    assert (await client.read_response()).status == 200


@pytest.mark.parametrize("connection", [b"", b"Connection: close\r\n"])
async def test_a_slow_reader_gets_its_response_whole_although_the_connection_is_due(
    serve: Serve, backend: Backend, connection: bytes, constant: Constant
) -> None:
    """The deadline of idling, or of lingering, is not for bytes that the client still has to read."""
    constant(client_module, "LINGER_S", 0.1)
    timeouts = Timeouts(idle_s=0.1, head_s=0.3)
    proxy = await serve(generation(upstream(backend.endpoint), timeouts=timeouts), send_buffer=4096)
    client = await proxy.connect(receive_buffer=4096)
    await client.send(GET[:-2] + connection + b"\r\n")
    await backend.answer_once(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000)
    await until(lambda: proxy.records)
    watch = await proxy.ask(b"GET")  # its deadline is later than the other's
    assert (await watch.read_response()).status == 408

    assert len((await client.read_response()).body) == 60_000
    if connection:
        assert await client.read_rest() == b""


@pytest.mark.parametrize("connection", [b"", b"Connection: close\r\n"])
async def test_a_client_that_never_reads_the_rest_is_given_up(
    serve: Serve, backend: Backend, connection: bytes, constant: Constant
) -> None:
    constant(client_module, "LINGER_S", 0.1)
    timeouts = Timeouts(idle_s=0.1, head_s=0.1, body_s=0.1)
    proxy = await serve(generation(upstream(backend.endpoint), timeouts=timeouts), send_buffer=4096)
    client = await proxy.connect(receive_buffer=4096)
    await client.send(GET[:-2] + connection + b"\r\n")
    await backend.answer_once(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000)
    await until(lambda: proxy.records)

    await until(lambda: proxy.plane.connections == 0)
