"""Where to listen, where to forward, whom to trust, and what a route matches: hosts, networks, URLs, paths.

Each parser takes the text of one scalar and returns the value, or raises Refused with what to write instead.
"""

import ipaddress
import re
from typing import Final

from xoproxy.browser.urls import parse
from xoproxy.config.problems import Id, Refused, quoted
from xoproxy.config.settings import Address, Endpoint, Network, PassedAddress, TcpAddress, UnixAddress, UnixPeers
from xoproxy.semantics.hosts import is_loopback, punycode

_HOST_PORT: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._\-]*):([0-9]{1,5})")
NAME: Final = re.compile(
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_\-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_\-]{0,61}[A-Za-z0-9_])?"
)
_UPSTREAM: Final = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._\-]+)(?::([0-9]{1,5}))?")
_LOOSE_UPSTREAM: Final = re.compile(
    r"(?:(https?)://)?(?:[^@/?#]*@)?(\[[0-9a-f:.]+\]|[a-z0-9._\-]+)(?::([0-9]{1,5}))?(?:[/?#].*)?", re.IGNORECASE
)
PASSED: Final = re.compile(r"systemd(?::([!-9;-~]{1,255}))?")  # FileDescriptorName=, systemd.socket(5)
UNIX_PATH: Final = re.compile(r"/[^\s\0]*[^\s\0/]")
PATH_GLOB: Final = re.compile(r"/[^?#\s\\]*")
COLLECTOR: Final = re.compile(r"https://[A-Za-z0-9._\-\[\]:]+(?:/[!#-\[\]-~]*)?|/[!#-\[\]-~]*")
MAX_UNIX_PATH_BYTES: Final = 100  # sun_path holds 104 bytes on macOS, 108 on Linux
BY_UPSTREAM: Final = "upstream"
MAX_WILDCARDS: Final = 8


def address(text: str) -> Address:
    """Parse ``HOST:PORT``, ``:PORT``, ``[::]:PORT``, ``unix:/path``, ``systemd`` or ``systemd:NAME``."""
    if text.startswith("systemd:") or text == "systemd":
        passed = PASSED.fullmatch(text)
        if passed is None:
            raise Refused(Id.ADDRESS, f"{quoted(text)} does not name a passed socket; write systemd, or systemd:NAME")
        return PassedAddress(passed[1] or "")
    return own_address(text)


def own_address(text: str) -> Address:
    """Parse an address that we open ourselves: ``HOST:PORT``, ``:PORT``, ``[::]:PORT`` or ``unix:/path``."""
    if text.startswith("unix:"):
        return UnixAddress(_unix_path(text.removeprefix("unix:"), text, Id.ADDRESS))
    match = _HOST_PORT.fullmatch(text)
    if match is None:
        raise Refused(Id.ADDRESS, f"{quoted(text)} is not an address; write {_address_hint(text)}")
    host = match[1].strip("[]").lower()
    if int(match[2]) > 65535:
        raise Refused(Id.ADDRESS, f"{quoted(text)} is not an address: ports end at 65535")
    if not _is_host(host, bracketed=match[1].startswith("[")):
        raise Refused(
            Id.ADDRESS, f"{quoted(text)} is not an address: {quoted(match[1])} is neither a host name nor an IP address"
        )
    return TcpAddress(host, int(match[2]))


def _address_hint(text: str) -> str:
    if text.isascii() and text.isdigit():
        return (
            f'":{int(text)}" for every interface, or "127.0.0.1:{int(text)}" for this machine only'
            if len(text) < 6
            else "HOST:PORT"
        )
    if text.startswith("/"):
        return f"unix:{text}"
    if match := re.fullmatch(r"(?:https?://|\*)?([A-Za-z0-9.\-]*:[0-9]{1,5})/?", text):
        return quoted(match[1])
    return "HOST:PORT, :PORT, [::]:PORT or unix:/path"


def _is_host(host: str, *, bracketed: bool) -> bool:
    """Whether `host` is empty, a name, or a valid address of its kind."""
    if bracketed or host.rpartition(".")[2].isdigit():
        try:
            return ipaddress.ip_address(host).version == (6 if bracketed else 4)
        except ValueError:
            return False
    return not host or (len(host) <= 253 and NAME.fullmatch(host) is not None)


def _unix_path(path: str, text: str, kind: Id) -> str:
    if UNIX_PATH.fullmatch(path) is None or path.startswith("//"):
        hint = f"{text.removesuffix(path)}/{path.strip('/') or 'run/app.sock'}"
        raise Refused(kind, f"{quoted(text)} does not name a socket by its absolute path; write {quoted(hint)}")
    if len(path.encode("utf-8")) > MAX_UNIX_PATH_BYTES:
        raise Refused(kind, f"{quoted(text)} is too long for a socket's path; keep it to {MAX_UNIX_PATH_BYTES} bytes")
    return path


def is_open(place: Address) -> bool:
    """Whether other machines can reach a listener at this address."""
    return isinstance(place, TcpAddress) and not is_loopback(place.host)


