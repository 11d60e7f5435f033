"""A data plane that listens in the test's own loop."""

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from support.wire import Peer, connect, until
from xoproxy.dataplane import DataPlane
from xoproxy.dataplane.collecting import Outcome
from xoproxy.dataplane.source import ProxiedSource
from xoproxy.dataplane.upstreams.upstream import Upstream
from xoproxy.reports.model import Report
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.records import ExchangeRecord


@dataclass
class Proxy:
    """A data plane that accepts connections on `port`."""

    plane: DataPlane
    port: int
    records: list[ExchangeRecord]
    server: asyncio.Server
    events: list[Event] = field(default_factory=list[Event])
    faults: list[dict[str, Any]] = field(default_factory=list)  # what reached the loop's exception handler
    clients: list[Peer] = field(default_factory=list)
    deliveries: list[tuple[Outcome, tuple[Report, ...]]] = field(default_factory=list)

    @property
    def upstream(self) -> Upstream:
        """The upstream called "app"."""
        return self.plane.upstream("app")

    def told(self, name: str) -> list[Event]:
        """Return the events of this name."""
        return [event for event in self.events if event.name == name]

    async def connect(self, *, receive_buffer: int | None = None) -> Peer:
        """Return a new client's connection."""
        peer = await connect(self.port, receive_buffer=receive_buffer)
        self.clients.append(peer)
        return peer

    async def connect_as(self, source: ProxiedSource | None) -> Peer:
        """Return a new client's connection that a load balancer made on behalf of `source`."""
        near, far = socket.socketpair(socket.AF_UNIX) if source is not None and source.address == "unix" else tcp_pair()
        far.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: self.plane.client_protocol(secure=False, source=source), far)
        peer = Peer(near)
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


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection over loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        return near, server.accept()[0]


def _tasks_of_the_plane() -> list[asyncio.Task[Any]]:
    names = ("connect to upstream", "connect to address", "health checks", "health check", "look up")
    return [task for task in asyncio.all_tasks() if task.get_name() in names]


Serve = Callable[..., Awaitable[Proxy]]
Constant = Callable[[ModuleType, str, object], None]
