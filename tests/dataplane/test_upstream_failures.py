"""What an upstream does wrong, and what the client is told: a readable answer or an abort, never half a response as a whole."""

import asyncio
import socket

import pytest
from support.generations import APP, generation, upstream
from support.names import Names
from support.planes import Proxy, Serve
from support.problems import check_problem
from support.wire import Backend, Peer

from xoproxy.config.settings import Endpoint, Limits, Timeouts

GET = b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def check_failure(proxy: Proxy, client: Peer, status: int, kind: str) -> None:
    """The client gets such an answer, its connection stays, and the record says the same."""
    response = await client.read_response()

    check_problem(response, status, kind)
    assert response.values(b"connection") == []
    record = await proxy.record()
    assert (record.status, record.error, record.cors) == (status, kind, "granted")
    assert proxy.plane.connections == 1


async def test_an_upstream_that_refuses_is_a_502(proxy: Proxy, backend: Backend) -> None:
    backend.stop()
    client = await proxy.ask(GET)

    await check_failure(proxy, client, 502, "connection_refused")
    assert proxy.records[0].upstream == f"http://127.0.0.1:{backend.port}"


async def test_an_upstream_that_refuses_on_all_its_addresses_is_a_502(serve: Serve, backend: Backend) -> None:
    names = Names(two=["127.0.0.2", "127.0.0.3"])
    proxy = await serve(generation(upstream(Endpoint("two", backend.port))), look_up=names.look_up)

    await check_failure(proxy, await proxy.ask(GET), 502, "connection_refused")


@pytest.mark.parametrize("name", ["unresolvable.invalid", "a..b", "x" * 70 + ".invalid"])
async def test_an_upstream_whose_name_does_not_resolve_is_a_502(serve: Serve, name: str) -> None:
    proxy = await serve(generation(upstream(Endpoint(name, 80))))
    client = await proxy.ask(GET)

    await check_failure(proxy, client, 502, "dns_error")


async def test_an_upstream_that_hangs_at_connecting_is_a_504(serve: Serve) -> None:
    stuck = Backend(backlog=0)
    fillers = [await _knock(stuck.port) for _ in range(3)]
    proxy = await serve(generation(upstream(stuck.endpoint, connect_s=0.3)))
    client = await proxy.ask(GET)

    await check_failure(proxy, client, 504, "connection_timeout")
    stuck.close()
    for filler in fillers:
        filler.close()


