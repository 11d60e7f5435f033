"""Asking before doing: when browsers do, what they send, and which answers will do.  (Fetch §4.8, "CORS-preflight fetch")"""

import re
from collections.abc import Iterator
from typing import Final

from xoproxy.browser.cors_check import cors_check
from xoproxy.browser.hops import Hop
from xoproxy.browser.metadata import fetch_metadata
from xoproxy.browser.methods import SAFELISTED
from xoproxy.browser.model import CredentialsMode, Engine, Fields, Step, WireRequest, WireResponse
from xoproxy.browser.policies import combined, lines_of
from xoproxy.browser.request_fields import AUTHORIZATION, unsafe_names, why_unsafe
from xoproxy.browser.support import MAX_AGE_CAP_S, Feature, has
from xoproxy.semantics.grammar import TOKEN_ONLY
from xoproxy.semantics.lists import tokens

ANCHOR: Final = "https://fetch.spec.whatwg.org/#cors-preflight-fetch"
NAME: Final = "CORS-preflight fetch"
ALLOW_METHODS: Final = b"Access-Control-Allow-Methods"
ALLOW_HEADERS: Final = b"Access-Control-Allow-Headers"
MAX_AGE: Final = b"Access-Control-Max-Age"
DEFAULT_MAX_AGE_S: Final = 5
_SECONDS: Final = re.compile(rb"[0-9]+")


def reasons(hop: Hop) -> tuple[str, ...]:
    """Say what of a CORS request needs a preflight; nothing: it needs none.  (Fetch §4.1, "main fetch")"""
    method = () if hop.method in SAFELISTED else (f"the method {_text(hop.method)} is not CORS-safelisted",)
    return (*method, *(why_unsafe(hop.fields, name) for name in unsafe_names(hop.fields)))


def preflight_request(hop: Hop, engine: Engine) -> WireRequest:
    """Return the preflight as it is sent: never with credentials."""
    names = unsafe_names(hop.fields)
    fields: list[tuple[bytes, bytes]] = [
        (b"Origin", hop.serialized_origin),
        (b"Access-Control-Request-Method", hop.method),
    ]
    if names:
        fields.append((b"Access-Control-Request-Headers", b",".join(names)))
    metadata = tuple(line if line[0] != b"Sec-Fetch-Mode" else (line[0], b"cors") for line in fetch_metadata(hop, engine))
    return WireRequest(b"OPTIONS", str(hop.url), (*fields, *metadata), is_preflight=True)


def judge(hop: Hop, response: WireResponse, engine: Engine) -> tuple[Step, ...]:
    """Conclude whether the answer permits the request, step by step; the last step is the one that fails, if one does."""
    steps: list[Step] = []
    for step in _checks(hop, response, engine):
        steps.append(step)
        if not step.holds:
            break
    return tuple(steps)


def notes(hop: Hop, fields: Fields, engine: Engine) -> tuple[str, ...]:
    """Say what of an answer that permits will not do for long, or not everywhere."""
    covered = AUTHORIZATION in unsafe_names(hop.fields) and AUTHORIZATION not in _lower(_list(fields, ALLOW_HEADERS))
    wildcard = "Access-Control-Allow-Headers: * covers authorization in today's engines, against the standard; name it"
    return (*((wildcard,) if covered else ()), _max_age(fields, engine))


def _max_age(fields: Fields, engine: Engine) -> str:
    """Say for how long the answer is kept, and what keeps it shorter than the server says."""
    value = combined(fields, MAX_AGE)
    if value is None or _SECONDS.fullmatch(value) is None:
        why = "is missing" if value is None else f'"{_text(value)}" is no number of seconds'
        return f"the answer to the preflight is kept for {DEFAULT_MAX_AGE_S} seconds: Access-Control-Max-Age {why}"
    cap = MAX_AGE_CAP_S[engine]
    seconds = int(value.lstrip(b"0")[:10] or b"0")  # more digits are over every cap, and thousands too many for int()
    if seconds > cap:
        return f"the answer to the preflight is kept for {cap} seconds, to which {engine.value} caps Access-Control-Max-Age"
    return f"the answer to the preflight is kept for {seconds} seconds"


