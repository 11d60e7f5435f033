"""Connecting where a name has several addresses: staggered attempts, the first that stands wins.  (RFC 8305)"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from support.answering import Answering
from support.generations import APP, generation, upstream
from support.names import Names
from support.planes import Proxy, Serve
from support.problems import check_problem
from support.wire import Backend, TlsBackend, until

from xoproxy.config.settings import Ejection, Endpoint, KeyPair, Resolving, UpstreamTls
from xoproxy.dataplane.upstreams.connecting import client_context

GET = b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\nContent-Length: 2\r\n\r\nhi"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
KEEP = Resolving(60.0, 60.0)


@pytest.fixture
async def sound() -> AsyncIterator[Answering]:
    """Return an upstream that answers by itself."""
    made = Answering()
    await made.start()
    yield made
    made.stop()


async def dual(serve: Serve, port: int, *addresses: str, connect_s: float = 60.0, ejection: Ejection | None = None) -> Proxy:
    """Return a proxy whose upstream's name has these addresses."""
    settings = replace(upstream(Endpoint("app", port), connect_s=connect_s), ejection=ejection, resolving=KEEP)
    return await serve(generation(settings), look_up=Names(app=addresses).look_up)


@pytest.mark.parametrize("request_bytes", [GET, POST])
async def test_an_address_that_hangs_does_not_hold_up_the_others(serve: Serve, hanging: Backend, request_bytes: bytes) -> None:
    """Nothing was sent yet, so any request may be tried at any address."""
    backend = Backend(host="::1", port=hanging.port)
    proxy = await dual(serve, hanging.port, "127.0.0.1", "::1")
    clients = [await proxy.ask(request_bytes) for _ in range(2)]
    for _ in clients:
        await backend.answer_once(OK)

    assert [(await client.read_response()).status for client in clients] == [200, 200]
    backend.close()


async def test_an_address_that_refuses_costs_no_delay(serve: Serve) -> None:
    backend = Backend(host="::1")
    proxy = await dual(serve, backend.port, *[f"127.0.0.{number}" for number in range(2, 60)], "::1", connect_s=5.0)
    client = await proxy.ask(GET)
    await backend.answer_once(OK)

    assert (await client.read_response()).status == 200  # 58 delays would be longer than the time there is for connecting
    backend.close()


async def test_an_address_that_was_overtaken_is_asked_later_the_next_time(serve: Serve, hanging: Backend) -> None:
    """Else every other connection would cost a delay."""
    backend = Backend(host="::1", port=hanging.port)
    proxy = await dual(serve, hanging.port, "127.0.0.1", "::1", ejection=Ejection(1, 60.0, 60.0))
    clients = [await proxy.ask(GET) for _ in range(2)]
    for _ in clients:
        await backend.answer_once(OK)

    assert [(await client.read_response()).status for client in clients] == [200, 200]
    assert {state.ip: state.is_ejected for state in proxy.upstream.states()} == {"127.0.0.1": True, "::1": False}
    backend.close()


async def test_attempts_that_are_not_needed_are_given_up(serve: Serve, hanging: Backend) -> None:
    backend = Backend(host="::1", port=hanging.port)
    proxy = await dual(serve, hanging.port, "127.0.0.1", "::1")
    clients = [await proxy.ask(GET) for _ in range(2)]
    for _ in clients:
        await backend.answer_once(OK)
    for client in clients:
        assert (await client.read_response()).status == 200
    await until(lambda: not any(task.get_name().startswith("connect") for task in asyncio.all_tasks()))

    counted = {state.ip: (state.outstanding, state.connections) for state in proxy.upstream.states()}
    assert counted == {"127.0.0.1": (0, 0), "::1": (0, 2)}
    backend.close()


async def test_all_attempts_share_the_time_for_connecting(serve: Serve, hanging: Backend) -> None:
    proxy = await dual(serve, hanging.port, "127.0.0.1", "::ffff:127.0.0.1", connect_s=0.4, ejection=Ejection(1, 60.0, 60.0))
    client = await proxy.ask(GET)

    check_problem(await client.read_response(), 504, "connection_timeout")
    assert [state.is_ejected for state in proxy.upstream.states()] == [True, True]


async def test_a_client_that_leaves_ends_all_attempts(serve: Serve, hanging: Backend) -> None:
    proxy = await dual(serve, hanging.port, "127.0.0.1", "::ffff:127.0.0.1")
    client = await proxy.ask(GET)
    await until(lambda: sum(state.connections for state in proxy.upstream.states()) == 2)
    client.reset()
    await until(lambda: proxy.plane.connections == 0)
    await until(lambda: not any(task.get_name().startswith("connect") for task in asyncio.all_tasks()))

    assert [(state.outstanding, state.connections) for state in proxy.upstream.states()] == [(0, 0), (0, 0)]


