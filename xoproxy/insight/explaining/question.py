"""What is asked: which page wants what, in which browsers.  Read from words that a person typed, or a program sent.

Rule: whatever is typed, the answer is a `Question`, or a `QuestionError` that says what to write instead.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeVar

from xoproxy.browser.model import NULL_ORIGIN, CredentialsMode, Engine, Fields, Mode, WireResponse
from xoproxy.browser.urls import Url
from xoproxy.config import Loaded
from xoproxy.config.addresses import route_host
from xoproxy.config.origins import origin
from xoproxy.config.problems import Refused, quoted
from xoproxy.config.settings import TcpAddress
from xoproxy.config.spelling import similar
from xoproxy.insight.explaining.urls import SOCKETS, UrlError, is_path, page_scheme, read_url
from xoproxy.insight.proxied import OK
from xoproxy.semantics.grammar import TOKEN_ONLY, VALUE_BYTES
from xoproxy.semantics.hosts import is_loopback
from xoproxy.semantics.origins import parse_origin
from xoproxy.slotted import dataclass

E = TypeVar("E", bound=Enum)

# Sec-Fetch-Dest's words, and how requests with them are made unless the page says otherwise.  (Fetch §2.2.5, "destination")
MODES: Final = MappingProxyType(
    {
        **dict.fromkeys(("document", "iframe", "frame", "embed", "object"), Mode.NAVIGATE),
        **dict.fromkeys(("audio", "image", "script", "style", "track", "video"), Mode.NO_CORS),
        **dict.fromkeys(("worker", "sharedworker", "serviceworker"), Mode.SAME_ORIGIN),
        **dict.fromkeys(("empty", "font", "json", "manifest", "report", "audioworklet", "paintworklet", "xslt"), Mode.CORS),
    }
)
# Where pages do not choose the credentials mode, and what the others have.
_CREDENTIALS: Final = MappingProxyType({Mode.CORS: CredentialsMode.SAME_ORIGIN, Mode.SAME_ORIGIN: CredentialsMode.SAME_ORIGIN})
_ENGINES: Final = MappingProxyType(
    {
        **{engine.value: engine for engine in Engine},
        **dict.fromkeys(("chromium", "edge", "opera", "brave"), Engine.CHROME),
        "webkit": Engine.SAFARI,
    }
)
_VALUE: Final = re.compile(rb"[" + VALUE_BYTES + rb"]*")
_STATUS: Final = re.compile(r"[2-5][0-9]{2}")
# A page with an opaque origin must be somewhere; no server has this name.  (RFC 6761 §6.4)
SANDBOXED: Final = "https://sandboxed.invalid/"


class QuestionError(ValueError):
    """A question that means nothing.  Its text says what to write instead."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in words; empty where nothing was said."""

    method: str
    url: str
    origin: str = ""
    page: str = ""
    host: str = ""
    headers: tuple[str, ...] = ()
    page_headers: tuple[str, ...] = ()
    credentials: str = ""
    mode: str = ""
    destination: str = ""
    browsers: str = ""
    backend_status: str = ""
    backend_headers: tuple[str, ...] = ()
    cookie: str = ""
    hosts: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """Who wants what.

    `page`: URL of the page that asks, None if the user navigates by the address bar; `origin` is its, ``null`` if opaque.
    `page_fields`: what its response says besides what the file makes it say.  `backend`: what the backend answers.
    """

    method: bytes
    url: str
    page: str | None
    origin: bytes | None
    mode: Mode
    credentials: CredentialsMode
    destination: str
    fields: Fields = ()
    page_fields: Fields = ()
    engines: tuple[Engine, ...] = tuple(Engine)
    backend: WireResponse = field(default=OK)
    page_is_named: bool = False  # the page's URL was said, not only its origin
    hosts: tuple[str, ...] = ()  # that are behind the file besides those that routes name; then others are not
    cookie: bytes = b""  # for live requests that go with credentials


def read_question(asked: Asked, loaded: Loaded | None) -> Question:
    """Return the question that the words mean; `loaded` knows the host of a path.  Raises: `QuestionError`."""
    try:
        method = _method(asked.method)
        url = whole_url(asked.url, asked.host, loaded)
        mode = _mode(asked, url)
        page, page_origin = _page(asked, url, mode)
    except UrlError as fault:
        raise QuestionError(str(fault)) from None
    if mode is Mode.NAVIGATE and url.scheme in SOCKETS:
        raise QuestionError(f"{quoted(str(url))} is no page; write {page_scheme(url)}:, or --mode websocket")
    if mode is Mode.WEBSOCKET and url.scheme not in SOCKETS:
        url = url.with_scheme("wss" if url.scheme == "https" else "ws")
    destination = asked.destination or ("document" if mode is Mode.NAVIGATE else "")
    return Question(
        method=method,
        url=str(url),
        page=page,
        origin=page_origin,
        mode=mode,
        credentials=_choice(CredentialsMode, asked.credentials, "credentials mode")
        if asked.credentials
        else _CREDENTIALS.get(mode, CredentialsMode.INCLUDE),
        destination="" if destination == "empty" else destination,
        fields=_fields(asked.headers, "--header"),
        page_fields=_fields(asked.page_headers, "--page-header"),
        engines=_engines(asked.browsers),
        page_is_named=bool(asked.page),
        hosts=_hosts(asked.hosts),
        cookie=_field(f"Cookie: {asked.cookie}", "--cookie")[1],
        backend=WireResponse(_status(asked.backend_status), _fields(asked.backend_headers, "--backend-header")),
    )


