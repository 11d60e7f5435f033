"""TLS on either side: upstreams that are verified, clients that are told apart.  (RFC 9112 §9.7, §9.8)"""

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trustme
from support.generations import generation, upstream
from support.planes import Constant, Serve
from support.wire import Backend, SecurePeer, TlsBackend, until

from xoproxy.config.settings import Endpoint, Timeouts, UpstreamTls
from xoproxy.dataplane import client as client_module

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


# TLS on the upstream's side.


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return a certificate authority that nobody else trusts."""
    return trustme.CA()


@pytest.fixture
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """Return the context of a server that is called localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def trusting(authority: trustme.CA, tmp_path: Path) -> UpstreamTls:
    """Return the settings of an upstream whose authority is known."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return UpstreamTls(ca=str(path))


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
StartTls = Callable[[Script], Awaitable[TlsBackend]]


@pytest.fixture
async def tls_backend(server_context: ssl.SSLContext) -> AsyncIterator[StartTls]:
    """Return `tls_backend(script)`: an upstream behind TLS."""
    started: list[TlsBackend] = []

    async def start(script: Script) -> TlsBackend:
        started.append(TlsBackend(script))
        await started[-1].start(server_context)
        return started[-1]

    yield start
    for backend in started:
        await backend.stop()


async def serve_ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer request after request."""
    while head := await _head(reader):
        length = len(head)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + head)
    writer.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


async def test_an_upstream_over_tls_is_verified_and_kept(serve: Serve, tls_backend: StartTls, trusting: UpstreamTls) -> None:
    calls = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await serve_ok(reader, writer)

    backend = await tls_backend(script)
    proxy = await serve(generation(upstream(Endpoint("localhost", backend.port, secure=True), tls=trusting)))
    client = await proxy.connect()
    for _ in range(2):
        await client.send(GET)
        assert (await client.read_response()).body.startswith(b"GET / HTTP/1.1\r\nHost: h\r\n")

    assert calls == 1
    assert proxy.records[0].upstream == f"https://localhost:{backend.port}"


async def test_a_large_response_over_tls_passes(serve: Serve, tls_backend: StartTls, trusting: UpstreamTls) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(64):
            writer.write(b"x" * (1 << 16))
            await writer.drain()
        writer.close()

    backend = await tls_backend(script)
    proxy = await serve(generation(upstream(Endpoint("localhost", backend.port, secure=True), tls=trusting)))
    client = await proxy.ask(GET)

    assert len((await client.read_response()).body) == 4 << 20


@pytest.mark.parametrize(
    ("tls", "kind"),
    [
        pytest.param(lambda trusting: UpstreamTls(), "tls_certificate_error", id="unknown authority"),
        pytest.param(
            lambda trusting: UpstreamTls(trusting.ca, server_name="other.example"), "tls_certificate_error", id="other name"
        ),
    ],
)
async def test_an_upstream_that_cannot_be_verified_is_a_502(
    serve: Serve, tls_backend: StartTls, trusting: UpstreamTls, tls: Callable[[UpstreamTls], UpstreamTls], kind: str
) -> None:
    backend = await tls_backend(serve_ok)
    proxy = await serve(generation(upstream(Endpoint("localhost", backend.port, secure=True), tls=tls(trusting))))
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the backend's: its handshake failed
    client = await proxy.ask(GET)
    response = await client.read_response()

    assert response.status == 502
    assert json.loads(response.body)["type"] == f"urn:xoproxy:error:{kind}"
    assert (await proxy.record()).error == kind


async def test_verification_can_be_turned_off(serve: Serve, tls_backend: StartTls) -> None:
    backend = await tls_backend(serve_ok)
    proxy = await serve(generation(upstream(Endpoint("127.0.0.1", backend.port, secure=True), tls=UpstreamTls(verify=False))))
    client = await proxy.ask(GET)

    assert (await client.read_response()).status == 200


async def test_an_upstream_is_known_by_the_name_it_was_given(
    serve: Serve, tls_backend: StartTls, trusting: UpstreamTls
) -> None:
    backend = await tls_backend(serve_ok)
    tls = UpstreamTls(trusting.ca, server_name="localhost")
    proxy = await serve(generation(upstream(Endpoint("127.0.0.1", backend.port, secure=True), tls=tls)))
    client = await proxy.ask(GET)

    assert (await client.read_response()).status == 200


async def test_an_upstream_that_does_not_speak_tls_is_a_502(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(Endpoint("127.0.0.1", backend.port, secure=True))))
    client = await proxy.ask(GET)
    origin = await backend.accept()
    await origin.receive()
    await origin.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    response = await client.read_response()

    assert response.status == 502
    assert json.loads(response.body)["type"] == "urn:xoproxy:error:tls_protocol_error"


async def test_an_upstream_that_hangs_in_its_handshake_is_a_504(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(Endpoint("127.0.0.1", backend.port, secure=True), connect_s=0.3)))
    client = await proxy.ask(GET)
    await backend.accept()
    response = await client.read_response()

    assert response.status == 504
    assert json.loads(response.body)["type"] == "urn:xoproxy:error:connection_timeout"


# TLS on the client's side.


