"""Connections that stay, on both sides: reuse, order, and what must not leak from one exchange into the next.  (RFC 9112 §9)"""

import pytest
from support.generations import APP, READABLE, generation, upstream
from support.planes import Constant, Proxy, Serve
from support.wire import Backend, Peer, until

from xoproxy.config.settings import Timeouts
from xoproxy.dataplane import client as client_module
from xoproxy.policy.routes import Match, Route

GET = b"GET /%d HTTP/1.1\r\nHost: a.example\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PREFLIGHT = b"OPTIONS / HTTP/1.1\r\nHost: a.example\r\nOrigin: " + APP + b"\r\nAccess-Control-Request-Method: GET\r\n\r\n"


async def answer(origin: Peer, body: bytes) -> bytes:
    """Read one request and answer it with `body`; return its target."""
    request = await origin.read_request()
    await origin.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return request.target


async def test_a_clients_connection_serves_request_after_request(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.connect()
    origin = None
    for number in range(3):
        await client.send(GET % number)
        origin = origin or await backend.accept()
        assert await answer(origin, b"%d" % number) == b"/%d" % number
        response = await client.read_response()
        assert response.body == b"%d" % number
        assert response.values(b"connection") == []


async def test_two_clients_use_one_upstream_connection_after_another(proxy: Proxy, backend: Backend) -> None:
    first = await proxy.ask(GET % 1)
    origin = await backend.accept()
    await answer(origin, b"1")
    await first.read_response()
    second = await proxy.ask(GET % 2)
    await answer(origin, b"2")

    assert (await second.read_response()).body == b"2"
    assert not backend.is_called()


async def test_exchanges_at_the_same_time_have_a_connection_each(proxy: Proxy, backend: Backend) -> None:
    clients = [await proxy.ask(GET % number) for number in range(3)]
    origins = [await backend.accept() for _ in clients]
    targets = [await answer(origin, b"x") for origin in reversed(origins)]

    assert sorted(targets) == [b"/0", b"/1", b"/2"]
    for client in clients:
        assert (await client.read_response()).status == 200


async def test_the_connection_used_last_is_used_first(proxy: Proxy, backend: Backend) -> None:
    clients = [await proxy.ask(GET % number) for number in range(2)]
    origins = [await backend.accept() for _ in clients]
    for client, origin in zip(clients, origins, strict=True):
        await answer(origin, b"x")
        await client.read_response()
    await clients[0].send(GET % 7)

    assert await answer(origins[1], b"x") == b"/7"


@pytest.mark.parametrize(
    ("request_bytes", "connection", "stays"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", [], True, id="1.1"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n", [b"close"], False, id="1.1 close"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: foo, close\r\n\r\n", [b"close"], False, id="1.1 foo, close"),
        pytest.param(b"GET / HTTP/1.0\r\nHost: h\r\n\r\n", [b"close"], False, id="1.0"),
        pytest.param(
            b"GET / HTTP/1.0\r\nHost: h\r\nConnection: Keep-Alive\r\n\r\n", [b"keep-alive"], True, id="1.0 keep-alive"
        ),
        pytest.param(
            b"GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive, close\r\n\r\n", [b"close"], False, id="1.0 keep-alive, close"
        ),
    ],
)
@pytest.mark.parametrize("own", [False, True], ids=["forwarded", "own answer"])
async def test_the_client_says_whether_its_connection_stays(
    serve: Serve, backend: Backend, request_bytes: bytes, connection: list[bytes], stays: bool, own: bool
) -> None:
    routes = (Route("routes[0]", Match(path="/nowhere" if own else None), "app", READABLE, "p"),)
    proxy = await serve(generation(upstream(backend.endpoint), routes=routes))
    client = await proxy.ask(request_bytes)
    if not own:
        await backend.answer_once(OK)
    response = await client.read_response()

    assert response.values(b"connection") == connection
    if stays:
        await client.send(request_bytes)
        await (client.read_head() if own else until(lambda: proxy.plane.connections == 1))
    else:
        assert await client.read_rest() == b""


async def test_an_upstream_that_says_close_is_not_used_again_and_the_client_stays(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET % 1)
    origin = await backend.answer_once(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
    response = await client.read_response()
    await client.send(GET % 2)
    await backend.answer_once(OK)

    assert response.values(b"connection") == []
    assert (await client.read_response()).body == b"ok"
    await origin.gone()


@pytest.mark.parametrize(("lines", "stays"), [(b"", False), (b"Connection: keep-alive\r\n", True)])
async def test_an_http_1_0_upstream_is_used_again_only_if_it_says_so(
    proxy: Proxy, backend: Backend, lines: bytes, stays: bool
) -> None:
    client = await proxy.ask(GET % 1)
    origin = await backend.answer_once(b"HTTP/1.0 200 OK\r\n" + lines + b"Content-Length: 2\r\n\r\nok")
    await client.read_response()
    await client.send(GET % 2)
    if stays:
        await answer(origin, b"2")
    else:
        await backend.answer_once(OK)
        await origin.gone()

    assert (await client.read_response()).status == 200


async def test_an_http_1_0_upstreams_answer_goes_out_as_1_1(proxy: Proxy, backend: Backend) -> None:
    """Each hop speaks its own version (RFC 9110 §6.2): 1.0 would end a connection that stays, and knows no 1xx."""
    client = await proxy.ask(GET % 1)
    await backend.answer_once(b"HTTP/1.0 103 Hints\r\n\r\nHTTP/1.0 200 Fine\r\nContent-Length: 2\r\n\r\nok")

    assert (await client.read_head()).startswith(b"HTTP/1.1 103 Hints\r\n")
    assert (await client.read_head()).startswith(b"HTTP/1.1 200 Fine\r\n")


async def test_pipelined_requests_are_answered_in_order(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(b"".join(GET % number for number in range(20)))
    origin = await backend.accept()
    for number in range(20):
        assert await answer(origin, b"%d" % number) == b"/%d" % number

    assert [(await client.read_response()).body for _ in range(20)] == [b"%d" % number for number in range(20)]


async def test_own_answers_keep_their_place_among_pipelined_requests(serve: Serve, backend: Backend) -> None:
    routes = (Route("routes[0]", Match(path="/*"), "app", READABLE, "p"),)
    proxy = await serve(generation(upstream(backend.endpoint), routes=routes))
    nowhere = b"GET /no/where HTTP/1.1\r\nHost: a.example\r\n\r\n"
    post = b"POST /2 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nbody"
    client = await proxy.ask(PREFLIGHT + nowhere + GET % 1 + nowhere + post + PREFLIGHT + GET % 3 + b"BAD\r\n\r\n" + GET % 4)
    origin = await backend.accept()
    targets = [await answer(origin, b"x") for _ in range(3)]
    statuses = [(await client.read_response()).status for _ in range(8)]

    assert targets == [b"/1", b"/2", b"/3"]
    assert statuses == [204, 404, 200, 404, 200, 204, 200, 400]
    assert await client.read_rest() == b""


async def test_requests_pipelined_before_a_half_close_are_all_answered(proxy: Proxy, backend: Backend) -> None:
    """As with ``printf ... | nc``: the client sends no more, but it reads."""
    client = await proxy.ask(b"".join(GET % number for number in range(3)))
    client.half_close()
    origin = await backend.accept()
    for number in range(3):
        await answer(origin, b"%d" % number)

    responses = [await client.read_response() for _ in range(3)]

    assert [response.body for response in responses] == [b"0", b"1", b"2"]
    assert [response.values(b"connection") for response in responses] == [[], [], [b"close"]]
    assert await client.read_rest() == b""


async def test_a_request_behind_a_body_is_the_next_request(proxy: Proxy, backend: Backend) -> None:
    chunked = b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    client = await proxy.ask(chunked + GET % 5)
    origin = await backend.accept()
    first = await origin.read_request()
    await origin.send(OK)

    assert (first.target, first.body) == (b"/c", b"abc")
    assert await answer(origin, b"5") == b"/5"
    assert [(await client.read_response()).body for _ in range(2)] == [b"ok", b"5"]


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", id="length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", id="chunked"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", id="204"),
        pytest.param(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", id="304"),
    ],
)
async def test_bytes_after_a_response_never_reach_the_next_exchange(proxy: Proxy, backend: Backend, response: bytes) -> None:
    client = await proxy.ask(GET % 1)
    origin = await backend.answer_once(response + b"HTTP/1.1 200 Poison\r\nContent-Length: 0\r\n\r\n")
    await client.read_response()
    await client.send(GET % 2)
    await backend.answer_once(OK)

    assert b"Poison" not in (await client.read_response()).head
    await origin.gone()


async def test_an_upstream_connection_that_speaks_unasked_is_closed(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET % 1)
    origin = await backend.answer_once(OK)
    await client.read_response()
    await origin.send(b"HTTP/1.1 200 Poison\r\nContent-Length: 0\r\n\r\n")
    await origin.gone()
    await client.send(GET % 2)
    await backend.answer_once(OK)

    assert b"Poison" not in (await client.read_response()).head


async def test_a_response_to_head_with_a_body_never_reaches_the_next_exchange(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
    await backend.answer_once(OK)
    await client.read_response(b"HEAD")
    await client.send(GET % 2)
    await backend.answer_once(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")

    assert (await client.read_response()).body == b"next"


async def test_an_idle_upstream_connection_ends_after_its_time(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), timeouts=Timeouts(pool_s=0.2)))
    client = await proxy.ask(GET % 1)
    origin = await backend.answer_once(OK)
    await client.read_response()

    await origin.gone()
    await client.send(GET % 2)
    await backend.answer_once(OK)
    assert (await client.read_response()).status == 200


async def test_a_reused_connection_does_not_keep_the_deadline_of_its_rest(serve: Serve, backend: Backend) -> None:
    """The exchange on it outlives the time that the connection might have been idle."""
    proxy = await serve(generation(upstream(backend.endpoint), timeouts=Timeouts(pool_s=0.3)))
    first, second = await proxy.ask(GET % 1), await proxy.ask(GET % 2)
    origins = [await backend.accept(), await backend.accept()]
    for origin in origins:
        await answer(origin, b"x")
    await first.read_response()
    await second.read_response()
    await first.send(GET % 3)
    await origins[1].read_request()
    await origins[0].gone()  # rested as long as the other one has
    await origins[1].send(OK)

    assert (await first.read_response()).status == 200


async def close_asked_for(proxy: Proxy, backend: Backend, after: bytes = b"") -> Peer:
    """Return a client that asked for the end of its connection, sent `after`, and has its answer."""
    client = await proxy.ask(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + after)
    origin = await backend.accept()
    await answer(origin, b"x")
    assert (await client.read_response()).body == b"x"
    return client


async def test_a_client_that_asked_for_the_end_is_not_waited_for(proxy: Proxy, backend: Backend, constant: Constant) -> None:
    """It sends nothing that a reset could cut off: its connection is closed whole, before it closes its own half."""
    constant(client_module, "LINGER_S", 3600.0)
    await close_asked_for(proxy, backend)

    await until(lambda: proxy.plane.connections == 0)


async def test_a_client_that_asked_for_the_end_and_goes_on_has_its_answer(proxy: Proxy, backend: Backend) -> None:
    """It breaks its word, and is read for a moment more, so that no reset overtakes the answer.  (RFC 9112 §9.6)"""
    client = await close_asked_for(proxy, backend, GET % 2)

    assert await client.read_rest() == b""
    assert not backend.is_called()
    assert len(proxy.records) == 1


async def test_a_preflight_that_asks_for_the_end_is_not_waited_for(serve: Serve, backend: Backend, constant: Constant) -> None:
    """Answers of our own end a connection in the same way."""
    constant(client_module, "LINGER_S", 3600.0)
    proxy = await serve(generation(upstream(backend.endpoint), routes=(Route("r", Match(), "app", READABLE, "p"),)))
    client = await proxy.ask(PREFLIGHT[:-2] + b"Connection: close\r\n\r\n")

    assert (await client.read_response()).status == 204
    await until(lambda: proxy.plane.connections == 0)
