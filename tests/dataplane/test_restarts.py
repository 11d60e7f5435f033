"""A backend that is killed and started again under load: only what was in flight is lost, and it is told so readably."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.answering import OK
from support.generations import APP, generation, upstream
from support.planes import Proxy, Serve
from support.ports import free_port
from support.problems import check_problem
from support.wire import Backend, Message, Peer, until

from xoproxy.config.settings import Ejection, Endpoint

GET = b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\nContent-Length: 2\r\n\r\nhi"
KILLS = 20
CLIENTS = 8

# Answers after a moment, so that something is in flight when it is killed; closes when asked for nothing valid.
SERVER = """
import asyncio, sys
async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            if b"Content-Length: 2" in head:
                await reader.readexactly(2)
            await asyncio.sleep(0.002)
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()
asyncio.run(main())
"""


class ServerProcess:
    """A backend in a process of its own."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._script = directory / f"server-{self.port}.py"
        self._script.write_text(SERVER)
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start, and return once it accepts connections."""
        self._process = subprocess.Popen([sys.executable, "-S", "-E", str(self._script), str(self.port)])  # noqa: ASYNC220  it returns at once
        deadline = time.monotonic() + 20.0
        while not self._accepts():
            assert time.monotonic() < deadline
            assert self._process.poll() is None
            await asyncio.sleep(0.005)

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """End it as the kernel does when memory runs out."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """End it if it still runs."""
        if self._process is not None:
            self.kill()


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[list[ServerProcess]]:
    made = [ServerProcess(tmp_path) for _ in range(2)]
    for server in made:
        await server.start()
    yield made
    for server in made:
        server.stop()


class Load:
    """Clients that send one request after the other, each on its own connection, until they are told to stop."""

    def __init__(self, proxy: Proxy, request: bytes) -> None:
        self._proxy = proxy
        self._request = request
        self.statuses: Counter[int] = Counter()
        self.failures: list[Message] = []
        self._is_over = False
        self._tasks = [asyncio.ensure_future(self._run()) for _ in range(CLIENTS)]

    async def _run(self) -> None:
        client: Peer = await self._proxy.connect()
        while not self._is_over:
            await client.send(self._request)
            response = await client.read_response(self._request.split(b" ")[0])
            self.statuses[response.status] += 1
            if response.status != 200:
                self.failures.append(response)
                await asyncio.sleep(0.001)  # as a client that tries again

    async def progress(self) -> None:
        """Return once some more requests have succeeded."""
        before = self.statuses[200]
        await until(lambda: self.statuses[200] > before + CLIENTS or any(task.done() for task in self._tasks))

    async def stop(self) -> None:
        """Let each client finish its last request; a client that failed fails the test."""
        self._is_over = True
        for task in self._tasks:
            await task


@pytest.mark.parametrize("request_bytes", [GET, POST], ids=["GET", "POST"])
async def test_one_backend_killed_and_restarted_costs_only_what_it_was_asked_meanwhile(
    serve: Serve, servers: list[ServerProcess], request_bytes: bytes
) -> None:
    server = servers[0]
    proxy = await serve(generation(upstream(Endpoint("127.0.0.1", server.port))))
    load = Load(proxy, request_bytes)
    for _ in range(KILLS):
        await load.progress()
        before = load.statuses.total()
        server.kill()
        await until(lambda: load.statuses.total() > before)  # noqa: B023
        await server.start()
    after = len(load.failures)
    await load.progress()
    await load.stop()

    assert len(load.failures) - after <= CLIENTS  # in flight while the last start was noticed
    assert set(load.statuses) <= {200, 502}
    for failure in load.failures:
        kind = "connection_refused" if b"connection_refused" in failure.body else "connection_terminated"
        check_problem(failure, 502, kind)
    terminated = sum(b"connection_terminated" in failure.body for failure in load.failures)
    assert terminated <= KILLS * CLIENTS  # at each kill what was in flight: the next is refused
    assert load.statuses.total() == len(proxy.records)
    assert sum(bool(record.error) for record in proxy.records) == len(load.failures)
    assert [state.outstanding for state in proxy.upstream.states()] == [0]


async def test_of_two_backends_killed_in_turn_no_idempotent_request_is_lost(serve: Serve, servers: list[ServerProcess]) -> None:
    """In flight or not: it goes to the other."""
    endpoints = (Endpoint("127.0.0.1", server.port) for server in servers)
    proxy = await serve(generation(replace(upstream(*endpoints), ejection=Ejection(1, 0.02, 0.02))))
    load = Load(proxy, GET)
    for number in range(KILLS):
        await load.progress()
        servers[number % 2].kill()
        await load.progress()
        await servers[number % 2].start()
    await load.stop()

    assert set(load.statuses) == {200}
    assert load.statuses[200] > KILLS * CLIENTS


async def test_of_two_backends_killed_in_turn_a_post_is_lost_only_in_flight(serve: Serve, servers: list[ServerProcess]) -> None:
    endpoints = (Endpoint("127.0.0.1", server.port) for server in servers)
    proxy = await serve(generation(replace(upstream(*endpoints), ejection=Ejection(1, 0.02, 0.02))))
    load = Load(proxy, POST)
    for number in range(KILLS):
        await load.progress()
        before, in_flight = len(load.failures), proxy.upstream.states()[number % 2].outstanding
        servers[number % 2].kill()
        await load.progress()
        # A client whose request was answered between the count and the kill may have sent its next one.
        assert len(load.failures) - before <= max(in_flight, CLIENTS)
        await servers[number % 2].start()
    await load.stop()

    assert set(load.statuses) <= {200, 502}
    for failure in load.failures:
        check_problem(failure, 502, "connection_terminated")


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_three_hundred_connections_that_end_as_they_are_used_cost_no_request(
    proxy: Proxy, backend: Backend, how: str
) -> None:
    """A backend whose keep-alive time ends just then: each kept connection is dead, a new one is not."""
    client = await proxy.ask(GET)
    origin = await backend.answer_once(OK)
    statuses = [(await client.read_response()).status]
    for number in range(300):
        await client.send(GET)
        if number % 2:
            await origin.read_request()
        getattr(origin, how)()
        origin = await backend.answer_once(OK)
        statuses.append((await client.read_response()).status)

    assert statuses == [200] * 301
    assert [record.error for record in proxy.records] == [""] * 301
    assert proxy.events == []


@pytest.mark.parametrize("how", ["close", "reset", "talk"])
async def test_a_post_is_not_written_to_a_kept_connection_that_has_ended_unnoticed(
    proxy: Proxy, backend: Backend, how: str
) -> None:
    """It could not be sent a second time.  The end has arrived, but the loop has not turned since."""
    client = await proxy.ask(GET)
    origin = await backend.answer_once(OK)
    await client.read_response()
    if how == "talk":
        origin.send_now(b"HTTP/1.1 200 OK\r\n\r\n")  # nobody asked: it must not become the answer to the next request
    else:
        getattr(origin, how)()
    (connection,) = proxy.plane._connections
    connection.data_received(POST)
    await backend.answer_once(OK)

    assert (await client.read_response()).status == 200
    assert [record.error for record in proxy.records] == ["", ""]