async def test_an_address_that_closes_at_once_is_passed_over(serve: Serve, backend: Backend, sound: Answering) -> None:
    """Whether its end is seen before the request is sent, or after."""
    proxy = await serve(generation(upstream(backend.endpoint, Endpoint("127.0.0.1", sound.port))))
    with sound.held():
        clients = [await proxy.ask(GET) for _ in range(4)]
        for _ in range(2):
            (await backend.accept()).close()

    assert [(await client.read_response()).status for client in clients] == [200] * 4


# TLS.


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA, tmp_path: Path) -> UpstreamTls:
    """Return the settings of an upstream that wants to know who we are."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own = authority.issue_cert("xoproxy.example")
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "own.pem"))
    own.private_key_pem.write_to_path(str(tmp_path / "own.key"))
    return UpstreamTls(ca=str(tmp_path / "ca.pem"), key_pair=KeyPair(str(tmp_path / "own.pem"), str(tmp_path / "own.key")))


async def secure_backend(authority: trustme.CA, *, asks: bool, port: int = 0) -> tuple[TlsBackend, list[str]]:
    """Return an upstream called "app", behind TLS, and the names that were asked for."""
    names: list[str] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        peer = writer.get_extra_info("ssl_object").getpeercert() or {}
        alternatives = peer.get("subjectAltName", (("DNS", "nobody"),))
        body = alternatives[0][1].encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("app").configure_cert(context)
    context.sni_callback = lambda _socket, name, _context: names.append(str(name))
    if asks:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
    backend = TlsBackend(script)
    await backend.start(context)
    return backend, names


async def test_an_upstream_that_asks_who_we_are_is_shown_the_certificate(
    serve: Serve, authority: trustme.CA, trusting: UpstreamTls
) -> None:
    backend, names = await secure_backend(authority, asks=True)
    settings = upstream(Endpoint("app", backend.port, secure=True), tls=trusting)
    proxy = await serve(generation(settings), look_up=Names(app=["127.0.0.1"]).look_up)
    client = await proxy.ask(GET)
    response = await client.read_response()

    assert (response.status, response.body) == (200, b"xoproxy.example")
    assert names == ["app"]
    await backend.stop()


async def test_a_certificate_that_was_renewed_is_shown_to_connections_to_come(
    serve: Serve, authority: trustme.CA, trusting: UpstreamTls, tmp_path: Path
) -> None:
    """Under the same name; one that cannot be used leaves the old one in use."""
    backend, _ = await secure_backend(authority, asks=True)
    settings = upstream(Endpoint("app", backend.port, secure=True), tls=trusting)
    proxy = await serve(generation(settings), look_up=Names(app=["127.0.0.1"]).look_up)
    renewed = authority.issue_cert("renewed.example")
    renewed.cert_chain_pems[0].write_to_path(str(tmp_path / "own.pem"))
    with pytest.raises(ssl.SSLError):
        proxy.plane.renew_certificates()  # the key is still the old one
    before = await (await proxy.ask(GET)).read_response()
    renewed.private_key_pem.write_to_path(str(tmp_path / "own.key"))
    proxy.plane.renew_certificates()
    after = await (await proxy.ask(GET)).read_response()

    assert (before.body, after.body) == (b"xoproxy.example", b"renewed.example")
    await backend.stop()


async def test_without_a_certificate_such_an_upstream_is_a_502(
    serve: Serve, authority: trustme.CA, trusting: UpstreamTls
) -> None:
    backend, _ = await secure_backend(authority, asks=True)
    settings = upstream(Endpoint("app", backend.port, secure=True), tls=replace(trusting, key_pair=None))
    proxy = await serve(generation(settings), look_up=Names(app=["127.0.0.1"]).look_up)
    client = await proxy.ask(GET)

    assert (await client.read_response()).status == 502
    await backend.stop()


async def test_an_address_whose_handshake_hangs_or_fails_is_passed_over(
    serve: Serve, authority: trustme.CA, trusting: UpstreamTls, hanging: Backend
) -> None:
    """The race is for a connection that can be used, handshake included."""
    backend, _ = await secure_backend(authority, asks=False)
    mute, plain = Backend(), Backend()
    endpoints = [Endpoint("app", port, secure=True) for port in (mute.port, plain.port, hanging.port, backend.port)]
    settings = replace(upstream(*endpoints, tls=trusting), ejection=None)
    proxy = await serve(generation(settings), look_up=Names(app=["127.0.0.1"]).look_up)
    clients = [await proxy.ask(GET) for _ in endpoints]
    (await plain.accept()).close()

    assert [(await client.read_response()).status for client in clients] == [200] * 4
    await backend.stop()
    mute.close()
    plain.close()


@pytest.mark.parametrize("broken", ["certificate", "key"])
def test_a_certificate_that_cannot_be_used_is_an_error_at_once(trusting: UpstreamTls, broken: str, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    assert trusting.key_pair is not None
    pair = replace(trusting.key_pair, **{broken: str(tmp_path / "none.pem")})

    with pytest.raises(OSError):  # noqa: PT011  ssl.SSLError is one
        client_context(replace(trusting, key_pair=pair))
