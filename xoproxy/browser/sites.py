"""Which origins are the same, or of one site.  (HTML §7.1.1, "Origins and sites"; URL Standard §3.2, "registrable domain")

Origins come serialized, as they go over the wire.  An opaque one (``null``) is never the same as any other, nor of its site:
which opaque origin it is, its serialization does not tell.
"""

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from xoproxy.browser.model import NULL_ORIGIN
from xoproxy.semantics.hosts import address_of

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_PORT: Final = re.compile(r":[0-9]+\Z")


def same_origin(one: bytes, other: bytes) -> bool:
    """Whether two origins are the same origin."""
    return one == other != NULL_ORIGIN


def same_site(one: bytes, other: bytes) -> bool:
    """Whether two origins are same site: the scheme counts, the port does not."""
    return one.partition(b":")[0] == other.partition(b":")[0] and schemelessly_same_site(one, other)


def schemelessly_same_site(one: bytes, other: bytes) -> bool:
    """Whether two origins are schemelessly same site: one host, or one registrable domain."""
    if NULL_ORIGIN in (one, other):
        return False
    host, other_host = host_of(one), host_of(other)
    if host == other_host:
        return True
    domain = registrable_domain(host)
    return domain is not None and domain == registrable_domain(other_host)


def host_of(origin: bytes) -> str:
    """Return the host of a serialized origin, IPv6 in brackets."""
    return _PORT.sub("", origin.partition(b"://")[2].decode("ascii"))


def scheme_of(origin: bytes) -> str:
    """Return the scheme of a serialized origin."""
    return origin.partition(b"://")[0].decode("ascii")


def registrable_domain(host: str) -> str | None:
    """Return what someone registered of a host's name: None for an address, and for a name under which anyone registers."""
    if address_of(host) is not None:
        return None
    domain: str | None = _public_suffixes().privatesuffix(host.removesuffix("."))
    return domain


@cache
def _public_suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415  12,000 rules, needed only where hosts differ

    return PublicSuffixList()
