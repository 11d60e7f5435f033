"""Exchanges that end in the middle, in every way there is.  Afterwards nothing may be left of them."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from benchmarks.soak.client import Client, ClientError, request
from benchmarks.soak.proxy import Stage, staged
from benchmarks.soak.scenario import Outcome, Sizes, nothing_left, ready
from benchmarks.soak.traffic import NormalTraffic

_AT_ONCE: Final = 40
_SIZE: Final = 1 << 18
# A client that closes looks like one that has sent all and waits: what then never comes ends at these deadlines.
_SETTINGS: Final = "timeouts: {pool: 200ms, response: 1s, body: 1s}\n"
_UPLOAD: Final = b"POST /count HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + b"u" * 1000
_TUNNEL: Final = b"GET /tunnel HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"

End = Callable[[Client], None]
_close: End = Client.close
_reset: End = Client.reset


async def _at_once(client: Client, end: End) -> None:
    end(client)


async def _in_a_head(client: Client, end: End) -> None:
    await client.send(b"GET / HTTP/1.1\r\nHo")
    end(client)


async def _in_a_download(client: Client, end: End) -> None:
    await client.send(request(b"/bytes/%d" % (16 * _SIZE)))
    await client.read_head()
    end(client)


async def _in_a_pause(client: Client, end: End) -> None:
    await client.send(request(b"/part/%d" % _SIZE))
    await client.read_head()
    end(client)


async def _before_an_answer(client: Client, end: End) -> None:
    await client.send(request(b"/silent"))
    await asyncio.sleep(0.001)
    end(client)


async def _in_an_upload(client: Client, end: End) -> None:
    await client.send(_UPLOAD)
    await asyncio.sleep(0.001)
    end(client)


async def _in_a_tunnel(client: Client, end: End) -> None:
    await client.send(_TUNNEL + b"hello")
    await client.read_head()
    end(client)


async def _pipelined(client: Client, end: End) -> None:
    await client.send(request(b"/small") * 20)
    await client.read_answer()
    end(client)


async def _by_the_backend_in_a_download(client: Client, end: End) -> None:
    await client.send(request(b"/break/%d" % _SIZE))
    await client.read_head()
    rest, clean = await client.read_rest()
    if clean or len(rest) >= _SIZE:
        raise ClientError("a truncated body was given a clean end")
    end(client)


async def _by_the_backend_in_an_upload(client: Client, end: End) -> None:
    await client.send(_UPLOAD.replace(b"/count", b"/refuse"))
    answer = await client.read_answer()
    if answer.status != 502:
        raise ClientError(f"answered with {answer.status}")
    end(client)


KINDS: Final[dict[str, Callable[[Client, End], Awaitable[None]]]] = {
    "at once": _at_once,
    "in a head": _in_a_head,
    "in a download": _in_a_download,
    "in a pause of a download": _in_a_pause,
    "before an answer": _before_an_answer,
    "in an upload": _in_an_upload,
    "in a tunnel": _in_a_tunnel,
    "among pipelined requests": _pipelined,
    "by the backend, in a download": _by_the_backend_in_a_download,
    "by the backend, in an upload": _by_the_backend_in_an_upload,
}


async def aborts(directory: Path, sizes: Sizes) -> Outcome:
    """Exchanges broken off in all ways: no descriptor, no task, no memory is left of them."""
    async with staged(directory, _SETTINGS) as stage:
        await _break_off(stage, sizes.aborts // 2)  # what is filled up once: caches, the allocator's pools
        before = await ready(stage)
        async with NormalTraffic(stage) as traffic:
            wrong = await _break_off(stage, sizes.aborts)
        peak_kib = stage.proxy.peak_kib
        stage.require(not wrong, f"not broken off as they should be: {dict(wrong)}")
        after = await nothing_left(stage, before)
    said = f"{sizes.aborts} of {len(KINDS)} kinds, each by a close and by a reset"
    return Outcome(before, peak_kib, after, tuple(stage.failures), said, traffic.rounds)


async def _break_off(stage: Stage, count: int) -> Counter[str]:
    """Break off `count` exchanges, some at a time.  Returns what went otherwise than it should."""
    wrong: Counter[str] = Counter()
    ways = itertools.islice(itertools.cycle(itertools.product(KINDS, (_close, _reset))), count)

    async def break_some() -> None:
        for kind, end in ways:
            try:
                async with await Client.connect(stage.port) as client:
                    await KINDS[kind](client, end)
            except (OSError, TimeoutError, ClientError) as exc:
                wrong[f"{kind}: {exc!r}"] += 1

    await asyncio.gather(*(break_some() for _ in range(_AT_ONCE)))
    return wrong
