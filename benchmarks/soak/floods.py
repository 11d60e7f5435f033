"""Floods: of heads that are refused, and of connections beyond a limit."""

import asyncio
import itertools
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from benchmarks.soak.client import Answer, Client, ClientError
from benchmarks.soak.proxy import staged, until
from benchmarks.soak.scenario import Outcome, Sizes, nothing_left, ready
from benchmarks.soak.traffic import CLIENTS, NormalTraffic

_AT_ONCE: Final = 50
_POOL: Final = "timeouts: {pool: 200ms}\n"

HEADS: Final[dict[str, tuple[bytes, int]]] = {
    "one large field": (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
    "a head without end": (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 20_000, 431),
    "a target without end": (b"GET /" + b"x" * 100_000, 431),
    "10,000 fields": (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"a:b\r\n" * 10_000 + b"\r\n", 431),
    "6,000 fields, which is not too much": (b"GET /small HTTP/1.1\r\nHost: h\r\n" + b"a:b\r\n" * 6000 + b"\r\n", 200),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01" * 100 + b"\r\n\r\n", 400),
    "a lone line feed": (b"GET / HTTP/1.1\r\nHost: h\n\n", 400),
}


async def head_flood(directory: Path, sizes: Sizes) -> Outcome:
    """Heads that are too large or no heads: each is answered as it should be, and all of it again and again."""
    async with staged(directory, _POOL) as stage:
        await _send_heads(stage.port, len(HEADS) * _AT_ONCE)
        before = await ready(stage)
        async with NormalTraffic(stage) as traffic:
            wrong = await _send_heads(stage.port, sizes.heads * len(HEADS))
        peak_kib = stage.proxy.peak_kib
        stage.require(not wrong, f"heads answered wrongly: {dict(wrong)}")
        after = await nothing_left(stage, before)
    said = f"{sizes.heads} each of {len(HEADS)} kinds"
    return Outcome(before, peak_kib, after, tuple(stage.failures), said, traffic.rounds)


async def _send_heads(port: int, count: int) -> Counter[str]:
    """Send heads of all kinds in turn, some at a time.  Returns what was not answered as it should be."""
    wrong: Counter[str] = Counter()
    kinds = itertools.islice(itertools.cycle(HEADS), count)

    async def send_some() -> None:
        for kind in kinds:
            data, status = HEADS[kind]
            try:
                async with await Client.connect(port) as client:
                    await client.send(data)
                    answer = await client.read_answer()
                    if answer.status != status:
                        wrong[f"{kind}: {answer.status}"] += 1
            except (OSError, TimeoutError, ClientError) as exc:
                wrong[f"{kind}: {exc!r}"] += 1

    await asyncio.gather(*(send_some() for _ in range(_AT_ONCE)))
    return wrong


async def connection_flood(directory: Path, sizes: Sizes) -> Outcome:
    """Connections beyond `limits.connections`: each gets a 503 and a close, without being asked; the others go on."""
    limit = sizes.connections // 3
    async with staged(directory, f"limits: {{connections: {limit}}}\n" + _POOL) as stage, AsyncExitStack() as opened:
        before = await ready(stage)
        async with NormalTraffic(stage) as traffic:
            await until(lambda: traffic.rounds >= CLIENTS)  # its connections are within the limit
            inside = [await _open(stage.port, opened) for _ in range(limit - CLIENTS)]
            firsts = [await client.ask(b"/small") for client in inside]
            refused = [await _refusal(stage.port) for _ in range(sizes.connections - limit)]
            again = [await client.ask(b"/small") for client in inside]
        peak_kib = stage.proxy.peak_kib
        stage.require(all(answer.status == 200 for answer in firsts + again), "a connection within the limit is not served")
        stage.require(not (wrong := Counter(filter(None, refused))), f"refused otherwise than by a 503: {dict(wrong)}")
        await opened.aclose()
        after = await nothing_left(stage, before)
    said = f"{limit} connections within the limit, {len(refused)} refused"
    return Outcome(before, peak_kib, after, tuple(stage.failures), said, traffic.rounds)


async def _open(port: int, opened: AsyncExitStack) -> Client:
    return await opened.enter_async_context(await Client.connect(port))


async def _refusal(port: int) -> str:
    """Return what is wrong with how a connection beyond the limit is refused."""
    try:
        async with await Client.connect(port) as client:
            answer = await client.read_answer()
            _, clean = await client.read_rest()
    except (OSError, TimeoutError, ClientError) as exc:
        return repr(exc)
    return "" if is_refusal(answer) and clean else f"{answer!r}, clean: {clean}"


def is_refusal(answer: Answer) -> bool:
    """Whether this is a 503 that says why, and that the connection ends."""
    return answer.status == 503 and answer.closes and b"application/problem+json" in answer.head
