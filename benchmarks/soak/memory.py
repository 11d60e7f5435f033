"""Memory: bodies past slow peers, and connections that are kept."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from benchmarks.soak.client import Client, ClientError
from benchmarks.soak.proxy import staged
from benchmarks.soak.scenario import Outcome, Sizes, nothing_left, ready
from benchmarks.soak.traffic import NormalTraffic

_PIECE: Final = b"p" * (1 << 18)
_PAUSE_S: Final = 0.001  # after each piece
_WARM_UP: Final = 200  # connections, for what is allocated once
_AT_ONCE: Final = 100


async def download(directory: Path, sizes: Sizes) -> Outcome:
    """A large response to a client that reads more slowly than the backend sends."""
    return await _pass_body(directory, sizes.body_bytes, upload=False)


async def upload(directory: Path, sizes: Sizes) -> Outcome:
    """A large request to a backend that reads more slowly than the client sends."""
    return await _pass_body(directory, sizes.body_bytes, upload=True)


async def _pass_body(directory: Path, size: int, *, upload: bool) -> Outcome:
    async with staged(directory, "timeouts: {pool: 200ms}\n") as stage:
        before = await ready(stage)
        async with NormalTraffic(stage) as traffic, await Client.connect(stage.port) as client:
            passed = await (_upload(client, size) if upload else _download(client, size))
        peak_kib = stage.proxy.peak_kib
        stage.require(passed == size, f"{passed} of {size} bytes passed")
        after = await nothing_left(stage, before)
    said = f"{size >> 20} MiB to a slow {'backend' if upload else 'client'}"
    return Outcome(before, peak_kib, after, tuple(stage.failures), said, traffic.rounds)


async def _download(client: Client, size: int) -> int:
    await client.send(b"GET /bytes/%d HTTP/1.1\r\nHost: h\r\n\r\n" % size)
    await client.read_head()
    passed = 0
    while passed < size and (data := await client.receive(len(_PIECE))):
        passed += len(data)
        await asyncio.sleep(_PAUSE_S)
    return passed


async def _upload(client: Client, size: int) -> int:
    await client.send(b"POST /count-slowly HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
    for at in range(0, size, len(_PIECE)):
        await client.send(_PIECE[: size - at])
    return int((await client.read_answer()).body)


async def idle_connections(directory: Path, sizes: Sizes) -> Outcome:
    """Connections that were used once and are kept, while others work."""
    most = sizes.idle + _WARM_UP  # who idles holds one descriptor, not the two that the default bound reckons with
    settings = f"timeouts: {{pool: 200ms, idle: 10m}}\nlimits: {{connections: {most}}}\n"
    async with staged(directory, settings) as stage, AsyncExitStack() as opened:
        async with AsyncExitStack() as first:
            await _keep(stage.port, _WARM_UP, first)
        before = await ready(stage)
        clients = await _keep(stage.port, sizes.idle, opened)
        held = await stage.proxy.figures()
        async with NormalTraffic(stage) as traffic:
            await asyncio.sleep(1.0)
        answers = [(await client.ask(b"/small")).status for client in clients]
        peak_kib = stage.proxy.peak_kib
        stage.require(set(answers) == {200}, "a kept connection is not served any more")
        stage.require(held.descriptors >= before.descriptors + sizes.idle, "connections were not kept")
        await opened.aclose()
        after = await nothing_left(stage, before)
    each = (held.rss_kib - before.rss_kib) * 1024 // sizes.idle
    said = f"{sizes.idle} connections, {each / 1024:.1f} KiB each"
    return Outcome(before, peak_kib, after, tuple(stage.failures), said, traffic.rounds, each)


async def _keep(port: int, count: int, opened: AsyncExitStack) -> list[Client]:
    """Return connections that each have had an answer."""
    clients: list[Client] = []

    async def open_some(some: int) -> None:
        for _ in range(some):
            client = await opened.enter_async_context(await Client.connect(port))
            if (answer := await client.ask(b"/small")).status != 200:
                raise ClientError(f"connection {len(clients)} was answered with {answer.status}")
            clients.append(client)

    await asyncio.gather(*(open_some(count // _AT_ONCE) for _ in range(_AT_ONCE)))
    return clients
