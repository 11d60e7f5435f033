"""Values of one text: durations, sizes, choices, names, methods, field names.

Each parser takes the text of one scalar and returns the value, or raises Refused with what to write instead.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from enum import Enum
from typing import Final, TypeVar

from xoproxy.config.problems import Id, Refused, quoted
from xoproxy.config.spelling import similar
from xoproxy.policy.model import OFF, DocumentIsolation, EmbedderPolicy, Off, OpenerPolicy, ResourcePolicy
from xoproxy.semantics.grammar import TOKEN_ONLY, VALUE_BYTES

E = TypeVar("E", bound=Enum)

_DURATION: Final = re.compile(r"(0|[1-9][0-9]{0,9})(ms|s|m|h)?")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_LOOSE_DURATION: Final = re.compile(r"0*([0-9]{1,9}) *(ms|s|m|h)[a-z]*", re.IGNORECASE)
_SEXAGESIMAL: Final = re.compile(r"([0-9]{1,4}):([0-5][0-9])")
MAX_DURATION_S: Final = 7 * 86400.0

SIZE: Final = re.compile(r"(0|[1-9][0-9]{0,15})(B|KiB|MiB|GiB)?")
_BYTES: Final = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, None: 1}
_LOOSE_SIZE: Final = re.compile(r"0*([0-9]{1,9}) *([KMG])(?:i?B)?", re.IGNORECASE)

PERCENTAGE: Final = re.compile(r"(100(?:\.0{1,6})?|(?:0|[1-9][0-9]?)(?:\.[0-9]{1,6})?)%")
_LOOSE_PERCENTAGE: Final = re.compile(r"([0-9.]+) *(?:%|percent)?", re.IGNORECASE)

MAX_WORKERS: Final = 256  # a slip of the finger must not start thousands of processes

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")
ENDPOINT_NAME: Final = re.compile(r"[a-z*][a-z0-9_\-.*]{0,63}")
_FIELD_VALUE: Final = re.compile(rb"[" + VALUE_BYTES + rb"]+")

# Fetch normalises these; any other method goes out as the script wrote it (Fetch, "normalize a method").
NORMALISED_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})
FORBIDDEN_METHODS: Final = frozenset({"CONNECT", "TRACE", "TRACK"})


def duration(text: str) -> float:
    """Parse ``500ms``, ``10s``, ``10m``, ``1h`` or bare seconds.  Returns seconds, up to a week."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise Refused(Id.DURATION, f"{quoted(text)} is not a duration; write {_duration_hint(text)}")
    seconds = int(match[1]) * _SECONDS[match[2]]
    if seconds > MAX_DURATION_S:
        raise Refused(Id.DURATION, f"{quoted(text)} is longer than a week; write 168h or less")
    return seconds


def _duration_hint(text: str) -> str:
    if clock := _SEXAGESIMAL.fullmatch(text):
        return f"{int(clock[1]) * 60 + int(clock[2])}s, if minutes and seconds are meant"
    if loose := _LOOSE_DURATION.fullmatch(text):
        return f"{int(loose[1])}{loose[2].lower()}"
    return "a number with its unit, as 500ms, 10s, 10m or 1h"


def written_duration(seconds: float) -> str:
    """Return a duration of whole seconds as a file would write it, in its largest unit."""
    unit, length = next((unit, length) for unit, length in (("h", 3600), ("m", 60), ("s", 1)) if seconds % length == 0)
    return f"{seconds / length:.0f}{unit}" if seconds else "0"


def timeout(text: str) -> float:
    """Parse a duration that is not zero."""
    seconds = duration(text)
    if not seconds:
        raise Refused(Id.DURATION, "a timeout of zero would end everything at once; write 1s or more")
    return seconds


def whole_seconds(text: str) -> int:
    """Parse a duration of whole seconds."""
    seconds = duration(text)
    if seconds != int(seconds):
        raise Refused(Id.DURATION, f"{quoted(text)} is not a whole number of seconds; write {max(1, round(seconds))}s")
    return int(seconds)