@pytest.fixture
def client_context(authority: trustme.CA) -> ssl.SSLContext:
    """Return the context of a client that trusts the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_a_client_over_tls_is_forwarded_as_https(
    serve: Serve, backend: Backend, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    proxy = await serve(generation(upstream(backend.endpoint)), secure=True, ssl=server_context)
    client = await SecurePeer.connect(await proxy.connect(), client_context)
    await client.send(GET)
    origin = await backend.accept()
    request = await origin.read_request()
    await origin.send(OK)

    assert request.values(b"x-forwarded-proto") == [b"https"]
    assert (await client.read_until(b"ok")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_connection_over_tls_ends_with_the_answer_that_says_so(
    serve: Serve, backend: Backend, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    proxy = await serve(generation(upstream(backend.endpoint)), secure=True, ssl=server_context)
    client = await SecurePeer.connect(await proxy.connect(), client_context)
    await client.send(GET[:-2] + b"Connection: close\r\n\r\n")
    await backend.answer_once(OK)

    assert (await client.read_rest()).endswith(b"\r\n\r\nok")
    client.close()
    await until(lambda: proxy.plane.connections == 0)


async def test_a_slow_reader_over_tls_gets_its_response_whole(
    serve: Serve,
    backend: Backend,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    constant: Constant,
) -> None:
    constant(client_module, "LINGER_S", 0.1)
    made = generation(upstream(backend.endpoint), timeouts=Timeouts(head_s=0.4))
    proxy = await serve(made, secure=True, ssl=server_context, send_buffer=4096)
    client = await SecurePeer.connect(await proxy.connect(receive_buffer=4096), client_context)
    await client.send(GET[:-2] + b"Connection: close\r\n\r\n")
    await backend.answer_once(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000)
    await until(lambda: proxy.records)
    watch = await SecurePeer.connect(await proxy.connect(), client_context)
    await watch.send(b"GET")
    assert b" 408 " in await watch.read_until(b"\r\n")

    assert (await client.read_rest()).count(b"x") >= 60_000


async def test_a_tunnel_over_tls_ends_with_either_side(
    serve: Serve, backend: Backend, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    proxy = await serve(generation(upstream(backend.endpoint)), secure=True, ssl=server_context)
    for ends_first in ("client", "origin"):
        client = await SecurePeer.connect(await proxy.connect(), client_context)
        await client.send(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        origin = await backend.accept()
        await origin.read_head()
        await origin.send(b"HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello")
        await client.read_until(b"hello")
        await client.send(b"bye")
        await origin.expect(b"bye")
        if ends_first == "client":
            client.close()
            assert await origin.read_rest() == b""
            origin.close()
        else:
            await origin.send(b"end")
            origin.close()
            assert await client.read_rest() == b"end"
            client.close()
        await until(lambda: proxy.plane.connections == 0)


async def test_a_client_over_tls_that_closes_before_its_answer_has_left(
    serve: Serve, backend: Backend, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    proxy = await serve(generation(upstream(backend.endpoint)), secure=True, ssl=server_context)
    client = await SecurePeer.connect(await proxy.connect(), client_context)
    await client.send(GET)
    origin = await backend.accept()
    await origin.read_request()
    client.close()

    await origin.gone()
    assert (await proxy.record()).error == "client_disconnected"


async def test_a_tunnel_to_an_upstream_over_tls_ends_with_either_side(
    serve: Serve, tls_backend: StartTls, trusting: UpstreamTls
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _head(reader)
        writer.write(b"HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello")
        writer.write(b"got " + await reader.read(100))
        writer.close()

    backend = await tls_backend(script)
    proxy = await serve(generation(upstream(Endpoint("localhost", backend.port, secure=True), tls=trusting)))
    for ends_first in (False, True):
        client = await proxy.ask(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        await client.read_until(b"hello")
        if ends_first:
            client.half_close()
            await client.gone()
        else:
            await client.send(b"bye")
            assert await client.read_rest() == b"got bye"
            client.close()
        await until(lambda: proxy.plane.connections == 0)


async def test_half_a_head_and_a_tls_end_are_no_line_in_the_log(
    serve: Serve,
    backend: Backend,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever can connect could fill the log with them."""
    proxy = await serve(generation(upstream(backend.endpoint)), secure=True, ssl=server_context)
    with caplog.at_level(logging.WARNING):
        client = await SecurePeer.connect(await proxy.connect(), client_context)
        await client.send(b"GET / HT")
        await client.end()
        await until(lambda: not proxy.plane.connections)

    assert caplog.records == []


async def test_a_websocket_over_tls_that_the_client_ends_ended_well(
    serve: Serve,
    backend: Backend,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    caplog: pytest.LogCaptureFixture,
) -> None:
    proxy = await serve(generation(upstream(backend.endpoint)), secure=True, ssl=server_context)
    with caplog.at_level(logging.WARNING):
        client = await SecurePeer.connect(await proxy.connect(), client_context)
        await client.send(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        origin = await backend.accept()
        await origin.read_request()
        await origin.send(b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        await client.read_until(b"\r\n\r\n")
        await client.send(b"last words")
        await client.end()

        assert await origin.read_until_ended() == (b"last words", True)
        await until(lambda: not proxy.plane.connections)
    record = await proxy.record()
    assert (record.status, record.error) == (101, "")
    assert caplog.records == []
