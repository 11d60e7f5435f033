"""What a response case is, and a backend that plays it: bytes, pauses and ends exactly as the table says."""

import asyncio
import itertools
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

from conformance.model import HOST, TOKEN
from conformance.observed import Answer

_TARGET = re.compile(rb"(tk[0-9]{6})/([a-z]+)")
DRIP_S = 0.05
# For proxies that pass nothing on before they have more, or that look at an idle connection only when they need it.
PATIENCE_S = 0.5
_LINGER = struct.pack("ii", 1, 0)


Values = tuple[tuple[str, tuple[bytes, ...]], ...]  # names (lower case), each with the values that arrive, in order


class Step(Enum):
    """What the backend does besides sending."""

    PASSED = "wait until the client has the head"
    ANSWERED = "wait until the client has its answer; what follows was not asked for, and the proxy should close"
    FIN = "close"
    RESET = "reset"
    DRIP = "send the next bytes again and again, until the connection ends"


PASSED, ANSWERED, FIN, RESET, DRIP = Step.PASSED, Step.ANSWERED, Step.FIN, Step.RESET, Step.DRIP


@dataclass(frozen=True, slots=True)
class Passed:
    """The client gets this message of the backend's, with a clean end."""

    body: bytes | None = b""
    status: int = 200
    fields: Values = ()
    interim: tuple[int, ...] | None = ()  # None: not looked at
    check: Callable[[Answer], str | None] | None = None  # returns what is wrong


@dataclass(frozen=True, slots=True)
class Failed:
    """The client gets an error of the proxy's own."""

    statuses: frozenset[int] = frozenset((502,))


@dataclass(frozen=True, slots=True)
class Aborted:
    """The client gets no whole message, and sees so."""


Fate = Passed | Failed | Aborted
# What a proxy may always do with what is no valid message.
BROKEN: tuple[Fate, ...] = (Failed(frozenset((500, 502, 503, 504))), Aborted())


@dataclass(frozen=True, slots=True)
class ResponseCase:
    """One row of the table of responses."""

    group: str
    name: str
    section: str
    script: tuple[bytes | Step, ...]
    expect: tuple[Fate, ...]  # of xoproxy: one of these
    lawful: tuple[Fate, ...] = ()  # of others: one of these too
    ask: bytes = b""
    early: bool = False  # the script begins with the request's head, not with its end
    unasked: bool = False  # the script begins with the connection
    keeps: bool | None = None  # whether xoproxy keeps the client's connection; None: unless it aborts
    slow: bool = False  # it ends by a timeout
    only_xoproxy: bool = False  # it is about the policy

    @property
    def id(self) -> str:
        """The case's name in reports."""
        return f"{self.group}: {self.name}"


def ask(
    lines: bytes = b"", method: bytes = b"GET", version: bytes = b"HTTP/1.1", body: bytes = b"", path: bytes = b"/"
) -> bytes:
    """Return a request whose answer the case is about."""
    return method + b" " + path + TOKEN + b"/first " + version + b"\r\n" + HOST + lines + b"\r\n" + body


@dataclass
class Asked:
    """A request that the backend saw."""

    serial: int
    token: bytes
    what: bytes  # first, marker or probe


@dataclass
class Stage:
    """One case that is being played."""

    case: ResponseCase
    passed: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Player:
    """The backend: plays the script for the request `first` of a case, and answers all others by their serial number."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[Asked] = []
        self.stages: dict[bytes, Stage] = {}
        self.greeting: Stage | None = None  # of the next connection
        self._serials = itertools.count(1)
        self._server: asyncio.Server
        self._writers: set[asyncio.StreamWriter] = set()
        self._busy: set[asyncio.StreamWriter] = set()

    async def start(self, port: int = 0) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, backlog=1024, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more, end all connections, and wait for their ends."""
        self._server.close()
        for stage in self.stages.values():
            stage.passed.set()
            stage.answered.set()
        while self._writers:
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.sleep(0.01)

    async def close_idle(self) -> None:
        """Close the connections that no request is on, so that the next request brings a new one."""
        for writer in self._writers - self._busy:
            writer.close()
        await asyncio.sleep(0.02)  # what the proxy has not noticed by then it finds dead when it wants to use it

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            if self.greeting is not None:
                stage, self.greeting = self.greeting, None
                await self._play(stage, reader, writer)
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self._busy.add(writer)
                await self._answer(head, reader, writer)
                self._busy.discard(writer)
        self._busy.discard(writer)
        self._writers.discard(writer)
        writer.close()

    async def _answer(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found = _TARGET.search(head)
        assert found is not None, head
        asked = Asked(next(self._serials), found[1], found[2])
        self.asked.append(asked)
        stage = self.stages.get(asked.token) if asked.what == b"first" else None
        if stage is not None and stage.case.early:
            await self._play(stage, reader, writer)
        await _read_body(head, reader)
        if stage is None or stage.case.unasked:
            body = b"%d %b" % (asked.serial, asked.what)
            answer = b"HTTP/1.1 200 OK\r\nX-Answer: %d\r\nContent-Length: %d\r\n\r\n%b" % (asked.serial, len(body), body)
            writer.write(answer)
        elif not stage.case.early:
            await self._play(stage, reader, writer)

    async def _play(self, stage: Stage, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        steps = iter(stage.case.script)
        try:
            for step in steps:
                if isinstance(step, bytes):
                    writer.write(step)
                    await writer.drain()
                elif step is DRIP:
                    await self._drip(next(steps), writer)
                else:
                    await self._do(step, stage, writer)
            if ANSWERED in stage.case.script:
                await _within(PATIENCE_S, reader.read(1))  # until the proxy has seen it
        finally:
            stage.over.set()

    async def _drip(self, data: bytes | Step, writer: asyncio.StreamWriter) -> None:
        assert isinstance(data, bytes)
        while not writer.transport.is_closing():
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(DRIP_S)

    async def _do(self, step: Step, stage: Stage, writer: asyncio.StreamWriter) -> None:
        if step is FIN:
            writer.close()
            raise ConnectionError
        if step is RESET:
            sock: socket.socket = writer.get_extra_info("socket")
            with suppress(OSError):  # the proxy was faster
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
            writer.transport.abort()
            raise ConnectionError
        await _within(PATIENCE_S if step is PASSED else None, (stage.passed if step is PASSED else stage.answered).wait())


async def _within(seconds: float | None, awaitable: Awaitable[object]) -> None:
    """Await for so long at most."""
    with suppress(TimeoutError):
        await asyncio.wait_for(awaitable, seconds)


async def _read_body(head: bytes, reader: asyncio.StreamReader) -> None:
    """Read a request's content and forget it."""
    length = re.search(rb"(?i)\ncontent-length: *([0-9]+)", head)
    if length is not None:
        await reader.readexactly(int(length[1]))
    elif re.search(rb"(?i)\ntransfer-encoding:", head) is not None:
        await reader.readuntil(b"0\r\n\r\n")
