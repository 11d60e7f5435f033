"""What the browser floor is verified with: chance, and a server of made-up answers to which pages report what became of them.

How many cases, and which, is for the environment to say: `XOPROXY_VERIFY_CASES` and `XOPROXY_VERIFY_SEED`.
"""

import base64
import hashlib
import json
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final

from xoproxy.browser.model import Fields

# Stands for the right answer to the key of a WebSocket's handshake.
ACCEPT: Final = b"{accept}"
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # (RFC 6455 §1.3)


def cases_wanted(by_default: int) -> int:
    """Return how many cases a test tries; a number in the environment is for each test."""
    return int(os.environ.get("XOPROXY_VERIFY_CASES") or by_default)


def dice(kind: str) -> random.Random:
    """Return the chance that makes the cases of one kind: the same each time, unless the environment names a seed."""
    return random.Random(f"{kind} {os.environ.get('XOPROXY_VERIFY_SEED') or 1}")


@dataclass(frozen=True)
class Made:
    """A made-up answer.  Its fields go out as they are, twice if they are there twice."""

    fields: Fields = ()
    body: bytes = b""
    status: int = 200


@dataclass
class Teller:
    """A server that gives each path its answer, and keeps what pages report by path."""

    port: int
    answers: dict[str, Made] = field(default_factory=dict)
    reports: dict[str, Any] = field(default_factory=dict)

    def url(self, host: str, path: str) -> str:
        """Return the URL of `path` under the name `host`."""
        return f"http://{host}:{self.port}{path}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # without HTTPServer's reverse look-up of the own name


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    teller: Teller

    def do_GET(self) -> None:
        made = self.teller.answers.get(self.path.partition("?")[0], Made(status=404))
        key = self.headers.get("Sec-WebSocket-Key", "")
        accept = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest())
        lines = [b"HTTP/1.1 %d Made\r\n" % made.status]
        lines += [name + b": " + value.replace(ACCEPT, accept) + b"\r\n" for name, value in made.fields]
        if made.status != 101:
            lines.append(b"Content-Length: %d\r\n" % len(made.body))
        self.close_connection = made.status == 101
        self.wfile.write(b"".join(lines) + b"\r\n" + made.body)
        if made.status == 101:
            self.rfile.read()  # until the browser leaves

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"]))
        self.teller.reports[self.path.removeprefix("/report")] = json.loads(text)
        self.wfile.write(b"HTTP/1.1 204 Told\r\nAccess-Control-Allow-Origin: *\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def telling() -> Iterator[Teller]:
    """Serve made-up answers for the time of the block."""
    handler = type("_TellersHandler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    teller = Teller(server.server_address[1])
    handler.teller = teller  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield teller
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
