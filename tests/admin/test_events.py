"""The stream of events: all at first, then what changes; bounded, and over at once when the endpoint ends."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.admin_service import FakeService, Reported, problems
from support.records import exchange_record

from xoproxy.admin import events
from xoproxy.admin.guard import Guard
from xoproxy.admin.server import AdminServer
from xoproxy.config.settings import TcpAddress
from xoproxy.telemetry.reloads import Outcome, Report, Trigger


class Stream:
    """A client that follows events."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def head(self) -> str:
        return (await self._reader.readuntil(b"\r\n\r\n")).decode()

    async def message(self) -> str:
        """Return one message: the lines up to an empty one, out of its chunk."""
        size = int(await self._reader.readline(), 16)
        text = (await self._reader.readexactly(size + 2)).decode()
        return text.removesuffix("\n\n\r\n")

    async def event(self) -> dict[str, Any]:
        """Return the next event."""
        while (message := await self.message()).startswith(":"):
            pass
        event: dict[str, Any] = json.loads(message.removeprefix("data: "))
        return event

    async def rest(self) -> bytes:
        return await self._reader.read()

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


class Endpoint:
    """The endpoint, and whoever follows it."""

    def __init__(self) -> None:
        self.service = FakeService()
        self.streams: list[Stream] = []
        self._sock = socket.create_server(("127.0.0.1", 0))
        self.server = AdminServer(self.service, Guard(TcpAddress("127.0.0.1", 1), None))

    async def start(self) -> None:
        await self.server.start([self._sock])
        self._address = self._sock.getsockname()

    async def follow(self) -> Stream:
        reader, writer = await asyncio.open_connection(*self._address)
        writer.write(b"GET /-/events HTTP/1.1\r\nHost: localhost:1\r\n\r\n")
        stream = Stream(reader, writer)
        self.streams.append(stream)
        return stream


@pytest.fixture
async def endpoint(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Endpoint]:
    """Return the endpoint; a turn is a hundredth of a second, so that no test waits for one."""
    monkeypatch.setattr(events, "INTERVAL_S", 0.01)
    endpoint = Endpoint()
    await endpoint.start()
    yield endpoint
    await endpoint.server.stop()
    for stream in endpoint.streams:
        await stream.close()


async def test_first_event_says_everything_and_the_next_only_what_changed(endpoint: Endpoint) -> None:
    stream = await endpoint.follow()
    head, first = await stream.head(), await stream.event()
    endpoint.service.is_draining = True
    second = await stream.event()
    endpoint.service.last_reload = Report(Outcome.REJECTED, Trigger.WATCH, 1_800_000_000.0, 1, problems())
    third = await stream.event()

    assert head.startswith("HTTP/1.1 200 ")
    assert "Content-Type: text/event-stream; charset=utf-8\r\n" in head
    assert "Cache-Control: no-store\r\n" in head
    assert {"state", "reload", "workers", "totals"} <= first.keys()
    assert (first["state"]["generation"], first["state"]["draining"]) == (1, False)
    assert (second.keys(), second["state"]["draining"]) == ({"state"}, True)
    assert (third.keys(), third["reload"]["outcome"]) == ({"reload"}, "rejected")


async def test_quiet_stream_beats_so_that_nothing_between_takes_it_for_dead(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.0)
    stream = await endpoint.follow()
    await stream.head()
    await stream.message()

    assert (await stream.message()).startswith(":")


async def test_clients_are_bounded_and_one_that_goes_makes_room(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_CLIENTS", 1)
    stream = await endpoint.follow()
    await stream.event() if await stream.head() else None
    refused = await (await endpoint.follow()).head()
    await stream.close()
    while not (head := await (await endpoint.follow()).head()).startswith("HTTP/1.1 200 "):
        assert head.startswith("HTTP/1.1 503 ")

    assert refused.startswith("HTTP/1.1 503 ")
    assert "Retry-After: 10\r\n" in refused


async def test_client_that_takes_nothing_loses_its_place(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop that sleeps, say: what it does not read must not wait in our memory, nor keep others out."""
    monkeypatch.setattr(events, "MAX_CLIENTS", 1)
    monkeypatch.setattr(events, "STALL_S", 0.05)
    monkeypatch.setattr(events, "INTERVAL_S", 0.001)
    await (await endpoint.follow()).head()
    long = [Report(Outcome.APPLIED, Trigger.ADMIN, float(number), 1, notes=("x" * 500_000,)) for number in range(2)]
    head = ""
    while not head.startswith("HTTP/1.1 200 "):
        long.reverse()
        endpoint.service.last_reload = long[0]
        head = await (await endpoint.follow()).head()

    assert head.startswith("HTTP/1.1 200 ")


async def test_stream_ends_when_the_endpoint_does_and_nobody_waits_for_it(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "INTERVAL_S", 3600.0)
    stream = await endpoint.follow()
    await stream.head()
    await stream.event()
    await endpoint.server.stop()

    assert await stream.rest() == b"0\r\n\r\n"


async def test_what_changes_by_itself_is_no_news(endpoint: Endpoint) -> None:
    """The time that a process took and the memory that it has: all else would be told again every second."""
    stream = await endpoint.follow()
    await stream.head()
    worker = (await stream.event())["workers"][0]

    assert worker["pid"] == 4711
    assert not {"cpu_s", "resident_bytes"} & worker.keys()


async def test_counts_samples_and_the_store_are_told(endpoint: Endpoint) -> None:
    service = endpoint.service
    stream = await endpoint.follow()
    await stream.head()
    first = await stream.event()
    service.collector = Reported()
    second = await stream.event()
    history = service.measured()
    history.sample(1_800_000_000.0, 5)
    third = await stream.event()
    service.counters.count(exchange_record("", 0.0, status=200))
    fourth = await stream.event()

    assert first["store"] is first["sample"] is None
    assert (second.keys(), second["store"]["name"]) == ({"store"}, "memory")
    assert (third.keys(), third["sample"]["connections"]) == ({"sample"}, 5)
    assert (fourth.keys(), fourth["totals"]["status"]) == ({"totals"}, {"2xx": 1})
