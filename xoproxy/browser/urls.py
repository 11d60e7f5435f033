"""URLs as browsers read them, and the origins they have.  (URL Standard; HTML §7.1.1, "Origins")

Read here is what decides where a request goes and whose it is: scheme, host, port, path and query.  Fragments are dropped,
since none goes over the wire.
"""

import ipaddress
import re
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from xoproxy.browser.model import NULL_ORIGIN
from xoproxy.semantics.hosts import ends_in_a_number, ipv4, is_loopback, punycode
from xoproxy.slotted import dataclass

HTTP_SCHEMES: Final = frozenset({"http", "https"})
DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}

_STRIPPED: Final = "".join(map(chr, range(0x21)))  # C0 controls and space
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_AUTHORITY: Final = re.compile(r"(?:(?P<userinfo>.*)@)?(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]*))?", re.DOTALL)
# "forbidden domain code point", without those that have ended the host already
_FORBIDDEN_HOST: Final = re.compile(r"[\x00-\x20#%/:<>?@\[\\\]^|\x7f]")
_DOT: Final = re.compile(r"(?i)\.|%2e")
_PATH_UNSAFE: Final = frozenset(' "#<>?^`{}')
_QUERY_UNSAFE: Final = frozenset(" \"#<>'")


@dataclass(frozen=True, slots=True)
class Url:
    """A URL record.  (URL Standard §4.1)

    `host` is ASCII and lower case, IPv6 in brackets, empty where the scheme has none.  `port` None: the scheme's default.
    `query` begins with its question mark, or is empty.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    query: str = ""
    has_userinfo: bool = False

    @property
    def origin(self) -> bytes:
        """The serialized origin; ``null`` for schemes whose URLs have opaque ones."""
        if self.scheme not in DEFAULT_PORTS:
            return NULL_ORIGIN
        return f"{self.scheme}://{self.authority}".encode("ascii")

    @property
    def authority(self) -> str:
        """Host and port, as a Host field has them."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def is_http(self) -> bool:
        """Whether the scheme is an HTTP(S) scheme.  (Fetch §2.1)"""
        return self.scheme in HTTP_SCHEMES

    def __str__(self) -> str:
        """Return the URL as it is asked for: without userinfo and fragment."""
        slashes = "//" if self.scheme in DEFAULT_PORTS else ""
        return f"{self.scheme}:{slashes}{self.authority}{self.path}{self.query}"

    def with_scheme(self, scheme: str) -> "Url":
        """Return the URL with another HTTP(S) scheme; a port that is written out stays, unless it is the new default."""
        port = None if self.port == DEFAULT_PORTS[scheme] else self.port
        return replace(self, scheme=scheme, port=port)


def parse(text: str, base: Url | None = None) -> Url | None:
    """Parse a URL, relative ones against `base`; None where browsers fail.  (URL Standard, "basic URL parser")"""
    text = re.sub(r"[\t\n\r]", "", text.strip(_STRIPPED)).partition("#")[0]
    match = _SCHEME.match(text)
    if match is None:
        return None if base is None else _relative(text, base)
    scheme, rest = match[1].lower(), text[match.end() :]
    if scheme not in DEFAULT_PORTS:
        path, mark, query = rest.partition("?")
        return Url(scheme, "", None, _encoded(path, frozenset()), mark + _encoded(query, frozenset(' "#<>')))
    if base is not None and base.scheme == scheme and not re.match(r"[/\\]{2}", rest):
        return _relative(rest, base)
    return _absolute(scheme, rest.lstrip("/\\"))


def origin_of(text: str) -> bytes:
    """Return the serialized origin of a URL, ``null`` for what is none or has an opaque one."""
    url = parse(text)
    return NULL_ORIGIN if url is None else url.origin


def is_potentially_trustworthy(url: Url) -> bool:
    """Whether what comes from `url` is taken to come unaltered.  (Secure Contexts §3.2)"""
    if url.scheme in ("https", "wss", "data", "file") or (url.scheme, url.path) in (("about", "blank"), ("about", "srcdoc")):
        return True
    return url.scheme in DEFAULT_PORTS and is_loopback(url.host)


def _relative(text: str, base: Url) -> Url | None:
    if base.scheme not in DEFAULT_PORTS:
        return None
    path, mark, query = text.partition("?")
    path = path.replace("\\", "/")
    if path.startswith("//"):
        return _absolute(base.scheme, path.lstrip("/") + mark + query)
    query = mark + _encoded(query, _QUERY_UNSAFE)
    if not path:
        return replace(base, query=query if mark else base.query)
    joined = path if path.startswith("/") else base.path.rpartition("/")[0] + "/" + path
    return replace(base, path=_path(joined), query=query)


def _absolute(scheme: str, text: str) -> Url | None:
    end = re.search(r"[/\\?]", text)
    authority, rest = (text[: end.start()], text[end.start() :]) if end else (text, "")
    match = _AUTHORITY.fullmatch(authority)
    host = None if match is None else _host(match["host"])
    if match is None or host is None:
        return None
    digits = (match["port"] or "").lstrip("0")
    port = int(digits[:6] or "0") if match["port"] else DEFAULT_PORTS[scheme]  # int() refuses thousands of digits
    if port > 65535:
        return None
    path, mark, query = rest.partition("?")
    return Url(
        scheme,
        host,
        None if port == DEFAULT_PORTS[scheme] else port,
        _path(path.replace("\\", "/")),
        mark + _encoded(query, _QUERY_UNSAFE),
        has_userinfo=bool((match["userinfo"] or "").strip(":")),
    )


def _host(text: str) -> str | None:
    """Parse the host of an HTTP URL.  (URL Standard §3.5)"""
    if text.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(text[1:-1]).compressed}]"
        except ValueError:
            return None
    name = punycode(unquote(text, errors="replace"))
    if not name or _FORBIDDEN_HOST.search(name):
        return None
    if ends_in_a_number(name):
        address = ipv4(name)
        return None if address is None else str(address)
    return name


def _path(text: str) -> str:
    """Return the path without dot segments, percent-encoded.  (URL Standard, "path state")"""
    segments: list[str] = []
    *folders, last = text.removeprefix("/").split("/")
    for segment in folders:
        dots = _dots(segment)
        if dots == 2:
            del segments[-1:]
        elif dots != 1:
            segments.append(segment)
    if _dots(last) == 2:
        del segments[-1:]
    segments.append("" if _dots(last) in (1, 2) else last)
    return "/" + _encoded("/".join(segments), _PATH_UNSAFE)


def _dots(segment: str) -> int:
    """Return how many dots a segment is, 0 for any other."""
    return len(_DOT.findall(segment)) if segment and not _DOT.sub("", segment) else 0


def _encoded(text: str, unsafe: frozenset[str]) -> str:
    return "".join(c if " " <= c <= "~" and c not in unsafe else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))
