"""Decide which requests to the admin endpoint are refused before anything looks at them.

Whoever can load a page into the operator's browser must get nothing from an endpoint on loopback.  Three doors: a page of
another site that sends requests (Fetch Metadata and Origin tell), a name that is rebound to 127.0.0.1 (Host tells), and the
network, where the endpoint listens beyond loopback (the token tells).  A name is no danger where a token is wanted: the page
does not have it.

A program sends the token as a bearer token (RFC 6750), a person's browser asks for it as the password of Basic (RFC 7617), and
keeps it for this origin only.  It would send it along with what other pages make it request, too: those are refused above.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from xoproxy.config.settings import Address, TcpAddress
from xoproxy.slotted import dataclass

OPEN_PATHS: Final = frozenset({"/-/healthy", "/-/ready"})  # for health checks, which have no token
BEARER: Final = 'Bearer realm="xoproxy"'
BASIC: Final = 'Basic realm="xoproxy: any user name, and the token as password", charset="UTF-8"'

_LOOPBACK_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused."""

    status: int
    detail: str


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules for an endpoint that listens on `address`.  `token` None: none is set."""

    address: Address
    token: str | None

    def refusal(self, path: str, fields: Mapping[str, str]) -> Refusal | None:
        """Return why a request is refused, None if it is not.  `fields` must compare names without regard to case."""
        return self._host_refusal(fields.get("Host", "")) or _cross_site_refusal(fields) or self._token_refusal(path, fields)

    def _host_refusal(self, authority: str) -> Refusal | None:
        if not isinstance(self.address, TcpAddress) or not is_loopback(self.address):
            return None
        host = _host(authority)
        if host in _LOOPBACK_NAMES or host == self.address.host.lower() or _is_loopback_ip(host):
            return None
        return Refusal(403, "the Host field names neither this machine's loopback nor the address of the admin endpoint")

    def _token_refusal(self, path: str, fields: Mapping[str, str]) -> Refusal | None:
        if path in OPEN_PATHS or (self.token is None and is_loopback(self.address)):
            return None
        given = _given_token(fields.get("Authorization", ""))
        wanted = (self.token or "").encode()
        if hmac.compare_digest(given, wanted) and wanted:
            return None
        return Refusal(
            401, "a bearer token is wanted: the one in XOPROXY_ADMIN_TOKEN or in the file that admin.token_file names"
        )


def challenges(accept: str) -> tuple[str, ...]:
    """Return how a 401 asks for the token.  Only a person's page is asked by a dialogue: programs have none."""
    return (BEARER, BASIC) if "text/html" in accept.lower() else (BEARER,)


def is_loopback(address: Address) -> bool:
    """Whether only this machine can reach the address.  A socket in the file system is guarded by its permissions."""
    if not isinstance(address, TcpAddress):
        return True
    return address.host.lower() in _LOOPBACK_NAMES or _is_loopback_ip(address.host)


def _given_token(authorization: str) -> bytes:
    """Return the token that a request carries, empty if there is none that can be read."""
    scheme, _, given = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return given.strip().encode("utf-8", "surrogateescape")
        case "basic":
            try:
                return base64.b64decode(given.strip().encode("ascii"), validate=True).partition(b":")[2]
            except (UnicodeEncodeError, binascii.Error):
                return b""
        case _:
            return b""


def _cross_site_refusal(fields: Mapping[str, str]) -> Refusal | None:
    """Refuse what another page sent.  A same-site page is another page too: all of localhost's ports are one site."""
    if fields.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return Refusal(403, "the request comes from a page of another origin (Sec-Fetch-Site)")
    origin = fields.get("Origin")
    if origin is not None and origin != f"http://{fields.get('Host', '')}":
        return Refusal(403, "the request comes from a page of another origin (Origin)")
    return None


def _host(authority: str) -> str:
    """Return the host of a Host field: lower case, no port, no brackets."""
    host = authority.lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] or host


def _is_loopback_ip(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