async def _knock(port: int) -> socket.socket:
    """Begin to connect, and leave it at that."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(("127.0.0.1", port))
    await asyncio.sleep(0)
    return sock


@pytest.mark.parametrize("timeouts", [Timeouts(idle_s=0.1), Timeouts(head_s=0.1), Timeouts(body_s=0.1)])
async def test_connecting_has_its_own_deadline(serve: Serve, timeouts: Timeouts) -> None:
    stuck = Backend(backlog=0)
    fillers = [await _knock(stuck.port) for _ in range(3)]
    proxy = await serve(generation(upstream(stuck.endpoint, connect_s=0.6), timeouts=timeouts))
    client = await proxy.connect()
    await client.drip(GET[:5])
    await client.send(GET[5:])

    await check_failure(proxy, client, 504, "connection_timeout")
    stuck.close()
    for filler in fillers:
        filler.close()


async def test_an_upstream_that_hangs_before_its_answer_is_a_504(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint, response_s=0.2)))
    client = await proxy.ask(GET)
    origin = await backend.accept()

    await check_failure(proxy, client, 504, "http_response_timeout")
    await origin.gone()


async def test_an_upstream_that_hangs_in_its_head_is_a_504(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint, response_s=0.2)))
    client = await proxy.ask(GET)
    origin = await backend.answer_once(b"HTTP/1.1 200 OK\r\nContent-Le")

    await check_failure(proxy, client, 504, "http_response_timeout")
    await origin.gone()


async def test_an_upstream_that_hangs_after_the_request_body_is_a_504(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint, response_s=0.2)))
    client = await proxy.ask(POST + b"Content-Length: 4\r\n\r\nbody")

    await check_failure(proxy, client, 504, "http_response_timeout")


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n"])
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_an_upstream_that_breaks_off_before_its_head_is_whole_is_a_502(
    proxy: Proxy, backend: Backend, begun: bytes, how: str
) -> None:
    client = await proxy.ask(GET)
    origin = await backend.accept()
    await origin.read_request()
    await origin.send(begun)
    if b"103" in begun:
        await client.read_head()
    getattr(origin, how)()

    await check_failure(proxy, client, 502, "connection_terminated")


async def test_an_upstream_that_closes_a_fresh_connection_at_once_is_a_502(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET)
    origin = await backend.accept()
    origin.close()

    await check_failure(proxy, client, 502, "connection_terminated")
    assert not backend.is_called()


LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "begun",
    [LENGTH, CHUNKED, CHUNKED + b"4\r\nhalf\r\n", CHUNKED + b"a\r\nhalf", CHUNKED + b"4\r\nhalf\r\n0\r\nX-Sum: 1\r\n"],
)
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_an_upstream_that_breaks_off_in_its_body_aborts_the_client(
    proxy: Proxy, backend: Backend, begun: bytes, how: str
) -> None:
    client = await proxy.ask(GET)
    origin = await backend.accept()
    await origin.read_request()
    await origin.send(begun)
    head = await client.read_head()
    getattr(origin, how)()
    rest, _ = await client.read_until_ended()

    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert begun.endswith(rest)  # the length, or the last chunk, is missing
    record = await proxy.record()
    assert (record.status, record.error) == (200, "http_response_incomplete")


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_a_reset_is_no_end_of_a_body_until_close(proxy: Proxy, backend: Backend, version: bytes) -> None:
    client = await proxy.ask(GET.replace(b"1.1", version))
    origin = await backend.accept()
    await origin.read_request()
    await origin.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
    await client.read_until(b"half")
    origin.reset()
    rest, is_clean = await client.read_until_ended()

    assert rest in (b"", b"\r\n")
    assert not is_clean or version == b"1.1"  # the last chunk is missing; in 1.0 only a reset shows that the body is cut
    assert (await proxy.record()).error == "http_response_incomplete"


async def test_a_decoded_body_that_breaks_off_has_no_clean_end_either(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET.replace(b"1.1", b"1.0"))
    origin = await backend.accept()
    await origin.read_request()
    await origin.send(CHUNKED + b"4\r\nhalf\r\n")
    await client.read_until(b"half")
    origin.close()

    await client.read_until_reset()


@pytest.mark.parametrize(
    "bad", [b"xyz\r\n", b"4\r\nhalf!\r\n", b"-1\r\n", b"5\nhalf\r\n", b"0\r\nContent-Length: 3\r\n\r\n", b"4" * 5000]
)
async def test_a_bad_chunk_from_the_upstream_aborts_the_client(proxy: Proxy, backend: Backend, bad: bytes) -> None:
    client = await proxy.ask(GET)
    origin = await backend.answer_once(CHUNKED + b"4\r\ngood\r\n")
    await client.read_until(b"good\r\n")
    await origin.send(bad)
    rest, _ = await client.read_until_ended()

    assert not rest.endswith(b"0\r\n\r\n")
    assert (await proxy.record()).error == "http_protocol_error"
    await origin.gone()


async def test_a_body_that_hangs_aborts_the_client(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), timeouts=Timeouts(body_s=0.2)))
    client = await proxy.ask(GET)
    origin = await backend.answer_once(LENGTH)
    await client.read_until(b"half")
    await client.read_until_ended()

    record = await proxy.record()
    assert (record.status, record.response_bytes, record.error) == (200, 4, "http_response_timeout")
    await origin.gone()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", id="a list of lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", id="a negative length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="length and chunks"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", id="another coding"),
        pytest.param(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="chunks in 1.0"),
        pytest.param(b"HTTP/2.0 200 OK\r\n\r\n", id="another version"),
        pytest.param(b"HTTP/1.1 99 Low\r\n\r\n", id="a status too low"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX A: b\r\n\r\n", id="a bad name"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-A: b\r\n folded\r\n\r\n", id="a folded line"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-A: b\0\r\n\r\n", id="NUL"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-A: b\nX-B: c\r\n\r\n", id="a bare line feed"),
        pytest.param(b"HTTP/1.1 200 OK\nX-A: b\n\n", id="bare line feeds only"),
        pytest.param(b"\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", id="empty lines first"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", id="no HTTP at all"),
    ],
)
async def test_an_answer_that_is_no_valid_http_is_a_502(proxy: Proxy, backend: Backend, answer: bytes) -> None:
    client = await proxy.ask(GET)
    origin = await backend.answer_once(answer)

    await check_failure(proxy, client, 502, "http_protocol_error")
    await origin.gone()


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"], ids=["unfinished", "whole"])
async def test_a_response_head_larger_than_the_limit_is_a_502(serve: Serve, backend: Backend, end: bytes) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(response_head_bytes=1000)))
    client = await proxy.ask(GET)
    origin = await backend.answer_once(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 1000 + end)

    await check_failure(proxy, client, 502, "http_response_header_section_size")
    await origin.gone()


async def test_a_response_head_as_large_as_the_limit_passes(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(response_head_bytes=1000)))
    client = await proxy.ask(GET)
    start, end = b"HTTP/1.1 200 OK\r\nX-A: ", b"\r\nContent-Length: 0\r\n\r\n"
    await backend.answer_once(start + b"a" * (1000 - len(start) - len(end)) + end)

    assert (await client.read_response()).status == 200


async def test_interim_responses_without_end_are_a_502(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET)
    origin = await backend.answer_once(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
    response = await client.read_response()

    check_problem(response, 502, "http_protocol_error")
    await origin.gone()


async def test_an_upstream_that_owes_a_100_is_a_504(serve: Serve, backend: Backend) -> None:
    """The client waits for it, so it is not the client that is late.  (RFC 9110 §10.1.1)"""
    proxy = await serve(generation(upstream(backend.endpoint, response_s=0.2)))
    client = await proxy.ask(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    origin = await backend.accept()
    await origin.read_head()

    assert (await client.read_response(b"POST")).status == 504
    assert (await proxy.record()).error == "http_response_timeout"


@pytest.mark.parametrize(
    "answered", [pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="told-to"), pytest.param(b"", id="without-being-told")]
)
async def test_a_client_that_stops_in_its_upload_is_a_408(serve: Serve, backend: Backend, answered: bytes) -> None:
    """Once it may send, or does, it is the client that is waited for."""
    timeouts = Timeouts(idle_s=60.0, head_s=60.0, body_s=0.2)
    proxy = await serve(generation(upstream(backend.endpoint), timeouts=timeouts))
    client = await proxy.ask(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    origin = await backend.accept()
    await origin.read_head()
    if answered:
        await origin.send(answered)
        await client.expect(answered)
    else:
        await client.send(b"h")
        await origin.expect(b"h")

    assert (await client.read_response(b"POST")).status == 408
