"""Render what happens to the process itself (``reload``, ``listening``, ``draining`` ...) in the shape of the access lines.

An event is a noun with flat keys, which never vary with what happened.
"""

import json
from dataclasses import field
from typing import Final

from xoproxy.config.settings import LogFormat, LogLevel
from xoproxy.slotted import dataclass
from xoproxy.telemetry.clock import timestamp
from xoproxy.telemetry.escape import quote, word

Value = str | int | float | bool

SEVERITY: Final = {LogLevel.DEBUG: 10, LogLevel.INFO: 20, LogLevel.WARNING: 30, LogLevel.ERROR: 40}  # as in `logging`

# A traceback or the list of a file's problems has to fit; nothing that a client sends gets here.
MAX_EVENT_CHARS: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the process.  `message` is the sentence for people, `values` its parts for machines."""

    level: LogLevel
    logger: str
    name: str
    message: str
    values: dict[str, Value] = field(default_factory=dict[str, Value])


def render_event(event: Event, unix_time: float, form: LogFormat) -> str:
    """Return the event as one line, without the line's end."""
    return _render_json(event, unix_time) if form is LogFormat.JSON else _render_text(event, unix_time)


def _render_json(event: Event, unix_time: float) -> str:
    values = "".join(f",{quote(key)}:{_json_value(value)}" for key, value in event.values.items())
    return (
        f'{{"time":"{timestamp(unix_time)}","level":"{event.level.value}","logger":{quote(event.logger)},'
        f'"event":{quote(event.name)},"message":{quote(event.message, MAX_EVENT_CHARS)}{values}}}'
    )


def _json_value(value: Value) -> str:
    return quote(value, MAX_EVENT_CHARS) if isinstance(value, str) else json.dumps(value)


def _render_text(event: Event, unix_time: float) -> str:
    values = "".join(f" {key}={_text_value(value)}" for key, value in event.values.items())
    message = quote(event.message, MAX_EVENT_CHARS)
    return f"{timestamp(unix_time)} {event.level.value} {word(event.name)} message={message}{values}"


def _text_value(value: Value) -> str:
    return word(value, MAX_EVENT_CHARS) if isinstance(value, str) else json.dumps(value)
