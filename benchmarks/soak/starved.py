"""A process without a descriptor left: new connections must wait or be refused, the others go on, and it recovers."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from benchmarks.soak.client import Client, request
from benchmarks.soak.proxy import Stage, staged, until
from benchmarks.soak.scenario import Outcome, Sizes, nothing_left

_KEPT: Final = 10
_STARVED_S: Final = 1.0
# Of one core, while nobody asks for anything.  One that spins takes all of it.
_MOST_CPU: Final = 0.5


async def starved(directory: Path, sizes: Sizes) -> Outcome:
    """No descriptor is left: it does not spin, it does not end, it serves whom it knows, it recovers."""
    async with staged(directory, "timeouts: {pool: 3s}\n") as stage, AsyncExitStack() as opened:
        kept = [await opened.enter_async_context(await Client.connect(stage.port)) for _ in range(_KEPT)]
        for client in kept:
            await client.ask(b"/small")
        before = await stage.proxy.figures()
        stage.proxy.reset_peak()
        stage.proxy.allow_descriptors(before.descriptors)
        waiting = [await opened.enter_async_context(await Client.connect(stage.port)) for _ in range(sizes.starved)]
        used_s = stage.proxy.cpu_s
        await asyncio.sleep(_STARVED_S)
        used_s = stage.proxy.cpu_s - used_s
        stage.require(used_s < _MOST_CPU * _STARVED_S, f"it spins: {used_s:.2f} s of processor time in {_STARVED_S} s")
        await _serves_whom_it_knows(stage, kept)
        peak_kib = stage.proxy.peak_kib
        for client in waiting:
            client.close()
        stage.proxy.allow_descriptors(1 << 20)
        stage.require(await until(lambda: stage.proxy.is_running), "it ended")
        after = await nothing_left(stage, before)
    said = f"{sizes.starved} connections without a descriptor for any, {used_s:.2f} s of processor time in {_STARVED_S:g} s"
    return Outcome(before, peak_kib, after, tuple(stage.failures), said)


async def _serves_whom_it_knows(stage: Stage, kept: list[Client]) -> None:
    """By the one connection to the backend that it has; where another one is needed there is a readable answer."""
    for client in kept:
        stage.require((await client.ask(b"/small")).status == 200, "a connection from before is not served")
    await kept[0].send(request(b"/part/10"))
    await kept[0].read_head()
    answer = await kept[1].ask(b"/small")
    stage.require(answer.status in {502, 503} and b"application/problem+json" in answer.head, f"no backend: {answer!r}")
    kept[0].reset()
