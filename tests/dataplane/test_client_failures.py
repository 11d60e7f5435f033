"""What a client does wrong or leaves undone, and what becomes of its exchange and its connection."""

import asyncio
import gc
import socket

import pytest
from support.generations import APP, generation, upstream
from support.planes import Constant, Proxy, Serve
from support.problems import check_problem
from support.wire import Backend, Peer, until

from xoproxy.config.settings import Timeouts
from xoproxy.dataplane import client as client_module

GET = b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PIECE = b"x" * (1 << 16)


# The client goes away.


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_that_leaves_while_its_response_comes_ends_the_upstreams_connection(
    proxy: Proxy, backend: Backend, how: str
) -> None:
    client = await proxy.ask(GET)
    origin = await backend.answer_once(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + PIECE)
    await client.read_head()
    getattr(client, how)()
    sending = asyncio.ensure_future(origin.send(b"x" * 50_000_000))
    await asyncio.wait([sending])

    assert isinstance(sending.exception(), ConnectionError)
    assert (await proxy.record()).error == "client_disconnected"
    assert proxy.plane.connections == 0


@pytest.mark.parametrize("how", ["close", "reset", "half_close"])
@pytest.mark.parametrize(
    ("framing", "part"),
    [(b"Content-Length: 10\r\n\r\n", b"half"), (b"Transfer-Encoding: chunked\r\n\r\n", b"4\r\nhalf\r\n")],
    ids=["length", "chunked"],
)
async def test_an_upload_that_breaks_off_never_completes_at_the_upstream(
    proxy: Proxy, backend: Backend, how: str, framing: bytes, part: bytes
) -> None:
    client = await proxy.ask(POST + framing + part)
    origin = await backend.accept()
    await origin.read_head()
    await origin.expect(part)
    getattr(client, how)()
    rest, _ = await origin.read_until_ended()

    assert rest == b""
    record = await proxy.record()
    assert (record.status, record.request_bytes, record.error) == (0, 4, "client_disconnected")
    await until(lambda: proxy.plane.connections == 0)


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_that_leaves_before_the_answer_ends_the_upstreams_connection(
    proxy: Proxy, backend: Backend, how: str
) -> None:
    """A full close shows only when something is sent to it; a reset at once."""
    client = await proxy.ask(GET)
    origin = await backend.accept()
    await origin.read_request()
    getattr(client, how)()
    if how == "close":
        await origin.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        with pytest.raises(ConnectionError):
            await origin.send(b"x" * 50_000_000)
    await origin.gone()

    assert (await proxy.record()).error == "client_disconnected"


async def test_a_client_that_leaves_while_we_connect_leaves_nothing_behind(serve: Serve) -> None:
    stuck = Backend(backlog=0)
    fillers = [await stuck_connection(stuck) for _ in range(3)]
    proxy = await serve(generation(upstream(stuck.endpoint)))
    for _ in range(3):
        client = await proxy.ask(GET)
        await until(lambda: _connecting() == 1)
        client.reset()
        await until(lambda: _connecting() == 0)

    assert [record.error for record in proxy.records] == ["client_disconnected"] * 3
    assert proxy.plane.connections == 0
    for filler in fillers:
        filler.close()
    stuck.close()