def _method(text: str) -> bytes:
    method = text.encode("utf-8", "replace")
    if "://" in text or text.startswith("/"):
        raise QuestionError(f"the method comes before the URL; write GET {text}")
    if TOKEN_ONLY.fullmatch(method) is None:
        raise QuestionError(f"{quoted(text)} is not a request method; write one as GET, POST or PATCH")
    return method


def whole_url(text: str, host: str, loaded: Loaded | None) -> Url:
    """Return the URL that is meant.  Raises: `QuestionError`, `UrlError`."""
    if not is_path(text):
        if host:
            raise QuestionError(f"the URL names its host already; write its path only, or leave --host {host} out")
        return read_url(text)
    if host:
        scheme = "http" if is_loopback(host.rpartition(":")[0] or host) else "https"
        return read_url(host + text if "://" in host else f"{scheme}://{host}{text}")
    if loaded is None:
        raise QuestionError(f"{quoted(text)} has no host; write a whole URL, as https://app.example.com{text}")
    return read_url(_own_address(loaded) + text)


def _own_address(loaded: Loaded) -> str:
    """Return scheme and host under which a path is reached: the only host that routes name, or else this machine."""
    named = dict.fromkeys(draft.route.match.host for draft in loaded.routes if draft.route.match.host is not None)
    if len(named) > 1 or any(host.startswith("*.") for host in named):
        listed = ", ".join([*named][:4])
        raise QuestionError(f"the routes are for several hosts ({listed}); say which with --host, or write a whole URL")
    if named:
        return f"https://{next(iter(named))}"
    listener = next((each for each in loaded.generation.settings.listeners if isinstance(each.address, TcpAddress)), None)
    if listener is None or not isinstance(listener.address, TcpAddress):
        return "http://localhost"
    return f"http{'s' if listener.key_pairs else ''}://localhost:{listener.address.port or 80}"


def _mode(asked: Asked, url: Url) -> Mode:
    if asked.destination and asked.destination not in MODES:
        raise QuestionError(_no_such("destination", asked.destination, MODES))
    if asked.mode:
        return _choice(Mode, asked.mode, "mode")
    if url.scheme in SOCKETS:
        return Mode.WEBSOCKET
    return MODES[asked.destination or "empty"]


def _page(asked: Asked, url: Url, mode: Mode) -> tuple[str | None, bytes | None]:
    """Return the page that asks, and its origin; without a word about it, one of the URL's own origin.

    Raises: `QuestionError`, `UrlError`.
    """
    page = read_url(asked.page) if asked.page else None
    if asked.origin == "null":
        return SANDBOXED if page is None else str(page), NULL_ORIGIN
    if asked.origin:
        named = _origin(asked.origin)
        if page is not None and page.origin != named:
            raise QuestionError(f"the page {page} is not of the origin {asked.origin}; leave one of the two out")
        return f"{asked.origin}/" if page is None else str(page), named
    if page is None and mode is Mode.NAVIGATE:
        return None, None
    page = url.with_scheme(page_scheme(url)) if page is None else page
    return str(page), page.origin


def _origin(text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    if parse_origin(raw) is not None and text.partition(":")[0] not in SOCKETS:
        return raw
    try:
        return origin(text).text().encode("ascii")
    except Refused as refused:
        raise QuestionError(refused.message) from None


def _fields(lines: tuple[str, ...], option: str) -> Fields:
    return tuple(_field(line, option) for line in lines)


def _field(line: str, option: str) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(":")
    if not colon:
        raise QuestionError(f'{option} {quoted(line)} has no colon; write {option} "Name: value"')
    wire = name.strip().encode("utf-8", "replace"), value.strip(" \t").encode("utf-8", "replace")
    if TOKEN_ONLY.fullmatch(wire[0]) is None:
        raise QuestionError(f"{option}: {quoted(name)} is not a field name; write one as X-Total-Count")
    if _VALUE.fullmatch(wire[1]) is None:
        raise QuestionError(f"{option}: {quoted(value)} cannot stand in a field line: it holds control characters")
    return wire


def _status(text: str) -> int:
    if not text:
        return 200
    if _STATUS.fullmatch(text) is None:
        raise QuestionError(f"{quoted(text)} is not a status that a response ends with; write one from 200 to 599")
    return int(text)


def _engines(text: str) -> tuple[Engine, ...]:
    """Read a list of browsers; none, or ``all``, are all."""
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    if not names or names == ["all"]:
        return tuple(Engine)
    for name in names:
        if name not in _ENGINES:
            raise QuestionError(_no_such("browser", name, [engine.value for engine in Engine]))
    return tuple(dict.fromkeys(_ENGINES[name] for name in names))


def _hosts(text: str) -> tuple[str, ...]:
    """Read a list of hosts as routes match them."""
    try:
        return tuple(dict.fromkeys(route_host(name.strip()) for name in text.split(",") if name.strip()))
    except Refused as refused:
        raise QuestionError(f"--hosts: {refused.message}") from None


def _choice(kind: type[E], text: str, what: str) -> E:
    choices: Mapping[str, E] = {member.value: member for member in kind}
    if text.lower() not in choices:
        raise QuestionError(_no_such(what, text, choices))
    return choices[text.lower()]


def _no_such(what: str, text: str, choices: Iterable[str]) -> str:
    listed = list(choices)
    close = similar(text, listed)
    return f"{quoted(text)} is not a {what}; " + (f"did you mean {close}?" if close else f"write one of {', '.join(listed)}")
