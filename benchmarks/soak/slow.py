"""Peers that are slow on purpose, beside normal traffic: heads, bodies, readers.  (What "slowloris" and its kin do)

One half of each kind goes on for ever so slowly, the other half falls silent.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from benchmarks.soak.client import Client, ClientError
from benchmarks.soak.proxy import Stage, staged, until
from benchmarks.soak.scenario import Outcome, Sizes, nothing_left, ready
from benchmarks.soak.traffic import NormalTraffic

_SETTINGS: Final = "timeouts: {head: 2s, body: 2s, pool: 200ms}\n"
_DRIP_S: Final = 0.15
_SLOW_BODY: Final = b"b" * 20  # at a byte a drip longer than the deadline of a body that stands still
_LARGE: Final = 8 << 20  # more than the kernel's buffers take
_SLOWLY_READ: Final = 1 << 18
_READ_BYTES, _READ_S = 1 << 14, 0.25  # seldom: 500 of them must not be a load of their own
_SMALL_BUFFER: Final = 1 << 14

Peer = Callable[[Stage, int], Awaitable[str]]


async def slow_heads(directory: Path, sizes: Sizes) -> Outcome:
    """Heads that drip, or never end: each is answered with 408 at its deadline."""
    return await _beside_traffic(directory, sizes.peers, _slow_head, {"408": sizes.peers})


async def slow_bodies(directory: Path, sizes: Sizes) -> Outcome:
    """Bodies that drip are served, those that stop are answered with 408."""
    return await _beside_traffic(directory, sizes.peers, _slow_body, {"200": sizes.peers // 2, "408": sizes.peers // 2})


async def slow_readers(directory: Path, sizes: Sizes) -> Outcome:
    """Clients that read slowly get all; those that do not read are cut off, and never see a clean end."""
    return await _beside_traffic(directory, sizes.peers, _slow_reader, {"whole": sizes.peers // 2, "cut off": sizes.peers // 2})


async def _beside_traffic(directory: Path, count: int, peer: Peer, expected: dict[str, int]) -> Outcome:
    async with staged(directory, _SETTINGS) as stage:
        before = await ready(stage)
        async with NormalTraffic(stage) as traffic:
            ends = Counter(await asyncio.gather(*(_guarded(peer(stage, number)) for number in range(count))))
        peak_kib = stage.proxy.peak_kib
        stage.require(ends == Counter(expected), f"peers ended as {dict(ends)}, not as {expected}")
        after = await nothing_left(stage, before)
    said = ", ".join(f"{number} {end}" for end, number in sorted(ends.items()))
    return Outcome(before, peak_kib, after, tuple(stage.failures), said, traffic.rounds)


async def _guarded(peer: Awaitable[str]) -> str:
    try:
        return await peer
    except (OSError, TimeoutError, ClientError) as exc:
        return f"{type(exc).__name__}: {exc}"


async def _slow_head(stage: Stage, number: int) -> str:
    async with await Client.connect(stage.port) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ")
        drips = _drip(client, b"x" * 1000) if number % 2 else None
        return await _status_meanwhile(client, drips)


async def _slow_body(stage: Stage, number: int) -> str:
    async with await Client.connect(stage.port) as client:
        await client.send(b"POST /count HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(_SLOW_BODY))
        return await _status_meanwhile(client, _drip(client, _SLOW_BODY if number % 2 else b"b"))


async def _status_meanwhile(client: Client, sending: Coroutine[Any, Any, None] | None) -> str:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(sending) if sending is not None else None
        answer = await client.read_answer()
        if task is not None:
            task.cancel()
    return str(answer.status)


async def _drip(client: Client, data: bytes) -> None:
    with suppress(ConnectionError):  # it was given up: the answer says so
        for at in range(len(data)):
            await asyncio.sleep(_DRIP_S)
            await client.send(data[at : at + 1])


async def _slow_reader(stage: Stage, number: int) -> str:
    async with await Client.connect(stage.port, _SMALL_BUFFER) as client:
        if number % 2:
            await client.send(b"GET /bytes/%d HTTP/1.1\r\nHost: h\r\n\r\n" % _SLOWLY_READ)
            return await _read_slowly(client)
        await client.send(b"GET /bytes/%d HTTP/1.1\r\nHost: h\r\n\r\n" % _LARGE)
        head = await client.read_head()
        await until(client.is_ended)  # without reading
        rest, clean = await client.read_rest()
        return "a clean end" if clean else "cut off" if head and len(rest) < _LARGE else "whole"


async def _read_slowly(client: Client) -> str:
    await client.read_head()
    left = _SLOWLY_READ
    while left:
        data = await client.receive(min(left, _READ_BYTES))
        if not data:
            return "a clean end"
        left -= len(data)
        await asyncio.sleep(_READ_S)
    return "whole"
