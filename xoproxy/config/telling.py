"""Read what is told of requests: `log` and `tracing`."""

import re
from typing import Final

from xoproxy.config import keys, values
from xoproxy.config.addresses import NAME
from xoproxy.config.nodes import Mapping as MappingNode
from xoproxy.config.policies import FRAMING_FIELDS
from xoproxy.config.problems import Id, Refused, child_path, quoted
from xoproxy.config.reader import Reader, Spot
from xoproxy.config.settings import Exporting, LogFormat, LogKey, LogLevel, LogSettings, TracingSettings

# Words in the names of fields that hold what must not be in a log: credentials, and what proves who somebody is.
SECRET_WORDS: Final = (
    "authorization",
    "authentication",
    "auth",
    "cookie2?",
    "token",
    "secret",
    "password",
    "passwd",
    "credentials?",
    "session",
    "sessionid",
    "apikey",
    "api[-_]key",
    "access[-_]key",
    "jwt",
    "assertion",
    "csrf",
    "xsrf",
    "signature",
)
_SECRET: Final = re.compile(rf"(?:^|[-_])(?:{'|'.join(SECRET_WORDS)})(?:$|[-_])")

EXPORT_PATH: Final = r"/[A-Za-z0-9._~\-/%]*"
_EXPORT_URL: Final = re.compile(
    rf"([Hh][Tt][Tt][Pp][Ss]?)://({NAME.pattern}|\[[0-9A-Fa-f:.]+\])(?::([1-9][0-9]{{0,4}}))?({EXPORT_PATH})?"
)
SET_BY_EXPORTERS: Final = frozenset({b"content-type", b"content-encoding"})
DEFAULT_EXPORT_PATH: Final = "/v1/traces"  # where collectors take traces  (OTLP/HTTP, "OTLP/HTTP Request")
SERVICE_NAME: Final = re.compile(r"[!-~](?:[ -~]{0,126}[!-~])?")
TRACE_FIELDS: Final = frozenset({"traceparent", "tracestate"})


def read_log(reader: Reader, spot: Spot | None) -> LogSettings:
    """Read `log`."""
    found = reader.mapping(spot, keys.LOG)
    default = LogSettings()
    sample = reader.value(found.get("sample"), values.percentage)
    shown = frozenset(reader.values(found.get("keys"), values.choice("keys", LogKey)) or ())
    return LogSettings(
        reader.value(found.get("format"), values.choice("format", LogFormat)) or default.format,
        reader.value(found.get("level"), values.choice("level", LogLevel)) or default.level,
        default.sample if sample is None else sample,
        tuple(key for key in LogKey if key in shown),
        tuple(dict.fromkeys(reader.values(found.get("request_fields"), logged_field) or ())),
    )


def logged_field(text: str) -> str:
    """Parse the name of a request field whose value may be logged.  Returns it in lower case."""
    name = values.field_name(text).decode("ascii").lower()
    if _SECRET.search(name):
        raise Refused(Id.SECRET_FIELD, f"{quoted(text)} may hold a secret: whoever reads the log could use it; remove it")
    return name


def read_tracing(reader: Reader, spot: Spot | None, request_id: Spot | None) -> TracingSettings | None:
    """Read `tracing`; None for ``off``.  `request_id`: the key of this name, which may not name a field of traces then."""
    if spot is None:
        return None
    if isinstance(spot.node, MappingNode):
        settings = _read_mapping(reader, spot)
    elif reader.value(spot, _propagates):
        settings = TracingSettings()
    else:
        return None
    if request_id is not None and (reader.peek(request_id) or "").lower() in TRACE_FIELDS:
        reader.report(
            request_id.place,
            Id.EXCLUSIVE_KEYS,
            "with tracing this field names traces and changes at every hop; write X-Request-Id, or request_id: off",
        )
    return settings


def _propagates(text: str) -> bool:
    if text not in ("off", "propagate"):
        off = text.lower() in ("no", "false", "none", "off")
        hint = "off" if off else "propagate, or {export: http://COLLECTOR:4318}"
        raise Refused(Id.NOT_A_CHOICE, f"{quoted(text)} is not a value of `tracing`; write {hint}")
    return text == "propagate"


def _read_mapping(reader: Reader, spot: Spot) -> TracingSettings:
    found = reader.mapping(spot, keys.TRACING)
    default = TracingSettings()
    sample = reader.value(found.get("sample"), values.percentage)
    url = reader.value(found.get("export"), export_url)
    for name in ("service_name", "export_headers"):
        if name in found and reader.lacks(spot, "export", keys.TRACING):
            reader.report(
                found[name].key_place, Id.MISSING_KEY, f"{name} needs export; write export: http://COLLECTOR:4318, or remove it"
            )
    service_name = reader.value(found.get("service_name"), _service_name) or Exporting("").service_name
    headers = _read_headers(reader, found["export_headers"]) if "export_headers" in found else ()
    exporting = Exporting(url, service_name, headers) if url is not None else None
    return TracingSettings(default.sample if sample is None else sample, exporting)


def _read_headers(reader: Reader, spot: Spot) -> tuple[tuple[str, str], ...]:
    lines: list[tuple[str, str]] = []
    seen: set[str] = set()
    for key, value_spot in reader.named(spot):
        name = reader.value(Spot(key, child_path(spot.path, key.text)), _export_field)
        value = reader.value(value_spot, _export_value)
        if name is not None and name.lower() in seen:
            reader.report(value_spot.key_place, Id.FIELD_TWICE, f"{quoted(name)} stands here already; keep one of the two")
        elif name is not None and value is not None:
            lines.append((name, value))
        seen.add(key.text.lower())
    return tuple(lines)


def _export_field(text: str) -> str:
    name = values.field_name(text)
    if name.lower() in FRAMING_FIELDS or name.lower() in SET_BY_EXPORTERS:
        raise Refused(Id.FRAMING_FIELD, f"{quoted(text)} is set by the exporter itself; remove it")
    return name.decode("ascii")


def _export_value(text: str) -> str:
    """Parse a field value, and repeat none of it: it may be a token."""
    try:
        return values.field_value(text).decode("ascii")
    except Refused:
        raise Refused(
            Id.FIELD_VALUE, "the value cannot stand in a field line; write one line of ASCII without spaces around it"
        ) from None


def _service_name(text: str) -> str:
    if SERVICE_NAME.fullmatch(text) is None:
        raise Refused(Id.NAME, f"{quoted(text)} cannot name a service; write up to 128 characters of ASCII, as shop-proxy")
    return text


def export_url(text: str) -> str:
    """Parse where traces are exported to: http or https.  Without a path the one of OTLP is meant."""
    match = _EXPORT_URL.fullmatch(text)
    if match is not None and int(match[3] or 1) < 65536:
        return text.rstrip("/") + DEFAULT_EXPORT_PATH if match[4] in (None, "/") else text
    if "@" in text:
        hint = "user information is not taken there; put credentials into export_headers"
        raise Refused(Id.EXPORT_URL, f"the URL of a collector names a host and a port only; {hint}")
    bare = re.fullmatch(r"(?:[a-z+]+://)?([A-Za-z0-9._\-]+)(?::[0-9]+)?/?", text)
    hint = f"http://{bare[1]}:4318" if bare is not None else "http://COLLECTOR:4318"
    raise Refused(Id.EXPORT_URL, f"{quoted(text)} is not the URL of a collector that takes OTLP over HTTP; write {hint}")
