"""What a client does wrong or leaves undone, and what becomes of its exchange and its connection."""

import asyncio
import gc
import json
import socket

import pytest
from support.generations import APP, READABLE, generation, upstream
from support.planes import Proxy, Serve
from support.wire import Backend, Message, Peer, until

from xoproxy.config.settings import Limits, Timeouts
from xoproxy.dataplane import client as client_module
from xoproxy.policy.routes import Match, Route

GET = b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PIECE = b"x" * (1 << 16)


def check_problem(response: Message, status: int, kind: str) -> None:
    """The answer is ours, a problem of that kind that a browser may read."""
    document = json.loads(response.body)

    assert response.status == document["status"] == status
    assert document["type"] == f"urn:xoproxy:error:{kind}"
    assert document["detail"]
    assert response.values(b"content-type") == [b"application/problem+json"]
    assert response.values(b"access-control-allow-origin") == [APP]
    assert response.values(b"cross-origin-resource-policy") == [b"same-site"]
    assert response.values(b"vary") == [b"Origin"]


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
    serve: Serve, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing at once would reset the connection, and the client might lose the answer.  (RFC 9112 §9.6)"""
    monkeypatch.setattr(client_module, "LINGER_S", 0.3)
    proxy = await serve(generation(upstream(backend.endpoint)))
    client = await proxy.ask(b"BAD\r\n\r\n" + b"x" * 100_000)
    await client.send(b"y" * 300_000)
    response = await client.read_response()

    assert response.status == 400
    assert await client.read_rest() == b""
    await until(lambda: proxy.plane.connections == 0)
    assert len(proxy.records) == 1


# Limits.


def post(body: bytes, *, chunked: bool) -> bytes:
    if chunked:
        return POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    return POST + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_request_body_as_large_as_the_limit_passes(serve: Serve, backend: Backend, chunked: bool) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(request_body_bytes=1000)))
    client = await proxy.ask(post(b"x" * 1000, chunked=chunked))
    await backend.answer_once(OK)

    assert (await client.read_response(b"POST")).status == 200


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_request_body_larger_than_the_limit_is_a_413(serve: Serve, backend: Backend, chunked: bool) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(request_body_bytes=1000)))
    client = await proxy.ask(post(b"x" * 1001, chunked=chunked))
    response = await client.read_response(b"POST")

    check_problem(response, 413, "request_too_large")
    assert (await proxy.record()).status == 413


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_request_behind_a_body_that_is_too_large_is_answered_or_its_connection_ends(
    serve: Serve, backend: Backend, chunked: bool
) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(request_body_bytes=1000)))
    client = await proxy.ask(post(b"x" * 1001, chunked=chunked) + b"BAD\r\n\r\n")
    response = await client.read_response(b"POST")

    assert response.status == 413
    if response.values(b"connection") == [b"close"]:
        assert await client.read_rest() == b""
    else:
        assert (await client.read_response()).status == 400


async def test_a_body_whose_length_is_too_large_is_refused_before_it_comes(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(request_body_bytes=1000)))
    client = await proxy.ask(POST + b"Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n")

    check_problem(await client.read_response(b"POST"), 413, "request_too_large")
    assert not backend.is_called()


async def test_a_body_that_grows_too_large_never_completes_at_the_upstream(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(request_body_bytes=1000)))
    client = await proxy.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n")
    origin = await backend.accept()
    await origin.read_head()
    await origin.expect(b"4\r\ngood\r\n")
    await client.send(b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n")

    check_problem(await client.read_response(b"POST"), 413, "request_too_large")
    assert (await origin.read_until_ended())[0] == b""


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"], ids=["unfinished", "whole"])
async def test_a_request_head_larger_than_the_limit_is_a_431(serve: Serve, backend: Backend, end: bytes) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(request_head_bytes=1000)))
    client = await proxy.ask(GET[:-2] + b"X: " + b"x" * 1000 + end)

    check_problem(await client.read_response(), 431, "http_request_error")
    assert await client.read_rest() == b""
    record = await proxy.record()
    assert (record.status, record.error, record.cors, record.origin) == (431, "http_request_error", "granted", APP)


async def test_a_request_head_as_large_as_the_limit_passes(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(request_head_bytes=1000)))
    filler = 1000 - len(GET) - len(b"X: \r\n")
    client = await proxy.ask(GET[:-2] + b"X: " + b"x" * filler + b"\r\n\r\n" + b"y" * 300)
    await backend.answer_once(OK)

    assert (await client.read_response()).status == 200


# Requests that cannot be read.


ORIGIN = b"Origin: " + APP + b"\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n" + ORIGIN + b"\r\n", 400, id="no Host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n" + ORIGIN + b"\r\n", 400, id="two Hosts"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a b\r\n" + ORIGIN + b"\r\n", 400, id="bad Host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n" + ORIGIN + b"X: y\n\r\n", 400, id="one bare line feed"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n" + ORIGIN + b"X: y\r\n z\r\n\r\n", 400, id="folded"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n" + ORIGIN + b"X : y\r\n\r\n", 400, id="space before the colon"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n" + ORIGIN + b"X: \0\r\n\r\n", 400, id="NUL"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\n" + ORIGIN + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", 400, id="two lengths"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\n" + ORIGIN + b"Content-Length: +2\r\n\r\nhi", 400, id="no plain length"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\n" + ORIGIN + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="CL and TE"
        ),
        pytest.param(b"POST / HTTP/1.0\r\nHost: a\r\n" + ORIGIN + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="TE in 1.0"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\n" + ORIGIN + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, id="gzip"),
        pytest.param(b"GET  / HTTP/1.1\r\nHost: a\r\n" + ORIGIN + b"\r\n", 400, id="two spaces"),
        pytest.param(b"GET / HTTP/2.0\r\nHost: a\r\n" + ORIGIN + b"\r\n", 505, id="another version"),
        pytest.param(b"GET x HTTP/1.1\r\nHost: a\r\n" + ORIGIN + b"\r\n", 400, id="a target without slash"),
        pytest.param(b"GET http://b/ HTTP/1.1\r\nHost: a\r\n" + ORIGIN + b"\r\n", 400, id="another authority"),
        pytest.param(b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n" + ORIGIN + b"\r\n", 501, id="CONNECT"),
    ],
)  # fmt: skip
async def test_a_request_that_cannot_be_trusted_is_refused_readably(
    proxy: Proxy, backend: Backend, request_bytes: bytes, status: int
) -> None:
    client = await proxy.ask(request_bytes)
    response = await client.read_response()

    check_problem(response, status, "http_request_error")
    assert response.values(b"connection") == [b"close"]
    assert await client.read_rest() == b""
    assert not backend.is_called()
    record = await proxy.record()
    assert (record.status, record.error) == (status, "http_request_error")


@pytest.mark.parametrize(
    "head", [b"GET / HTTP/1.1\nHost: a\n\n", b"GET / HTTP/1.1\r\nHost: a\r\n\n", b"GET / HTTP/1.1\nHost: a\n\r\n"]
)
async def test_a_head_that_ends_with_a_bare_line_feed_is_refused_at_once(proxy: Proxy, backend: Backend, head: bytes) -> None:
    client = await proxy.connect()
    await client.drip(head)

    assert (await client.read_response()).status == 400
    assert await client.read_rest() == b""
    assert not backend.is_called()


@pytest.mark.parametrize(
    "lines", [b"", b"Origin: https://evil.example\r\n", ORIGIN + ORIGIN], ids=["no origin", "another origin", "two origins"]
)
async def test_a_refusal_is_readable_for_no_other_origin(proxy: Proxy, lines: bytes) -> None:
    client = await proxy.ask(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
    response = await client.read_response()

    assert response.status == 400
    assert not [name for name, _ in response.fields if name.lower().startswith(b"access-control-")]
    assert response.values(b"vary") == [b"Origin"]


@pytest.mark.parametrize(
    "bad", [b"xyz\r\n", b"4\r\nhalf!\r\n", b"4\nhalf\r\n", b"0\r\nHost: b\r\n\r\n", b"0\r\nbad\r\n\r\n", b"9" * 5000]
)
async def test_a_bad_chunk_from_the_client_is_a_400_and_never_reaches_the_upstream(
    proxy: Proxy, backend: Backend, bad: bytes
) -> None:
    client = await proxy.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n")
    origin = await backend.accept()
    await origin.read_head()
    await origin.expect(b"4\r\ngood\r\n")
    await client.send(bad)
    response = await client.read_response(b"POST")

    check_problem(response, 400, "http_request_error")
    assert (await origin.read_until_ended())[0] == b""
    assert await client.read_rest() == b""


# Our own answers.


@pytest.fixture
async def nowhere(serve: Serve, backend: Backend) -> Proxy:
    """Return a proxy with one route, to /app."""
    routes = (Route("routes[0]", Match(path="/app"), "app", READABLE, "p"),)
    return await serve(generation(upstream(backend.endpoint), routes=routes))


async def test_a_request_without_a_route_is_a_404_and_the_connection_stays(nowhere: Proxy) -> None:
    client = await nowhere.connect()
    for _ in range(2):
        await client.send(GET)
        response = await client.read_response()

        check_problem(response, 404, "destination_not_found")
        assert response.values(b"connection") == []
    assert [(record.status, record.route) for record in nowhere.records] == [(404, "")] * 2


async def test_an_own_error_to_head_has_no_body(nowhere: Proxy, backend: Backend) -> None:
    client = await nowhere.ask(b"HEAD" + GET[3:] + GET.replace(b"/ ", b"/app "))
    head = await client.read_head()
    await backend.answer_once(OK)
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])

    assert head.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert length > 0
    assert (await client.read_response()).body == b"ok"


async def test_a_502_to_head_has_no_body(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(b"HEAD" + GET[3:])
    await backend.answer_once(b"nonsense\r\n\r\n")
    head = await client.read_head()
    await client.send(GET)
    await backend.answer_once(OK)

    assert head.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert (await client.read_response()).body == b"ok"


async def test_content_that_nobody_takes_ends_the_connection_with_the_answer(nowhere: Proxy) -> None:
    client = await nowhere.ask(POST + b"Content-Length: 28\r\n\r\nGET /app HTTP/1.1\r\nHost: h\r\n\r\n")
    response = await client.read_response(b"POST")

    check_problem(response, 404, "destination_not_found")
    assert response.values(b"connection") == [b"close"]
    assert await client.read_rest() == b""
    assert len(nowhere.records) == 1


@pytest.mark.parametrize(
    ("origin", "status", "cors"), [(APP, 204, "preflight-granted"), (b"https://evil.example", 403, "preflight-refused")]
)
async def test_a_preflight_is_answered_here(proxy: Proxy, backend: Backend, origin: bytes, status: int, cors: str) -> None:
    preflight = b"OPTIONS / HTTP/1.1\r\nHost: h\r\nOrigin: " + origin + b"\r\nAccess-Control-Request-Method: GET\r\n\r\n"
    client = await proxy.ask(preflight)
    response = await client.read_response(b"OPTIONS")

    assert response.status == status
    assert response.values(b"access-control-allow-origin") == ([origin] if status == 204 else [])
    assert b"Origin" in response.values(b"vary")[0]
    record = await proxy.record()
    assert (record.status, record.cors, record.route) == (status, cors, "routes[0]")
    assert not backend.is_called()