def size(text: str) -> int:
    """Parse ``64KiB``, ``1MiB`` or bare bytes."""
    match = SIZE.fullmatch(text)
    if match is None:
        loose = _LOOSE_SIZE.fullmatch(text)
        hint = f"{int(loose[1])}{loose[2].upper()}iB" if loose else "a number with its unit, as 64KiB, 1MiB or 1GiB"
        raise Refused(Id.SIZE, f"{quoted(text)} is not a size; write {hint}")
    return int(match[1]) * _BYTES[match[2]]


def written_size(octets: int) -> str:
    """Return a size of whole KiB as a file would write it."""
    return f"{octets // 1024**2}MiB" if octets % 1024**2 == 0 else f"{octets // 1024}KiB"


def head_size(text: str) -> int:
    """Parse the size of a message head: 1 KiB to 16 MiB."""
    octets = size(text)
    if not 1024 <= octets <= 16 * 1024**2:
        raise Refused(Id.SIZE, f"{quoted(text)} is out of bounds for a message head; write 1KiB to 16MiB")
    return octets


def body_size(text: str) -> int | None:
    """Parse the size of a message body; None for ``unlimited``."""
    return None if text == "unlimited" else size(text)


def percentage(text: str) -> float:
    """Parse ``10%``, ``0.5%``.  Returns a fraction from 0 to 1."""
    match = PERCENTAGE.fullmatch(text)
    if match is None:
        loose = _LOOSE_PERCENTAGE.fullmatch(text)
        hint = f"{loose[1]}%" if loose is not None and PERCENTAGE.fullmatch(f"{loose[1]}%") else "one from 0% to 100%, as 10%"
        raise Refused(Id.PERCENTAGE, f"{quoted(text)} is not a percentage; write {hint}")
    return float(match[1]) / 100


def count(text: str, least: int = 1) -> int:
    """Parse a whole number from `least` on."""
    if re.fullmatch(r"0|[1-9][0-9]{0,8}", text) is None or int(text) < least:
        raise Refused(Id.COUNT, f"{quoted(text)} is not a whole number from {least} on; write it in digits, as 10")
    return int(text)


def workers(text: str) -> int:
    """Parse how many processes serve; 0 for ``auto``."""
    if text == "auto":
        return 0
    try:
        number = count(text)
    except Refused:
        raise Refused(Id.COUNT, f"{quoted(text)} is not a number of workers; write one from 1 on, or auto") from None
    if number > MAX_WORKERS:
        raise Refused(Id.COUNT, f"{quoted(text)} workers are more than any machine needs; write {MAX_WORKERS} or less, or auto")
    return number


def boolean(text: str) -> bool:
    """Parse ``true`` or ``false``; YAML 1.1's other spellings are refused by name."""
    if text in ("true", "false"):
        return text == "true"
    meant = {"yes": "true", "on": "true", "1": "true", "?1": "true", "no": "false", "off": "false", "0": "false", "?0": "false"}
    hint = meant.get(text.lower(), text.lower())
    raise Refused(
        Id.BOOLEAN, f"{quoted(text)} is neither true nor false; write {hint if hint in ('true', 'false') else 'one of them'}"
    )


def day(text: str) -> date:
    """Parse ``2027-01-31``."""
    with suppress(ValueError):
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    raise Refused(Id.DATE, f"{quoted(text)} is not a date; write year-month-day, as 2027-01-31")


def name(text: str) -> str:
    """Parse a name that the file gives to something."""
    if NAME.fullmatch(text) is None:
        raise Refused(
            Id.NAME,
            f"{quoted(text)} cannot be a name; use up to 64 letters, digits, '-', '_' and '.', first a letter or digit",
        )
    return text


def endpoint_name(text: str) -> str:
    """Parse the name of a reporting endpoint: a key of a structured-field dictionary.  (RFC 9651 §3.1.2)"""
    if ENDPOINT_NAME.fullmatch(text) is None:
        raise Refused(
            Id.NAME,
            f"{quoted(text)} cannot name an endpoint; use lower-case letters, digits, '-', '_' and '.', first a letter",
        )
    return text


_CHOICES: Final[dict[str, type[Enum]]] = {
    "coop": OpenerPolicy,
    "coep": EmbedderPolicy,
    "corp": ResourcePolicy,
    "document_isolation": DocumentIsolation,
}


