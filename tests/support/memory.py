"""A data plane without sockets and without waiting: what a peer sends is delivered when told, and time stands still.

One proxy and its peers live in a loop of their own.  Nothing is random or timed, so that an example that failed fails again,
and thousands of them take seconds.  Sockets have ways of their own (partial reads, resets): `wire` is for those.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Any

from support.generations import generation, upstream
from xoproxy.config.settings import Endpoint, Limits
from xoproxy.dataplane import DataPlane
from xoproxy.telemetry.records import ExchangeRecord


class Event(Enum):
    """What a peer does besides sending bytes."""

    FIN = "fin"
    RESET = "reset"


FIN, RESET = Event.FIN, Event.RESET
Script = bytes | Event


class _Socket:
    """What the data plane asks a socket for: whether it has an error, and a descriptor to be polled."""

    family = socket.AF_UNIX

    def __init__(self, transport: "MemoryTransport", descriptors: tuple[int, int]) -> None:
        self._transport = transport
        self._descriptors = descriptors

    def fileno(self) -> int:
        """Return a descriptor that can be read if and only if something is on its way."""
        return self._descriptors[self._transport.has_news]

    def getsockopt(self, *_: int) -> int:
        return 0


class MemoryTransport(asyncio.Transport):
    """The proxy's side of a connection; `feed` is the peer's."""

    def __init__(self, loop: "MemoryLoop", protocol: asyncio.Protocol, heard: Callable[[bytes], None]) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._heard = heard
        self._arriving: deque[Script] = deque()
        self._paused = False
        self.written = bytearray()
        self.ended: Event | None = None  # how the proxy ended it, or the peer
        self.half_closed = False  # the proxy sends no more
        protocol.connection_made(self)

    @property
    def has_news(self) -> bool:
        """Whether the peer has sent what was not read yet."""
        return bool(self._arriving)

    def feed(self, *pieces: Script) -> None:
        """The peer sends these, each as a read of its own."""
        self._arriving.extend(pieces)
        self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        if not self._arriving or self._paused or self.ended is not None:
            return
        piece = self._arriving.popleft()
        if isinstance(piece, bytes):
            self._protocol.data_received(piece)
        elif piece is RESET:
            self._end(RESET, ConnectionResetError())
        elif not self._protocol.eof_received():
            self.close()
        self._loop.call_soon(self._deliver)

    def _end(self, how: Event, error: Exception | None = None) -> None:
        if self.ended is None:
            self.ended = how
            self._loop.call_soon(self._protocol.connection_lost, error)

    # What asyncio's protocols may call.

    def write(self, data: Any) -> None:
        if self.ended is None and not self.half_closed:
            self.written += data
            self._heard(bytes(data))

    def write_eof(self) -> None:
        self.half_closed = True

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        self._end(FIN)

    def abort(self) -> None:
        self._end(RESET)

    def is_closing(self) -> bool:
        return self.ended is not None

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self._loop.call_soon(self._deliver)

    def is_reading(self) -> bool:
        return not self._paused

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        match name:
            case "peername":
                return ("192.0.2.1", 1234)
            case "socket":
                return _Socket(self, self._loop.descriptors)
            case _:
                return default


class MemoryLoop(asyncio.SelectorEventLoop):
    """A loop whose clock stands, and whose connections all lead to `origin`."""

    def __init__(self, origin: "Origin") -> None:
        super().__init__()
        self._origin = origin
        self._quiet, self._loud = socket.socketpair()
        self._quiet.send(b"!")
        self.descriptors = self._quiet.fileno(), self._loud.fileno()
        self.faults: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.faults.append(context))

    def time(self) -> float:
        return 1000.0

    async def create_connection(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        return self._connect(protocol_factory())

    async def create_unix_connection(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        return self._connect(protocol_factory())

    def _connect(self, protocol: Any) -> Any:
        reader = self._origin.accept()
        transport = MemoryTransport(self, protocol, reader)
        self._origin.transports.append(transport)
        return transport, protocol

    def close(self) -> None:
        super().close()
        self._quiet.close()
        self._loud.close()

    def settle(self) -> None:
        """Run until nothing is left to do but wait."""

        async def turn() -> None:
            await asyncio.sleep(0)
            while self._ready:  # type: ignore[attr-defined]
                await asyncio.sleep(0)

        self.run_until_complete(turn())


class Origin:
    """A backend: `accept` returns what hears the bytes of a new connection, which is the last of `transports` by then."""

    def __init__(self) -> None:
        self.transports: list[MemoryTransport] = []

    def accept(self) -> Callable[[bytes], None]:
        raise NotImplementedError


class MemoryProxy:
    """A data plane before `origin`.  To be closed."""

    def __init__(self, origin: Origin, limits: Limits = Limits()) -> None:  # noqa: B008  immutable
        self.loop = MemoryLoop(origin)
        self.records: list[ExchangeRecord] = []
        made = generation(upstream(Endpoint("", 0, unix_path="/memory")), limits=limits)
        made = replace(made, settings=replace(made.settings, request_id=None))
        self.plane: DataPlane = self.loop.run_until_complete(self._start(made))

    async def _start(self, made: Any) -> DataPlane:
        return DataPlane(made, self.records.extend)

    def connect(self) -> MemoryTransport:
        """Return the proxy's side of a new client's connection."""
        return MemoryTransport(self.loop, self.plane.client_protocol(secure=False), lambda data: None)

    def close(self) -> None:
        """End all; nothing may have gone wrong unseen, and nothing be left."""
        self.plane.abort()
        self.loop.settle()
        left = [task.get_name() for task in asyncio.all_tasks(self.loop)]
        self.loop.close()
        assert self.loop.faults == []
        assert left == []
        assert self.plane.connections == 0
