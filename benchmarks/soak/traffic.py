"""Normal traffic, whose every request must be answered well, whatever else goes on."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from benchmarks.soak.backend import SMALL
from benchmarks.soak.client import Client, ClientError
from benchmarks.soak.proxy import Stage

CLIENTS: Final = 4
_PAUSE_S: Final = 0.005  # between two requests: this is to be a neighbour, not a load of its own
_UPLOAD: Final = b"u" * 10_000
_DOWNLOAD_BYTES: Final = 100_000


class NormalTraffic:
    """Clients that ask, upload and download on kept connections for as long as the block lasts."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._ended = False
        self._tasks = asyncio.TaskGroup()
        self.rounds = 0  # of three requests each, answered as they should be

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        for _ in range(CLIENTS):
            self._tasks.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        await self._tasks.__aexit__(kind, error, trace)
        self._stage.require(self.rounds >= CLIENTS, "normal traffic: hardly a request got through")

    async def _run(self) -> None:
        try:
            async with await Client.connect(self._stage.port) as client:
                while not self._ended:
                    await self._round(client)
                    self.rounds += 1
                    await asyncio.sleep(_PAUSE_S)
        except (OSError, TimeoutError, ClientError) as exc:
            self._stage.failures.append(f"normal traffic: {type(exc).__name__}: {exc}")

    async def _round(self, client: Client) -> None:
        small = await client.ask(b"/small")
        count = await client.ask(b"/count", _UPLOAD)
        large = await client.ask(b"/bytes/%d" % _DOWNLOAD_BYTES)
        got = ((small.status, small.body), (count.status, count.body), (large.status, len(large.body)))
        if got != ((200, SMALL), (200, b"%d" % len(_UPLOAD)), (200, _DOWNLOAD_BYTES)):
            raise ClientError(f"answered {got!r}")


async def still_serves(stage: Stage) -> None:
    """Note a failure unless a new client is served."""
    with suppress(OSError, TimeoutError, ClientError):
        async with await Client.connect(stage.port) as client:
            if (await client.ask(b"/small")).body == SMALL:
                return
    stage.failures.append("a new client is not served")
