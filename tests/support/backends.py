"""Backends: real Flask applications under their own server, and a plain server of ready-made answers."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer, TCPServer
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@dataclass(frozen=True)
class Reply:
    """What a plain backend answers to one target."""

    body: bytes = b""
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """One request that reached a plain backend."""

    method: str
    target: str
    fields: Message


@dataclass(frozen=True)
class Backend:
    """A running backend: where it is, and which requests have reached it (plain backends only)."""

    port: int
    seen: list[Seen] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return the address for an `upstream` key."""
        return f"http://127.0.0.1:{self.port}"

    def origin(self, host: str) -> str:
        """Return the origin under which a browser reaches the backend itself by the name `host`."""
        return f"http://{host}:{self.port}"


@contextmanager
def serving(server: BaseServer) -> Iterator[None]:
    """Serve in a thread for the time of the block."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _PlainServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # without HTTPServer's reverse look-up of the own name


@contextmanager
def plain_backend(replies: Mapping[str, Reply], default: Reply | None = None) -> Iterator[Backend]:
    """Serve `replies` by path; `default` for every other path, or 404."""
    backend_seen: list[Seen] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # its head and its body are two writes: the second would wait for an acknowledgement

        def handle_any(self) -> None:
            backend_seen.append(Seen(self.command, self.path, self.headers))
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            reply = replies.get(self.path.partition("?")[0], default) or Reply(b"not found", "text/plain", 404)
            self.send_response_only(reply.status)
            for name, value in {"Content-Type": reply.content_type, **reply.fields}.items():
                self.send_header(name, value)
            if reply.status != 304:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD" and reply.status != 304:
                self.wfile.write(reply.body)

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):  # http.server looks a method up by its name; any token will do
                return self.handle_any
            raise AttributeError(name)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = _PlainServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield Backend(server.server_address[1], backend_seen)


class _QuietRequestHandler(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def flask_backend(application: "WSGIApplication") -> Iterator[Backend]:
    """Run an application under werkzeug's server, the one that `flask run` starts."""
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_QuietRequestHandler)
    with serving(server):
        yield Backend(server.server_port)
