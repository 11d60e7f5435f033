"""Render one exchange as one line, as JSON or as ``key=value`` text.

Runs once per exchange, so lines are put together by hand.  What a client chose (method, target, host, origin) is searched once
for anything that needs escaping; nearly always there is nothing, and the values go into the line as they are.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from xoproxy.config.settings import LogFormat
from xoproxy.telemetry.clock import timestamp
from xoproxy.telemetry.escape import MAX_VALUE_CHARS, is_unsafe, quote, quote_bytes, quote_cached, word, word_cached
from xoproxy.telemetry.records import ExchangeRecord

MAX_METHOD_CHARS: Final = 64
MAX_NAME_CHARS: Final = 300  # hosts and origins: the longest that a browser can send


def render_json(record: ExchangeRecord) -> str:
    """Return the record as one JSON object, without the line's end.  The keys and their order never vary."""
    method, target, host, origin = _client_values(record)
    upstream_ms = "null" if record.upstream_s is None else f"{record.upstream_s * 1000:.3f}"
    outcome = _json_outcome(record.upstream, record.route, record.cors, record.reason, record.error)
    return (
        f'{{"time":"{timestamp(record.started_at)}","level":"info","logger":"xoproxy.access","event":"exchange",'
        f'"client":{quote_cached(record.client)},"method":{method},"target":{target},"host":{host},"origin":{origin},'
        f'"status":{record.status},"request_bytes":{record.request_bytes},"response_bytes":{record.response_bytes},'
        f'"duration_ms":{record.duration_s * 1000:.3f},"upstream_ms":{upstream_ms},'
        f'{outcome},"generation":{record.generation}}}'
    )


@lru_cache(maxsize=1024)
def _json_outcome(upstream: str, route: str, cors: str, reason: str, error: str) -> str:
    """Return the keys whose values are ours: few different ones, so that they are put together once."""
    return (
        f'"upstream":{quote(upstream)},"route":{quote(route)},"cors":{quote(cors)},'
        f'"reason":{quote(reason)},"error":{quote(error)}'
    )


def render_text(record: ExchangeRecord) -> str:
    """Return the record as one line for people, without the line's end: what happened, then why, where there is a why."""
    method, target, host, origin = _client_values(record)
    line = (
        f"{timestamp(record.started_at)} info exchange client={word_cached(record.client)} method={method} target={target} "
        f"host={host} status={record.status} request_bytes={record.request_bytes} response_bytes={record.response_bytes} "
        f"duration_ms={record.duration_s * 1000:.3f}"
    )
    if record.upstream_s is not None:
        line += f" upstream_ms={record.upstream_s * 1000:.3f}"
    line += _text_outcome(record.upstream, record.route, record.cors, record.reason, record.error)
    if record.origin is not None:
        line += f" origin={origin}"
    return f"{line} generation={record.generation}"


@lru_cache(maxsize=1024)
def _text_outcome(upstream: str, route: str, cors: str, reason: str, error: str) -> str:
    line = f" upstream={word(upstream)}" if upstream else ""
    if route:
        line += f" route={word(route)}"
    line += f" cors={word(cors)}"
    if reason:
        line += f" reason={quote(reason)}"
    return f"{line} error={word(error)}" if error else line


def _client_values(record: ExchangeRecord) -> tuple[str, str, str, str]:
    """Return method, target, host and origin as JSON strings (``null`` for no origin)."""
    method, target, host, origin = record.method, record.target, record.host, record.origin
    both = method + target + host if origin is None else method + target + host + origin
    if len(both) > MAX_NAME_CHARS or is_unsafe(both) is not None:
        return _escaped_client_values(record)
    text_origin = "null" if origin is None else f'"{origin.decode("ascii")}"'
    return f'"{method.decode("ascii")}"', f'"{target.decode("ascii")}"', f'"{host.decode("ascii")}"', text_origin


def _escaped_client_values(record: ExchangeRecord) -> tuple[str, str, str, str]:
    return (
        quote_bytes(record.method, MAX_METHOD_CHARS),
        quote_bytes(record.target, MAX_VALUE_CHARS),
        quote_bytes(record.host, MAX_NAME_CHARS),
        "null" if record.origin is None else quote_bytes(record.origin, MAX_NAME_CHARS),
    )


RENDERERS: Final[dict[LogFormat, Callable[[ExchangeRecord], str]]] = {LogFormat.JSON: render_json, LogFormat.TEXT: render_text}
