"""Address spaces: what is on this machine, on this network, or anywhere.  (Local Network Access §2.1)

A URL tells its address only if its host writes one out, or is a localhost name.  So what depends on addresses is a note, with
its condition, and never a verdict: a server's fields change nothing about it.
"""

from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from xoproxy.browser.model import Engine
from xoproxy.browser.support import Feature, since
from xoproxy.browser.urls import Url, is_potentially_trustworthy
from xoproxy.semantics.hosts import address_of, is_localhost


class Space(Enum):
    """An "IP address space"; a smaller number is less public."""

    LOOPBACK = 0
    LOCAL = 1
    PUBLIC = 2


# In the order of the standard: the first that fits decides.
_SPACES: Final[tuple[tuple[IPv4Network | IPv6Network, Space], ...]] = (
    (IPv4Network("127.0.0.0/8"), Space.LOOPBACK),
    (IPv4Network("10.0.0.0/8"), Space.LOCAL),
    (IPv4Network("100.64.0.0/10"), Space.LOCAL),
    (IPv4Network("172.16.0.0/12"), Space.LOCAL),
    (IPv4Network("192.168.0.0/16"), Space.LOCAL),
    (IPv4Network("198.18.0.0/15"), Space.LOOPBACK),
    (IPv4Network("169.254.0.0/16"), Space.LOCAL),
    (IPv6Network("::1/128"), Space.LOOPBACK),
    (IPv6Network("fc00::/7"), Space.LOCAL),
    (IPv6Network("fe80::/10"), Space.LOCAL),
    (IPv6Network("fec0::/10"), Space.LOCAL),
    (IPv4Network("0.0.0.0/32"), Space.LOOPBACK),
    (IPv4Network("0.0.0.0/8"), Space.LOCAL),
    (IPv6Network("::/128"), Space.LOOPBACK),
    (IPv6Network("2001:db8::/32"), Space.LOCAL),
    (IPv6Network("3fff::/20"), Space.LOCAL),
)


def address_space(address: IPv4Address | IPv6Address) -> Space:
    """Determine the IP address space of an address."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    plain = address if mapped is None else mapped
    return next((space for network, space in _SPACES if plain in network), Space.PUBLIC)


def space_of(url: Url) -> Space | None:
    """Return the address space that a URL's host tells; None: a name, whose addresses we do not know."""
    if is_localhost(url.host):
        return Space.LOOPBACK
    if url.host.removesuffix(".").endswith(".local"):
        return Space.LOCAL
    address = address_of(url.host)
    return None if address is None else address_space(address)


def local_network_note(page: Url, target: Url, engine: Engine) -> str | None:
    """Say what Local Network Access does to a request of `page` for `target`, if it can do something."""
    asker, asked = space_of(page), space_of(target)
    if asked is None or asked is Space.PUBLIC or asker in (Space.LOOPBACK, Space.LOCAL) or page.origin == target.origin:
        return None
    known = since(Feature.LOCAL_NETWORK_ACCESS, engine)
    if known is None:
        return None
    where = "this machine" if asked is Space.LOOPBACK else "the local network"
    condition = "" if asker is Space.PUBLIC else f"if {page.host} has a public address, "
    does = "ask the user before a page reaches" if is_potentially_trustworthy(page) else "let no http page reach"
    return f"{condition}{engine.value} {known.version} and later {does} {where}; no header can grant this"


def insecure_note(page: Url) -> str | None:
    """Say what a page by http from another machine never has."""
    if page.scheme != "http" or is_potentially_trustworthy(page):
        return None
    return (
        f"{page.scheme}://{page.authority} is no secure context: embedder, opener and isolation policies do nothing there; "
        "no header can mend this, serve it by https or from localhost"
    )
