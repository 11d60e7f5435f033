"""Bounded connections: who waits, in which order, for how long, and how many.  Counted by the upstream itself."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck as Slow
from hypothesis import given, settings
from hypothesis import strategies as st
from support.answering import OK, Answering
from support.generations import APP, generation, upstream
from support.planes import Proxy, Serve
from support.problems import check_problem
from support.wire import Backend, Peer, until

from xoproxy.config.settings import Ejection, Endpoint, Queueing
from xoproxy.dataplane import DataPlane
from xoproxy.dataplane.upstreams.addresses import AddressState

GET = b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\n\r\n"
UPGRADE = b"GET /%d HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"


def numbered(number: int) -> bytes:
    return GET.replace(b" / ", b" /%d " % number)


@pytest.fixture
async def server() -> AsyncIterator[Answering]:
    made = Answering()
    await made.start()
    yield made
    made.stop()


async def bounded(serve: Serve, *ports: int, most: int = 1, waiting: int = 100, wait_s: float = 60.0) -> Proxy:
    queueing = Queueing(most, waiting, wait_s)
    endpoints = (Endpoint("127.0.0.1", port) for port in ports)
    return await serve(generation(replace(upstream(*endpoints), queueing=queueing)))


async def ask_in_order(proxy: Proxy, count: int, first: int = 0) -> list[Peer]:
    """Send requests one after the other: each is seen before the next is sent."""
    clients: list[Peer] = []
    for number in range(first, first + count):
        before = proxy.upstream.waiting + sum(state.outstanding for state in proxy.upstream.states())
        clients.append(await proxy.ask(numbered(number)))
        await until(lambda: proxy.upstream.waiting + sum(state.outstanding for state in proxy.upstream.states()) > before)  # noqa: B023
    return clients


def targets(server: Answering) -> list[bytes]:
    return [head.split(b" ")[1] for head in server.requests]


@pytest.mark.parametrize("most", [1, 2, 5])
async def test_an_address_never_gets_more_connections_than_it_may(serve: Serve, server: Answering, most: int) -> None:
    proxy = await bounded(serve, server.port, most=most)
    with server.held():
        clients = await ask_in_order(proxy, 12)
        await until(lambda: len(server.requests) == most)

        assert proxy.upstream.waiting == 12 - most
    assert [(await client.read_response()).status for client in clients] == [200] * 12
    assert server.most_open == most
    assert proxy.upstream.waiting == 0


async def test_who_waited_longest_is_served_first_and_nobody_overtakes(serve: Serve, server: Answering) -> None:
    proxy = await bounded(serve, server.port)
    with server.held():
        clients = await ask_in_order(proxy, 4)
        for number in range(4, 12):
            await until(lambda: server.waiting)
            clients.append(await proxy.ask(numbered(number)))
            server.let_go()
            await until(lambda: len(server.requests) == number - 2 and proxy.upstream.waiting == 3)  # noqa: B023
    assert [(await client.read_response()).status for client in clients] == [200] * 12
    assert targets(server) == [b"/%d" % number for number in range(12)]
    assert server.opened == 1  # the connection was handed from one to the next


async def test_a_connection_that_is_not_kept_makes_place_for_another(serve: Serve, server: Answering) -> None:
    server.answer = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    proxy = await bounded(serve, server.port)
    with server.held():
        clients = await ask_in_order(proxy, 6)

    assert [(await client.read_response()).status for client in clients] == [200] * 6
    assert targets(server) == [b"/%d" % number for number in range(6)]
    assert (server.opened, server.most_open) == (6, 1)


async def test_a_connection_that_is_lost_makes_place_for_another(serve: Serve, server: Answering) -> None:
    server.answer = None
    proxy = await bounded(serve, server.port)
    with server.held():
        clients = await ask_in_order(proxy, 3)

    assert [(await client.read_response()).status for client in clients] == [502] * 3
    assert server.opened == 3


async def test_who_waits_for_too_long_is_told_to_come_again(serve: Serve, server: Answering) -> None:
    proxy = await bounded(serve, server.port, wait_s=0.1)
    with server.held():
        await ask_in_order(proxy, 1)
        client = await proxy.ask(GET)
        response = await client.read_response()

        check_problem(response, 503, "connection_limit_reached")
        assert response.values(b"retry-after") == [b"1"]
        assert proxy.upstream.waiting == 0
        await until(lambda: proxy.records)
        assert (proxy.records[0].status, proxy.records[0].error) == (503, "connection_limit_reached")


@pytest.mark.parametrize("waiting", [0, 1, 3])
async def test_who_finds_the_queue_full_is_told_at_once(serve: Serve, server: Answering, waiting: int) -> None:
    proxy = await bounded(serve, server.port, waiting=waiting)
    with server.held():
        clients = await ask_in_order(proxy, 1 + waiting)
        late = await proxy.ask(GET)
        check_problem(await late.read_response(), 503, "connection_limit_reached")
    assert [(await client.read_response()).status for client in clients] == [200] * (1 + waiting)
    await late.send(GET)
    assert (await late.read_response()).status == 200  # its connection stayed


async def test_a_client_that_leaves_gives_up_its_place(serve: Serve, server: Answering) -> None:
    proxy = await bounded(serve, server.port, waiting=2)
    with server.held():
        clients = await ask_in_order(proxy, 3)
        clients[1].reset()
        await until(lambda: proxy.upstream.waiting == 1)
        clients += await ask_in_order(proxy, 1, 3)
    assert [(await clients[number].read_response()).status for number in (0, 2, 3)] == [200] * 3
    assert targets(server) == [b"/0", b"/2", b"/3"]


async def test_a_request_with_content_waits_too_and_loses_nothing(serve: Serve, backend: Backend) -> None:
    proxy = await bounded(serve, backend.port)
    first = await proxy.ask(GET)
    origin = await backend.accept()
    await origin.read_request()
    second = await proxy.ask(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf ")
    await until(lambda: proxy.upstream.waiting == 1)
    await second.send(b"whole")
    await origin.send(OK)
    request = await origin.read_request()
    await origin.send(OK)

    assert request.body == b"half whole"
    assert [(await client.read_response()).status for client in (first, second)] == [200, 200]


async def test_tunnels_count(serve: Serve, backend: Backend) -> None:
    proxy = await bounded(serve, backend.port)
    tunnel = await proxy.ask(UPGRADE % 0)
    origin = await backend.accept()
    await origin.read_head()
    await origin.send(SWITCH)
    await tunnel.read_head()
    client = await proxy.ask(GET)
    await until(lambda: proxy.upstream.waiting == 1)
    tunnel.reset()
    await backend.answer_once(OK)

    assert (await client.read_response()).status == 200


async def test_where_one_address_is_full_another_is_asked(serve: Serve, server: Answering) -> None:
    other = Answering()
    await other.start()
    proxy = await bounded(serve, server.port, other.port, most=2)
    with server.held(), other.held():
        clients = await ask_in_order(proxy, 6)
        await until(lambda: len(server.requests) == len(other.requests) == 2)
        assert proxy.upstream.waiting == 2
    assert [(await client.read_response()).status for client in clients] == [200] * 6
    assert (server.most_open, other.most_open) == (2, 2)
    other.stop()


async def test_who_finds_one_address_dead_and_the_other_full_waits_for_that(serve: Serve, server: Answering) -> None:
    dead = Backend()
    dead.stop()
    proxy = await bounded(serve, server.port, dead.port)
    with server.held():
        clients = await ask_in_order(proxy, 1)
        clients += [await proxy.ask(GET) for _ in range(6)]
        await until(lambda: proxy.upstream.waiting == 6)

    assert [(await client.read_response()).status for client in clients] == [200] * 7
    assert server.most_open == 1


async def test_a_reload_leaves_nobody_waiting_for_ever(serve: Serve, server: Answering) -> None:
    proxy = await bounded(serve, server.port)
    with server.held():
        clients = await ask_in_order(proxy, 4)
        proxy.plane.adopt(generation(replace(upstream(Endpoint("127.0.0.1", server.port)), ejection=Ejection(9)), number=2))
    assert [(await client.read_response()).status for client in clients] == [200] * 4


# Any order of events.

STEPS = st.lists(st.sampled_from(["ask", "ask", "ask", "answer", "cut", "leave", "turn"]), max_size=40)


@settings(max_examples=40, deadline=None, suppress_health_check=[Slow.too_slow])
@given(STEPS, st.integers(1, 3), st.integers(0, 4), st.randoms(use_true_random=False))
def test_counts_agree_and_bounds_hold_whatever_happens(
    steps: list[str], most: int, waiting: int, chance: random.Random
) -> None:
    asyncio.run(_go_through(steps, most, waiting, chance))


async def _go_through(steps: list[str], most: int, waiting: int, chance: random.Random) -> None:
    servers = [Answering(), Answering()]
    for server in servers:
        await server.start()
    endpoints = (Endpoint("127.0.0.1", server.port) for server in servers)
    # Without ejection: while an address is avoided nobody is sent there only because the others are full.
    app = replace(upstream(*endpoints), queueing=Queueing(most, waiting, 60.0), ejection=None)
    plane = DataPlane(generation(app), lambda _: None)
    listening = await plane.loop.create_server(lambda: plane.client_protocol(secure=False), "127.0.0.1", 0)
    proxy = Proxy(plane, listening.sockets[0].getsockname()[1], [], listening)
    try:
        await _take(steps, proxy, servers, chance)
        for state in proxy.upstream.states():
            assert state.connections <= most
        assert all(server.most_open <= most for server in servers)
    finally:
        for server in servers:
            server.stop()
        await proxy.stop()
        await until(lambda: not any(server.open for server in servers))


async def _take(steps: list[str], proxy: Proxy, servers: list[Answering], chance: random.Random) -> None:
    queueing = proxy.upstream.settings.queueing
    clients: list[Peer] = []
    for server in servers:
        server.hold()
    for step in steps:
        busy = [server for server in servers if server.waiting]
        match step:
            case "ask":
                clients.append(await proxy.ask(GET))
            case "answer" if busy:
                chance.choice(busy).let_go()
            case "cut" if busy:
                chance.choice(busy).waiting.pop(0).transport.abort()
            case "leave" if clients:
                clients.pop(chance.randrange(len(clients))).reset()
            case _:
                await asyncio.sleep(0)
        await until(lambda: proxy.plane.connections == len(clients))
        _check_counts(proxy.upstream.states(), proxy.upstream.waiting, queueing)
    for server in servers:
        server.release()
    await until(lambda: not proxy.upstream.waiting and not any(state.outstanding for state in proxy.upstream.states()))


def _check_counts(states: tuple[AddressState, ...], waiting: int, queueing: Queueing) -> None:
    most = queueing.max_connections
    assert most is not None
    assert all(0 <= state.outstanding <= state.connections <= most for state in states), states
    assert all(state.outstanding + state.idle <= state.connections for state in states), states
    assert waiting <= queueing.max_waiting
    assert not waiting or all(state.connections == most and not state.idle for state in states), states
