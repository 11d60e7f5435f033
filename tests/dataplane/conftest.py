"""A data plane in the test's own loop, under uvloop and under asyncio's own loop, and raw peers on both of its sides."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from types import ModuleType
from typing import Any

import pytest
from support.answering import Answering
from support.generations import generation, upstream
from support.planes import Constant, Proxy, Serve
from support.wire import Backend, Peer

from xoproxy.compiled import is_compiled
from xoproxy.config.generation import Generation
from xoproxy.dataplane import DataPlane
from xoproxy.dataplane.collecting import Outcome
from xoproxy.dataplane.upstreams.resolving import LookUp, system_look_up
from xoproxy.reports.model import Report
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.records import ExchangeRecord

try:
    import uvloop
except ImportError:
    _FACTORIES: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
else:
    _FACTORIES = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run each test under every loop there is, and the compiled build's under the one that it is for."""
    return dict([next(iter(_FACTORIES.items()))]) if is_compiled() else _FACTORIES


@pytest.fixture
def constant(monkeypatch: pytest.MonkeyPatch) -> Constant:
    """Return `constant(module, name, value)`: another value for a constant.  In compiled code it cannot be changed."""

    def change(module: ModuleType, name: str, value: object) -> None:
        if not str(module.__file__).endswith(".py"):
            pytest.skip(f"{name} is part of the compiled code")
        monkeypatch.setattr(module, name, value)

    return change


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Return `serve(generation, send_buffer=, look_up=)`: a data plane that decides by it."""
    proxies: list[Proxy] = []
    loop = asyncio.get_running_loop()

    async def start(
        first: Generation,
        *,
        send_buffer: int | None = None,
        secure: bool = False,
        look_up: LookUp = system_look_up,
        **options: Any,
    ) -> Proxy:
        records: list[ExchangeRecord] = []
        events: list[Event] = []
        deliveries: list[tuple[Outcome, tuple[Report, ...]]] = []
        plane = DataPlane(
            first, records.extend, events.append, look_up, collected=lambda *delivery: deliveries.append(delivery)
        )
        sock = socket.socket()
        if send_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)  # accepted connections inherit it
        sock.bind(("127.0.0.1", 0))
        server = await loop.create_server(lambda: plane.client_protocol(secure=secure), sock=sock, **options)
        proxy = Proxy(plane, sock.getsockname()[1], records, server, events, deliveries=deliveries)
        loop.set_exception_handler(lambda _, context: proxy.faults.append(context))
        proxies.append(proxy)
        return proxy

    yield start
    for proxy in proxies:
        await proxy.stop()


@pytest.fixture(autouse=True)
async def no_server_stays() -> AsyncIterator[None]:
    """Stop what a test that failed has left running."""
    yield
    for server in tuple(Answering.running):
        server.stop()


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    """Return a scripted upstream."""
    made = Backend()
    yield made
    made.close()


@pytest.fixture
async def proxy(serve: Serve, backend: Backend) -> Proxy:
    """Return a proxy before `backend`, by the policy READABLE."""
    return await serve(generation(upstream(backend.endpoint)))


async def knock(port: int, host: str = "127.0.0.1") -> Peer:
    """Begin to connect, and leave it at that."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setblocking(False)
    sock.connect_ex((host, port))
    await asyncio.sleep(0)
    return Peer(sock)


@pytest.fixture
async def hanging() -> AsyncIterator[Backend]:
    """Return an upstream that does not accept: its backlog is full."""
    made = Backend(backlog=0)
    fillers = [await knock(made.port) for _ in range(3)]
    yield made
    made.close()
    for filler in fillers:
        filler.close()
