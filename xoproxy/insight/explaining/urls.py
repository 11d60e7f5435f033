"""URLs as people type them: what browsers mend silently is mended, the rest is told, with what to write instead."""

import re
from typing import Final

from xoproxy.browser.urls import DEFAULT_PORTS, Url, parse
from xoproxy.config.problems import quoted

SOCKETS: Final = {"ws": "http", "wss": "https"}

_HOST_FIRST: Final = re.compile(r"(?:localhost|[\w\-]+(?:\.[\w\-]+)+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?(?:[/?#].*)?")


class UrlError(ValueError):
    """A URL that means nothing here.  Its text says what to write instead."""


def is_path(text: str) -> bool:
    """Whether a URL is written without scheme and host."""
    return text.startswith("/") and not text.startswith("//")


def read_url(text: str) -> Url:
    """Return the absolute http, https, ws or wss URL that is meant.  Raises: `UrlError`."""
    if _HOST_FIRST.fullmatch(text):
        raise UrlError(f"{quoted(text)} has no scheme; write {quoted(f'https://{text}')}")
    url = parse(text)
    if url is None:
        raise UrlError(f"{quoted(text)} is not a URL; write one as https://app.example.com/path")
    if url.scheme not in DEFAULT_PORTS or url.scheme == "ftp":
        raise UrlError(f"{quoted(text)} is not a URL that a proxy could answer; write one with https: or http:")
    if url.has_userinfo:
        raise UrlError(f"{quoted(text)} has user information, which no page can ask for; write {quoted(str(url))}")
    return url


def page_scheme(url: Url) -> str:
    """Return the scheme of a page beside a URL: http(s) for ws(s)."""
    return SOCKETS.get(url.scheme, url.scheme)


def server_of(text: str) -> str:
    """Return the URL of the server that a URL is of, as `upstream` takes it.  Raises: `UrlError`."""
    url = read_url(text)
    return f"{page_scheme(url)}://{url.authority}"
