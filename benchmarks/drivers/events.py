"""Streams of server-sent events, all open at once; each event goes to each of them.  The latency is that of an event's way."""

import re
import selectors
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.drivers.clock import be_punctual
from benchmarks.drivers.driver import serve
from benchmarks.drivers.exchange import LOOPBACK
from benchmarks.drivers.found import Found

_SENT: Final = re.compile(rb'"at":([0-9.]+)}\n\n')
_OPEN_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Streams:
    """What is asked."""

    port: int
    request: str
    connections: int
    seconds: float


class Events:
    """The load, its streams open and an event received on each."""

    def __init__(self, streams: Streams) -> None:
        self._seconds = streams.seconds
        self._selector = selectors.DefaultSelector()
        self._received: dict[socket.socket, bytes] = {}
        for _ in range(streams.connections):
            opened = socket.create_connection((LOOPBACK, streams.port), timeout=_OPEN_S)
            opened.sendall(streams.request.encode("latin-1"))
            self._selector.register(opened, selectors.EVENT_READ)
            self._received[opened] = b""
        waiting, until = set(self._received), time.monotonic() + _OPEN_S
        while waiting:
            if time.monotonic() > until:
                raise ConnectionError(f"{len(waiting)} of {streams.connections} streams have no event")
            for key, _ in self._selector.select(1):
                assert isinstance(key.fileobj, socket.socket)
                if self._sent_times(key.fileobj):
                    waiting.discard(key.fileobj)

    def run(self) -> Mapping[str, Any]:
        """Receive."""
        be_punctual()
        took: list[float] = []
        begun = time.monotonic()
        while (now := time.monotonic()) < begun + self._seconds:
            for key, _ in self._selector.select(1):
                assert isinstance(key.fileobj, socket.socket)
                sent = self._sent_times(key.fileobj)
                now = time.monotonic()
                took += [now - at for at in sent]
        return asdict(Found.of(now - begun, took))

    def _sent_times(self, stream: socket.socket) -> list[float]:
        """Return when the events were sent that have come on a stream."""
        some = stream.recv(1 << 16)
        if not some:
            raise ConnectionError(f"a stream has ended: {self._received[stream]!r}")
        received = self._received[stream] + some
        found = list(_SENT.finditer(received))
        self._received[stream] = received[found[-1].end() :] if found else received
        return [float(one[1]) for one in found]


if __name__ == "__main__":
    serve(lambda settings: Events(Streams(**settings)))
