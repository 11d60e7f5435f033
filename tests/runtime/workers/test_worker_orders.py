"""What a worker does with its orders, in the test's own process: one that the supervisor should never give, too."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.configs import HEAD, compiled
from support.ports import free_port
from support.records import exchange_record
from support.supervised import refuses
from support.wire import connect, soon, until

from xoproxy.config import Text, Texts
from xoproxy.config.settings import LogSettings
from xoproxy.reports import model as browser
from xoproxy.runtime.signals import HeldSignals
from xoproxy.runtime.source import Edition
from xoproxy.runtime.workers import worker as worker_module
from xoproxy.runtime.workers.channel import Channel
from xoproxy.runtime.workers.orders import (
    PIECE_CHARACTERS,
    REPORTS,
    Adopt,
    Begin,
    Done,
    Drain,
    Load,
    Recall,
    Recalled,
    Refused,
    Renew,
    Report,
    Reported,
    Sockets,
    Totals,
    load_order,
    pieces_of,
    reported,
    reports_of,
    texts_of,
)
from xoproxy.runtime.workers.worker import Worker
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.journal import Journal


def load(order: int, number: int, text: str) -> Load:
    """Return the order to compile one text."""
    return Load(order, number, "x.yaml", [["x.yaml", text]], "2026-01-31")


@pytest.mark.parametrize("length", [0, 1, PIECE_CHARACTERS - 1, PIECE_CHARACTERS, PIECE_CHARACTERS + 1, 3 * PIECE_CHARACTERS])
def test_texts_travel_in_pieces(length: int) -> None:
    """No message has more than a piece, which is read in no time."""
    texts = Texts("d", tuple(Text(name, ((name + "é😀x") * length)[:length]) for name in ("a", "b")))
    edition = Edition.of(compiled(HEAD), texts)
    pieces, order = list(pieces_of(edition)), load_order(1, edition)

    assert texts_of(order, pieces) == texts
    assert all(
        len(text) <= PIECE_CHARACTERS for text in (*(piece.text for piece in pieces), *(text for _, text in order.parts))
    )


@dataclass
class Supervisor:
    """The other end of a worker's channel."""

    channel: Channel[Report]
    serving: "asyncio.Future[None]"
    journal: Journal
    reports: list[Report] = field(default_factory=list[Report])

    async def answer(self) -> Report:
        """Return the answer to the last order."""
        await until(lambda: any(not isinstance(report, Totals) for report in self.reports))
        [report] = [report for report in self.reports if not isinstance(report, Totals)]
        self.reports.clear()
        return report


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    """Return what a worker listens to; it must end when its supervisor is gone."""
    signals = HeldSignals()
    ours, theirs = socket.socketpair()
    null = os.open(os.devnull, os.O_WRONLY)
    journal = Journal(null, LogSettings(), Counters())
    worker = Worker(theirs, journal)
    reports: list[Report] = []
    channel: Channel[Report] = Channel(ours, REPORTS, lambda report, sockets: reports.append(report), lambda: None)
    supervisor = Supervisor(channel, asyncio.ensure_future(worker.serve(signals)), journal, reports)
    channel.send(Begin(0, "x.yaml", {"upstream": "http://127.0.0.1:1"}))
    yield supervisor
    channel.close()
    await soon(supervisor.serving)
    journal.close()
    os.close(null)
    signals.release()


async def test_socket_that_no_listener_takes_is_closed(supervisor: Supervisor) -> None:
    """Or clients would wait in it for ever."""
    listening, left = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
    port, other = listening.getsockname()[1], left.getsockname()[1]
    for sock in (listening, left):
        supervisor.channel.send(Sockets(f"127.0.0.1:{sock.getsockname()[1]}"), [sock])
    supervisor.channel.send(load(1, 1, f"version: 1\nlisten: '127.0.0.1:{port}'\n"))
    assert await supervisor.answer() == Done(1, [])
    supervisor.channel.send(Adopt(2, 1, [0]))
    assert await supervisor.answer() == Done(2, [])
    listening.close()
    left.close()

    assert not refuses(port)
    assert refuses(other)


async def test_text_that_does_not_compile_is_refused_with_its_problems(supervisor: Supervisor) -> None:
    supervisor.channel.send(load(1, 1, "version: 1\nlisten: nowhere\n"))
    report = await supervisor.answer()

    assert isinstance(report, Refused)
    assert report.id == 1
    assert "x.yaml:2:9: XO201" in report.reason


async def test_listener_without_a_socket_is_a_problem(supervisor: Supervisor) -> None:
    port = free_port()
    supervisor.channel.send(load(1, 1, f"version: 1\nlisten: '127.0.0.1:{port}'\n"))
    await supervisor.answer()
    supervisor.channel.send(Adopt(2, 1, [0]))

    assert await supervisor.answer() == Done(2, [f"cannot listen on 127.0.0.1:{port}: no socket came for it"])


