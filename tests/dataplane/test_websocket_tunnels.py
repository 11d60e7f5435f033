"""WebSocket through a tunnel: every byte of every frame as it was sent, and a close frame of our own between two frames only.

(RFC 6455 §5.2, §5.5.1, §7.4.1)
"""

import asyncio
import random
import struct

import pytest
from support.generations import generation, upstream
from support.planes import Constant, Proxy, Serve
from support.wire import Backend, Peer, until

from xoproxy.config.settings import Timeouts
from xoproxy.dataplane import client as client_module

UPGRADE = b"GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: a\r\n\r\n"
GOING_AWAY = b"\x88\x02\x03\xe9"
MASK = bytes.fromhex("37fa213d")


def frame(first: int, payload: bytes = b"", *, masked: bool = False, length: int | None = None) -> bytes:
    """Return a frame.  `first`: FIN, RSV, opcode; `length`: how many more bytes its length takes; None: the fewest."""
    size = len(payload)
    if length is None:
        length = 0 if size < 126 else 2 if size < 65_536 else 8
    mark = 0x80 if masked else 0
    head = {0: struct.pack("!BB", first, mark | size & 0x7F)}.get(length) or (
        struct.pack("!BBH", first, mark | 126, size & 0xFFFF) if length == 2 else struct.pack("!BBQ", first, mark | 127, size)
    )
    return head + MASK + bytes(octet ^ MASK[at % 4] for at, octet in enumerate(payload)) if masked else head + payload


# What frames there are, and what only looks like some: none of it is the tunnel's business.
FRAMES = {
    "text": frame(0x81, b"hello"),
    "empty": frame(0x82),
    "two length bytes": frame(0x82, b"x" * 200),
    "eight length bytes": frame(0x82, b"y" * 70_000),
    "a longer length than needed": frame(0x82, b"z", length=8),
    "compressed": frame(0xC1, bytes.fromhex("f248cdc9c90700")),
    "reserved bits": frame(0xF2, b"r"),
    "reserved opcode": frame(0x83, b"o"),
    "a fragment": frame(0x01, b"first"),
    "a control frame between fragments": frame(0x89, b"ping"),
    "another fragment": frame(0x00, b"middle"),
    "the last fragment": frame(0x80, b"last"),
    "pong": frame(0x8A, b"p" * 125),
    "a control frame that is too long": frame(0x89, b"p" * 300),
    "a close without a code": frame(0x88),
    "a close with a code of one byte": frame(0x88, b"\x03"),
    "a close with a reason": frame(0x88, struct.pack("!H", 4999) + "über".encode()),
    "what looks like HTTP": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
}
MASKED = {name: frame(data[0], b"masked " + name.encode(), masked=True) for name, data in FRAMES.items()}


async def tunnel(proxy: Proxy, backend: Backend, request: bytes = UPGRADE, rest: bytes = b"") -> tuple[Peer, Peer]:
    """Return client and origin of a tunnel; the origin sends `rest` together with its head."""
    client = await proxy.ask(request)
    origin = await backend.accept()
    await origin.read_head()
    await origin.send(SWITCHED + rest)
    await client.read_head()
    return client, origin


@pytest.mark.parametrize("dripped", [False, True], ids=["in one piece", "byte by byte"])
async def test_frames_pass_byte_for_byte(proxy: Proxy, backend: Backend, dripped: bool) -> None:
    """Both ways, whatever they are and wherever they are cut."""
    client, origin = await tunnel(proxy, backend)
    for name, data in FRAMES.items():
        if dripped and len(data) > 1000:
            continue
        masked = MASKED[name]
        await (client.drip(masked) if dripped else client.send(masked))
        assert await origin.read_exactly(len(masked)) == masked, name
        await asyncio.gather(origin.drip(data) if dripped else origin.send(data), client.expect(data))


async def test_frames_sent_together_with_the_handshake_arrive(proxy: Proxy, backend: Backend) -> None:
    """Before the 101, with it, and cut in the middle of a frame by it: bytes of the tunnel are no request and no head."""
    early, late = b"".join(MASKED.values()), b"".join(FRAMES.values())
    client, origin = await tunnel(proxy, backend, UPGRADE + early[:50], late[:50])
    await client.send(early[50:])
    await origin.expect(early)
    await asyncio.gather(origin.send(late[50:]), client.expect(late))


async def test_random_bytes_cut_at_random_pass_both_ways_at_once(proxy: Proxy, backend: Backend) -> None:
    """They are no frames at all, which is for the two ends to find out."""
    chance = random.Random(6455)
    up, down = chance.randbytes(1 << 20), chance.randbytes(1 << 20)
    client, origin = await tunnel(proxy, backend)

    async def send(peer: Peer, data: bytes) -> None:
        while data:
            cut = chance.randrange(1, 30_000)
            await peer.send(data[:cut])
            data = data[cut:]

    await asyncio.gather(send(client, up), send(origin, down), origin.expect(up), client.expect(down))
    client.reset()
    record = await proxy.record()
    assert (record.status, record.request_bytes, record.response_bytes) == (101, len(up), len(down))


# Draining.


async def drained(proxy: Proxy, client: Peer, origin: Peer) -> tuple[bytes, bytes]:
    """Return what client and origin get when the time for draining is over."""
    proxy.plane.start_draining()
    proxy.plane.end_tunnels()
    return await client.read_rest(), await origin.read_rest()


