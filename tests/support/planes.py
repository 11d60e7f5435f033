"""A data plane that listens in the test's own loop."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from support.wire import Peer, connect, until
from xoproxy.dataplane import DataPlane
from xoproxy.telemetry.records import ExchangeRecord


@dataclass
class Proxy:
    """A data plane that accepts connections on `port`."""

    plane: DataPlane
    port: int
    records: list[ExchangeRecord]
    server: asyncio.Server
    faults: list[dict[str, Any]] = field(default_factory=list)  # what reached the loop's exception handler
    clients: list[Peer] = field(default_factory=list)

    async def connect(self, *, receive_buffer: int | None = None) -> Peer:
        """Return a new client's connection."""
        peer = await connect(self.port, receive_buffer=receive_buffer)
        self.clients.append(peer)
        return peer

    async def ask(self, request: bytes) -> Peer:
        """Return a new client's connection on which `request` was sent."""
        peer = await self.connect()
        await peer.send(request)
        return peer

    async def record(self) -> ExchangeRecord:
        """Return the record of the one exchange there is."""
        await until(lambda: self.records)
        assert len(self.records) == 1
        return self.records[0]

    async def stop(self) -> None:
        """End all; nothing may be left, and nothing may have gone wrong unseen."""
        self.server.close()
        self.plane.abort()
        assert await self.plane.wait_closed(20.0)
        assert self.plane.connections == 0
        await until(lambda: not _tasks_of_the_plane())
        for client in self.clients:
            client.close()
        gc.collect()
        assert self.faults == []


def _tasks_of_the_plane() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == "connect to upstream"]


Serve = Callable[..., Awaitable[Proxy]]
