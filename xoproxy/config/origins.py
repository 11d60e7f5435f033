"""Origins and origin patterns as operators write them, and what to write instead.

Only a serialized origin is ever sent by a browser and compared by bytes (Fetch, "CORS check"): whatever is written otherwise
would never match.  So it is refused here, with the form that will.  (RFC 6454 §6.2; URL Standard, "host serializing")
"""

import ipaddress
import re
from enum import Enum
from typing import Final, NoReturn

from xoproxy.browser.sites import registrable_domain
from xoproxy.config.problems import Id, Refused, quoted
from xoproxy.semantics.hosts import is_loopback, punycode
from xoproxy.semantics.origins import DEFAULT_PORTS, OriginPattern, parse_origin
from xoproxy.slotted import dataclass

# Schemes whose documents have opaque origins; the browser sends `null`.  (HTML §7.1.1)
_OPAQUE_SCHEMES: Final = frozenset({"about", "blob", "data", "file", "javascript"})
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_SOCKET_SCHEMES: Final = {"ws": "http", "wss": "https"}
# Names that no one can register publicly.  (RFC 6761, RFC 6762, RFC 8375, ICANN's .internal; corp, home and lan by use)
_PRIVATE_SUFFIXES: Final = frozenset(
    {"corp", "example", "home", "home.arpa", "internal", "invalid", "lan", "local", "localhost", "test"}
)


class Null(Enum):
    """The opaque origin."""

    NULL = "null"


NULL: Final = Null.NULL


def origin(text: str) -> OriginPattern:
    """Parse one exact serialized origin."""
    pattern = _Draft(text).finish()
    if not pattern.is_exact:
        raise Refused(Id.NOT_AN_ORIGIN, f"{quoted(text)} is a pattern; write exact origins here")
    return pattern


def origin_pattern(text: str) -> OriginPattern | Null:
    """Parse an exact origin, ``scheme://*.host``, either with the port ``:*``, or ``null``."""
    return NULL if text.lower() == "null" else _Draft(text).finish()


@dataclass(frozen=True, slots=True)
class _Parts:
    scheme: str
    host: str
    port: str | None

    def text(self) -> str:
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port is not None else "")


class _Draft:
    """One origin as it is written, taken apart and mended; `faults` says what had to be mended."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.faults: list[str] = []
        if "," in text or " " in text.strip():
            parts = [part for part in re.split(r"[,\s]+", text) if part]
            listed = ", ".join(quoted(part) for part in parts)
            raise Refused(Id.NOT_AN_ORIGIN, f"{quoted(text)} is not one origin; write a list: [{listed}]")
        stripped = text.strip()
        if stripped != text:
            self.faults.append("it has spaces around it")
        scheme, rest = self._take_scheme(stripped)
        host, port = self._take_port(self._take_authority(rest), scheme)
        self.parts = _Parts(scheme, self._take_host(host), port)

    def finish(self) -> OriginPattern:
        """Return the pattern if nothing had to be mended; else raise with the mended text."""
        parts = self.parts
        any_subdomain = parts.host.startswith("*.")
        host = parts.host.removeprefix("*.")
        if "*" in host:
            self._refuse("a wildcard stands for whole labels on the left of a host, as https://*.example.com")
        if any_subdomain and _is_address(host):
            self._refuse("an address has no sub-domains")
        port = None if parts.port in (None, "*") else parts.port
        parsed = parse_origin(_Parts(parts.scheme, host, port).text().encode("ascii", "replace"))
        if parsed is None:
            self._refuse("; ".join(self.faults) or "its host or port is not one that an origin can have")
        if self.faults:
            self._refuse(f"{' and '.join(self.faults)}; write {quoted(parts.text())}")
        return OriginPattern(parsed.scheme, parsed.host, None if parts.port == "*" else parsed.port, any_subdomain)

    def _refuse(self, why: str) -> NoReturn:
        raise Refused(Id.NOT_AN_ORIGIN, f"{quoted(self.text)} is not a serialized origin: {why}")

    def _take_scheme(self, text: str) -> tuple[str, str]:
        scheme, separator, rest = text.partition("://")
        if not separator or _SCHEME.fullmatch(scheme) is None:
            rest = text.removeprefix("//")
            self.faults.append("it has no scheme")
            return ("http" if is_loopback(rest.partition("/")[0].partition(":")[0]) else "https"), rest
        if scheme != scheme.lower():
            self.faults.append("its scheme is not in lower case")
        scheme = scheme.lower()
        if scheme in _OPAQUE_SCHEMES:
            self._refuse(f"browsers send the origin null for {scheme}: documents")
        if scheme in _SOCKET_SCHEMES:
            self.faults.append("an origin is that of the page, which has no web socket scheme")
        return _SOCKET_SCHEMES.get(scheme, scheme), rest

    def _take_authority(self, rest: str) -> str:
        end = re.search(r"[/?#\\]", rest)
        authority = rest[: end.start()] if end else rest
        if end:
            self.faults.append({"?": "it has a query", "#": "it has a fragment"}.get(end[0], "it has a path"))
        if "@" in authority:
            self.faults.append("it has user information")
            authority = authority.rpartition("@")[2]
        return authority

    def _take_port(self, authority: str, scheme: str) -> tuple[str, str | None]:
        match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([^:]*))?", authority)
        if match is None:
            self._refuse("its host and port cannot be told apart")
        host, port = match[1], match[2]
        if port is None or port == "*":
            return host, port
        if not (port.isascii() and port.isdigit()):
            if port:
                self._refuse("its port is not a number")
            self.faults.append("its port is empty")
            return host, None
        if port != "0" and port.startswith("0"):
            self.faults.append("its port has leading zeros")
            port = port.lstrip("0") or "0"
        if port == str(DEFAULT_PORTS.get(scheme.encode("ascii"))):
            self.faults.append("browsers leave the scheme's default port out")
            return host, None
        return host, port

    def _take_host(self, host: str) -> str:
        if host.endswith("."):
            self.faults.append("its host ends in a dot")
            host = host.rstrip(".")
        if not host.isascii():
            self.faults.append("browsers send such a host in its ASCII form")
            host = punycode(host)
        elif host != host.lower():
            self.faults.append("its host is not in lower case")
            host = host.lower()
        return self._take_address(host)

    def _take_address(self, host: str) -> str:
        """Check a host that is an IP address: browsers send its canonical form only."""
        if host.startswith("["):
            try:
                shortest = f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
            except ValueError:
                self._refuse("its host is not an IPv6 address")
            if shortest != host:
                self.faults.append("its address is not in its shortest form")
            return shortest
        last = host.rpartition(".")[2]
        if last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last):
            try:
                ipaddress.IPv4Address(host.removeprefix("*."))
            except ValueError:
                self._refuse("its host ends in a number and is not an IPv4 address")
        return host


def _is_address(host: str) -> bool:
    return host.startswith("[") or host.rpartition(".")[2].isdigit()


def is_insecure(pattern: OriginPattern) -> bool:
    """Whether a pattern covers plain-http origins of other machines."""
    return pattern.scheme == b"http" and not is_loopback(pattern.host.decode("ascii"))


def covers_public_suffix(pattern: OriginPattern) -> bool:
    """Whether a pattern's wildcard covers names that anyone can register."""
    if not pattern.any_subdomain:
        return False
    host = pattern.host.decode("ascii")
    return host not in _PRIVATE_SUFFIXES and registrable_domain(host) is None


def is_private_name(host: str) -> bool:
    """Whether a host is a name that no one can register publicly."""
    return any(host == suffix or host.endswith(f".{suffix}") for suffix in _PRIVATE_SUFFIXES)
