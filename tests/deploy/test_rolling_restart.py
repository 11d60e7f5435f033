"""Replicas are replaced one after the other while clients ask: the order that the Deployment prescribes loses no request.

A Service is played by a relay that gives each new connection to one of the ready pods, as kube-proxy does, and leaves open
connections alone.  What preStop waits for, that everybody has stopped giving a pod connections, is told to the relay.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.backends import Reply
from support.fixtures import PlainFactory
from support.kubernetes import MANIFESTS, Container

SIDECAR = MANIFESTS / "sidecar"
PATIENCE_S = 30
CLIENTS = 4
REQUEST = b"GET / HTTP/1.1\r\nHost: app.example\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: app.example\r\n\r\n"


@dataclass
class Service:
    """Relays connections to pods, one after the other.  Which are asked to take new ones can change at any time."""

    pods: list[Container] = field(default_factory=list)
    turn: int = 0
    port: int = 0
    relays: set[asyncio.Task[None]] = field(default_factory=set)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection until both sides have ended."""
        task = asyncio.current_task()
        assert task is not None
        self.relays.add(task)
        self.turn += 1
        pod = self.pods[self.turn % len(self.pods)]
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", pod.ports["http"])
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, to_writer), _pump(to_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@dataclass
class Client:
    """Asks on a connection that is kept as long as the server keeps it, as browsers do."""

    service: Service
    answered: int = 0
    lost: int = 0

    async def ask_until(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            with contextlib.suppress(OSError):
                await self._ask_on_one_connection(enough)

    async def ask_once(self) -> None:
        """Ask on a new connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.service.port)
        is_answered = await asked_once(reader, writer, REQUEST) is not None
        self.answered += is_answered
        self.lost += not is_answered
        writer.close()

    async def _ask_on_one_connection(self, enough: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.service.port)
        asked = 0
        try:
            while not enough.is_set():
                keeps = await asked_once(reader, writer, REQUEST)
                if keeps is None:
                    self.lost += asked == 0  # on a connection that was used before a browser asks again, on another
                    return
                self.answered += 1
                asked += 1
                if not keeps:
                    return
        finally:
            writer.close()


async def asked_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bool | None:
    """Ask; return whether the connection is kept, or None if there was no answer.  An answer must be whole."""
    writer.write(request)
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    assert head.startswith(b"HTTP/1.1 200 "), head
    assert await reader.readexactly(len(b"a page")) == b"a page"
    return b"connection: close" not in head.lower()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    played = Service()
    server = await asyncio.start_server(played.take, "127.0.0.1", 0)
    played.port = server.sockets[0].getsockname()[1]
    yield played
    server.close()
    for task in played.relays:
        task.cancel()
    await asyncio.gather(*played.relays, return_exceptions=True)


async def started(directory: Path, backend: str) -> Container:
    """Return a new pod that is ready."""
    pod = Container(SIDECAR, directory, {"http://127.0.0.1:5000": backend}, {})
    await asyncio.to_thread(pod.until_ready)
    return pod


async def within(condition: Awaitable[object]) -> None:
    await asyncio.wait_for(condition, PATIENCE_S)


async def some_more(clients: list[Client]) -> None:
    """Return when every client has been answered twenty times more."""
    wanted = [client.answered + 20 for client in clients]
    while any(client.answered < count for client, count in zip(clients, wanted, strict=True)):
        await asyncio.sleep(0.01)


async def test_no_request_is_lost_while_replicas_are_replaced(tmp_path: Path, plain: PlainFactory, service: Service) -> None:
    """A new pod is ready first (`maxSurge`), the old one gets no new connections (preStop), then it is told to end."""
    backend = plain({"/": Reply(b"a page")}).url
    service.pods = [await started(tmp_path / f"old-{number}", backend) for number in range(2)]
    enough = asyncio.Event()
    clients = [Client(service) for _ in range(CLIENTS)]
    asking = asyncio.gather(*(client.ask_until(enough) for client in clients))

    for number, old in enumerate(tuple(service.pods)):
        await within(some_more(clients))
        service.pods.append(await started(tmp_path / f"new-{number}", backend))
        service.pods.remove(old)
        await within(some_more(clients))  # still on the connections that they have
        await asyncio.to_thread(old.stop)
    await within(some_more(clients))
    enough.set()
    await within(asking)
    for pod in service.pods:
        await asyncio.to_thread(pod.stop)

    assert [client.lost for client in clients] == [0] * CLIENTS


async def test_without_pre_stop_requests_are_lost(tmp_path: Path, plain: PlainFactory, service: Service) -> None:
    """The test above can fail: told to end before everybody knows, a pod refuses connections that still come."""
    backend = plain({"/": Reply(b"a page")}).url
    service.pods = [await started(tmp_path / f"pod-{number}", backend) for number in range(2)]
    clients = [Client(service) for _ in range(2)]

    await asyncio.to_thread(service.pods[0].stop)
    for client in clients:
        await within(client.ask_once())
    await asyncio.to_thread(service.pods[1].stop)

    assert sorted((client.answered, client.lost) for client in clients) == [(0, 1), (1, 0)]


async def test_request_in_flight_is_answered_after_sigterm(tmp_path: Path, plain: PlainFactory) -> None:
    """And readiness says no from then on, while liveness says yes: nothing restarts a pod that drains."""
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await answer.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\na page")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(slow, "127.0.0.1", 0)
    pod = await started(tmp_path / "pod", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.ports["http"])
    asking = asyncio.gather(asked_once(reader, writer, SLOW))
    await within(asked.wait())

    pod.send(signal.SIGTERM)
    await asyncio.to_thread(pod.wait_for_output, '"draining"')
    probes = [await asyncio.to_thread(pod.probe, name) for name in ("readinessProbe", "livenessProbe")]
    answer.set()
    (keeps,) = await asking
    code = await asyncio.to_thread(pod.wait)
    writer.close()
    server.close()

    assert probes == [503, 200]
    assert keeps is False
    assert code == 0
