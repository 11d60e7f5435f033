"""Large bodies, a fixed number of them, one after the other: a load that ends with the clock would break one off."""

import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.drivers.driver import serve
from benchmarks.drivers.exchange import LOOPBACK
from benchmarks.drivers.found import Found

_BUFFER_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Downloads:
    """What is asked."""

    port: int
    request: str
    response_bytes: int
    requests: int


class Download:
    """The load, its connection open."""

    def __init__(self, downloads: Downloads) -> None:
        self._downloads = downloads
        self._socket = socket.create_connection((LOOPBACK, downloads.port))
        self._buffer = bytearray(_BUFFER_BYTES)

    def run(self) -> Mapping[str, Any]:
        """Download."""
        took: list[float] = []
        begun = time.monotonic()
        for _ in range(self._downloads.requests):
            at = time.monotonic()
            self._once()
            took.append(time.monotonic() - at)
        return asdict(Found.of(time.monotonic() - begun, took))

    def _once(self) -> None:
        self._socket.sendall(self._downloads.request.encode("latin-1"))
        received = bytearray()
        while b"\r\n\r\n" not in received:
            received += self._received(_BUFFER_BYTES)
        head, _, content = bytes(received).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 ") or b"content-length: %d" % self._downloads.response_bytes not in head.lower():
            raise ConnectionError(f"not what was asked for: {head!r}")
        left = self._downloads.response_bytes - len(content)
        while left > 0:
            left -= len(self._received(min(left, _BUFFER_BYTES)))

    def _received(self, most: int) -> memoryview:
        count = self._socket.recv_into(self._buffer, most)
        if not count:
            raise ConnectionError("the body was broken off")
        return memoryview(self._buffer)[:count]


if __name__ == "__main__":
    serve(lambda settings: Download(Downloads(**settings)))
