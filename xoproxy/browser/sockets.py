"""Would a WebSocket open?  (WebSockets Standard, "establish a WebSocket connection"; RFC 6455 §4.1)

CORS does not apply: no field of the answer grants an origin.  The server sees the page's Origin in the handshake, and whoever
wants to keep others out must refuse it there.  (RFC 6455 §10.2)
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from xoproxy.browser import fetching, urls
from xoproxy.browser.deviations import Deviation, deviates
from xoproxy.browser.model import (
    Conclusion,
    CredentialsMode,
    Document,
    Engine,
    Fields,
    Mode,
    Request,
    Step,
    Verdict,
    WireResponse,
)
from xoproxy.browser.policies import combined
from xoproxy.semantics.lists import tokens

CONSTRUCTOR: Final = "https://websockets.spec.whatwg.org/#dom-websocket-websocket"
ESTABLISH: Final = "https://websockets.spec.whatwg.org/#concept-websocket-establish"
EXTENSIONS: Final = "https://www.rfc-editor.org/rfc/rfc7692#section-7.1"
RFC: Final = "https://www.rfc-editor.org/rfc/rfc6455#section-4.1"

# Any nonce will do, and for the RFC's own the answer is known.  (RFC 6455 §1.3)
_KEY: Final = b"dGhlIHNhbXBsZSBub25jZQ=="
_ACCEPT: Final = b"s3pPLMBiTxaQ9kYGzzhHRbK+xOo="
# What browsers offer, and what a server may make of it.  (RFC 7692 §7.1)
_EXTENSION: Final = b"permessage-deflate"
_OFFER: Final = b"permessage-deflate; client_max_window_bits"
_FLAGS: Final = frozenset({b"server_no_context_takeover", b"client_no_context_takeover"})
_BITS: Final = re.compile(rb"(server|client)_max_window_bits *= *\"?(8|9|1[0-5])\"?")
_SCHEMES: Final = {"ws": "http", "wss": "https", "http": "http", "https": "https"}

# What a server of WebSockets answers that looks at no Origin.
ACCEPTED: Final = WireResponse(
    101, ((b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"), (b"Sec-WebSocket-Accept", _ACCEPT))
)


def conclude(page: Document, url: str, engine: Engine, protocols: tuple[bytes, ...] = ()) -> Conclusion:
    """Conclude whether script of `page` can open a WebSocket to `url`, asking for one of `protocols`."""
    target = urls.parse(url)
    scheme = None if target is None else _SCHEMES.get(target.scheme)
    if target is None or scheme is None:
        why = f'"{url}" is no WebSocket URL; write it as wss://app.example.com/path'
        return Verdict(allowed=False, steps=(Step("new WebSocket(url, protocols)", CONSTRUCTOR, holds=False, why=why),))
    request = Request(
        b"GET",
        str(target.with_scheme(scheme)),
        page,
        Mode.WEBSOCKET,
        CredentialsMode.INCLUDE,
        "websocket",
        _handshake(protocols),
    )
    fetched = yield from fetching.conclude(request, engine)
    if not fetched.allowed:
        return fetched
    steps = [*fetched.steps]
    for step in _answer_steps(fetched.exchanges[-1][1], protocols, engine):
        steps.append(step)
        if not step.holds:
            return replace(fetched, allowed=False, steps=tuple(steps), tainting=None, exposed=())
    return replace(fetched, steps=tuple(steps), tainting=None, exposed=())


def _handshake(protocols: tuple[bytes, ...]) -> Fields:
    fields = (
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Key", _KEY),
        (b"Sec-WebSocket-Version", b"13"),
        (b"Sec-WebSocket-Extensions", _OFFER),
    )
    return (*fields, (b"Sec-WebSocket-Protocol", b", ".join(protocols))) if protocols else fields


def _answer_steps(response: WireResponse, protocols: tuple[bytes, ...], engine: Engine) -> Iterator[Step]:
    """Judge the answer to the handshake, in the order of the standards."""
    fields = response.fields
    yield _status_step(response.status)
    chosen = combined(fields, b"Sec-WebSocket-Protocol")
    if deviates(engine, Deviation.PROTOCOLS_NEED_NOT_AGREE) and (not protocols or chosen is None):
        protocols, chosen = (), None
    if protocols and not chosen:
        asked = b", ".join(protocols).decode("latin-1")
        why = f"Sec-WebSocket-Protocol is missing, though {asked} was asked for"
        yield Step("establish a WebSocket connection", ESTABLISH, holds=False, why=why)
    upgrade, connection = combined(fields, b"Upgrade"), combined(fields, b"Connection")
    yield _answer("Upgrade", upgrade, "websocket", holds=_is_websocket(upgrade or b"", engine))
    options = {option.lower() for option in tokens(connection or b"")}
    yield _answer("Connection", connection, "Upgrade", holds=b"upgrade" in options)
    accept = combined(fields, b"Sec-WebSocket-Accept")
    yield _answer("Sec-WebSocket-Accept", accept, "what the key makes it", holds=accept == _ACCEPT)
    yield from _negotiated(fields, chosen, protocols)


def _status_step(status: int) -> Step:
    why = "the server switches protocols"
    if status != 101:
        why = f"the server answers {status}, not 101; script sees an error event and no reason"
    return Step("establish a WebSocket connection", ESTABLISH, holds=status == 101, why=why)


def _answer(name: str, value: bytes | None, wanted: str, *, holds: bool) -> Step:
    why = f"{name} is {_quoted(value)}" + ("" if holds else f"; a server of WebSockets answers {wanted}")
    return Step(name, RFC, holds=holds, why=why)


def _negotiated(fields: Fields, chosen: bytes | None, protocols: tuple[bytes, ...]) -> Iterator[Step]:
    """Judge what the server chose: only what was offered."""
    extensions = combined(fields, b"Sec-WebSocket-Extensions")
    if extensions is not None:
        why = f"the server uses {_quoted(extensions)}, and {_quoted(_OFFER)} was offered"
        yield Step("Sec-WebSocket-Extensions", EXTENSIONS, holds=_is_offered(extensions), why=why)
    if chosen is not None:
        offered = b", ".join(protocols).decode("latin-1") or "none"
        why = f"the server chooses {_quoted(chosen)}, and {offered} was asked for"
        yield Step("Sec-WebSocket-Protocol", RFC, holds=chosen in protocols, why=why)


def _is_websocket(upgrade: bytes, engine: Engine) -> bool:
    protocols = [protocol.lower() for protocol in tokens(upgrade)]
    return protocols == [b"websocket"] or (deviates(engine, Deviation.UPGRADE_MAY_LIST) and b"websocket" in protocols)


def _is_offered(extensions: bytes) -> bool:
    """Whether the one extension that was offered is used, once, with parameters that it has, each once."""
    used = list(tokens(extensions))
    name, *params = [part.strip(b" \t") for part in b";".join(used).split(b";")]
    names = [param.partition(b"=")[0].strip(b" ") for param in params]
    known = all(param in _FLAGS or _BITS.fullmatch(param) for param in params)
    return len(used) == 1 and name == _EXTENSION and known and len(names) == len(set(names))


def _quoted(value: bytes | None) -> str:
    return "missing" if value is None else f'"{value.decode("latin-1")}"'
