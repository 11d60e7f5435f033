"""Whom an upstream's name stands for: several endpoints, a socket in the file system."""

import asyncio
import json
from pathlib import Path

import pytest
from support.generations import generation, upstream
from support.planes import Proxy, Serve
from support.wire import Backend, Peer, until

from xoproxy.config.settings import Endpoint

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def answer(origin: Peer) -> None:
    await origin.read_request()
    await origin.send(OK)


async def two(serve: Serve, first: Backend, second: Backend) -> Proxy:
    return await serve(generation(upstream(first.endpoint, second.endpoint)))


async def test_equally_busy_endpoints_take_turns(serve: Serve, backend: Backend) -> None:
    other = Backend()
    proxy = await two(serve, backend, other)
    clients = [await proxy.ask(GET) for _ in range(4)]
    for _ in range(2):
        await answer(await backend.accept())
        await answer(await other.accept())

    assert [(await client.read_response()).status for client in clients] == [200] * 4
    assert sorted(record.upstream for record in proxy.records) == sorted([str(backend.endpoint), str(other.endpoint)] * 2)
    other.close()


async def test_endpoints_that_take_turns_keep_their_connections(serve: Serve, backend: Backend) -> None:
    other = Backend()
    proxy = await two(serve, backend, other)
    client = await proxy.connect()
    serving = [asyncio.ensure_future(_serve_ok(origin)) for origin in (backend, other)]
    for _ in range(6):
        await client.send(GET)
        assert (await client.read_response()).status == 200

    assert [record.upstream for record in proxy.records].count(str(other.endpoint)) == 3
    assert not backend.is_called()
    assert not other.is_called()
    for task in serving:
        task.cancel()
    await asyncio.wait(serving)
    other.close()


async def _serve_ok(backend: Backend) -> None:
    """Take one connection, and answer all that comes on it."""
    origin = await backend.accept()
    while True:
        await answer(origin)


async def test_the_less_busy_endpoint_is_asked(serve: Serve, backend: Backend) -> None:
    other = Backend()
    proxy = await two(serve, backend, other)
    await proxy.ask(GET)
    await proxy.ask(GET)
    busy, free = await backend.accept(), await other.accept()
    await busy.read_request()
    for _ in range(3):
        await answer(free)
        await proxy.ask(GET)
    await answer(free)

    assert not backend.is_called()
    other.close()


@pytest.mark.parametrize("request_bytes", [GET, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"])
async def test_a_dead_endpoint_is_skipped(serve: Serve, backend: Backend, request_bytes: bytes) -> None:
    """Nothing was sent to it, so any request may go to the next one."""
    dead = Backend()
    dead.stop()
    proxy = await two(serve, dead, backend)
    clients = [await proxy.ask(request_bytes) for _ in range(3)]
    for _ in clients:
        await answer(await backend.accept())

    assert [(await client.read_response()).status for client in clients] == [200] * 3
    assert {record.upstream for record in proxy.records} == {str(backend.endpoint)}


async def test_where_all_endpoints_are_dead_the_client_is_told(serve: Serve, backend: Backend) -> None:
    other = Backend()
    backend.stop()
    other.stop()
    proxy = await two(serve, backend, other)
    client = await proxy.ask(GET + GET)

    assert [(await client.read_response()).status for _ in range(2)] == [502, 502]


async def test_a_failed_endpoint_is_asked_again_once_it_is_back(serve: Serve, backend: Backend) -> None:
    other = Backend()
    proxy = await two(serve, backend, other)
    other.stop()
    for _ in range(4):
        client = await proxy.ask(GET)
        origin = await backend.accept()
        await answer(origin)
        assert (await client.read_response()).status == 200
        origin.close()
    other.start()
    clients = [await proxy.ask(GET) for _ in range(2)]
    await answer(await backend.accept())
    await answer(await other.accept())

    assert [(await client.read_response()).status for client in clients] == [200, 200]
    other.close()


async def test_clients_that_left_while_we_connected_do_not_count(serve: Serve, backend: Backend) -> None:
    """Else their endpoint would look busy for ever."""
    other = Backend()
    proxy = await two(serve, backend, other)
    for _ in range(10):
        client = await proxy.ask(GET)
        await until(lambda: proxy.plane.connections == 1)
        client.reset()
        await until(lambda: proxy.plane.connections == 0)
    while backend.is_called() or other.is_called():
        pass

    await until(lambda: [pool.outstanding for pool in proxy.plane.upstream("app")._pools] == [0, 0])
    other.close()


async def test_an_upstream_may_be_a_socket_in_the_file_system(serve: Serve, tmp_path: Path) -> None:
    backend = Backend(path=str(tmp_path / "app.sock"))
    proxy = await serve(generation(upstream(backend.endpoint)))
    client = await proxy.ask(b"GET / HTTP/1.0\r\n\r\n")
    origin = await backend.accept()
    request = await origin.read_request()
    await origin.send(OK)

    assert request.values(b"host") == [b"localhost"]
    assert (await client.read_response()).body == b"ok"
    assert (await proxy.record()).upstream == f"http+unix:{backend.path}"
    backend.close()


async def test_a_socket_that_is_not_there_is_a_refused_connection(serve: Serve, tmp_path: Path) -> None:
    proxy = await serve(generation(upstream(Endpoint("", 0, unix_path=str(tmp_path / "none.sock")))))
    client = await proxy.ask(GET)
    response = await client.read_response()

    assert response.status == 502
    assert json.loads(response.body)["type"] == "urn:xoproxy:error:connection_refused"
