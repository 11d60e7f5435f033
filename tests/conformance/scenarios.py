"""Sequences that no single exchange shows: many clients, clients that leave, connections that went stale."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from support.wire import Peer

from conformance.connecting import connect_to
from conformance.model import TOKEN, Reply, Then, get
from conformance.observed import Answer, Seen, read_answers
from conformance.recorder import Recorder

_GROUP = "others fall"
_serials = itertools.count(900_000)


@dataclass(frozen=True)
class Stage:
    """Where a scenario is played."""

    address: tuple[str, int]
    recorder: Recorder

    async def connect(self) -> Peer:
        """Return a new client's connection."""
        return await connect_to(self.address)

    def token(self, reply: Reply | None = None) -> bytes:
        """Return a word for a request, which is answered by `reply`."""
        token = b"tk%06d" % next(_serials)
        if reply is not None:
            self.recorder.replies[token] = reply
        return token

    async def seen(self, token: bytes) -> Seen:
        """Return the one request with `token`, once it is there."""
        async with asyncio.timeout(5.0):
            while not self.recorder.of(token):
                await asyncio.sleep(0.005)
        return self.recorder.of(token)[0]

    async def ended(self, connection: int) -> bool:
        """Whether a connection of the backend ends, and long before any deadline would end it."""
        for _ in range(200):
            if connection in self.recorder.ended:
                return True
            await asyncio.sleep(0.005)
        return False


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table.  `play` returns what is wrong."""

    group: str
    name: str
    section: str
    play: Callable[[Stage], Awaitable[str | None]]

    @property
    def id(self) -> str:
        """The scenario's name in reports."""
        return f"{self.group}: {self.name}"


async def _ask(stage: Stage, request: bytes) -> Answer | None:
    """Ask on a connection of its own; return the answer."""
    peer = await stage.connect()
    try:
        await peer.send(request)
        received, clean = await peer.read_until_ended()
    except TimeoutError:
        return None
    finally:
        peer.close()
    return next(iter(read_answers(received, [request.partition(b" ")[0]], clean=clean)), None)


def _request(token: bytes, lines: bytes = b"Connection: close\r\n") -> bytes:
    return get(lines).replace(TOKEN, token)


async def _dripping_heads(stage: Stage) -> str | None:
    """Five hundred clients send a head byte by byte, for ever."""
    token = stage.token()

    async def drip() -> bool:
        """Whether the connection ends, and with an error or without a word."""
        peer = await stage.connect()
        ended = asyncio.ensure_future(peer.read_until_ended())
        try:
            await peer.send(_request(token)[:-2])
            for _ in range(40):
                done, _ = await asyncio.wait((ended,), timeout=0.2)
                if done:
                    received, _ = ended.result()
                    return b" 200 " not in received.partition(b"\r\n")[0]
                await peer.send(b"x")
        except ConnectionError:
            return True
        finally:
            ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)
            peer.close()
        return False

    closed = sum(await asyncio.gather(*(drip() for _ in range(500))))
    if closed < 500:
        return f"{closed} of 500 were closed"
    return "one reached the backend" if stage.recorder.of(token) else None


async def _stale_connections(stage: Stage) -> str | None:
    """The backend closes each connection right after it answered, without having said so."""
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    token = stage.token(Reply((body,), Then.CLOSE))
    answers = [await _ask(stage, _request(token)) for _ in range(300)]
    good = sum(answer is not None and answer.status == 200 and answer.body == b"ok" for answer in answers)
    return None if good == 300 else f"{good} of 300 were answered"


async def _cookies(stage: Stage) -> str | None:
    """Twenty users ask three times each, at once; the backend gives each a cookie that names them."""
    reply = Reply((b"HTTP/1.1 200 OK\r\nSet-Cookie: user=" + TOKEN + b"; Path=/\r\nContent-Length: 2\r\n\r\nok",))
    users = [stage.token(reply) for _ in range(20)]
    for _ in range(3):
        answers = await asyncio.gather(*(_ask(stage, _request(user)) for user in users))
        for user, answer in zip(users, answers, strict=True):
            found = answer.values("set-cookie") if answer is not None else ()
            if found != (b"user=" + user + b"; Path=/",):
                return f"{user!r} got {found}"
    sent = [seen.values("cookie") for user in users for seen in stage.recorder.of(user) if seen.values("cookie")]
    return f"the backend got cookies that no client sent: {sent[:3]}" if sent else None


async def _leaves(stage: Stage, reply: Reply, *, waits: bool) -> str | None:
    """A client leaves: without an answer, or in the middle of it."""
    token = stage.token(reply)
    peer = await stage.connect()
    await peer.send(_request(token, b""))
    seen = await stage.seen(token)
    if waits:
        await peer.receive()
    peer.reset()
    return None if await stage.ended(seen.connection) else "the backend's connection stayed"


async def _leaves_while_it_waits(stage: Stage) -> str | None:
    return await _leaves(stage, Reply(()), waits=False)


async def _leaves_in_mid_body(stage: Stage) -> str | None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"
    return await _leaves(stage, Reply((head + b"Content-Length: 1000\r\n\r\ndata: 1\n\n",)), waits=True)


async def _leaves_in_an_upload(stage: Stage) -> str | None:
    """The upload is larger than what others buffer before they ask the backend."""
    token = stage.token()
    peer = await stage.connect()
    head = b"POST /" + token + b" HTTP/1.1\r\nHost: front.example\r\nContent-Length: 10000000\r\n\r\n"
    await peer.send(head + b"x" * 100_000)
    try:
        seen = await stage.seen(token)
    except TimeoutError:
        peer.close()
        return None  # it would have been asked only once all was there
    peer.reset()
    if not await stage.ended(seen.connection):
        return "the backend's connection stayed"
    return "the upload was given a clean end" if seen.complete else None


SCENARIOS = (
    Scenario(_GROUP, "500 of 500 dripping heads are closed at the deadline", "RFC 9112 9.8", _dripping_heads),
    Scenario(_GROUP, "stale connections to the backend cost 0 of 300 requests", "RFC 9112 9.3.1", _stale_connections),
    Scenario(_GROUP, "one user's cookie never reaches another", "RFC 6265 4.1", _cookies),
    Scenario(_GROUP, "a client that leaves while it waits ends its exchange", "RFC 9112 8", _leaves_while_it_waits),
    Scenario(_GROUP, "a client that leaves in mid-body ends its exchange", "RFC 9112 8", _leaves_in_mid_body),
    Scenario(_GROUP, "a client that leaves in its upload ends its exchange", "RFC 9112 8", _leaves_in_an_upload),
)
