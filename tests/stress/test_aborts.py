"""What a client or backend breaks off ends on its other side at once, long before any deadline: in a real process."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from benchmarks.soak.client import Client, request
from benchmarks.soak.proxy import Stage, staged, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the process is looked at in /proc")

UPLOAD = b"POST /count HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n" + b"u" * 100_000
CHUNKED = b"POST /silent HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
TUNNEL = b"GET /tunnel HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


async def in_a_download(client: Client) -> None:
    await client.send(request(b"/bytes/100000000"))
    await client.read_head()


async def in_a_pause_of_a_download(client: Client) -> None:
    await client.send(request(b"/part/1000"))
    await client.read_head()


async def in_an_upload(client: Client) -> None:
    await client.send(UPLOAD)


async def in_a_chunked_upload(client: Client) -> None:
    await client.send(CHUNKED)


async def before_an_answer(client: Client) -> None:
    await client.send(request(b"/silent"))


async def in_a_tunnel(client: Client) -> None:
    await client.send(TUNNEL)
    await client.read_head()


POINTS = (in_a_download, in_a_pause_of_a_download, in_an_upload, in_a_chunked_upload, before_an_answer, in_a_tunnel)


async def carried(stage: Stage) -> None:
    """Return once the backend has the connection that the exchange needs."""
    assert await until(lambda: stage.backend.connections == 1)


@pytest.mark.parametrize("reach", POINTS)
async def test_client_that_resets_ends_its_exchange_at_the_backend(
    tmp_path: Path, reach: Callable[[Client], Awaitable[None]]
) -> None:
    async with staged(tmp_path) as stage:
        before = await stage.proxy.figures()
        client = await Client.connect(stage.port)
        await reach(client)
        await carried(stage)
        client.reset()
        ended = await until(lambda: not stage.backend.connections)
        after = await stage.proxy.settled(before)

    assert ended
    assert after.descriptors <= before.descriptors  # fewer: the watch was just looking at its file
    assert after.tasks <= before.tasks
    assert stage.failures == []


async def test_upload_whose_client_closes_in_the_middle_ends_at_the_backend(tmp_path: Path) -> None:
    """A close says that nothing more comes; the request was not whole, so that there is nothing to wait for."""
    async with staged(tmp_path) as stage:
        for reach in (in_an_upload, in_a_chunked_upload):
            client = await Client.connect(stage.port)
            await reach(client)
            await carried(stage)
            client.close()

            assert await until(lambda: not stage.backend.connections)
    assert stage.failures == []


@pytest.mark.parametrize("target", [b"/refuse", b"/break/1000000"])
async def test_backend_that_dies_is_told_to_the_uploading_client(tmp_path: Path, target: bytes) -> None:
    """By a 502 where nothing was answered yet, by a reset afterwards; it need not send the rest to find out."""
    async with staged(tmp_path) as stage, await Client.connect(stage.port) as client:
        head = b"POST %b HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n" % target
        await client.send(head + b"u" * 100_000)
        if target == b"/refuse":
            assert (await client.read_answer()).status == 502
        else:
            rest, clean = await client.read_rest()
            assert rest.startswith(b"HTTP/1.1 200 ")
            assert not clean
    assert stage.failures == []
