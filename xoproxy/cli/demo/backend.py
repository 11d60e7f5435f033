"""The demo's backend: a page, its worker, a picture and a JSON API, as an application that never heard of cross-origin policy.

Rule 1: it sends not one cross-origin field, and answers OPTIONS with 501 like any server that was not taught it.
Rule 2: it needs nothing but the standard library and the files beside it.
"""

import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from socketserver import TCPServer
from typing import Final

from xoproxy.slotted import dataclass

SITE: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/demo.js": ("demo.js", "text/javascript; charset=utf-8"),
    "/worker.js": ("worker.js", "text/javascript; charset=utf-8"),
    "/picture.svg": ("picture.svg", "image/svg+xml"),
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One ready-made answer."""

    content: bytes
    content_type: str
    status: HTTPStatus = HTTPStatus.OK
    fields: Mapping[str, str] = field(default_factory=dict[str, str])


def site(direct: str, through: str) -> dict[str, Reply]:
    """Return the static files by path; the page names the two addresses that it is served at."""
    replies: dict[str, Reply] = {}
    for path, (name, content_type) in SITE.items():
        text = (files("xoproxy.cli.demo") / "site" / name).read_text(encoding="utf-8")
        replies[path] = Reply(text.replace("{{direct}}", direct).replace("{{through}}", through).encode(), content_type)
    return replies


def api(path: str, *, authorized: bool) -> Reply | None:
    """Return the API's answer, None for a path it does not know."""
    match path:
        case "/api/items":
            return _json(["page", "worker", "picture"], fields={"X-Total-Count": "3"})
        case "/api/broken":
            return _json({"message": "the database does not answer"}, HTTPStatus.INTERNAL_SERVER_ERROR)
        case "/api/private" if authorized:
            return _json({"message": "welcome, the Authorization field arrived"})
        case "/api/private":
            refusal = {"WWW-Authenticate": "Bearer"}
            return _json({"message": "this path wants an Authorization field"}, HTTPStatus.UNAUTHORIZED, refusal)
        case _:
            return None


def _json(value: object, status: HTTPStatus = HTTPStatus.OK, fields: Mapping[str, str] | None = None) -> Reply:
    return Reply(json.dumps(value).encode() + b"\n", "application/json", status, fields or {})


class Backend(ThreadingHTTPServer):
    """The server, bound to a loopback port; `site` is set once the proxy's address is known."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.site: Mapping[str, Reply] = {}

    def server_bind(self) -> None:
        """Bind without HTTPServer's look-up of the machine's own name: the demo asks no name server."""
        TCPServer.server_bind(self)

    @property
    def port(self) -> int:
        """Return the port it is bound to."""
        return int(self.server_address[1])

    @contextmanager
    def serving(self) -> Generator[None, None, None]:
        """Serve in a thread for the time of the block."""
        thread = threading.Thread(target=self.serve_forever, args=(0.1,), name="demo-backend", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


class Handler(BaseHTTPRequestHandler):
    """GET and HEAD of ready-made answers."""

    protocol_version = "HTTP/1.1"
    timeout = 60.0  # seconds; a thread per connection must not wait for ever

    def do_GET(self) -> None:
        """Answer with a file, the API or 404."""
        assert isinstance(self.server, Backend)
        path = self.path.partition("?")[0]
        reply = self.server.site.get(path) or api(path, authorized="Authorization" in self.headers)
        self._send(reply or _json({"message": "no such page"}, HTTPStatus.NOT_FOUND))

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.fields.items():
            self.send_header(name, value)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        """Say nothing: the terminal is for the two addresses."""
