"""Stopping: what is in flight is finished, what is idle ends, nothing new begins; what hangs is aborted."""

from support.planes import Proxy
from support.wire import Backend, soon, until

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_an_exchange_in_flight_is_finished_and_told_to_close(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET)
    origin = await backend.accept()
    await origin.read_request()
    proxy.plane.start_draining()
    await origin.send(OK)
    response = await client.read_response()

    assert response.values(b"connection") == [b"close"]
    assert response.body == b"ok"
    assert await client.read_rest() == b""
    client.close()
    assert await soon(proxy.plane.wait_closed(20.0)) is True


async def test_a_response_whose_head_was_sent_is_finished_and_its_connection_closed(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET)
    origin = await backend.answer_once(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
    await client.read_until(b"half")
    proxy.plane.start_draining()
    await origin.send(b"rest")

    assert await client.read_rest() == b"rest"
    assert await soon(proxy.plane.wait_closed(20.0)) is True


async def test_an_upload_in_flight_is_finished(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(POST + b"Content-Length: 8\r\n\r\nhalf")
    origin = await backend.accept()
    await origin.read_head()
    proxy.plane.start_draining()
    await client.send(b"rest")
    await origin.expect(b"halfrest")
    await origin.send(OK)

    assert (await client.read_response(b"POST")).status == 200


async def test_an_idle_connection_ends_at_once(proxy: Proxy, backend: Backend) -> None:
    fresh = await proxy.connect()
    used = await proxy.ask(GET)
    await backend.answer_once(OK)
    await used.read_response()
    await until(lambda: proxy.plane.connections == 2)
    proxy.plane.start_draining()

    assert await fresh.read_rest() == b""
    assert await used.read_rest() == b""
    assert await soon(proxy.plane.wait_closed(20.0)) is True


async def test_an_own_answer_while_draining_says_close(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET)
    origin = await backend.accept()
    await origin.read_request()
    proxy.plane.start_draining()
    origin.close()
    response = await client.read_response()

    assert response.status == 502
    assert response.values(b"connection") == [b"close"]
    assert await client.read_rest() == b""


async def test_requests_sent_ahead_are_not_lost_without_an_answer(proxy: Proxy, backend: Backend) -> None:
    """Either they are answered, or the answer before them said close: then the client knows to send them again."""
    client = await proxy.ask(GET + GET)
    origin = await backend.accept()
    await origin.read_request()
    proxy.plane.start_draining()
    await origin.send(OK)
    response = await client.read_response()

    assert response.values(b"connection") == [b"close"]
    assert await client.read_rest() == b""
    assert len(proxy.records) == 1


async def test_what_hangs_is_waited_for_and_then_aborted(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET)
    origin = await backend.accept()
    await origin.read_request()
    proxy.plane.start_draining()

    assert await soon(proxy.plane.wait_closed(0.05)) is False
    assert proxy.plane.connections == 1
    proxy.plane.abort()
    assert await soon(proxy.plane.wait_closed(20.0)) is True
    await client.gone()
    await origin.gone()
    assert (await proxy.record()).error == "draining"


async def test_aborting_ends_idle_upstream_connections(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET)
    origin = await backend.answer_once(OK)
    await client.read_response()
    proxy.plane.abort()

    await origin.gone()
    await client.gone()


async def test_there_is_nothing_to_wait_for_where_nobody_is_connected(proxy: Proxy) -> None:
    proxy.plane.start_draining()

    assert await proxy.plane.wait_closed(0.0) is True


async def test_a_tunnel_is_waited_for_while_draining(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
    origin = await backend.accept()
    await origin.read_head()
    await origin.send(b"HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
    await client.read_head()
    proxy.plane.start_draining()
    await client.send(b"still")

    await origin.expect(b"still")
    client.close()
    origin.close()
    assert await soon(proxy.plane.wait_closed(20.0)) is True


async def test_connections_may_ask_once_more_while_none_is_kept(proxy: Proxy, backend: Backend) -> None:
    """Fresh ones, idle ones, and one whose answer was begun before it could be told that it is the last."""
    fresh, used = await proxy.connect(), await proxy.ask(GET)
    origin = await backend.answer_once(OK)
    await used.read_response()
    begun = await proxy.ask(GET)
    await origin.read_request()
    await origin.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
    await begun.read_until(b"ha")
    await until(lambda: proxy.plane.connections == 3)
    proxy.plane.stop_keeping()
    await origin.send(b"lf")
    await begun.expect(b"lf")

    for client in (fresh, used, begun):
        await client.send(GET)
        await origin.read_request()
        await origin.send(OK)
        assert (await client.read_response()).values(b"connection") == [b"close"]
        assert await client.read_rest() == b""
        client.close()
    assert await soon(proxy.plane.wait_closed(20.0)) is True
