"""Render one exchange as one line, as JSON or as ``key=value`` text.

Runs once per exchange, so lines are put together by hand.  What a client says of itself (address, method, host, origin) repeats
from request to request, and so does what we decided: these parts are made once and remembered.  The target is looked through
for anything that needs escaping; nearly always there is nothing.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from xoproxy.config.settings import LogFormat, LogSettings
from xoproxy.telemetry.chosen_keys import MAX_METHOD_CHARS, MAX_NAME_CHARS, chosen_keys, with_fields_json, with_fields_text
from xoproxy.telemetry.clock import milliseconds, timestamp
from xoproxy.telemetry.escape import MAX_VALUE_CHARS, PLAIN, quote, quote_bytes, word, word_cached
from xoproxy.telemetry.records import ExchangeRecord

MAX_REMEMBERED: Final = 1024  # then all is forgotten: clients choose what is remembered
MAX_REMEMBERED_BYTES: Final = 512


def render_json(record: ExchangeRecord) -> str:
    """Return the record as one JSON object, without the line's end.  The keys and their order never vary."""
    client = (record.client, record.method, record.host, record.origin)
    before, after = _clients.get(client) or _json_client(client)
    target = record.target
    is_plain = target.translate(PLAIN) == target and len(target) <= MAX_VALUE_CHARS
    shown = f'"{target.decode("ascii")}"' if is_plain else quote_bytes(target, MAX_VALUE_CHARS)
    upstream_ms = "null" if record.upstream_s is None else milliseconds(record.upstream_s)
    decided = (record.upstream, record.route, record.cors, record.reason, record.error)
    outcome = _outcomes.get(decided) or _json_outcome(decided)
    # mypyc puts a text together at once if nothing in it has a format.
    return (
        f'{{"time":"{timestamp(record.started_at)}",{before}{shown}{after}'
        f'"status":{record.status},"request_bytes":{record.request_bytes},"response_bytes":{record.response_bytes},'
        f'"duration_ms":{milliseconds(record.duration_s)},"upstream_ms":{upstream_ms},'
        f'{outcome},"generation":{record.generation},"request_id":"{record.request_id}","trace_id":"{record.trace.trace_id}"}}'
    )


_Client = tuple[str, bytes, bytes, bytes | None]
_Decided = tuple[str, str, str, str, str]
_clients: Final[dict[_Client, tuple[str, str]]] = {}
_outcomes: Final[dict[_Decided, str]] = {}


def _json_client(asked: _Client) -> tuple[str, str]:
    """Return the keys before the target's value and those after it, which tell who asked: they repeat."""
    client, method, host, origin = asked
    shown_origin = "null" if origin is None else quote_bytes(origin, MAX_NAME_CHARS)
    event = '"level":"info","logger":"xoproxy.access","event":"exchange",'
    made = (
        f'{event}"client":{quote(client)},"method":{quote_bytes(method, MAX_METHOD_CHARS)},"target":',
        f',"host":{quote_bytes(host, MAX_NAME_CHARS)},"origin":{shown_origin},',
    )
    if len(method) + len(host) + (0 if origin is None else len(origin)) <= MAX_REMEMBERED_BYTES:
        if len(_clients) >= MAX_REMEMBERED:
            _clients.clear()
        _clients[asked] = made
    return made


def _json_outcome(decided: _Decided) -> str:
    """Return the keys whose values are ours: few different ones, so that they are put together once."""
    upstream, route, cors, reason, error = decided
    if len(_outcomes) >= MAX_REMEMBERED:
        _outcomes.clear()
    made = _outcomes[decided] = (
        f'"upstream":{quote(upstream)},"route":{quote(route)},"cors":{quote(cors)},'
        f'"reason":{quote(reason)},"error":{quote(error)}'
    )
    return made


def render_text(record: ExchangeRecord) -> str:
    """Return the record as one line for people, without the line's end: what happened, then why, where there is a why."""
    method, target, host, origin = _client_values(record)
    line = (
        f"{timestamp(record.started_at)} info exchange client={word_cached(record.client)} method={method} target={target} "
        f"host={host} status={record.status} request_bytes={record.request_bytes} response_bytes={record.response_bytes} "
        f"duration_ms={milliseconds(record.duration_s)}"
    )
    if record.upstream_s is not None:
        line += f" upstream_ms={milliseconds(record.upstream_s)}"
    line += _text_outcome(record.upstream, record.route, record.cors, record.reason, record.error)
    if record.origin is not None:
        line += f" origin={origin}"
    line = f"{line} generation={record.generation}"
    if record.request_id:
        line += f" request_id={record.request_id}"
    return f"{line} trace_id={record.trace.trace_id}" if record.trace.trace_id else line


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
    return (
        quote_bytes(record.method, MAX_METHOD_CHARS),
        quote_bytes(record.target, MAX_VALUE_CHARS),
        quote_bytes(record.host, MAX_NAME_CHARS),
        "null" if record.origin is None else quote_bytes(record.origin, MAX_NAME_CHARS),
    )


RENDERERS: Final[dict[LogFormat, Callable[[ExchangeRecord], str]]] = {LogFormat.JSON: render_json, LogFormat.TEXT: render_text}


def renderer(settings: LogSettings) -> Callable[[ExchangeRecord], str]:
    """Return what renders access lines as `settings` want them."""
    is_json = settings.format is LogFormat.JSON
    whole = chosen_keys(settings.keys, is_json=is_json) if settings.keys else RENDERERS[settings.format]
    if not settings.request_fields:
        return whole
    return with_fields_json(whole) if is_json else with_fields_text(whole)
