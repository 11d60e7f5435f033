"""`limits.connections` and `limits.connections_per_client`: who is one too many is told so, and nobody else notices."""

import json
import socket
import sys

import pytest
from support.generations import generation, upstream
from support.planes import Constant, Proxy, Serve
from support.wire import Backend, Peer, until

from xoproxy.config.settings import Limits
from xoproxy.dataplane import admission
from xoproxy.dataplane import client as client_module

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def limited(serve: Serve, backend: Backend, limits: Limits, *, trusts_loopback: bool = False) -> Proxy:
    return await serve(generation(upstream(backend.endpoint), limits=limits, trusts_loopback=trusts_loopback))


async def is_served(client: Peer, origin: Peer | Backend) -> bool:
    """Whether a request of this client is answered; `origin` may be the backend whose next connection it will be."""
    await client.send(GET)
    peer = await origin.accept() if isinstance(origin, Backend) else origin
    await peer.read_head()
    await peer.send(OK)
    return (await client.read_response()).body == b"ok"


async def assert_turned_away(client: Peer) -> None:
    """It gets a 503 that a browser can read, and a clean end, without having been heard."""
    response = await client.read_response()

    assert (response.status, response.values(b"Connection")) == (503, [b"close"])
    assert response.values(b"Content-Type") == [b"application/problem+json"]
    assert response.values(b"Cross-Origin-Resource-Policy") == [b"same-site"]
    assert json.loads(response.body)["status"] == 503
    assert await client.read_rest() == b""
    client.close()


async def from_address(proxy: Proxy, address: str) -> Peer:
    """Connect from another address of loopback."""
    sock = socket.socket()
    sock.bind((address, 0))
    sock.connect(("127.0.0.1", proxy.port))
    peer = Peer(sock)
    proxy.clients.append(peer)
    return peer


async def test_one_too_many_is_turned_away_and_the_others_go_on(serve: Serve, backend: Backend) -> None:
    proxy = await limited(serve, backend, Limits(connections=2))
    first, second = await proxy.connect(), await proxy.connect()
    assert await is_served(first, backend)
    origin = backend._taken[0]
    await assert_turned_away(await proxy.connect())

    assert await is_served(first, origin)
    assert await is_served(second, origin)
    assert [(record.status, record.method) for record in proxy.records][1] == (503, b"")


async def test_who_leaves_makes_room(serve: Serve, backend: Backend) -> None:
    """By a close, by a reset, and after having been turned away, which takes nobody's place."""
    proxy = await limited(serve, backend, Limits(connections=1))
    for leave in (Peer.close, Peer.reset, Peer.close):
        client = await proxy.connect()
        await client.send(GET)
        await backend.answer_once(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert (await client.read_response()).status == 200
        turned_away = await proxy.connect()
        await assert_turned_away(turned_away)
        leave(client)
        turned_away.close()
        await until(lambda: proxy.plane.connections == 0)


async def test_who_is_turned_away_may_have_sent_much_already(serve: Serve, backend: Backend) -> None:
    """Its bytes are discarded for a moment: a reset because of them would overtake the answer."""
    proxy = await limited(serve, backend, Limits(connections=1))
    await proxy.connect()
    for sent in (GET, GET * 1000, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n" + b"x" * 500_000):
        await assert_turned_away(await proxy.ask(sent))

    assert not backend.is_called()


async def test_who_is_turned_away_and_stays_is_ended(serve: Serve, backend: Backend, constant: Constant) -> None:
    constant(client_module, "LINGER_S", 0.1)
    proxy = await limited(serve, backend, Limits(connections=1))
    await proxy.connect()
    stays = await proxy.connect()
    await until(lambda: proxy.plane.connections == 2)
    await until(lambda: proxy.plane.connections == 1)

    await assert_turned_away(stays)


async def test_floods_of_those_who_are_turned_away_are_cut_off(serve: Serve, backend: Backend, constant: Constant) -> None:
    """So that they hold no memory; the first ones still get their answer, and whoever has a place keeps it."""
    constant(admission, "MAX_TURNED_AWAY", 3)
    proxy = await limited(serve, backend, Limits(connections=1))
    inside = await proxy.connect()
    told = [await proxy.connect() for _ in range(3)]
    await until(lambda: proxy.plane.connections == 4)
    cut_off = [await proxy.connect() for _ in range(20)]
    for client in cut_off:
        assert await client.read_until_reset() == b""
    for client in told:
        await assert_turned_away(client)

    assert await is_served(inside, backend)


async def test_those_who_were_turned_away_and_left_count_no_more(serve: Serve, backend: Backend, constant: Constant) -> None:
    """However many there were: the bound is for those who are on their way out at the same time."""
    constant(admission, "MAX_TURNED_AWAY", 3)
    proxy = await limited(serve, backend, Limits(connections=1))
    await proxy.connect()
    for _ in range(20):
        await assert_turned_away(await proxy.connect())
        await until(lambda: proxy.plane.connections == 1)


async def test_limit_that_is_lowered_ends_nobody(serve: Serve, backend: Backend) -> None:
    proxy = await limited(serve, backend, Limits(connections=3))
    clients = [await proxy.connect() for _ in range(3)]
    assert await is_served(clients[0], backend)
    proxy.plane.adopt(generation(upstream(backend.endpoint), limits=Limits(connections=1), number=2))
    await assert_turned_away(await proxy.connect())
    origin = backend._taken[0]

    assert [await is_served(client, origin) for client in clients] == [True] * 3
    for client in clients:
        client.close()
    await until(lambda: proxy.plane.connections == 0)
    assert await is_served(await proxy.connect(), origin)


async def test_each_client_has_its_share(serve: Serve, backend: Backend) -> None:
    """One address that has too many connections is turned away, others are not."""
    if sys.platform != "linux":
        pytest.skip("only Linux has all of 127.0.0.0/8")
    proxy = await limited(serve, backend, Limits(connections_per_client=2))
    mine = [await proxy.connect() for _ in range(2)]
    await assert_turned_away(await proxy.connect())
    other = await from_address(proxy, "127.0.0.2")
    assert await is_served(other, backend)
    origin = backend._taken[0]
    mine[0].reset()
    await until(lambda: proxy.plane.connections == 2)

    assert await is_served(await proxy.connect(), origin)
    assert await is_served(mine[1], origin)
    assert await is_served(other, origin)


async def test_trusted_proxies_speak_for_many_clients(serve: Serve, backend: Backend) -> None:
    """They may have more connections than one client; the bound for all of them together holds."""
    proxy = await limited(serve, backend, Limits(connections=3, connections_per_client=1), trusts_loopback=True)
    inside = [await proxy.connect() for _ in range(3)]
    await until(lambda: proxy.plane.connections == 3)
    await assert_turned_away(await proxy.connect())

    assert await is_served(inside[2], backend)
