"""The wall clock jumps, as it does after a suspend or a correction: it dates answers and log lines, and nothing else.

A real process with `time.time` moved under it; deadlines count by the monotonic clock.
"""

import email.utils
import sys
import time
from pathlib import Path

import pytest

from benchmarks.soak.backend import SMALL
from benchmarks.soak.client import Client, request
from benchmarks.soak.proxy import staged

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the process is probed by a signal and /proc")

DAY_S = 86_400.0
BACK_AND_FORTH = (DAY_S, -DAY_S, 400 * DAY_S, 0.0)
TURNS = 60  # of requests, so that the wheel of deadlines has turned a few times


async def test_nothing_expires_because_the_wall_clock_jumped(tmp_path: Path) -> None:
    """What waits at each point of an exchange goes on: idle, in a head, in a body, in a response, in a tunnel."""
    async with staged(tmp_path) as stage:
        idle = await Client.connect(stage.port)
        in_head = await Client.connect(stage.port)
        in_body = await Client.connect(stage.port)
        reading = await Client.connect(stage.port)
        tunnel = await Client.connect(stage.port)
        await idle.ask(b"/small")
        await in_head.send(b"GET /small HTTP/1.1\r\n")
        await in_body.send(b"POST /count HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n")
        await reading.send(request(b"/bytes/20000000"))
        await reading.read_head()
        await tunnel.send(b"GET /tunnel HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        await tunnel.read_head()
        for offset_s in BACK_AND_FORTH:
            await stage.proxy.set_clock(offset_s)
            for _ in range(TURNS):
                assert (await idle.ask(b"/small")).body == SMALL
            await in_body.send(b"bb")
            await tunnel.send(b"ping")
            assert await tunnel.receive() == b"ping"
        await in_head.send(b"Host: h\r\n\r\n")

        assert (await in_head.read_answer()).body == SMALL
        assert (await in_body.read_answer()).body == b"8"
        assert await _count(reading, 20_000_000) == 20_000_000
        for client in (idle, in_head, in_body, reading, tunnel):
            client.close()
    assert stage.failures == []


@pytest.mark.parametrize("offset_s", [DAY_S, -DAY_S])
async def test_deadlines_pass_although_the_wall_clock_jumped(tmp_path: Path, offset_s: float) -> None:
    """Ours stay, and the answers about them are dated by the new time."""
    async with staged(tmp_path, "timeouts: {head: 500ms, response: 500ms, idle: 500ms}\n") as stage:
        in_head = await Client.connect(stage.port)
        waiting = await Client.connect(stage.port)
        idle = await Client.connect(stage.port)
        await in_head.send(b"GET /small HTTP/1.1\r\n")
        await waiting.send(request(b"/silent"))
        await stage.proxy.set_clock(offset_s)
        answers = [await in_head.read_answer(), await waiting.read_answer()]

        assert [answer.status for answer in answers] == [408, 504]
        assert all(abs(_date(answer.head) - time.time() - offset_s) < DAY_S / 2 for answer in answers)
        assert await idle.read_rest() == (b"", True)
        for client in (in_head, waiting, idle):
            client.close()
    assert stage.failures == []


def _date(head: bytes) -> float:
    """Return the Date of a response as Unix time."""
    value = next(line for line in head.split(b"\r\n") if line.startswith(b"Date: "))[6:].decode("ascii")
    return email.utils.parsedate_to_datetime(value).timestamp()


async def _count(client: Client, size: int) -> int:
    counted = 0
    while counted < size and (data := await client.receive(1 << 18)):
        counted += len(data)
    return counted