def upstream_url(text: str) -> Endpoint:
    """Parse ``http://host[:port]``, ``https://host[:port]`` or ``http+unix:/path``."""
    if text.startswith("http+unix:"):
        return Endpoint("localhost", 80, unix_path=_unix_path(text.removeprefix("http+unix:"), text, Id.UPSTREAM_URL))
    match = _UPSTREAM.fullmatch(text)
    if match is None:
        raise Refused(Id.UPSTREAM_URL, _refuse_url(text))
    secure = match[1] == "https"
    port = int(match[3]) if match[3] is not None else (443 if secure else 80)
    host = match[2].strip("[]").lower()
    if not 0 < port < 65536:
        raise Refused(Id.UPSTREAM_URL, f"{quoted(text)} has a port that does not exist; ports are 1 to 65535")
    if not _is_host(host, bracketed=match[2].startswith("[")):
        raise Refused(Id.UPSTREAM_URL, f"{quoted(text)}: {quoted(match[2])} is neither a host name nor an IP address")
    return Endpoint(host, port, secure)


def _refuse_url(text: str) -> str:
    """Say what is wrong with an upstream's URL.  User information is never repeated: it may be a password."""
    if text.startswith(("unix:/", "/")):
        return f"{quoted(text)} is not a URL; write http+unix:/{text.removeprefix('unix:').lstrip('/')}"
    match = _LOOSE_UPSTREAM.fullmatch(text)
    if match is None:
        return f"{quoted(_without_userinfo(text))} is not the URL of an upstream; write http://HOST:PORT or http+unix:/path"
    mended = f"{(match[1] or 'http').lower()}://{match[2].lower()}" + (f":{match[3]}" if match[3] else "")
    if "@" in text:
        return f"user information has no place in an upstream's URL; write {quoted(mended)}"
    rest = text.partition("://")[2] if match[1] else text
    if re.search(r"[/?#]", rest):
        return f"{quoted(text)} has a path or query: requests go on with the path they came with; write {quoted(mended)}"
    why = "is not written in lower case" if match[1] else "has no scheme"
    return f"{quoted(text)} {why}; write {quoted(mended)}"


def _without_userinfo(text: str) -> str:
    return re.sub(r"[^/@]*@", "...@", text)


def network(text: str) -> Network:
    """Parse an IP address, a network in CIDR notation, or ``unix``."""
    if text == UnixPeers.UNIX.value:
        return UnixPeers.UNIX
    loose = _loose_network(text)
    if loose is None:
        raise Refused(
            Id.NETWORK, f"{quoted(text)} is neither an IP address nor a network; write one as 10.0.0.0/8, 192.168.1.7 or unix"
        )
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise Refused(Id.NETWORK, f"{quoted(text)} has bits set beyond its prefix; write {loose}") from None


def _loose_network(text: str) -> Network | None:
    """Return the network that an address is in, None if it is no address.

    The library takes spaces in a scope, and zeros before the length of a prefix: we do not.
    """
    try:
        return None if re.search(r"\s|/0[0-9]+$", text) else ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def route_host(text: str) -> str:
    """Parse the host that a route matches, exact or ``*.example.com``, into lower case."""
    if not text.isascii():
        raise Refused(Id.HOST, f"{quoted(text)} comes in its ASCII form; write {punycode(text)}")
    host = text.lower()
    bare = host.removeprefix("*.")
    if host.startswith("[") and host.endswith("]") and _is_host(host[1:-1], bracketed=True):
        return host
    if bare and _is_host(bare, bracketed=False):
        return host
    why = "a host name"
    if found := re.fullmatch(r"(?:[a-z]+://)?((?:\*\.)?[a-z0-9.\-]*[a-z0-9\-])\.?(?::[0-9]+)?(?:/.*)?", host):
        why = f"only the host name counts: write {quoted(found[1])}"
    elif "*" in host:
        why = 'a wildcard stands for whole labels on the left, as "*.example.com"'
    raise Refused(
        Id.HOST, f"{quoted(text)} is not a host that can be matched; {why if why != 'a host name' else 'write a host name'}"
    )


def path_glob(text: str) -> str:
    """Parse a path glob: ``*`` within one segment, ``**`` across."""
    if not text.startswith("/"):
        raise Refused(Id.PATH_GLOB, f"{quoted(text)} is not a path; write {quoted('/' + text.lstrip('^'))}")
    if PATH_GLOB.fullmatch(text) is None:
        raise Refused(
            Id.PATH_GLOB,
            f"{quoted(text)} is not a path: queries, fragments, spaces and back-slashes are not matched; remove them",
        )
    if re.search(r"%[0-9A-Fa-f]{2}", text):
        raise Refused(Id.PATH_GLOB, f"{quoted(text)} is matched with decoded paths; write the character itself instead of %XX")
    if re.search(r"/\.\.?(?:/|$)", text):
        raise Refused(Id.PATH_GLOB, f"{quoted(text)} can never match: '.' and '..' segments are resolved first; remove them")
    if "***" in text or len(re.findall(r"\*+", text)) > MAX_WILDCARDS:
        raise Refused(
            Id.PATH_GLOB, f"{quoted(text)} has too many wildcards; '*' is one segment, '**' any number, {MAX_WILDCARDS} at most"
        )
    return text


def collector(text: str) -> str:
    """Parse what a reporting endpoint stands for: a path, an https URL, or ``upstream`` (the backend declares it)."""
    if text == BY_UPSTREAM:
        return text
    if COLLECTOR.fullmatch(text) is None or text.startswith("//"):
        hint = (
            f"browsers report to https only: write {quoted('https' + text[4:])}"
            if text.startswith("http://")
            else "write a path (/reports), an https URL, or upstream"
        )
        raise Refused(Id.ENDPOINT_URL, f"{quoted(text)} is no place for reports; {hint}")
    if not text.startswith("/") and parse(text) is None:
        raise Refused(Id.ENDPOINT_URL, f"{quoted(text)} is not a URL: its host or port is none; browsers would pass it over")
    return text
