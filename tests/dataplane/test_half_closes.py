"""A client that closes its half of the connection, at every point of an exchange.  (RFC 9112 §9.6)

What was asked completely is answered; what was not is let go, and never completed towards the backend.
"""

import socket

import pytest
from support.planes import Proxy
from support.wire import Backend, until

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"G", b"GET / HTTP/1.1\r\n", GET[:-2], GET[:-1]])
async def test_what_is_no_whole_head_is_let_go_without_a_word(proxy: Proxy, backend: Backend, sent: bytes) -> None:
    client = await proxy.ask(sent)
    client.half_close()

    assert await client.read_rest() == b""
    await until(lambda: proxy.plane.connections == 0)
    assert proxy.records == []
    assert not backend.is_called()


@pytest.mark.parametrize(
    ("head", "body"),
    [
        pytest.param(POST, b"", id="before the body"),
        pytest.param(POST, b"hell", id="in the body"),
        pytest.param(CHUNKED, b"", id="before the first chunk"),
        pytest.param(CHUNKED, b"5", id="in a chunk's size"),
        pytest.param(CHUNKED, b"5\r\nhel", id="in a chunk's data"),
        pytest.param(CHUNKED, b"5\r\nhello\r\n", id="between chunks"),
        pytest.param(CHUNKED, b"5\r\nhello\r\n0\r\n", id="before the trailers"),
        pytest.param(CHUNKED, b"5\r\nhello\r\n0\r\nX: y\r\n", id="in the trailers"),
    ],
)
async def test_what_is_no_whole_request_is_never_completed(proxy: Proxy, backend: Backend, head: bytes, body: bytes) -> None:
    """The backend sees its connection end after what came."""
    client = await proxy.ask(head + body)
    origin = await backend.accept()
    await origin.read_head()
    client.half_close()
    came, _ = await origin.read_until_ended()
    await client.gone()

    assert body.startswith(came)
    assert (await proxy.record()).error == "client_disconnected"
    await until(lambda: proxy.plane.connections == 0)


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(GET, id="without a body"),
        pytest.param(POST + b"hello", id="with a body"),
        pytest.param(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", id="with a chunked body"),
    ],
)
@pytest.mark.parametrize("when", ["at once", "at the backend", "in the head", "in the body"])
async def test_what_was_asked_is_answered(proxy: Proxy, backend: Backend, request_bytes: bytes, when: str) -> None:
    """However far the answer is by then; afterwards the connection ends in good order."""
    client = await proxy.ask(request_bytes)
    if when == "at once":
        client.half_close()
    origin = await backend.accept()
    await origin.read_request()
    if when == "at the backend":
        client.half_close()
    await origin.send(OK[:20])
    if when == "in the head":
        client.half_close()
    await origin.send(OK[20:] + b"he")
    if when == "in the body":
        await client.read_head()
        client.half_close()
    await origin.send(b"llo")

    assert (await client.read_rest()).endswith(b"hello")
    record = await proxy.record()
    assert (record.status, record.error, record.response_bytes) == (200, "", 5)
    await until(lambda: proxy.plane.connections == 0)


async def test_between_two_requests_it_ends_the_connection(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(GET)
    await backend.answer_once(OK + b"hello")
    await client.read_response()
    client.half_close()

    assert await client.read_rest() == b""
    await until(lambda: proxy.plane.connections == 0)


@pytest.mark.parametrize("rest", [b"G", GET[:-1], b"POST / HTTP/1.1\r\nHost: h\r\n"])
async def test_half_a_request_behind_a_whole_one_is_let_go(proxy: Proxy, backend: Backend, rest: bytes) -> None:
    """The whole one is answered."""
    client = await proxy.ask(GET + rest)
    client.half_close()
    await backend.answer_once(OK + b"hello")

    assert (await client.read_rest()).endswith(b"hello")
    assert len(proxy.records) == 1
    await until(lambda: proxy.plane.connections == 0)


async def test_the_backend_may_close_its_half_first(proxy: Proxy, backend: Backend) -> None:
    """A body until close ends with it; the client's half is of no importance then."""
    client = await proxy.ask(GET.replace(b"1.1", b"1.0"))
    client.half_close()
    origin = await backend.answer_once(b"HTTP/1.1 200 OK\r\n\r\nhello")
    origin.half_close()

    assert (await client.read_rest()).endswith(b"hello")
    assert (await proxy.record()).error == ""
    await origin.gone()


async def test_a_client_that_may_have_gone_is_asked_whether_it_is_there(proxy: Proxy, backend: Backend) -> None:
    """A close of one half looks like a close of both: the system asks, and the end of the other half ends the exchange."""
    client = await proxy.ask(GET)
    origin = await backend.accept()
    await origin.read_request()
    [connection] = proxy.plane._connections
    ours = connection.transport.get_extra_info("socket")
    before = ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    client.half_close()
    await until(lambda: ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    assert not before
    assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 5
    await origin.send(OK + b"hello")
    assert (await client.read_response()).body == b"hello"