def _checks(hop: Hop, response: WireResponse, engine: Engine) -> Iterator[Step]:
    fields = response.fields
    yield cors_check(hop.serialized_origin, hop.credentials, fields, of="CORS check of the preflight")
    yield _status(response)
    methods, headers = _list(fields, ALLOW_METHODS), _list(fields, ALLOW_HEADERS)
    if methods is None:
        yield _unreadable(ALLOW_METHODS, "methods", fields)
    if headers is None:
        yield _unreadable(ALLOW_HEADERS, "field names", fields)
    yield _method(hop, methods or ())
    yield _headers(hop, headers or (), engine)


def _step(why: str, *, holds: bool) -> Step:
    return Step(NAME, ANCHOR, holds, why)


def _status(response: WireResponse) -> Step:
    if 200 <= response.status <= 299:
        return _step(f"status {response.status} is an ok status", holds=True)
    if response.status in (301, 302, 303, 307, 308):
        where = _text(combined(response.fields, b"Location") or b"nowhere")
        return _step(f"status {response.status}: a preflight must not be redirected (to {where})", holds=False)
    return _step(f"status {response.status} is not an ok status (200 to 299)", holds=False)


def _list(fields: Fields, name: bytes) -> tuple[bytes, ...] | None:
    """Return the members of a list of tokens; None if it cannot be read.  (Fetch, "extracting header list values")"""
    members = tuple(tokens(b",".join(lines_of(fields, name))))
    return members if all(TOKEN_ONLY.fullmatch(member) for member in members) else None


def _unreadable(name: bytes, members: str, fields: Fields) -> Step:
    return _step(f'{_text(name)} "{_text(combined(fields, name) or b"")}" is no list of {members}', holds=False)


def _wildcard(hop: Hop, members: tuple[bytes, ...]) -> bool:
    return b"*" in members and hop.credentials is not CredentialsMode.INCLUDE


def _literal(hop: Hop, members: tuple[bytes, ...]) -> str:
    """Say that ``*`` does not help a request with credentials."""
    return "; * is no wildcard for a request with credentials" if b"*" in members and not _wildcard(hop, members) else ""


def _method(hop: Hop, members: tuple[bytes, ...]) -> Step:
    method = _text(hop.method)
    if hop.method in SAFELISTED:
        return _step(f"the method {method} needs no permission", holds=True)
    if hop.method in members or _wildcard(hop, members):
        return _step(f"Access-Control-Allow-Methods has the method {method}", holds=True)
    upper = hop.method.upper()
    if upper in members:
        return _step(f"Access-Control-Allow-Methods has {_text(upper)}, not {method}: methods are case-sensitive", holds=False)
    return _step(f"Access-Control-Allow-Methods lacks the method {method}{_literal(hop, members)}", holds=False)


def _headers(hop: Hop, members: tuple[bytes, ...], engine: Engine) -> Step:
    unsafe = unsafe_names(hop.fields)
    missing = [name for name in unsafe if name not in _lower(members)]
    if _wildcard(hop, members):
        covered = has(engine, Feature.AUTHORIZATION_BY_WILDCARD)
        missing = [name for name in missing if name == AUTHORIZATION and not covered]
        if missing:
            return _step("Access-Control-Allow-Headers lacks authorization, which * does not cover", holds=False)
    if missing:
        names = ", ".join(map(_text, missing))
        return _step(f"Access-Control-Allow-Headers lacks {names}{_literal(hop, members)}", holds=False)
    if not unsafe:
        return _step("the request has no field that needs permission", holds=True)
    return _step(f"Access-Control-Allow-Headers has {', '.join(map(_text, unsafe))}", holds=True)


def _lower(names: tuple[bytes, ...] | None) -> set[bytes]:
    return {name.lower() for name in names or ()}


def _text(value: bytes) -> str:
    return value.decode("latin-1")