def choice(key: str, values: type[E]) -> Callable[[str], E]:
    """Return the parser for a key that takes one of some values."""

    def parse(text: str) -> E:
        for member in values:
            if member.value == text:
                return member
        raise _refuse_choice(key, [str(member.value) for member in values], text)

    return parse


def choice_or_off(key: str, values: type[E]) -> Callable[[str], E | Off]:
    """As `choice`, and ``off``."""
    parse = choice(key, values)

    def parse_or_off(text: str) -> E | Off:
        if text == "off":
            return OFF
        if text.lower() in {"off", "no", "false", "none"} - {str(member.value) for member in values}:
            raise Refused(Id.NOT_A_CHOICE, f"{quoted(text)} is not a value of `{key}`; write off")
        return parse(text)

    return parse_or_off


def _refuse_choice(key: str, values: list[str], text: str) -> Refused:
    """Say which value is meant, or which key."""
    said = f"{quoted(text)} is not a value of `{key}`"
    folded = text.strip().strip("\"'").lower().replace("_", "-")
    if folded in values:
        return Refused(Id.NOT_A_CHOICE, f"{said}; it is spelled {folded}")
    others = [other for other, kind in _CHOICES.items() if other != key and any(member.value == folded for member in kind)]
    if others and key in _CHOICES:
        owners = " and ".join(f"`{other}`" for other in others)
        return Refused(Id.OTHER_KEY, f"{quoted(text)} is a value of {owners}; `{key}` takes {', '.join(values)}")
    close = similar(folded, values)
    return Refused(Id.NOT_A_CHOICE, f"{said}; " + (f"did you mean {close}?" if close else f"write one of {', '.join(values)}"))


def method(text: str) -> bytes:
    """Parse a request method as browsers will send it: a token, and none of the forbidden ones.  (Fetch §2.2.1)"""
    upper = text.upper()
    if "," in text:
        raise Refused(Id.METHOD, f"{quoted(text)} holds several methods; write a list: {_listed(text)}")
    if not text.isascii() or TOKEN_ONLY.fullmatch(text.encode("ascii")) is None:
        raise Refused(Id.METHOD, f"{quoted(text)} is not a request method; write one as GET or PATCH")
    if upper in FORBIDDEN_METHODS:
        raise Refused(
            Id.FORBIDDEN_METHOD,
            f"{upper} is a forbidden method: no browser sends it and this proxy does not forward it; remove it",
        )
    if upper in NORMALISED_METHODS and text != upper:
        raise Refused(Id.METHOD, f"{quoted(text)} is never sent so: browsers write it in upper case; did you mean {upper}?")
    return text.encode("ascii")


def field_name(text: str) -> bytes:
    """Parse a field name; its case is kept."""
    if "," in text:
        raise Refused(Id.FIELD_NAME, f"{quoted(text)} holds several names; write a list: {_listed(text)}")
    if not text.isascii() or TOKEN_ONLY.fullmatch(text.encode("ascii")) is None:
        bare = text.rstrip(": ")
        hint = f"; write {bare}" if bare.isascii() and bare.replace("-", "").isalnum() else ""
        raise Refused(Id.FIELD_NAME, f"{quoted(text)} is not a field name{hint}")
    return text.encode("ascii")


def exposable_name(text: str) -> bytes:
    """Parse the name of a response field that script may be shown.  (Fetch, "forbidden response-header name")"""
    name = field_name(text)
    if name.lower() in (b"set-cookie", b"set-cookie2"):
        raise Refused(Id.UNEXPOSABLE, f"{quoted(text)} can never be exposed to script; remove it")
    return name


def field_value(text: str) -> bytes:
    """Parse a field value: visible ASCII with spaces within.  (RFC 9110 §5.5)"""
    value = text.encode("ascii", "replace")
    if not text.isascii() or text != text.strip() or _FIELD_VALUE.fullmatch(value) is None:
        raise Refused(
            Id.FIELD_VALUE, f"{quoted(text)} cannot stand in a field line; write one line of ASCII without spaces around it"
        )
    return value


def _listed(text: str) -> str:
    return "[" + ", ".join(part.strip() for part in text.split(",") if part.strip()) + "]"
