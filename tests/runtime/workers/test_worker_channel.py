"""Messages arrive whole, in order, with their sockets, however the bytes are cut; an end that is gone is noticed once."""

import asyncio
import json
import resource
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.wire import until

from xoproxy.runtime.workers.channel import Channel
from xoproxy.runtime.workers.orders import ORDERS, REPORTS, Done, Load, Order, Refused, Report, Sockets, Totals


def load(order: int, number: int, text: str) -> Load:
    """Return the order to compile one text."""
    return Load(order, number, "x.yaml", [["x.yaml", text]], "2026-01-31")


@dataclass
class End:
    """The worker's end of a channel, and what arrived there."""

    channel: Channel[Order]
    orders: list[Order] = field(default_factory=list[Order])
    sockets: list[list[socket.socket]] = field(default_factory=list[list[socket.socket]])
    endings: int = 0


def worker_end(sock: socket.socket) -> End:
    """Return an end that notes what arrives."""

    def received(order: Order, sockets: list[socket.socket]) -> None:
        end.orders.append(order)
        end.sockets.append(sockets)

    def ended() -> None:
        end.endings += 1

    end = End(Channel(sock, ORDERS, received, ended))
    return end


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Channel[Report], End]]:
    """Return the supervisor's end and the worker's."""
    ours, theirs = socket.socketpair()
    supervisor: Channel[Report] = Channel(ours, REPORTS, lambda report, sockets: None, lambda: None)
    worker = worker_end(theirs)
    yield supervisor, worker
    supervisor.close()
    worker.channel.close()


def descriptors() -> int:
    """Return how many descriptors this process has open."""
    return len(list(Path("/dev/fd").iterdir()))


async def test_messages_arrive_in_order_with_their_sockets(ends: tuple[Channel[Report], End]) -> None:
    supervisor, worker = ends
    before = descriptors()
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        supervisor.send(load(1, 7, "versión: \U0001f511\n" * 60_000))  # more than fits at once
        supervisor.send(Sockets("a"), [first, second])
        supervisor.send(Sockets("b"), [second])
        supervisor.send(load(2, 8, ""))
        await until(lambda: len(worker.orders) == 4)

        assert worker.orders == [load(1, 7, "versión: \U0001f511\n" * 60_000), Sockets("a"), Sockets("b"), load(2, 8, "")]
        names = [[sock.getsockname() for sock in sockets] for sockets in worker.sockets]
        assert names == [[], [first.getsockname(), second.getsockname()], [second.getsockname()], []]
        assert not any(sock.get_inheritable() for sockets in worker.sockets for sock in sockets)
    for sockets in worker.sockets:
        for sock in sockets:
            sock.close()
    assert descriptors() == before


async def test_message_may_come_byte_by_byte() -> None:
    ours, theirs = socket.socketpair()
    end = worker_end(theirs)
    values = {"id": 1, "number": 2, "name": "x.yaml", "parts": [["x.yaml", "x"]], "today": "2026-01-31"}
    body = json.dumps(["Load", 0, values]).encode()
    for byte in struct.pack("!I", len(body)) + body + struct.pack("!I", len(body)) + body:
        ours.send(bytes([byte]))
        await asyncio.sleep(0)
    await until(lambda: len(end.orders) == 2)

    assert end.orders == [load(1, 2, "x")] * 2
    ours.close()
    await until(lambda: end.endings)


async def test_end_of_the_other_side_is_noticed_once_and_after_its_last_words(ends: tuple[Channel[Report], End]) -> None:
    supervisor, worker = ends
    supervisor.send(load(1, 1, "last"))
    supervisor.close()
    await until(lambda: worker.endings)
    worker.channel.send(Done(1, []))  # goes nowhere
    worker.channel.close()

    assert worker.orders == [load(1, 1, "last")]
    assert worker.endings == 1


async def test_sending_to_a_dead_end_is_no_fault() -> None:
    ours, theirs = socket.socketpair()
    endings: list[bool] = []
    supervisor: Channel[Report] = Channel(ours, REPORTS, lambda report, sockets: None, lambda: endings.append(True))
    theirs.close()
    supervisor.send(load(1, 1, "x" * 1_000_000))
    await until(lambda: endings)

    supervisor.send(load(2, 1, "x"))
    assert endings == [True]


async def test_sockets_that_were_not_taken_are_closed_with_the_channel(ends: tuple[Channel[Report], End]) -> None:
    before = descriptors()
    ours, theirs = socket.socketpair()
    sender: Channel[Order] = Channel(ours, ORDERS, lambda order, sockets: None, lambda: None)
    sender.send(load(1, 1, "x" * 5_000_000))  # nobody reads: what follows waits
    with socket.create_server(("127.0.0.1", 0)) as server:
        sender.send(Sockets("a"), [server])
    sender.close()
    theirs.close()

    assert descriptors() == before


@pytest.mark.parametrize(
    "report", [Done(1, ["a"], is_stale=True), Refused(2, "why"), Totals(3, {"accepted": 1}, [{"upstream": "app"}])]
)
async def test_reports_come_back_as_they_were(report: Report) -> None:
    ours, theirs = socket.socketpair()
    got: list[Report] = []
    supervisor: Channel[Report] = Channel(ours, REPORTS, lambda report, sockets: got.append(report), lambda: None)
    worker = worker_end(theirs)
    worker.channel.send(report)
    await until(lambda: got)

    assert got == [report]
    supervisor.close()
    worker.channel.close()


async def test_sockets_that_are_lost_on_the_way_end_the_channel(ends: tuple[Channel[Report], End]) -> None:
    """The kernel drops descriptors that would be too many for the process that receives them."""
    supervisor, worker = ends
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.create_server(("127.0.0.1", 0)) as server:
        supervisor.send(Sockets("a"), [server] * 8)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors() + 4, limits[1]))
            await until(lambda: worker.endings)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert worker.orders == []
    assert worker.endings == 1


async def test_what_waits_is_sent_before_the_end_if_the_other_end_takes_it() -> None:
    """A worker's last words are its counts: more than the socket holds must arrive too."""
    ours, theirs = socket.socketpair()
    worker: Channel[Order] = Channel(theirs, ORDERS, lambda order, sockets: None, lambda: None)
    worker.send(Totals(0, {"requests": [[["x" * 1000, "GET", 2], 1]] * 2000}))
    reports: list[Report] = []
    supervisor: Channel[Report] = Channel(ours, REPORTS, lambda report, sockets: reports.append(report), lambda: None)
    await worker.flush(20.0)
    worker.close()
    await until(lambda: reports)
    supervisor.close()

    assert isinstance(reports[0], Totals)
    assert len(reports[0].counts["requests"]) == 2000


async def test_nobody_waits_for_an_end_that_takes_nothing() -> None:
    ours, theirs = socket.socketpair()
    worker: Channel[Order] = Channel(theirs, ORDERS, lambda order, sockets: None, lambda: None)
    worker.send(Totals(0, {"requests": "x" * 2_000_000}))
    await worker.flush(0.01)
    ours.close()
    await worker.flush(20.0)
    worker.close()
