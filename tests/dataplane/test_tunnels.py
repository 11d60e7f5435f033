"""Upgraded connections: bytes pass both ways, each half closes for itself.  (RFC 9110 §7.8, RFC 6455)"""

import asyncio
import json

import pytest
from support.generations import APP, generation, upstream
from support.planes import Constant, Proxy, Serve
from support.wire import Backend, Peer, until

from xoproxy.config.settings import Timeouts
from xoproxy.dataplane import client as client_module

UPGRADE = b"GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MIB = b"m" * (1 << 20)
PIECE = b"m" * (1 << 14)


async def tunnel(proxy: Proxy, backend: Backend) -> tuple[Peer, Peer]:
    """Return client and origin of a tunnel."""
    client = await proxy.ask(UPGRADE)
    origin = await backend.accept()
    await origin.read_head()
    await origin.send(SWITCHED)
    await client.read_head()
    return client, origin


async def test_an_upgrade_is_forwarded_and_accepted(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(UPGRADE.replace(b"Sec-", b"Origin: " + APP + b"\r\nSec-"))
    origin = await backend.accept()
    asked = (await origin.read_head()).lower()
    await origin.send(SWITCHED)
    given = await client.read_head()

    assert asked.count(b"\r\nconnection: upgrade\r\n") == asked.count(b"\r\nupgrade: websocket\r\n") == 1
    assert b"\r\nsec-websocket-key: k\r\n" in asked
    assert given.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert given.lower().count(b"\r\nconnection: upgrade\r\n") == given.lower().count(b"\r\nupgrade: websocket\r\n") == 1
    assert b"\r\nSec-WebSocket-Accept: a\r\n" in given
    assert b"\r\nAccess-Control-Allow-Origin: " + APP + b"\r\n" in given


async def test_bytes_pass_both_ways(proxy: Proxy, backend: Backend) -> None:
    client, origin = await tunnel(proxy, backend)
    for number in range(3):
        await client.send(b"to %d\r\n\r\n" % number)
        await origin.expect(b"to %d\r\n\r\n" % number)
        await origin.send(b"HTTP/1.1 fro %d\r\n\r\n" % number)
        await client.expect(b"HTTP/1.1 fro %d\r\n\r\n" % number)
    client.close()
    await origin.gone()
    origin.close()
    record = await proxy.record()

    assert (record.status, record.request_bytes, record.response_bytes, record.error) == (101, 24, 54, "")


async def test_bytes_right_behind_the_101_reach_the_client(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(UPGRADE)
    await backend.answer_once(SWITCHED + b"early")
    await client.read_head()

    await client.expect(b"early")


async def test_bytes_right_behind_the_request_reach_the_upstream(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(UPGRADE + b"early")
    origin = await backend.accept()
    await origin.read_head()
    await origin.send(SWITCHED)
    await client.read_head()

    await origin.expect(b"early")
    await client.send(b" and late")
    await origin.expect(b" and late")


async def test_bytes_right_behind_a_declined_upgrade_are_the_next_request(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(UPGRADE + b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n")
    origin = await backend.accept()
    await origin.read_head()
    await origin.send(OK)
    request = await origin.read_request()
    await origin.send(OK)

    assert request.target == b"/next"
    assert [(await client.read_response()).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("protocol", [b"x", b"foo/1.2, bar", b"TLS/1.2"])
async def test_any_protocol_is_tunnelled(proxy: Proxy, backend: Backend, protocol: bytes) -> None:
    client = await proxy.ask(
        b"POST / HTTP/1.1\r\nHost: h\r\nConnection: x-a, upgrade\r\nUpgrade: " + protocol + b"\r\nX-A: 1\r\n\r\n"
    )
    origin = await backend.accept()
    asked = await origin.read_head()
    await origin.send(b"HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n")
    given = await client.read_head()
    await client.send(b"hello")

    await origin.expect(b"hello")
    assert b"Upgrade: " + protocol + b"\r\n" in asked
    assert b"X-A" not in asked
    assert b"Upgrade: " + protocol + b"\r\n" in given


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n", id="h2c"),
        pytest.param(b"Connection: upgrade\r\nUpgrade: websocket, H2C\r\n", id="in a list"),
        pytest.param(b"Upgrade: websocket\r\n", id="not named by Connection"),
        pytest.param(b"Connection: upgrade\r\n", id="nothing to upgrade to"),
        pytest.param(b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n", id="with content"),
    ],
)
async def test_what_is_no_upgrade_is_not_forwarded_as_one(proxy: Proxy, backend: Backend, lines: bytes) -> None:
    client = await proxy.ask(b"GET / HTTP/1.1\r\nHost: h\r\n" + lines + b"\r\nhi")
    origin = await backend.accept()
    asked = (await origin.read_head()).lower()
    await origin.send(OK)

    assert b"\r\nupgrade:" not in asked
    assert b"\r\nconnection:" not in asked
    assert (await client.read_head()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
)
async def test_a_101_that_nobody_asked_for_is_a_502(proxy: Proxy, backend: Backend, request_bytes: bytes) -> None:
    client = await proxy.ask(request_bytes)
    origin = await backend.accept()
    await origin.read_head()
    await origin.send(SWITCHED + b"HTTP/1.1 200 Poison\r\n\r\n")
    response = await client.read_response()

    assert response.status == 502
    assert json.loads(response.body)["type"] == "urn:xoproxy:error:http_upgrade_failed"
    assert (await proxy.record()).error == "http_upgrade_failed"
    await origin.gone()


@pytest.mark.parametrize("size", [0, 5, 4 << 20])
async def test_the_upstream_may_go_on_after_the_client_closed_its_half(proxy: Proxy, backend: Backend, size: int) -> None:
    client, origin = await tunnel(proxy, backend)
    await client.send(b"last")
    client.half_close()
    assert await origin.read_rest() == b"last"
    _, received = await asyncio.gather(origin.send(b"z" * size), client.read_exactly(size))
    origin.close()

    assert received == b"z" * size
    assert await client.read_rest() == b""
    await until(lambda: proxy.plane.connections == 0)
    assert (await proxy.record()).error == ""


async def test_the_client_may_go_on_after_the_upstream_closed_its_half(proxy: Proxy, backend: Backend) -> None:
    client, origin = await tunnel(proxy, backend)
    await origin.send(b"last")
    origin.half_close()
    assert await client.read_rest() == b"last"
    await client.send(b"more")
    await origin.expect(b"more")
    client.close()

    assert await origin.read_rest() == b""
    assert (await proxy.record()).error == ""


async def test_what_the_client_sent_before_it_closed_reaches_a_half_closed_upstream_that_reads_late(
    proxy: Proxy, backend: Backend
) -> None:
    """The second half to close ends the tunnel, not what is still on its way through it."""
    client, origin = await tunnel(proxy, backend)
    (connection,) = proxy.plane._connections
    exchange = connection._exchange
    assert exchange is not None
    assert exchange.connection is not None
    to_upstream = exchange.connection.transport
    origin.half_close()
    assert await client.read_rest() == b""
    sent = 0
    while not to_upstream.get_write_buffer_size():  # fill the kernel's buffers, and begin on ours
        sent += await client.send_what_fits(PIECE, len(PIECE))
    client.half_close()
    await proxy.record()

    assert await origin.count(sent) == sent
    assert await origin.read_rest() == b""


async def test_a_half_close_right_behind_the_upgrade_request_reaches_the_upstream(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(UPGRADE + b"all I have")
    client.half_close()
    origin = await backend.accept()
    await origin.read_head()
    await origin.send(SWITCHED)
    await client.read_head()

    assert await origin.read_rest() == b"all I have"
    await origin.send(b"answer")
    origin.close()
    assert await client.read_rest() == b"answer"


async def test_a_half_close_right_behind_the_101_reaches_the_client(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(UPGRADE)
    origin = await backend.answer_once(SWITCHED + b"bye")
    origin.half_close()
    await client.read_head()

    assert await client.read_rest() == b"bye"
    await client.send(b"still here")
    await origin.expect(b"still here")


async def test_a_client_that_vanishes_ends_the_upstreams_connection(proxy: Proxy, backend: Backend) -> None:
    client, origin = await tunnel(proxy, backend)
    client.reset()

    await origin.gone()
    assert (await proxy.record()).status == 101


async def test_an_upstream_that_vanishes_ends_the_clients_connection(proxy: Proxy, backend: Backend) -> None:
    client, origin = await tunnel(proxy, backend)
    origin.reset()

    await client.gone()
    assert (await proxy.record()).status == 101


async def test_a_silent_tunnel_ends_after_its_time(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), timeouts=Timeouts(tunnel_s=0.2)))
    client, origin = await tunnel(proxy, backend)

    await client.gone()
    await origin.gone()
    assert (await proxy.record()).status == 101


async def test_a_silent_tunnel_ends_although_the_client_does_not_read(
    serve: Serve, backend: Backend, constant: Constant
) -> None:
    constant(client_module, "LINGER_S", 0.1)
    proxy = await serve(generation(upstream(backend.endpoint), timeouts=Timeouts(tunnel_s=0.8, body_s=0.8)), send_buffer=4096)
    client, origin = await tunnel(proxy, backend)
    await origin.send_what_fits(MIB, 64 << 20)

    await origin.gone()
    await until(lambda: proxy.plane.connections == 0)
    client.close()


async def test_a_busy_tunnel_outlives_the_other_deadlines(serve: Serve, backend: Backend) -> None:
    timeouts = Timeouts(idle_s=0.2, head_s=0.4, body_s=0.2, tunnel_s=60.0, pool_s=0.2)
    proxy = await serve(generation(upstream(backend.endpoint, response_s=0.2), timeouts=timeouts))
    client, origin = await tunnel(proxy, backend)
    watch = await proxy.ask(b"GET")
    assert (await watch.read_response()).status == 408

    await client.send(b"ping")
    await origin.expect(b"ping")