async def test_generation_that_was_not_loaded_is_not_put_into_force(supervisor: Supervisor) -> None:
    supervisor.channel.send(load(1, 1, "version: 1\n"))
    await supervisor.answer()
    supervisor.channel.send(Adopt(2, 2, []))
    report = await supervisor.answer()

    assert isinstance(report, Refused)


async def test_orders_are_carried_out_one_after_the_other(supervisor: Supervisor) -> None:
    supervisor.channel.send(load(1, 1, "version: 1\n"))
    supervisor.channel.send(Adopt(2, 1, []))
    supervisor.channel.send(Renew(3))
    await until(lambda: len([report for report in supervisor.reports if isinstance(report, Done)]) == 3)

    assert [report.id for report in supervisor.reports if isinstance(report, Done)] == [1, 2, 3]


async def test_last_words_are_the_counts(supervisor: Supervisor) -> None:
    supervisor.channel.send(Drain(1.0, has_successor=False))
    await soon(asyncio.shield(supervisor.serving))
    await until(lambda: supervisor.reports)

    [last] = supervisor.reports
    assert isinstance(last, Totals)
    assert (last.connections, last.counts, last.addresses) == (0, {}, [])
    assert last.resident_bytes > 1_000_000
    assert last.cpu_s > 0


async def test_decisions_are_told_when_they_are_asked_for(supervisor: Supervisor) -> None:
    """Where there is an admin endpoint that can ask."""
    supervisor.channel.send(Recall(1, {"outcome": "dns_error"}))
    assert await supervisor.answer() == Recalled(1, [])
    supervisor.channel.send(load(2, 1, "version: 1\nadmin: 127.0.0.1:1\n"))
    await supervisor.answer()
    supervisor.channel.send(Adopt(3, 1, []))
    await supervisor.answer()
    for error in ("dns_error", "connection_refused"):
        supervisor.journal.exchanges([exchange_record("", 0.0, error=error)])
    supervisor.channel.send(Recall(4, {"outcome": "dns_error"}))
    answer = await supervisor.answer()

    assert isinstance(answer, Recalled)
    assert [decision["error"] for decision in answer.decisions] == ["dns_error"]


DELIVERY = json.dumps([{"type": "coep", "url": "https://a.example/?x", "body": {"type": "corp", "disposition": "enforce"}}])


async def delivered(supervisor: Supervisor) -> bytes:
    """Have a worker take a delivery; return the first line of its answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        supervisor.channel.send(Sockets(f"127.0.0.1:{port}"), [listening])
        text = f"version: 1\nlisten: '127.0.0.1:{port}'\nreporting: {{endpoints: {{a: /reports}}}}\n"
        supervisor.channel.send(load(1, 1, text))
        await supervisor.answer()
        supervisor.channel.send(Adopt(2, 1, [0]))
        await supervisor.answer()
    client = await connect(port)
    head = "POST /reports HTTP/1.1\r\nHost: h\r\nContent-Type: application/reports+json\r\nConnection: close\r\n"
    await client.send(f"{head}Content-Length: {len(DELIVERY)}\r\n\r\n{DELIVERY}".encode())
    answer = await client.read_rest()
    client.close()
    return answer.partition(b"\r\n")[0]


async def test_what_browsers_report_is_counted_and_handed_on(supervisor: Supervisor) -> None:
    status = await delivered(supervisor)
    await until(lambda: any(isinstance(report, Reported) for report in supervisor.reports))
    [message] = [report for report in supervisor.reports if isinstance(report, Reported)]
    [report] = reports_of(message)

    assert status == b"HTTP/1.1 204 No Content"
    assert (report.type, report.kind, report.document) == ("coep", "corp", "https://a.example/")
    counters = supervisor.journal.counters
    assert dict(counters.deliveries) == {"taken": 1}
    assert dict(counters.reports) == {("coep", "enforce"): 1}


async def test_what_the_supervisor_does_not_keep_up_with_is_dropped_and_counted(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reports is answered all the same: trying again would not help."""
    monkeypatch.setattr(worker_module, "MAX_UNSENT_BYTES", -1)
    status = await delivered(supervisor)

    assert status == b"HTTP/1.1 204 No Content"
    assert dict(supervisor.journal.counters.deliveries) == {"taken": 1, "dropped": 1}
    assert not [report for report in supervisor.reports if isinstance(report, Reported)]


@given(st.lists(st.builds(browser.Report, *[st.text()] * 8, st.floats(0, 86400)), max_size=3))
def test_reports_come_out_of_the_channel_as_they_went_in(reports: list[browser.Report]) -> None:
    message = reported(reports)

    assert reports_of(Reported(**json.loads(json.dumps(asdict(message))))) == tuple(reports)
