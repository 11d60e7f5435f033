"""Content in each framing, both ways, and responses that have none.  (RFC 9112 §6, §7; RFC 9110 §15.2)"""

import pytest
from support.planes import Proxy
from support.wire import Backend

POST = b"POST / HTTP/1.1\r\nHost: h\r\n"
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
GET_1_0 = b"GET / HTTP/1.0\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKS = b'5;a=b;c="d"\r\nhello\r\n00a\r\n, world ab\r\n1\r\n!\r\n000\r\nX-Sum: 1\r\nx-odd:\xe4\r\n\r\n'


@pytest.mark.parametrize("body", [b"x", b"hello", bytes(range(256)) * 1024], ids=len)
async def test_a_request_body_with_a_length_passes(proxy: Proxy, backend: Backend, body: bytes) -> None:
    client = await proxy.ask(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    origin = await backend.accept()
    request = await origin.read_request()
    await origin.send(OK)

    assert request.body == body
    assert request.values(b"content-length") == [b"%d" % len(body)]
    assert (await client.read_response()).body == b"ok"
    assert (await proxy.record()).request_bytes == len(body)


async def test_a_request_body_of_length_zero_passes(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(POST + b"Content-Length: 0\r\n\r\n")
    origin = await backend.accept()
    request = await origin.read_request()
    await origin.send(OK)

    assert request.values(b"content-length") == [b"0"]
    assert (await client.read_response()).status == 200


@pytest.mark.parametrize("dripped", [False, True])
async def test_a_chunked_request_passes_with_its_extensions_and_trailers(proxy: Proxy, backend: Backend, dripped: bool) -> None:
    client = await proxy.ask(POST + b"Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n")
    await (client.drip if dripped else client.send)(CHUNKS)
    origin = await backend.accept()
    head = await origin.read_head()
    await origin.expect(CHUNKS)
    await origin.send(OK)

    assert head.count(b"Transfer-Encoding: chunked\r\n") == 1
    assert b"Trailer: X-Sum\r\n" in head
    assert (await client.read_response()).status == 200
    assert (await proxy.record()).request_bytes == len(b"hello, world ab!")


@pytest.mark.parametrize("dripped", [False, True])
async def test_a_chunked_response_passes_with_its_extensions_and_trailers(
    proxy: Proxy, backend: Backend, dripped: bool
) -> None:
    client = await proxy.ask(GET)
    origin = await backend.answer_once(b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n")
    await (origin.drip if dripped else origin.send)(CHUNKS)
    head = await client.read_head()

    await client.expect(CHUNKS)
    assert head.count(b"Transfer-Encoding: chunked\r\n") == 1
    assert b"Trailer: X-Sum\r\n" in head
    assert (await proxy.record()).response_bytes == len(b"hello, world ab!")


@pytest.mark.parametrize("size", [0, 1, 5, 300_000])
async def test_a_response_with_a_length_passes(proxy: Proxy, backend: Backend, size: int) -> None:
    client = await proxy.ask(GET)
    await backend.answer_once(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"z" * size)

    assert (await client.read_response()).body == b"z" * size
    assert (await proxy.record()).response_bytes == size


@pytest.mark.parametrize("body", [b"", b"x", b"hello" * 40_000], ids=len)
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_a_response_until_close_reaches_a_1_1_client_as_chunks(
    proxy: Proxy, backend: Backend, body: bytes, version: bytes
) -> None:
    client = await proxy.ask(GET)
    origin = await backend.answer_once(b"HTTP/" + version + b" 200 OK\r\nX-A: b\r\n\r\n")
    await origin.send(body)
    origin.close()
    response = await client.read_response()

    assert response.body == body
    assert response.head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert response.values(b"transfer-encoding") == [b"chunked"]
    assert response.values(b"connection") == []
    await client.send(GET)
    await backend.answer_once(OK)
    assert (await client.read_response()).body == b"ok"


@pytest.mark.parametrize("connection", [b"", b"Connection: keep-alive\r\n"])
async def test_a_response_until_close_reaches_a_1_0_client_until_close(
    proxy: Proxy, backend: Backend, connection: bytes
) -> None:
    client = await proxy.ask(GET_1_0[:-2] + connection + b"\r\n")
    origin = await backend.answer_once(b"HTTP/1.1 200 OK\r\n\r\nhello")
    origin.close()
    response = await client.read_response()

    assert response.body == b"hello"
    assert response.values(b"transfer-encoding") == []
    assert response.values(b"connection") == [b"close"]


@pytest.mark.parametrize("connection", [b"", b"Connection: keep-alive\r\n"])
@pytest.mark.parametrize("dripped", [False, True])
async def test_a_chunked_response_reaches_a_1_0_client_decoded(
    proxy: Proxy, backend: Backend, connection: bytes, dripped: bool
) -> None:
    client = await proxy.ask(GET_1_0[:-2] + connection + b"\r\n")
    origin = await backend.answer_once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    await (origin.drip if dripped else origin.send)(CHUNKS)
    head = await client.read_head()

    assert await client.read_rest() == b"hello, world ab!"
    assert b"chunked" not in head
    assert b"\r\nConnection: close\r\n" in head


async def test_a_1_0_client_keeps_its_connection_where_the_length_is_known(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.connect()
    for _ in range(2):
        await client.send(b"GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n")
        await backend.answer_once(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")

        assert (await client.read_response()).values(b"connection") == [b"keep-alive"]


@pytest.mark.parametrize(
    ("method", "head"),
    [
        pytest.param(b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", id="HEAD with Content-Length"),
        pytest.param(b"HEAD", b"HTTP/1.1 200 OK\r\n\r\n", id="HEAD without"),
        pytest.param(b"GET", b"HTTP/1.1 204 No Content\r\n\r\n", id="204"),
        pytest.param(b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\nETag: x\r\n\r\n", id="304"),
    ],
)
async def test_a_response_without_content_ends_with_its_head(
    proxy: Proxy, backend: Backend, method: bytes, head: bytes
) -> None:
    client = await proxy.ask(method + GET[3:])
    origin = await backend.answer_once(head)
    response = await client.read_response(method)
    await client.send(GET)
    await origin.read_request()
    await origin.send(OK)

    assert (response.body, response.values(b"transfer-encoding")) == (b"", [])
    assert all(line in response.lines for line in head.split(b"\r\n")[1:-2])
    assert (await client.read_response()).body == b"ok"
    assert proxy.records[0].response_bytes == 0


async def test_transfer_encoding_in_an_answer_to_head_is_not_passed_on(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(b"HEAD" + GET[3:])
    origin = await backend.answer_once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    response = await client.read_response(b"HEAD")
    await client.send(GET)
    await origin.read_request()
    await origin.send(OK)

    assert response.values(b"transfer-encoding") == []
    assert (await client.read_response()).body == b"ok"


async def test_interim_responses_go_out_before_the_final_one(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET)
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nlink: </b>\r\n"
    origin = await backend.answer_once(hints + b"Connection: x\r\nKeep-Alive: 1\r\n\r\n")
    await client.expect(hints + b"\r\n")
    await origin.send(b"HTTP/1.1 102 Processing\r\n\r\n" + OK)
    response = await client.read_response()

    assert (response.interim, response.status) == ([102], 200)


async def test_an_http_1_0_client_gets_no_interim_response(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET_1_0)
    await backend.answer_once(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK)

    assert (await client.read_head()).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_client_that_waits_for_100_gets_the_upstreams(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    origin = await backend.accept()
    head = await origin.read_head()
    await origin.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    await client.expect(b"HTTP/1.1 100 Continue\r\n\r\n")
    await client.send(b"hello")
    await origin.expect(b"hello")
    await origin.send(OK)
    response = await client.read_response(b"POST")

    assert b"\r\nExpect: 100-continue\r\n" in head
    assert response.body == b"ok"
    assert response.values(b"connection") == []


async def test_a_client_whose_expectation_fails_gets_the_answer_and_a_close(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    origin = await backend.accept()
    await origin.read_head()
    await origin.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
    response = await client.read_response(b"POST")

    assert response.status == 401
    assert response.values(b"connection") == [b"close"]
    assert await client.read_rest() == b""
    await origin.gone()


async def test_events_arrive_one_by_one(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET)
    origin = await backend.answer_once(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    await client.read_head()
    for number in range(5):
        event = b"10\r\ndata: event %03d\n\r\n" % number
        await origin.send(event)
        await client.expect(event)


async def test_events_of_a_stream_until_close_arrive_one_by_one(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET)
    origin = await backend.answer_once(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    await client.read_head()
    for number in range(5):
        event = b"data: event %03d\n" % number
        await origin.send(event)
        await client.expect(b"%x\r\n" % len(event) + event + b"\r\n")


async def test_an_answer_before_the_end_of_the_upload_reaches_the_client(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(POST + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000)
    origin = await backend.accept()
    await origin.read_head()
    await origin.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
    response = await client.read_response(b"POST")
    await client.send(b"y" * 100_000)  # it may not have looked yet

    assert (response.status, response.body) == (413, b"big")
    assert response.values(b"connection") == [b"close"]
    assert await client.read_rest() == b""
    await origin.gone()


async def test_an_answer_followed_by_a_reset_reaches_the_uploading_client(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(POST + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000)
    origin = await backend.accept()
    await origin.read_head()
    await origin.send(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig")
    origin.reset()

    assert (await client.read_response(b"POST")).status == 413


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nfirst.",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst.\r\n0\r\n\r\n",
    ],
)
async def test_request_and_response_may_stream_at_the_same_time(proxy: Proxy, backend: Backend, answer: bytes) -> None:
    client = await proxy.ask(POST + b"Content-Length: 8\r\n\r\nhalf")
    origin = await backend.accept()
    await origin.read_head()
    await origin.expect(b"half")
    at = answer.index(b"rst.")
    await origin.send(answer[:at])
    await client.read_until(b"fi")
    await client.send(b"rest")
    await origin.expect(b"rest")
    await origin.send(answer[at:])

    await client.expect(answer[at:])