async def stuck_connection(backend: Backend) -> Peer:
    """Take a place of the backlog."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(("127.0.0.1", backend.port))
    return Peer(sock)


def _connecting() -> int:
    return sum(task.get_name() == "connect to upstream" for task in asyncio.all_tasks())


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_a_client_that_closes_its_half_after_its_request_gets_its_answer(
    proxy: Proxy, backend: Backend, version: bytes
) -> None:
    client = await proxy.ask(GET.replace(b"1.1", version))
    client.half_close()
    origin = await backend.accept()
    await origin.read_request()
    await origin.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 100_000)
    await client.read_until(b"\r\n\r\n")
    await origin.send(b"x" * 100_000)

    assert await client.count(200_000) == 200_000
    assert await client.read_rest() == b""


@pytest.mark.parametrize(
    "sent", [b"", b"\r\n", b"\r", b"GET / HT"], ids=["nothing", "an empty line", "half of one", "half a head"]
)
async def test_a_client_that_closes_its_half_without_a_request_is_let_go(proxy: Proxy, sent: bytes) -> None:
    client = await proxy.ask(sent)
    await until(lambda: proxy.plane.connections == 1)
    client.half_close()

    await client.gone()
    await until(lambda: proxy.plane.connections == 0)


async def test_nothing_is_left_of_many_exchanges_that_were_aborted(proxy: Proxy, backend: Backend) -> None:
    before = len(asyncio.all_tasks())
    for number in range(60):
        client = await proxy.ask(GET if number % 2 else POST + b"Content-Length: 9\r\n\r\nhalf")
        origin = await backend.accept()
        await origin.read_head()
        if number % 3 == 1:
            await origin.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            await client.read_until(b"half")
        (client if number % 5 < 3 else origin).reset()
        if number % 5 < 3:
            await origin.gone()
        client.close()
    await until(lambda: proxy.plane.connections == 0)
    await until(lambda: len(asyncio.all_tasks()) == before)
    gc.collect()

    assert len(proxy.records) == 60
    leftovers = [type(o).__name__ for o in gc.get_objects() if type(o).__name__ in ("Exchange", "UpstreamConnection")]
    assert leftovers == []


# Deadlines.


async def test_a_head_that_does_not_come_is_a_408(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), timeouts=Timeouts(head_s=0.2)))
    client = await proxy.ask(GET[:-2])

    check_problem(await client.read_response(), 408, "client_timeout")
    assert await client.read_rest() == b""
    record = await proxy.record()
    assert (record.status, record.error, record.cors, record.origin) == (408, "client_timeout", "granted", APP)


async def test_the_deadline_of_a_head_is_not_moved_by_its_bytes(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), timeouts=Timeouts(head_s=0.3)))
    client = await proxy.ask(GET[:-2])
    number = 0
    while not proxy.records:
        number += 1
        await client.send(b"X-%d: y\r\n" % number)
        await asyncio.sleep(0.01)

    check_problem(await client.read_response(), 408, "client_timeout")


@pytest.mark.parametrize("used", [False, True])
async def test_an_idle_connection_is_closed_without_a_word(serve: Serve, backend: Backend, used: bool) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), timeouts=Timeouts(idle_s=0.2)))
    client = await proxy.connect()
    if used:
        await client.send(GET)
        await backend.answer_once(OK)
        await client.read_response()

    assert await client.read_rest() == b""
    assert len(proxy.records) == used


async def test_a_request_body_that_stops_coming_is_a_408(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), timeouts=Timeouts(body_s=0.2)))
    client = await proxy.ask(POST + b"Content-Length: 10\r\n\r\nhalf")
    origin = await backend.accept()
    response = await client.read_response(b"POST")

    check_problem(response, 408, "client_timeout")
    assert response.values(b"connection") == [b"close"]
    assert await client.read_rest() == b""
    await origin.gone()


async def test_a_request_body_that_the_upstream_does_not_take_is_a_504(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), timeouts=Timeouts(body_s=0.3)))
    client = await proxy.ask(POST + b"Content-Length: 100000000\r\n\r\n")
    await backend.accept()
    await client.send_what_fits(PIECE, 100_000_000)

    check_problem(await client.read_response(b"POST"), 504, "http_response_timeout")


async def test_a_client_that_does_not_take_its_response_is_aborted(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), timeouts=Timeouts(body_s=0.3)))
    client = await proxy.ask(GET)
    origin = await backend.answer_once(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
    await origin.send_what_fits(PIECE, 100_000_000)
    record = await proxy.record()

    assert (record.status, record.error) == (200, "client_timeout")
    await origin.gone()
    await client.gone()


async def test_a_body_that_keeps_coming_outlives_the_deadline_of_its_parts(serve: Serve, backend: Backend) -> None:
    """Progress moves the deadline: an exchange may last as long as it likes."""
    timeouts = Timeouts(idle_s=0.4, head_s=0.9, body_s=0.4)
    proxy = await serve(generation(upstream(backend.endpoint, response_s=0.4), timeouts=timeouts))
    client = await proxy.ask(GET)
    origin = await backend.answer_once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    await client.read_head()
    watch = await proxy.ask(b"GET")
    over = asyncio.ensure_future(watch.read_response())
    while not over.done():
        await origin.send(b"1\r\nx\r\n")
        await client.expect(b"1\r\nx\r\n")
        await asyncio.sleep(0.01)
    await origin.send(b"0\r\n\r\n")

    await client.expect(b"0\r\n\r\n")


async def test_after_an_answer_that_ends_the_connection_the_rest_is_discarded_for_a_moment(
    serve: Serve, backend: Backend, constant: Constant
) -> None:
    """Closing at once would reset the connection, and the client might lose the answer.  (RFC 9112 §9.6)"""
    constant(client_module, "LINGER_S", 0.3)
    proxy = await serve(generation(upstream(backend.endpoint)))
    client = await proxy.ask(b"BAD\r\n\r\n" + b"x" * 100_000)
    await client.send(b"y" * 300_000)
    response = await client.read_response()

    assert response.status == 400
    assert await client.read_rest() == b""
    await until(lambda: proxy.plane.connections == 0)
    assert len(proxy.records) == 1
