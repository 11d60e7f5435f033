"""What may happen between two turns of the loop: nothing of it is lost, mistaken or believed."""

import asyncio
import socket
import struct
from dataclasses import replace

import pytest
from support.answering import OK
from support.generations import generation, upstream
from support.planes import Serve
from support.wire import Backend, until

from xoproxy.config.generation import Generation
from xoproxy.config.settings import Ejection, Endpoint, Queueing, Resolving, UnixPeers

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
SPOOFING = b"GET /spoofed HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.66\r\n\r\n"
NOW = struct.pack("ii", 1, 0)  # struct linger: close by a reset


def believing_unix(backend: Backend) -> Generation:
    made = generation(upstream(backend.endpoint))
    return replace(made, settings=replace(made.settings, trusted_proxies=(UnixPeers.UNIX,)))


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NOW)
    sock.close()


async def test_a_client_that_has_reset_its_connection_is_not_taken_for_one_on_a_unix_socket(
    serve: Serve, backend: Backend
) -> None:
    """The system does not know its name any more; who has none is not a trusted proxy for that."""
    proxy = await serve(believing_unix(backend))
    kept = await proxy.ask(GET)
    origin = await backend.accept()
    await origin.read_request()
    await origin.send(OK)
    await kept.read_response()
    for _ in range(5):
        gone = socket.create_connection(("127.0.0.1", proxy.port))  # accepted at the loop's next turn
        gone.sendall(SPOOFING)
        reset(gone)
    await kept.send(GET)

    assert b"/spoofed" not in await origin.read_head()
    await origin.send(OK)
    await kept.read_response()
    await until(lambda: proxy.plane.connections == 1)
    assert {record.client for record in proxy.records} == {"127.0.0.1"}


async def test_a_connection_that_is_handed_over_after_its_reset_is_no_unix_client_either(
    serve: Serve, backend: Backend
) -> None:
    proxy = await serve(believing_unix(backend))
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far = server.accept()[0]
    near.sendall(SPOOFING)
    reset(near)
    far.setblocking(False)
    try:
        await asyncio.get_running_loop().connect_accepted_socket(lambda: proxy.plane.client_protocol(secure=False), far)
    except OSError:
        far.close()
    await until(lambda: not proxy.plane.connections)

    assert proxy.records == []
    assert not backend.is_called()


async def test_an_answer_that_nobody_asked_for_is_not_the_next_ones(serve: Serve, backend: Backend) -> None:
    """It arrives on an idle connection together with the request that would have been sent there."""
    proxy = await serve(generation(upstream(backend.endpoint)))
    client = await proxy.ask(GET)
    origin = await backend.accept()
    await origin.read_request()
    await origin.send(OK)
    await client.read_response()
    await until(lambda: proxy.plane.upstream("app").states()[0].idle == 1)
    client.send_now(GET)
    origin.send_now(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nothers")
    fresh = await backend.accept()
    await fresh.read_request()
    await fresh.send(OK)

    assert (await client.read_response()).body == b"ok"


class Slow:
    """A resolver that answers when told."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = 0

    async def look_up(self, host: str, port: int) -> list[str]:
        self.asked += 1
        await self.may_answer.wait()
        return ["127.0.0.1"]


@pytest.mark.parametrize("ejection", [None, Ejection()], ids=["no-ejection", "ejection"])
async def test_a_connection_given_back_while_a_name_is_looked_up_is_used(
    serve: Serve, backend: Backend, ejection: Ejection | None
) -> None:
    names = Slow()
    settings = replace(
        upstream(Endpoint("app", backend.port)),
        queueing=Queueing(max_connections=1, max_waiting=10, wait_timeout_s=60.0),
        resolving=Resolving(0.0, 0.0),
        ejection=ejection,
    )
    proxy = await serve(generation(settings), look_up=names.look_up)
    first = await proxy.ask(GET)
    origin = await backend.accept()
    await origin.read_request()
    names.may_answer.clear()
    second = await proxy.ask(GET)
    await until(lambda: names.asked >= 2)
    await origin.send(OK)
    await first.read_response()
    await until(lambda: proxy.upstream.states()[0].idle == 1)
    names.may_answer.set()
    await origin.read_request()
    await origin.send(OK)

    assert (await second.read_response()).status == 200


async def test_a_connection_given_back_while_another_address_hangs_is_used(
    serve: Serve, backend: Backend, hanging: Backend
) -> None:
    settings = replace(
        upstream(backend.endpoint, hanging.endpoint, connect_s=0.5),
        queueing=Queueing(max_connections=1, max_waiting=10, wait_timeout_s=60.0),
    )
    proxy = await serve(generation(settings))
    clients = [await proxy.ask(GET) for _ in range(2)]  # one at each address
    origin = await backend.accept()
    for _ in clients:
        await origin.read_request()
        await origin.send(OK)

    assert [(await client.read_response()).status for client in clients] == [200, 200]
