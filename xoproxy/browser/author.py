"""What the author of a page may ask for: the errors of `fetch`, and what it drops silently.  (Fetch §5.4, "Request class")

Only requests of script, whose destination is empty, are checked so; elements have no say in method and fields.
"""

from typing import Final

from xoproxy.browser.deviations import Deviation, deviates
from xoproxy.browser.methods import SAFELISTED, is_forbidden, is_method, normalize
from xoproxy.browser.model import Engine, Fields, Mode, Request, Step
from xoproxy.browser.request_fields import is_field, is_no_cors_safelisted
from xoproxy.browser.request_fields import is_forbidden as is_forbidden_field
from xoproxy.browser.urls import Url

ANCHOR: Final = "https://fetch.spec.whatwg.org/#dom-request"
NAME: Final = "new Request()"
_WHITE_SPACE: Final = b" \t\r\n"


def fault(request: Request, url: Url | None) -> Step | None:
    """Return the step at which the request ends before it began: nothing goes over the wire."""
    why = _fault(request, url)
    return None if why is None else Step(NAME, ANCHOR, holds=False, why=f"TypeError: {why}")


def header_list(request: Request, engine: Engine) -> tuple[Fields, tuple[bytes, ...]]:
    """Return the request's header list, and the names that script set in vain.  (Fetch §5.1, "append")"""
    if request.destination:
        return request.fields, ()
    kept: list[tuple[bytes, bytes]] = []
    dropped: list[bytes] = []
    for name, raw in request.fields:
        value = raw.strip(_WHITE_SPACE)
        guarded = is_forbidden_field(name, value)
        if request.mode is Mode.NO_CORS and not guarded:
            before = [sent for each, sent in kept if each.lower() == name.lower()]
            guarded = not is_no_cors_safelisted(name, b", ".join([*before, value]))
        if guarded:
            dropped.append(name)
        else:
            kept.append((name, value))
    return _combined(kept) if deviates(engine, Deviation.LINES_ARE_COMBINED) else tuple(kept), tuple(dropped)


def _combined(fields: list[tuple[bytes, bytes]]) -> Fields:
    """Return one line for each name, in the case of the first."""
    names = {name.lower(): name for name, _ in reversed(fields)}
    return tuple(
        (names[lower], b", ".join(value for name, value in fields if name.lower() == lower))
        for lower in dict.fromkeys(name.lower() for name, _ in fields)
    )


def method(request: Request) -> bytes:
    """Return the method as it is sent."""
    return normalize(request.method)


def _fault(request: Request, url: Url | None) -> str | None:
    if url is None:
        return f'"{request.url}" is no URL'
    if request.destination:
        return None
    if url.has_userinfo:
        return f"{url} has user information"
    return _method_fault(request) or _field_fault(request.fields)


def _method_fault(request: Request) -> str | None:
    shown = request.method.decode("latin-1")
    if not is_method(request.method):
        return f'"{shown}" is no method'
    if is_forbidden(request.method):
        return f"no script may use the method {shown}"
    if request.mode is Mode.NO_CORS and normalize(request.method) not in SAFELISTED:
        return f"mode no-cors allows GET, HEAD and POST, not {shown}"
    return None


def _field_fault(fields: Fields) -> str | None:
    wrong = next(((name, value) for name, value in fields if not is_field(name, value.strip(_WHITE_SPACE))), None)
    return None if wrong is None else f'"{b": ".join(wrong).decode("latin-1")}" is no field that can be sent'
