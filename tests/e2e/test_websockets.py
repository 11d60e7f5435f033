"""WebSocket through a real proxy: what two ends agree on and send each other is theirs alone.  (RFC 6455, RFC 7692)

Both ends are the `websockets` package; raw frames are in tests/dataplane/test_websocket_tunnels.py.
"""

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.fixtures import ProxyFactory
from support.processes import Proxy
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

LIMIT_S = 30.0
MIB = 1 << 20
LARGE = 16 * MIB
APP = "https://app.example"

Handler = Callable[[ServerConnection], Awaitable[None]]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another proxy, which the environment may name, has no part in this."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


async def echo(ws: ServerConnection) -> None:
    """Return every message as it came, as long as there are any."""
    try:
        async for message in ws:
            await ws.send(message)
    except ConnectionClosed:
        pass


@asynccontextmanager
async def proxied(proxy: ProxyFactory, handler: Handler, more: str = "", **options: Any) -> AsyncIterator[Proxy]:
    """Run a WebSocket server behind a proxy; `more` of the policy file, `options` of the server."""
    async with asyncio.timeout(LIMIT_S), serve(handler, "127.0.0.1", 0, max_size=None, **options) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield await asyncio.to_thread(proxy, f"version: 1\nupstream: http://127.0.0.1:{port}\npolicy: isolated\n{more}")


def connected(proxy: Proxy, path: str = "/", **options: Any) -> connect:
    """Return a client's connection through the proxy."""
    return connect(f"ws://127.0.0.1:{proxy.port}{path}", max_size=None, **options)


def extensions(ws: ClientConnection | ServerConnection) -> list[str]:
    """Return the extensions in use, by name."""
    return [extension.name for extension in ws.protocol.extensions]


async def closed(ws: ClientConnection | ServerConnection) -> tuple[int, str] | None:
    """Return code and reason of the close frame that comes, None if the connection ends without one."""
    try:
        while True:
            await ws.recv()
    except ConnectionClosed as end:
        return None if end.rcvd is None else (end.rcvd.code, end.rcvd.reason)


async def test_subprotocol_is_chosen_by_the_server(proxy: ProxyFactory) -> None:
    supported = [Subprotocol("chat.v2"), Subprotocol("chat.v1")]
    async with proxied(proxy, echo, subprotocols=supported) as one:
        for offered, chosen in ((["chat.v1", "chat.v2"], "chat.v2"), (["chat.v1", "x"], "chat.v1")):
            async with connected(one, subprotocols=[Subprotocol(name) for name in offered]) as ws:
                await ws.send("hello")

                assert (ws.subprotocol, await ws.recv()) == (chosen, "hello")


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_compression_is_agreed_on_by_the_two_ends(proxy: ProxyFactory, compression: str | None) -> None:
    """A message that deflates well passes the proxy deflated, as the bytes it counted show."""
    at_server: list[list[str]] = []

    async def handler(ws: ServerConnection) -> None:
        at_server.append(extensions(ws))
        await echo(ws)

    async with proxied(proxy, handler) as one:
        async with connected(one, compression=compression) as ws:
            await ws.send("a" * MIB)
            assert await ws.recv() == "a" * MIB
            at_client = extensions(ws)
        await asyncio.to_thread(one.wait_for_output, '"event":"exchange"')
        record = next(json.loads(line) for line in one.output.splitlines() if '"event":"exchange"' in line)

    assert at_server == [at_client]
    assert at_client == (["permessage-deflate"] if compression else [])
    assert (record["request_bytes"] < MIB // 10) is (record["response_bytes"] < MIB // 10) is bool(compression)


async def test_fragments_arrive_as_they_were_sent(proxy: ProxyFactory) -> None:
    """Neither joined nor divided, in both directions, also empty ones."""
    fragments: list[str | bytes] = ["one", "", "three" * 1000, "four"]

    async def handler(ws: ServerConnection) -> None:
        got = [fragment async for fragment in ws.recv_streaming()]
        await ws.send(iter(got))
        await ws.wait_closed()

    async with proxied(proxy, handler, compression=None) as one, connected(one, compression=None) as ws:
        await ws.send(iter(fragments))
        back = [fragment async for fragment in ws.recv_streaming()]

    # The package ends a message it is given in parts by an empty fragment of its own, each way.
    assert [fragment for fragment in back if fragment] == [fragment for fragment in fragments if fragment]
    assert back[: len(fragments)] == fragments


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_messages_of_16_mib_pass_both_ways_at_once(proxy: ProxyFactory, compression: str | None) -> None:
    """Text, and bytes that do not deflate."""
    down = random.Random(7692).randbytes(LARGE)
    up = "xoproxy " * (LARGE // 8)
    came: list[str | bytes] = []

    async def handler(ws: ServerConnection) -> None:
        _, message = await asyncio.gather(ws.send(down), ws.recv())
        came.append(message)
        await ws.wait_closed()

    async with proxied(proxy, handler, compression=compression) as one, connected(one, compression=compression) as ws:
        _, message = await asyncio.gather(ws.send(up), ws.recv())
        await ws.close()

    assert message == down
    assert came == [up]


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1001, "going away"), (1011, "x" * 123), (3000, "registered"), (4999, "private, ü")]
)
@pytest.mark.parametrize("closer", ["client", "server"])
async def test_close_code_and_reason_arrive(proxy: ProxyFactory, closer: str, code: int, reason: str) -> None:
    """And the one who closed gets the same back, which is the other's answer."""
    at_server: asyncio.Queue[tuple[int, str] | None] = asyncio.Queue()

    async def handler(ws: ServerConnection) -> None:
        if closer == "server":
            await ws.close(code, reason)
        at_server.put_nowait(await closed(ws))

    async with proxied(proxy, handler) as one, connected(one) as ws:
        if closer == "client":
            await ws.close(code, reason)

        assert await closed(ws) == (code, reason)
        assert await at_server.get() == (code, reason)


