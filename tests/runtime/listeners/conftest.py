"""Listeners before a real data plane, under every loop there is."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.wire import Backend, Peer, until

from xoproxy.config.generation import Generation
from xoproxy.config.settings import Listener
from xoproxy.dataplane import DataPlane
from xoproxy.runtime.listening.listeners import Listeners
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.records import ExchangeRecord

try:
    import uvloop
except ImportError:
    _FACTORIES: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
else:
    _FACTORIES = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run each test under every loop there is."""
    return _FACTORIES


@dataclass
class Front:
    """Listeners, the data plane behind them, and what was seen of both."""

    listeners: Listeners
    plane: DataPlane
    records: list[ExchangeRecord]
    events: list[Event]
    faults: list[dict[str, Any]] = field(default_factory=list)  # what reached the loop's exception handler
    clients: list[Peer] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The address of the first listener, as bound."""
        return self.listeners.opened[0].names()[0]

    async def connect(self, name: str | None = None) -> Peer:
        """Return a new client's connection to an address as bound, or to the first."""
        family, address = parsed(name or self.name)
        sock = socket.socket(family)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, address)
        except OSError:
            sock.close()
            raise
        peer = Peer(sock)
        self.clients.append(peer)
        return peer

    async def stop(self) -> None:
        """End all; nothing may be left, and nothing may have gone wrong unseen."""
        self.listeners.close()
        for client in self.clients:
            client.close()
        self.plane.abort()
        assert await self.plane.wait_closed(20.0)
        await until(lambda: not [task for task in asyncio.all_tasks() if task.get_name() == "accepted"])
        gc.collect()
        assert self.faults == []


def parsed(name: str) -> tuple[int, Any]:
    """Return family and address of a name as bound."""
    if name.startswith("unix:"):
        return socket.AF_UNIX, name.removeprefix("unix:")
    host, _, port = name.rpartition(":")
    return socket.AF_INET6 if host.startswith("[") else socket.AF_INET, (host.strip("[]"), int(port))


Open = Callable[..., Awaitable[Front]]


@pytest.fixture
async def open_front() -> AsyncIterator[Open]:
    """Return `open_front(generation, *listeners)`."""
    fronts: list[Front] = []
    loop = asyncio.get_running_loop()

    async def start(first: Generation, *listeners: Listener, timeout_s: float = 60.0, **options: Any) -> Front:
        records: list[ExchangeRecord] = []
        events: list[Event] = []
        plane = DataPlane(first, records.extend)
        front = Front(
            Listeners(plane.client_protocol, timeout_s, trusts=plane.trusts, emit=events.append, **options),
            plane,
            records,
            events,
        )
        loop.set_exception_handler(lambda _, context: front.faults.append(context))
        fronts.append(front)
        await front.listeners.open_all(listeners)
        return front

    yield start
    for front in fronts:
        await front.stop()


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    """Return a scripted upstream."""
    made = Backend()
    yield made
    made.close()
