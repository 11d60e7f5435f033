"""Render access lines with some of their keys, and with fields of requests: what `access_log` does not put together by hand.

Rule: a key has the same value, in the same form and order, as in the whole line; a test compares the two.
"""

from collections.abc import Callable
from typing import Final

from xoproxy.config.settings import LogKey
from xoproxy.telemetry.clock import milliseconds, timestamp
from xoproxy.telemetry.escape import MAX_VALUE_CHARS, quote, quote_bytes, word
from xoproxy.telemetry.records import ExchangeRecord

MAX_METHOD_CHARS: Final = 64
MAX_NAME_CHARS: Final = 300  # hosts and origins: the longest that a browser can send
MAX_FIELD_CHARS: Final = 512  # of a request field; browsers' User-Agent has some 120, a Referer may be long

Render = Callable[[ExchangeRecord], str]

_JSON: Final[dict[LogKey, Render]] = {
    LogKey.CLIENT: lambda record: quote(record.client),
    LogKey.METHOD: lambda record: quote_bytes(record.method, MAX_METHOD_CHARS),
    LogKey.TARGET: lambda record: quote_bytes(record.target, MAX_VALUE_CHARS),
    LogKey.HOST: lambda record: quote_bytes(record.host, MAX_NAME_CHARS),
    LogKey.ORIGIN: lambda record: "null" if record.origin is None else quote_bytes(record.origin, MAX_NAME_CHARS),
    LogKey.STATUS: lambda record: str(record.status),
    LogKey.REQUEST_BYTES: lambda record: str(record.request_bytes),
    LogKey.RESPONSE_BYTES: lambda record: str(record.response_bytes),
    LogKey.DURATION_MS: lambda record: milliseconds(record.duration_s),
    LogKey.UPSTREAM_MS: lambda record: "null" if record.upstream_s is None else milliseconds(record.upstream_s),
    LogKey.UPSTREAM: lambda record: quote(record.upstream),
    LogKey.ROUTE: lambda record: quote(record.route),
    LogKey.CORS: lambda record: quote(record.cors),
    LogKey.REASON: lambda record: quote(record.reason),
    LogKey.ERROR: lambda record: quote(record.error),
    LogKey.GENERATION: lambda record: str(record.generation),
    LogKey.REQUEST_ID: lambda record: f'"{record.request_id}"',
    LogKey.TRACE_ID: lambda record: f'"{record.trace.trace_id}"',
}
# In the order of a text line.  Empty: the key does not apply and is left out.
_TEXT: Final[dict[LogKey, Render]] = {
    LogKey.CLIENT: lambda record: word(record.client),
    LogKey.METHOD: _JSON[LogKey.METHOD],
    LogKey.TARGET: _JSON[LogKey.TARGET],
    LogKey.HOST: _JSON[LogKey.HOST],
    LogKey.STATUS: _JSON[LogKey.STATUS],
    LogKey.REQUEST_BYTES: _JSON[LogKey.REQUEST_BYTES],
    LogKey.RESPONSE_BYTES: _JSON[LogKey.RESPONSE_BYTES],
    LogKey.DURATION_MS: _JSON[LogKey.DURATION_MS],
    LogKey.UPSTREAM_MS: lambda record: "" if record.upstream_s is None else milliseconds(record.upstream_s),
    LogKey.UPSTREAM: lambda record: word(record.upstream) if record.upstream else "",
    LogKey.ROUTE: lambda record: word(record.route) if record.route else "",
    LogKey.CORS: lambda record: word(record.cors),
    LogKey.REASON: lambda record: quote(record.reason) if record.reason else "",
    LogKey.ERROR: lambda record: word(record.error) if record.error else "",
    LogKey.ORIGIN: lambda record: "" if record.origin is None else quote_bytes(record.origin, MAX_NAME_CHARS),
    LogKey.GENERATION: _JSON[LogKey.GENERATION],
    LogKey.REQUEST_ID: lambda record: record.request_id,
    LogKey.TRACE_ID: lambda record: record.trace.trace_id,
}


def chosen_keys(keys: tuple[LogKey, ...], *, is_json: bool) -> Render:
    """Return what renders a line with these keys, and those that every line has."""
    table = _JSON if is_json else _TEXT
    parts = [(key.value, render) for key, render in table.items() if key in keys]

    def render_json(record: ExchangeRecord) -> str:
        shown = "".join([f',"{key}":{render(record)}' for key, render in parts])
        head = f'{{"time":"{timestamp(record.started_at)}","level":"info","logger":"xoproxy.access","event":"exchange"'
        return f"{head}{shown}}}"

    def render_text(record: ExchangeRecord) -> str:
        shown = "".join([f" {key}={value}" for key, render in parts if (value := render(record))])
        return f"{timestamp(record.started_at)} info exchange{shown}"

    return render_json if is_json else render_text


def with_fields_json(whole: Render) -> Render:
    """Return what `whole` renders, and the record's fields as an object: null for one that was not sent."""

    def render(record: ExchangeRecord) -> str:
        fields = ",".join(
            [
                f'"{name}":null' if value is None else f'"{name}":{quote_bytes(value, MAX_FIELD_CHARS)}'
                for name, value in record.fields
            ]
        )
        return f'{whole(record)[:-1]},"fields":{{{fields}}}}}'

    return render


def with_fields_text(whole: Render) -> Render:
    """Return what `whole` renders, and those of the record's fields that were sent."""

    def render(record: ExchangeRecord) -> str:
        fields = [f" fields.{name}={quote_bytes(value, MAX_FIELD_CHARS)}" for name, value in record.fields if value is not None]
        return whole(record) + "".join(fields)

    return render