@pytest.mark.parametrize("closer", ["client", "server"])
async def test_close_without_a_code_arrives_without_one(proxy: ProxyFactory, closer: str) -> None:
    """1005 is what the package calls it; it is never sent."""
    at_server: asyncio.Queue[tuple[int, str] | None] = asyncio.Queue()

    async def close_bare(ws: ClientConnection | ServerConnection) -> None:
        async with ws.send_context():
            ws.protocol.send_close()

    async def handler(ws: ServerConnection) -> None:
        if closer == "server":
            await close_bare(ws)
        at_server.put_nowait(await closed(ws))

    async with proxied(proxy, handler) as one, connected(one) as ws:
        if closer == "client":
            await close_bare(ws)

        assert await closed(ws) == (1005, "")
        assert await at_server.get() == (1005, "")


@pytest.mark.parametrize("closer", ["client", "server"])
async def test_connection_that_breaks_off_ends_without_a_close_frame(proxy: ProxyFactory, closer: str) -> None:
    """What ends abnormally is not made to look normal for the other side."""
    at_server: asyncio.Queue[tuple[int, str] | None] = asyncio.Queue()

    async def handler(ws: ServerConnection) -> None:
        await ws.send("ready")
        if closer == "server":
            ws.transport.abort()
        at_server.put_nowait(await closed(ws))

    async with proxied(proxy, handler) as one, connected(one) as ws:
        assert await ws.recv() == "ready"
        if closer == "client":
            ws.transport.abort()

        assert await at_server.get() is None
        assert await closed(ws) is None


async def test_pings_are_answered_by_the_other_end(proxy: ProxyFactory) -> None:
    """Not by the proxy: while the server is not reading no pong comes, whoever is in between."""
    may_read = asyncio.Event()

    async def handler(ws: ServerConnection) -> None:
        pong = await ws.ping(b"from the server")
        await pong
        ws.transport.pause_reading()
        await ws.send("paused")
        await may_read.wait()
        ws.transport.resume_reading()
        await echo(ws)

    async with proxied(proxy, handler, ping_interval=None) as one, connected(one, ping_interval=None) as ws:
        assert await ws.recv() == "paused"
        pong = await ws.ping(b"from the client")
        await asyncio.sleep(0.2)
        early = pong.done()
        may_read.set()
        await pong

    assert not early


