"""Messages between the supervisor and a worker, over a pair of Unix sockets.

A *message* is one value of a known class, written as JSON behind its length.  Descriptors travel with a message's first byte
(SCM_RIGHTS), so that they are there when it is read.  Both ends are the same program: what does not decode is a fault of ours.

Rule: `send` never waits.  What the other end does not take is kept; who sends asks for an answer in time, and ends a deaf peer.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_LENGTH: Final = struct.Struct("!I")
_READ_BYTES: Final = 256 * 1024
_MAX_DESCRIPTORS: Final = 250  # per message; the kernel's SCM_MAX_FD is 253

M = TypeVar("M")  # what arrives


class Channel(Generic[M]):
    """One end of the channel.  In a running loop."""

    def __init__(
        self,
        sock: socket.socket,
        classes: Iterable[type[M]],
        received: Callable[[M, list[socket.socket]], None],
        ended: Callable[[], None],
    ) -> None:
        """`classes`: what may arrive.  `ended` is called once, when the other end is gone or sockets were lost on the way."""
        sock.setblocking(False)  # noqa: FBT003  the signature is socket's
        self._sock = sock
        self._classes = {kind.__name__: kind for kind in classes}
        self._received = received
        self._ended = ended
        self._arrived = bytearray()
        self._descriptors: list[int] = []
        self._waiting: deque[tuple[memoryview, list[int]]] = deque()
        self._kept: deque[list[socket.socket]] = deque()  # sockets of `_waiting`: open until they are sent
        self._loop = asyncio.get_running_loop()
        self._is_open = True
        self._emptied: asyncio.Event | None = None  # set once nothing waits any more, once someone waits for that
        self._loop.add_reader(sock.fileno(), self._read)

    def send(self, message: "DataclassInstance", sockets: Iterable[socket.socket] = ()) -> None:
        """Send a message; the other end gets duplicates of `sockets`.  To an end that is gone it goes nowhere."""
        if not self._is_open:
            return
        copies = [sock.dup() for sock in sockets]
        assert len(copies) <= _MAX_DESCRIPTORS
        values = {field.name: getattr(message, field.name) for field in fields(message)}
        body = json.dumps([type(message).__name__, len(copies), values]).encode()
        self._waiting.append((memoryview(_LENGTH.pack(len(body)) + body), [sock.fileno() for sock in copies]))
        self._kept.append(copies)
        if len(self._waiting) == 1:
            self._write()

    @property
    def unsent_bytes(self) -> int:
        """How much the other end has not taken yet."""
        return sum(len(rest) for rest, _ in self._waiting)

    async def flush(self, timeout_s: float) -> None:
        """Wait until everything is sent, or the other end is gone, or `timeout_s` are over."""
        if self._waiting and self._is_open:
            self._emptied = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), timeout_s)

    def close(self) -> None:
        """Let go of this end; what arrived and was not read is forgotten."""
        if not self._is_open:
            return
        self._is_open = False
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        self._waiting.clear()
        if self._emptied is not None:
            self._emptied.set()
        while self._kept:
            _close(self._kept.popleft())
        _close(socket.socket(fileno=descriptor) for descriptor in self._descriptors)
        self._descriptors.clear()

    def _write(self) -> None:
        try:
            while self._waiting:
                rest, descriptors = self._waiting[0]
                sent = socket.send_fds(self._sock, [rest], descriptors) if descriptors else self._sock.send(rest)
                if sent < len(rest):
                    self._waiting[0] = (rest[sent:], [])
                    continue
                self._waiting.popleft()
                _close(self._kept.popleft())
        except BlockingIOError:
            self._loop.add_writer(self._sock.fileno(), self._write)
        except OSError:
            self._waiting.clear()  # the other end is gone: reading says so
        else:
            self._loop.remove_writer(self._sock.fileno())
        if not self._waiting and self._emptied is not None:
            self._emptied.set()

    def _read(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._sock, _READ_BYTES, _MAX_DESCRIPTORS)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        self._descriptors += descriptors
        self._arrived += data
        while self._is_open and self._take_one():
            pass
        if not data and self._is_open:
            self.close()
            self._ended()

    def _take_one(self) -> bool:
        """Hand over the next message; False if it has not arrived whole."""
        start = _LENGTH.size
        if len(self._arrived) < start:
            return False
        end = start + _LENGTH.unpack_from(self._arrived)[0]
        if len(self._arrived) < end:
            return False
        name, count, values = json.loads(self._arrived[start:end])
        if len(self._descriptors) < count:  # the kernel drops what this process may not have: too many files are open
            self.close()
            self._ended()
            return False
        del self._arrived[:end]
        sockets = [_adopt(descriptor) for descriptor in self._descriptors[:count]]
        del self._descriptors[:count]
        self._received(self._classes[name](**values), sockets)
        return True


def _adopt(descriptor: int) -> socket.socket:
    sock = socket.socket(fileno=descriptor)
    sock.set_inheritable(False)
    return sock


def _close(sockets: Iterable[socket.socket]) -> None:
    for sock in sockets:
        sock.close()