def unmasked(data: bytes) -> bytes:
    """Return a short masked frame as if it were none.  Empty if there is none."""
    if not data:
        return b""
    mask = data[2:6]
    assert mask != bytes(4)
    return bytes((data[0], data[1] & 0x7F)) + bytes(octet ^ mask[at % 4] for at, octet in enumerate(data[6:]))


WHOLE, WHOLE_MASKED = FRAMES["text"], MASKED["text"]


@pytest.mark.parametrize(
    ("up", "down", "at_origin", "at_client"),
    [
        pytest.param(b"", b"", GOING_AWAY, GOING_AWAY, id="nothing was sent"),
        pytest.param(WHOLE_MASKED, WHOLE, GOING_AWAY, GOING_AWAY, id="whole frames"),
        pytest.param(MASKED["a fragment"], FRAMES["a fragment"], GOING_AWAY, GOING_AWAY, id="between fragments"),
        pytest.param(WHOLE_MASKED[:1], WHOLE, b"", GOING_AWAY, id="in the client's header"),
        pytest.param(WHOLE_MASKED[:4], WHOLE, b"", GOING_AWAY, id="in the client's mask"),
        pytest.param(WHOLE_MASKED[:-1], WHOLE, b"", GOING_AWAY, id="in the client's payload"),
        pytest.param(WHOLE_MASKED, WHOLE[:1], GOING_AWAY, b"", id="in the backend's header"),
        pytest.param(WHOLE_MASKED, FRAMES["eight length bytes"][:9], GOING_AWAY, b"", id="in the backend's length"),
        pytest.param(WHOLE_MASKED, FRAMES["eight length bytes"][:-1], GOING_AWAY, b"", id="in the backend's payload"),
        pytest.param(WHOLE_MASKED[:-1], WHOLE[:-1], b"", b"", id="in both payloads"),
        pytest.param(MASKED["a close with a reason"], WHOLE, b"", GOING_AWAY, id="after the client's close"),
        pytest.param(WHOLE_MASKED, FRAMES["a close with a reason"], GOING_AWAY, b"", id="after the backend's close"),
    ],
)
async def test_websocket_that_outlives_the_drain_is_told_between_two_frames(
    proxy: Proxy, backend: Backend, up: bytes, down: bytes, at_origin: bytes, at_client: bytes
) -> None:
    """Each side gets 1001 if its last frame is whole; towards the backend it is masked, as a client's frames are."""
    client, origin = await tunnel(proxy, backend)
    await client.send(up)
    await origin.expect(up)
    await origin.send(down)
    await client.expect(down)
    to_client, to_origin = await drained(proxy, client, origin)

    assert to_client == at_client
    assert unmasked(to_origin) == at_origin
    assert (await proxy.record()).error == "draining"
    client.close()
    await until(lambda: proxy.plane.connections == 0)


async def test_frames_sent_with_the_handshake_count_for_where_one_ends(proxy: Proxy, backend: Backend) -> None:
    client, origin = await tunnel(proxy, backend, UPGRADE + WHOLE_MASKED[:3], WHOLE[:3])
    await origin.expect(WHOLE_MASKED[:3])
    await client.expect(WHOLE[:3])

    assert await drained(proxy, client, origin) == (b"", b"")


async def test_tunnel_that_is_no_websocket_is_only_closed(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(UPGRADE.replace(b"websocket", b"chat/1"))
    origin = await backend.accept()
    await origin.read_head()
    await origin.send(SWITCHED.replace(b"websocket", b"chat/1"))
    await client.read_head()

    assert await drained(proxy, client, origin) == (b"", b"")


async def test_tunnel_goes_on_while_there_is_time_for_draining(proxy: Proxy, backend: Backend) -> None:
    client, origin = await tunnel(proxy, backend)
    proxy.plane.start_draining()
    await client.send(WHOLE_MASKED)
    await origin.expect(WHOLE_MASKED)
    await origin.send(WHOLE)
    await client.expect(WHOLE)

    assert await drained(proxy, client, origin) != (b"", b"")


async def test_what_was_sent_before_the_end_arrives_before_the_close_frame(proxy: Proxy, backend: Backend) -> None:
    """Also what still waits in our buffers because the client has not read it yet."""
    client, origin = await tunnel(proxy, backend)
    message = frame(0x82, b"m" * 300_000)
    await origin.send(message)
    await until(lambda: proxy.plane._connections and _passed(proxy) == len(message))
    to_client, _ = await drained(proxy, client, origin)

    assert to_client == message + GOING_AWAY


def _passed(proxy: Proxy) -> int:
    (connection,) = proxy.plane._connections
    assert connection._exchange is not None
    return connection._exchange.record.response_bytes


async def test_client_that_does_not_read_its_close_frame_is_given_up(
    serve: Serve, backend: Backend, constant: Constant
) -> None:
    constant(client_module, "LINGER_S", 0.1)
    proxy = await serve(generation(upstream(backend.endpoint), timeouts=Timeouts(body_s=0.2)), send_buffer=4096)
    client, origin = await tunnel(proxy, backend)
    await origin.send_what_fits(frame(0x82, b"m" * 16_000), 64 << 20)
    proxy.plane.start_draining()
    proxy.plane.end_tunnels()

    await origin.gone()
    await until(lambda: proxy.plane.connections == 0)
    client.close()