async def test_text_stays_text_and_bytes_stay_bytes(proxy: ProxyFactory) -> None:
    messages: list[str | bytes] = [
        "",
        b"",
        "ü \U0001f600",
        b"\x00\xff",
        "x" * 65_535,
        b"x" * 65_536,
        "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ]
    async with proxied(proxy, echo) as one, connected(one) as ws:
        for message in messages:
            await ws.send(message)

        assert [await ws.recv() for _ in messages] == messages


async def test_many_at_once_do_not_meet(proxy: ProxyFactory) -> None:
    """Each gets its own messages, all of them, in their order."""

    async def talk(one: Proxy, number: int) -> bool:
        messages = [f"{number}/{at} " + "x" * (number * at % 3000) for at in range(20)]
        async with connected(one, compression=None) as ws:
            for message in messages:
                await ws.send(message)
            return [await ws.recv() for _ in messages] == messages

    async with proxied(proxy, echo) as one:
        assert all(await asyncio.gather(*(talk(one, number) for number in range(150))))


async def test_server_waits_for_a_client_that_does_not_read(proxy: ProxyFactory) -> None:
    """The proxy keeps no more than its buffers hold; everything arrives once the client reads."""
    total, sent = 96, 0

    async def handler(ws: ServerConnection) -> None:
        nonlocal sent
        for _ in range(total):
            await ws.send(b"m" * MIB)
            sent += 1
        await ws.wait_closed()

    async with proxied(proxy, handler, compression=None) as one, connected(one, compression=None, max_queue=1) as ws:
        while True:
            before = sent
            await asyncio.sleep(0.3)
            if sent == before:
                break
        stood_still_at = sent
        received = [len(await ws.recv()) for _ in range(total)]

    assert stood_still_at < total // 2
    assert received == [MIB] * total


ORIGINS = f"""
routes:
  - {{match: {{path: "/open/**"}}, policy: untouched}}
  - {{policy: {{corp: same-site, websocket_origins: ["{APP}"]}}}}
"""


@pytest.mark.parametrize(
    ("path", "origin", "opened"),
    [
        pytest.param("/", APP, True, id="listed"),
        pytest.param("/", "own", True, id="its own"),
        pytest.param("/", None, True, id="none: no browser"),
        pytest.param("/", "https://evil.example", False, id="another"),
        pytest.param("/", "http://app.example", False, id="another scheme"),
        pytest.param("/", "null", False, id="null"),
        pytest.param("/open/", "https://evil.example", True, id="a route that says nothing"),
    ],
)
async def test_only_pages_of_allowed_origins_open_websockets(
    proxy: ProxyFactory, path: str, origin: str | None, opened: bool
) -> None:
    """Another's handshake is answered with a readable 403 and never reaches the server."""
    asked: list[str | None] = []

    async def handler(ws: ServerConnection) -> None:
        assert ws.request is not None
        asked.append(ws.request.headers.get("Origin"))
        await echo(ws)

    async with proxied(proxy, handler, ORIGINS) as one:
        origin = one.origin() if origin == "own" else origin
        options = {"origin": Origin(origin) if origin is not None else None}
        if opened:
            async with connected(one, path, **options) as ws:
                await ws.send("hello")
                assert await ws.recv() == "hello"
        else:
            with pytest.raises(InvalidStatus) as refused:
                await connected(one, path, **options)
            response = refused.value.response
            problem = json.loads(response.body or b"")
            assert (response.status_code, problem["status"]) == (403, 403)
            assert response.headers["Content-Type"] == "application/problem+json"
            assert response.headers["Cross-Origin-Resource-Policy"] == "same-site"
            assert "origin" in problem["detail"]

    assert asked == ([origin] if opened else [])


async def test_websocket_has_the_time_for_draining_and_is_told_to_go_away(proxy: ProxyFactory) -> None:
    """After SIGTERM messages still pass; when the time is over both ends get a close frame 1001."""
    at_server: asyncio.Queue[tuple[int, str] | None] = asyncio.Queue()

    async def handler(ws: ServerConnection) -> None:
        await ws.send(await ws.recv())
        at_server.put_nowait(await closed(ws))

    async with proxied(proxy, handler, "timeouts: {drain: 1s}\n") as one, connected(one) as ws:
        one.send(signal.SIGTERM)
        await asyncio.to_thread(one.wait_for_output, '"event":"draining"')
        await ws.send("still here")

        assert await ws.recv() == "still here"
        assert await closed(ws) == (1001, "")
        assert await at_server.get() == (1001, "")
