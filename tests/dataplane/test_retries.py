"""Kept connections that turn out dead: what is sent again, what is not, and what no client notices.  (RFC 9112 §9.3.1)"""

import pytest
from support.generations import APP
from support.planes import Proxy
from support.problems import check_problem
from support.wire import Backend, Peer, until

GET = b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def kept(proxy: Proxy, backend: Backend) -> tuple[Peer, Peer]:
    """Return a client, and an upstream connection that carried an exchange and is idle."""
    client = await proxy.ask(GET)
    origin = await backend.answer_once(OK)
    await client.read_response()
    return client, origin


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS"])
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_kept_connection_that_dies_as_it_is_used_costs_an_idempotent_request_nothing(
    proxy: Proxy, backend: Backend, method: bytes, how: str
) -> None:
    client, origin = await kept(proxy, backend)
    await client.send(method + GET[3:])
    sent = (await origin.read_request()).head
    getattr(origin, how)()
    second = await backend.accept()
    again = (await second.read_request()).head
    await second.send(OK)

    assert again == sent
    assert (await client.read_response(method)).status == 200
    assert [record.error for record in proxy.records] == ["", ""]


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(POST + b"\r\n", id="POST"),
        pytest.param(b"patch" + GET[3:], id="an unknown method"),
        pytest.param(b"GET" + POST[4:] + b"Content-Length: 2\r\n\r\nhi", id="GET with content"),
        pytest.param(b"PUT" + POST[4:] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="PUT in chunks"),
    ],
)
async def test_no_other_request_is_sent_twice(proxy: Proxy, backend: Backend, request_bytes: bytes) -> None:
    client, origin = await kept(proxy, backend)
    await client.send(request_bytes)
    await origin.read_request()
    origin.close()

    check_problem(await client.read_response(), 502, "connection_terminated")
    assert not backend.is_called()


async def test_a_request_is_sent_a_second_time_but_not_a_third(proxy: Proxy, backend: Backend) -> None:
    client, origin = await kept(proxy, backend)
    await client.send(GET)
    await origin.read_request()
    origin.close()
    second = await backend.accept()
    await second.read_request()
    second.close()

    check_problem(await client.read_response(), 502, "connection_terminated")
    assert not backend.is_called()


async def test_the_second_sending_uses_a_new_connection(proxy: Proxy, backend: Backend) -> None:
    """The other kept connections may be as dead as the first."""
    clients = [await proxy.ask(GET) for _ in range(2)]
    origins = [await backend.accept() for _ in clients]
    for client, origin in zip(clients, origins, strict=True):
        await origin.read_request()
        await origin.send(OK)
        await client.read_response()
    await clients[0].send(GET)
    await origins[1].read_request()
    origins[1].close()
    await backend.answer_once(OK)

    assert (await clients[0].read_response()).status == 200


async def test_a_request_whose_answer_has_begun_is_not_sent_twice(proxy: Proxy, backend: Backend) -> None:
    client, origin = await kept(proxy, backend)
    await client.send(GET)
    await origin.read_request()
    await origin.send(b"HTTP")
    origin.close()

    check_problem(await client.read_response(), 502, "connection_terminated")
    assert not backend.is_called()


@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_an_upstream_that_was_restarted_serves_the_next_request(proxy: Proxy, backend: Backend, method: bytes) -> None:
    client, origin = await kept(proxy, backend)
    backend.stop()
    origin.close()
    backend.start()
    await until(lambda: _is_settled(proxy))
    await client.send(method + GET[3:])
    await backend.answer_once(OK)

    assert (await client.read_response()).status == 200


async def test_a_request_that_arrives_with_the_end_of_a_kept_connection_uses_a_new_one(proxy: Proxy, backend: Backend) -> None:
    """Not even a POST is lost on a connection that is known to have ended."""
    client, origin = await kept(proxy, backend)
    origin.close()
    client.send_now(POST + b"\r\n")
    await backend.answer_once(OK)

    assert (await client.read_response()).status == 200


def _is_settled(proxy: Proxy) -> bool:
    """Whether the data plane has noticed that its idle connections are gone."""
    return not any(pool._idle for pool in proxy.plane.upstream("app")._pools)


async def test_a_failed_exchange_does_not_hurt_the_next(proxy: Proxy, backend: Backend) -> None:
    backend.stop()
    client = await proxy.ask(GET + GET)
    statuses = [(await client.read_response()).status for _ in range(2)]
    backend.start()
    await client.send(GET)
    await backend.answer_once(OK)

    assert statuses == [502, 502]
    assert (await client.read_response()).status == 200
