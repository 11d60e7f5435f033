"""A collector that takes OTLP over HTTP: a real server, which decodes what comes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support.backends import serving


@dataclass
class Collector:
    """What came, and how it is answered."""

    port: int
    status: int = 200
    paths: list[str] = field(default_factory=list)
    fields: list[Message] = field(default_factory=list)
    taken: list[ExportTraceServiceRequest] = field(default_factory=list)
    refused: int = 0
    may_answer: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Return what `tracing.export` takes."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[Any]:
        """Return all spans that were taken."""
        return [span for one in self.taken for part in one.resource_spans for scope in part.scope_spans for span in scope.spans]

    @property
    def resources(self) -> list[dict[str, Any]]:
        """Return the attributes of what has sent them."""
        return [attributes(part.resource) for one in self.taken for part in one.resource_spans]


def attributes(told: Any) -> dict[str, Any]:
    """Return the attributes of a span or a resource."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in told.attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector for the time of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.may_answer.wait(20)
            collector.paths.append(self.path)
            collector.fields.append(self.headers)
            if collector.status == 200:
                collector.taken.append(ExportTraceServiceRequest.FromString(body))
            else:
                collector.refused += 1
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        collector = Collector(server.server_port)
        collector.may_answer.set()
        with serving(server):
            yield collector
