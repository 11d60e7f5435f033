"""Make spans of records and send them to a collector by OTLP over HTTP.  (OpenTelemetry semantic conventions for HTTP, 1.23 on)

The one module that imports OpenTelemetry, and it is imported only where `tracing.export` is set.  Of its SDK the values and the
exporter are used; no tracer, no processor: a span is made from a record that is complete, by the thread that sends it.
"""

import logging
from collections.abc import Callable
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from xoproxy import __version__
from xoproxy.config.settings import Exporting
from xoproxy.policy.cors import CorsOutcome
from xoproxy.telemetry.exporting import Batch
from xoproxy.telemetry.records import ExchangeRecord

SEND_TIMEOUT_S: Final = 5.0
MAX_PATH_CHARS: Final = 2048
MAX_WHY_CHARS: Final = 300

Attribute = str | int | float

_METHODS: Final = frozenset(b"CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT TRACE".split())
_SCOPE: Final = InstrumentationScope("xoproxy", __version__)
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_UNSET: Final = Status(StatusCode.UNSET)
_REFUSED: Final = frozenset({CorsOutcome.REFUSED.value, CorsOutcome.PREFLIGHT_REFUSED.value})
_CLIENT_LEFT: Final = "client_disconnected"  # an event stream ends so every time: nothing went wrong


class _Words(logging.Handler):
    """Keeps the first thing that the exporter says, in place of the log: what it says again with every batch is said once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.first = self.first or record.getMessage()

    def take(self) -> str:
        said, self.first = self.first, ""
        return said[:MAX_WHY_CHARS]


class Sender:
    """Sends batches to one collector."""

    def __init__(self, settings: Exporting) -> None:
        self._words = _Words()
        for library in ("opentelemetry", "requests", "urllib3"):
            logger = logging.getLogger(library)
            logger.handlers[:] = [self._words]
            logger.propagate = False
        # What the environment says besides holds too: OTEL_RESOURCE_ATTRIBUTES, OTEL_EXPORTER_OTLP_CERTIFICATE ...
        self._resource = Resource.create({"service.name": settings.service_name, "service.version": __version__})
        self._exporter = OTLPSpanExporter(settings.url, headers=dict(settings.headers), timeout=SEND_TIMEOUT_S)

    def send(self, batch: Batch) -> str | None:
        """Send a batch.  Returns None, or why it did not arrive.  Blocks for `SEND_TIMEOUT_S` at most."""
        spans = [span_of(record, self._resource, batch.routes_of(record)) for record in batch.records]
        if self._exporter.export(spans) is SpanExportResult.SUCCESS:
            self._words.take()
            return None
        return self._words.take() or "no reason is known"

    def close(self) -> None:
        """End; a batch that is tried again is given up."""
        shutdown: Callable[[], None] = self._exporter.shutdown  # theirs has no annotation in some releases
        shutdown()


def span_of(record: ExchangeRecord, resource: Resource, path: str | None) -> ReadableSpan:
    """Return the span of an exchange.  `path`: the glob of its route, if that has one."""
    trace = record.trace
    trace_id = int(trace.trace_id, 16)
    parent = SpanContext(trace_id, int(trace.parent_id, 16), is_remote=True, trace_flags=_SAMPLED) if trace.parent_id else None
    method = record.method.decode("ascii", "replace") if record.method in _METHODS else "HTTP"
    place = path or record.route
    started_ns = round(record.started_at * 1e6) * 1000  # a float of seconds knows no more
    return ReadableSpan(
        name=f"{method} {place}" if place else method,
        context=SpanContext(trace_id, int(trace.span_id, 16), is_remote=False, trace_flags=_SAMPLED),
        parent=parent,
        resource=resource,
        attributes=attributes_of(record, path),
        kind=SpanKind.SERVER,
        status=_status_of(record),
        start_time=started_ns,
        end_time=started_ns + round(record.duration_s * 1e9),
        instrumentation_scope=_SCOPE,
    )


def attributes_of(record: ExchangeRecord, path: str | None) -> dict[str, Attribute]:
    """Return what is told of an exchange: of the request neither query nor field, of the proxy what it decided."""
    trace = record.trace
    host, port = _server(record.host)
    known = record.method in _METHODS
    found: dict[str, Attribute | None] = {
        "http.request.method": record.method.decode("ascii") if known else "_OTHER",
        "http.request.method_original": None if known else record.method[:64].decode("latin-1"),
        "url.path": _path(record.target),
        "url.scheme": trace.scheme,
        "server.address": host,
        "server.port": port,
        "client.address": record.client,
        "http.route": path,
        "http.response.status_code": record.status or None,
        "network.protocol.name": "http",
        "network.protocol.version": trace.version,
        "error.type": record.error or (str(record.status) if record.status >= 500 else None),
        "xoproxy.route": record.route,
        "xoproxy.cors.outcome": record.cors,
        "xoproxy.cors.reason": record.reason if record.cors in _REFUSED else None,
        "xoproxy.generation": record.generation,
        "xoproxy.request_id": record.request_id,
        "xoproxy.upstream": record.upstream,
        "xoproxy.upstream.duration": record.upstream_s,  # seconds
    }
    return {key: value for key, value in found.items() if value is not None and value != ""}


def _path(target: bytes) -> str:
    """Return the path of a request target in any of its forms, without its query, which may hold secrets.  (RFC 9112 §3.2)"""
    path = target.partition(b"?")[0]
    if not path.startswith(b"/"):
        path = b"/" + path.partition(b"://")[2].partition(b"/")[2] if b"://" in path else path
    return path[:MAX_PATH_CHARS].decode("latin-1")


def _server(host: bytes) -> tuple[str, int | None]:
    name, colon, port = host.rpartition(b":")
    if not colon or not port.isdigit() or (name.startswith(b"[") and not name.endswith(b"]")):
        return host.decode("latin-1"), None
    return name.decode("latin-1"), int(port)


def _status_of(record: ExchangeRecord) -> Status:
    """Return whether it is an error of a server's: a 5xx, or an answer that was begun and not ended."""
    was_cut = bool(record.error) and record.error != _CLIENT_LEFT and not 400 <= record.status < 500
    return Status(StatusCode.ERROR, record.reason or record.error or None) if record.status >= 500 or was_cut else _UNSET
