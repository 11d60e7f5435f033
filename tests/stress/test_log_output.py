"""The reader of the log stands still or is gone: traffic goes on, memory is bounded, what is missing is counted and said."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from benchmarks.soak.backend import SMALL
from benchmarks.soak.client import Client
from benchmarks.soak.proxy import Stage, staged
from xoproxy.telemetry.sink import MAX_WAITING_CHARS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")

TARGET = b"/small?" + b"x" * 2000
CLIENTS = 8
# More lines than a full pipe and what may wait behind it hold.
REQUESTS = CLIENTS * (MAX_WAITING_CHARS // 4000)


async def ask_often(stage: Stage, count: int) -> int:
    """Send `count` requests, each of which makes a long log line.  Returns how many were answered well."""

    async def ask(some: int) -> int:
        async with await Client.connect(stage.port) as client:
            return sum([(await client.ask(TARGET)).body == SMALL for _ in range(some)])

    return sum(await asyncio.gather(*(ask(count // CLIENTS) for _ in range(CLIENTS))))


async def test_log_that_nobody_reads_stalls_nothing_and_what_is_dropped_is_said(tmp_path: Path) -> None:
    """Every exchange is either a line that comes when the reader does, or in the count of those that were dropped."""
    reading, writing = os.pipe()
    async with staged(tmp_path, output=writing) as stage:
        os.close(writing)
        await ask_often(stage, CLIENTS)
        before_kib = stage.proxy.rss_kib
        answered = await ask_often(stage, REQUESTS)
        grown_kib = stage.proxy.rss_kib - before_kib
        log = asyncio.get_running_loop().run_in_executor(None, _read_all, reading)
        await stage.proxy.tasks()  # it still turns
        last = await ask_often(stage, CLIENTS)
    lines = [json.loads(line) for line in (await log).splitlines() if line.startswith(b"{")]
    os.close(reading)
    written = sum(line["event"] == "exchange" for line in lines)
    dropped = sum(line["lines"] for line in lines if line["event"] == "dropped")

    assert stage.failures == []
    assert (answered, last) == (REQUESTS, CLIENTS)
    assert dropped > 0
    assert written + dropped == CLIENTS + REQUESTS + CLIENTS
    assert grown_kib < 8 * MAX_WAITING_CHARS // 1024


async def test_log_whose_reader_is_gone_stalls_nothing(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    async with staged(tmp_path, output=writing) as stage:
        os.close(writing)
        first = await ask_often(stage, CLIENTS)
        os.close(reading)
        answered = await ask_often(stage, 50 * CLIENTS)
        idle = stage.proxy.cpu_s
        await asyncio.sleep(0.5)
        idle = stage.proxy.cpu_s - idle

    assert stage.failures == []
    assert (first, answered) == (CLIENTS, 50 * CLIENTS)
    assert idle < 0.25  # nor does it spin


def _read_all(fd: int) -> bytes:
    """Return all that comes through a pipe up to its end."""
    pieces: list[bytes] = []
    while piece := os.read(fd, 1 << 20):
        pieces.append(piece)
    return b"".join(pieces)
