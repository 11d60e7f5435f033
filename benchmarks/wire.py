"""A plain HTTP client for checks and for waiting, not for load.  Loopback only."""

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LOOPBACK: Final = "127.0.0.1"
TIMEOUT_S: Final = 5.0


def free_port() -> int:
    """Return a port that the kernel just gave out, and does not give out again soon."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: field lines in their order, names as they came."""

    status: int
    fields: tuple[tuple[str, str], ...]
    content: bytes

    def values(self, name: str) -> list[str]:
        """Return the values of all lines of a field."""
        return [value for found, value in self.fields if found.lower() == name.lower()]


class Connection:
    """A connection that stays open from one request to the next."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(LOOPBACK, port, timeout=TIMEOUT_S)

    def ask(self, target: str, method: str = "GET", fields: Mapping[str, str] | None = None, content_bytes: int = 0) -> Answer:
        """Send a request, wait for its response.  OSError or HTTPException if there is none."""
        self._connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in (fields or {}).items():
            self._connection.putheader(name, value)
        if content_bytes:
            self._connection.putheader("Content-Length", str(content_bytes))
        self._connection.endheaders(b"x" * content_bytes)
        response = self._connection.getresponse()
        return Answer(response.status, tuple(response.getheaders()), response.read())

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def ask(port: int, target: str, method: str = "GET", fields: Mapping[str, str] | None = None, content_bytes: int = 0) -> Answer:
    """Send one request over a connection of its own."""
    connection = Connection(port)
    try:
        return connection.ask(target, method, fields, content_bytes)
    finally:
        connection.close()
