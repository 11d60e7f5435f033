"""Which request fields script may set, and which of them need permission across origins.  (Fetch §2.2.2, "Headers")"""

import re
from collections.abc import Iterable
from typing import Final

from xoproxy.browser.methods import is_forbidden as is_forbidden_method
from xoproxy.browser.model import Fields
from xoproxy.semantics.grammar import TOKEN, TOKEN_ONLY

MAX_SAFELISTED_VALUE_BYTES: Final = 128
MAX_SAFELISTED_BYTES: Final = 1024

AUTHORIZATION: Final = b"authorization"  # the one "CORS non-wildcard request-header name"
_FORBIDDEN: Final = frozenset(
    {
        b"accept-charset",
        b"accept-encoding",
        b"access-control-request-headers",
        b"access-control-request-method",
        b"connection",
        b"content-length",
        b"cookie",
        b"cookie2",
        b"date",
        b"dnt",
        b"expect",
        b"host",
        b"keep-alive",
        b"origin",
        b"referer",
        b"set-cookie",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"via",
    }
)
_FORBIDDEN_PREFIXES: Final = (b"proxy-", b"sec-")
_METHOD_OVERRIDES: Final = frozenset({b"x-http-method", b"x-http-method-override", b"x-method-override"})
_NO_CORS_SAFELISTED: Final = frozenset({b"accept", b"accept-language", b"content-language", b"content-type"})

_NO_VALUE: Final = re.compile(rb"[\0\r\n]")
_UNSAFE_BYTE: Final = re.compile(rb'[\x00-\x08\x0a-\x1f"():<>?@\[\\\]{}\x7f]')
_LANGUAGE: Final = re.compile(rb"[0-9A-Za-z *,\-.;=]*")
_RANGE: Final = re.compile(rb"bytes=([0-9]+)-([0-9]*)")
_ESSENCE: Final = re.compile(rb"(" + TOKEN + rb"+/" + TOKEN + rb"+)[ \t\r\n]*(?:;.*)?", re.DOTALL)
_FORM_TYPES: Final = frozenset({b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain"})


def is_field(name: bytes, value: bytes) -> bool:
    """Whether this is a header name and a header value; `fetch` throws a TypeError for others."""
    return TOKEN_ONLY.fullmatch(name) is not None and _NO_VALUE.search(value) is None


def is_forbidden(name: bytes, value: bytes) -> bool:
    """Whether the field is a "forbidden request-header", which is dropped silently when script sets it."""
    lower = name.lower()
    if lower in _FORBIDDEN or lower.startswith(_FORBIDDEN_PREFIXES):
        return True
    return lower in _METHOD_OVERRIDES and any(is_forbidden_method(part.strip(b" \t")) for part in value.split(b","))


def is_cors_safelisted(name: bytes, value: bytes) -> bool:
    """Whether the field is a "CORS-safelisted request-header"."""
    if len(value) > MAX_SAFELISTED_VALUE_BYTES:
        return False
    match name.lower():
        case b"accept":
            return _UNSAFE_BYTE.search(value) is None
        case b"accept-language" | b"content-language":
            return _LANGUAGE.fullmatch(value) is not None
        case b"content-type":
            return _UNSAFE_BYTE.search(value) is None and essence(value) in _FORM_TYPES
        case b"range":
            return _is_simple_range(value)
        case _:
            return False


def is_no_cors_safelisted(name: bytes, value: bytes) -> bool:
    """Whether script may set the field on a request of mode ``no-cors``."""
    return name.lower() in _NO_CORS_SAFELISTED and is_cors_safelisted(name, value)


def unsafe_names(fields: Fields) -> tuple[bytes, ...]:
    """Return the "CORS-unsafe request-header names": lower case, sorted, each once."""
    unsafe = [name for name, value in fields if not is_cors_safelisted(name, value)]
    safelisted = [(name, value) for name, value in fields if is_cors_safelisted(name, value)]
    if sum(len(value) for _, value in safelisted) > MAX_SAFELISTED_BYTES:
        unsafe += [name for name, _ in safelisted]
    return _sorted_lower(unsafe)


def why_unsafe(fields: Fields, name: bytes) -> str:
    """Say why the field called `name` (lower case) is not safelisted."""
    text = name.decode("ascii")
    value = next(value for sent, value in fields if sent.lower() == name)
    if not is_cors_safelisted(name, b"bytes=0-" if name == b"range" else b"text/plain"):
        return f'"{text}" is not a CORS-safelisted request-header'
    shown = value.decode("latin-1")
    if len(value) > MAX_SAFELISTED_VALUE_BYTES:
        return f'the value of "{text}" is longer than {MAX_SAFELISTED_VALUE_BYTES} bytes'
    if is_cors_safelisted(name, value):
        return f"the safelisted request-headers are longer than {MAX_SAFELISTED_BYTES} bytes together"
    if name == b"content-type" and essence(value) not in _FORM_TYPES:
        return f'the content type "{shown}" is none of those that forms send'
    return f'"{text}" with the value "{shown}" is not CORS-safelisted'


def essence(value: bytes) -> bytes | None:
    """Return type and subtype of a media type in lower case, None if it is none.  (MIME Sniffing §4.4)"""
    match = _ESSENCE.fullmatch(value.strip(b" \t\r\n"))
    return None if match is None else match[1].lower()


def _is_simple_range(value: bytes) -> bool:
    """Whether a Range asks for one range with a beginning.  (Fetch, "parse a single range header value")"""
    match = _RANGE.fullmatch(value)
    return match is not None and (not match[2] or int(match[1]) <= int(match[2]))


def _sorted_lower(names: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(sorted({name.lower() for name in names}))
