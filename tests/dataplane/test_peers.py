"""Who a client is: an address, one that is trusted, a socket in the file system; and what a record tells of an exchange."""

import asyncio
import socket
from pathlib import Path

import pytest
from support.generations import APP, generation, upstream
from support.planes import Proxy, Serve
from support.wire import Backend, Peer, soon, until

from xoproxy.config.addresses import network
from xoproxy.dataplane.peers import UNIX_PEER, trusts

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /p?q HTTP/1.1\r\nHost: H.example:8080\r\nOrigin: " + APP + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("networks", "address", "trusted"),
    [
        ((), "127.0.0.1", False),
        (("127.0.0.0/8",), "127.0.0.1", True),
        (("127.0.0.0/8",), "128.0.0.1", False),
        (("10.0.0.0/8", "192.0.2.1/32"), "192.0.2.1", True),
        (("10.0.0.0/8",), "::ffff:10.1.2.3", True),
        (("::ffff:0:0/96",), "::ffff:10.1.2.3", False),  # an IPv4 peer is meant by its IPv4 address
        (("10.0.0.0/8",), "::1", False),
        (("2001:db8::/32",), "2001:db8::1", True),
        (("0.0.0.0/0", "::/0"), UNIX_PEER, False),
        (("10.0.0.0/8", "unix"), UNIX_PEER, True),
        (("unix",), "127.0.0.1", False),
    ],
)
def test_only_peers_in_the_listed_networks_are_trusted(networks: tuple[str, ...], address: str, trusted: bool) -> None:
    assert trusts(tuple(network(text) for text in networks), address) is trusted


async def unix_client(proxy: Proxy, path: Path) -> tuple[asyncio.Server, Peer]:
    """Let the proxy listen on `path` too; return that server and a client's connection to it."""
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(lambda: proxy.plane.client_protocol(secure=False), str(path))
    sock = socket.socket(socket.AF_UNIX)
    sock.setblocking(False)
    await soon(loop.sock_connect(sock, str(path)))
    client = Peer(sock)
    proxy.clients.append(client)
    return server, client


async def test_a_client_on_a_socket_in_the_file_system_is_served(proxy: Proxy, backend: Backend, tmp_path: Path) -> None:
    server, client = await unix_client(proxy, tmp_path / "front.sock")
    await client.send(GET)
    origin = await backend.accept()
    request = await origin.read_request()
    await origin.send(OK)

    assert (await client.read_response()).status == 200
    assert request.values(b"x-forwarded-for") == [b"unix"]
    assert (await proxy.record()).client == "unix"
    server.close()


async def test_a_client_on_a_socket_in_the_file_system_can_be_aborted(proxy: Proxy, backend: Backend, tmp_path: Path) -> None:
    server, client = await unix_client(proxy, tmp_path / "front.sock")
    await client.send(GET)
    origin = await backend.answer_once(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    await client.read_until(b"half")
    origin.close()

    await client.gone()
    assert (await proxy.record()).error == "http_response_incomplete"
    server.close()


async def test_a_record_tells_the_exchange(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), number=7))
    client = await proxy.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    await backend.answer_once(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    await client.read_response(b"POST")
    record = await proxy.record()

    assert (record.client, record.method, record.target, record.host) == ("127.0.0.1", b"POST", b"/p?q", b"H.example:8080")
    assert (record.origin, record.cors, record.reason) == (APP, "granted", "")
    assert (record.status, record.request_bytes, record.response_bytes, record.error) == (201, 3, 5, "")
    assert (record.upstream, record.route, record.generation) == (str(backend.endpoint), "routes[0]", 7)
    assert record.upstream_s is not None
    assert 0 <= record.upstream_s <= record.duration_s
    assert record.started_at > 0


@pytest.mark.parametrize(
    ("origin_line", "cors", "reason"),
    [(b"", "none", ""), (b"Origin: https://evil.example\r\n", "refused", "origin"), (b"Origin: http://h\r\n", "none", "")],
    ids=["no origin", "another", "its own"],
)
async def test_a_record_tells_what_became_of_cors(
    proxy: Proxy, backend: Backend, origin_line: bytes, cors: str, reason: str
) -> None:
    client = await proxy.ask(GET[:-2] + origin_line + b"\r\n")
    await backend.answer_once(OK)
    await client.read_response()
    record = await proxy.record()

    assert (record.cors, record.reason) == (cors, reason)


@pytest.mark.parametrize("bad", [b"xyz\r\n", b"4\r\nhalf!\r\n"])
async def test_a_bad_chunk_after_the_answer_has_begun_aborts_both_sides(proxy: Proxy, backend: Backend, bad: bytes) -> None:
    client = await proxy.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n")
    origin = await backend.accept()
    await origin.read_head()
    await origin.expect(b"4\r\ngood\r\n")
    await origin.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    await client.read_until(b"half")
    await client.send(bad)

    assert (await origin.read_until_ended())[0] == b""
    assert await client.read_until_reset() == b""
    assert (await proxy.record()).error == "http_request_error"
    await until(lambda: proxy.plane.connections == 0)
