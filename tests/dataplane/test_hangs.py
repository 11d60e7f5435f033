"""A backend that falls silent, at every point of an exchange.  (design: every wait has a deadline from the configuration)

Before the response's head is sent the client is told, afterwards its connection is reset: a truncated body has no clean end.
"""

import json

import pytest
from support.generations import generation, upstream
from support.planes import Proxy, Serve
from support.wire import Backend, Peer, until

from xoproxy.config.settings import Timeouts

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"
SHORT = Timeouts(idle_s=60.0, head_s=60.0, body_s=0.2, tunnel_s=60.0, pool_s=60.0)


@pytest.fixture
async def hasty(serve: Serve, backend: Backend) -> Proxy:
    """A proxy that waits for hardly anything."""
    return await serve(generation(upstream(backend.endpoint, response_s=0.2), timeouts=SHORT))


async def hang_after(hasty: Proxy, backend: Backend, request: bytes, sent: bytes) -> tuple[Peer, Peer]:
    """Return client and origin of an exchange in which the origin sends `sent` and nothing more."""
    client = await hasty.ask(request)
    origin = await backend.accept()
    await origin.read_head()
    await origin.send(sent)
    return client, origin


# What the backend sends before it falls silent, and the interim responses that the client gets.
BEFORE_THE_HEAD = {
    "at once": (b"", []),
    "in the status line": (b"H", []),
    "after the status line": (b"HTTP/1.1 200 OK\r\n", []),
    "in a field": (b"HTTP/1.1 200 OK\r\nContent-Le", []),
    "before the empty line": (LENGTH[:-2], []),
    "in the empty line": (LENGTH[:-1], []),
    "after an interim response": (HINTS, [103]),
    "in the head after it": (HINTS + b"HTTP/1.1 ", [103]),
}


async def test_silence_before_the_head_is_a_504(hasty: Proxy, backend: Backend) -> None:
    """Readable under the policy, and the client's connection is none the worse."""
    clients = {}
    for point, (sent, _) in BEFORE_THE_HEAD.items():
        clients[point] = await hang_after(hasty, backend, GET, sent)
    found = {point: await client.read_response() for point, (client, _) in clients.items()}
    for _, origin in clients.values():
        await origin.gone()
    again: list[bytes] = []
    origin = None
    for client, _ in clients.values():
        await client.send(GET)
        origin = origin or await backend.accept()
        await origin.read_head()
        await origin.send(LENGTH + b"hello")
        again.append((await client.read_response()).body)

    assert {point: (one.status, one.interim) for point, one in found.items()} == {
        point: (504, interim) for point, (_, interim) in BEFORE_THE_HEAD.items()
    }
    assert {json.loads(one.body)["type"] for one in found.values()} == {"urn:xoproxy:error:http_response_timeout"}
    assert all(one.values(b"Cross-Origin-Resource-Policy") == [b"same-site"] for one in found.values())
    assert again == [b"hello"] * len(clients)


AFTER_THE_HEAD = {
    "between head and body": LENGTH,
    "in a body": LENGTH + b"hell",
    "between head and first chunk": CHUNKED,
    "in a chunk's size": CHUNKED + b"5",
    "in the line end of a chunk's size": CHUNKED + b"5\r",
    "in a chunk's extension": CHUNKED + b"5;a=b",
    "before a chunk's data": CHUNKED + b"5\r\n",
    "in a chunk's data": CHUNKED + b"5\r\nhel",
    "after a chunk's data": CHUNKED + b"5\r\nhello",
    "between chunks": CHUNKED + b"5\r\nhello\r\n",
    "in the last chunk's size": CHUNKED + b"5\r\nhello\r\n0",
    "before the trailers": CHUNKED + b"5\r\nhello\r\n0\r\n",
    "between trailers": CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\n",
    "in the very last line end": CHUNKED + b"5\r\nhello\r\n0\r\n\r",
    "before a body until close": UNTIL_CLOSE,
    "in a body until close": UNTIL_CLOSE + b"hello",
}


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_silence_after_the_head_resets_the_client(hasty: Proxy, backend: Backend, version: bytes) -> None:
    """Also where an HTTP/1.0 client would take a close for the body's end."""
    request = b"GET / HTTP/%b\r\nHost: h\r\n\r\n" % version
    pairs = {point: await hang_after(hasty, backend, request, sent) for point, sent in AFTER_THE_HEAD.items()}
    ends = {point: await client.read_until_ended() for point, (client, _) in pairs.items()}
    for _, origin in pairs.values():
        await origin.gone()

    assert [point for point, (_, is_clean) in ends.items() if is_clean] == []
    assert all(rest.startswith(b"HTTP/1.1 200 OK\r\n") and not rest.endswith(b"0\r\n\r\n") for rest, _ in ends.values())
    assert [record.error for record in hasty.records] == ["http_response_timeout"] * len(pairs)


async def test_silence_after_a_whole_answer_costs_the_client_nothing(hasty: Proxy, backend: Backend) -> None:
    """It says that it closes and does not: its connection is ended, and never used again."""
    closing = LENGTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    client, origin = await hang_after(hasty, backend, GET, closing + b"hello")
    response = await client.read_response()
    await client.send(GET)
    await origin.gone()
    another = await backend.answer_once(LENGTH + b"again")

    assert response.body == b"hello"
    assert (await client.read_response()).body == b"again"
    another.close()


async def test_silence_after_the_answer_to_half_an_upload_ends_it(hasty: Proxy, backend: Backend) -> None:
    """The answer came early and says nothing of the rest: what the client still sends goes nowhere, and that ends."""
    upload = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345"
    client, origin = await hang_after(hasty, backend, upload, LENGTH + b"hello")
    response = await client.read_response()
    await origin.gone()

    assert response.body == b"hello"
    assert response.values(b"Connection") == [b"close"]
    client.close()
    await until(lambda: hasty.plane.connections == 0)


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["at once", "after 100"])
async def test_silence_after_an_upload_is_a_504(hasty: Proxy, backend: Backend, sent: bytes) -> None:
    """The deadline begins with the request's last byte."""
    upload = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    client, origin = await hang_after(hasty, backend, upload, sent)
    await client.send(b"hello")
    await origin.expect(b"hello")
    response = await client.read_response(b"POST")

    assert (response.status, response.interim) == (504, [100] if sent else [])
