"""A peer that takes what it is sent, if slowly, outlives every deadline; one that takes nothing does not.

The kernel tells a transport of progress only in large steps, so that the transport alone cannot tell the two apart.
"""

import asyncio

from support.generations import generation, upstream
from support.planes import Proxy, Serve
from support.wire import Backend, Peer

from xoproxy.config.settings import Timeouts

SIZE = 6 << 20  # more than a kernel's buffers hold
PIECE = 1 << 16
PAUSE_S = 0.02  # at a piece each, a third of a kernel's buffer takes longer than the deadline
BODY_S = 0.3
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def hasty(serve: Serve, backend: Backend) -> Proxy:
    """A proxy that waits for hardly anything."""
    timeouts = Timeouts(idle_s=60.0, head_s=60.0, body_s=BODY_S)
    return await serve(generation(upstream(backend.endpoint, response_s=BODY_S), timeouts=timeouts))


async def read_slowly(peer: Peer, size: int) -> int:
    """Read `size` bytes with pauses; return how many there were."""
    have = len(peer.pending)
    peer.pending = b""
    while have < size and (data := await peer.receive(PIECE)):
        have += len(data)
        await asyncio.sleep(PAUSE_S)
    return have


async def test_client_that_reads_slowly_gets_its_response_whole(serve: Serve, backend: Backend) -> None:
    proxy = await hasty(serve, backend)
    client = await proxy.connect(receive_buffer=PIECE)
    await client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    origin = await backend.accept()
    await origin.read_head()
    sending = asyncio.ensure_future(origin.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE + b"x" * SIZE))
    await client.read_head()

    assert await read_slowly(client, SIZE) == SIZE
    await sending
    assert (await proxy.record()).error == ""


async def test_backend_that_reads_slowly_gets_its_request_whole(serve: Serve, backend: Backend) -> None:
    """Also its last bytes, which are with the kernel when the deadline of the answer has already begun."""
    proxy = await hasty(serve, backend)
    client = await proxy.connect()
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % SIZE
    sending = asyncio.ensure_future(client.send(head + b"x" * SIZE))
    origin = await backend.accept()
    await origin.read_head()

    assert await read_slowly(origin, SIZE) == SIZE
    await sending
    await origin.send(OK)
    assert (await client.read_response(b"POST")).body == b"ok"


async def test_client_that_stops_reading_is_cut_off(serve: Serve, backend: Backend) -> None:
    """It has read for a while, and the kernel holds what it did not take."""
    proxy = await hasty(serve, backend)
    client = await proxy.connect(receive_buffer=PIECE)
    await client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    origin = await backend.accept()
    await origin.read_head()
    await origin.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 << 20))
    sending = asyncio.ensure_future(origin.send_what_fits(b"x" * PIECE, 64 << 20))
    await client.read_head()
    await read_slowly(client, SIZE // 4)
    await sending

    await origin.gone()
    assert (await proxy.record()).error == "client_timeout"
