"""Who is at the other end of a client's connection, and which peers are believed.

The address is the socket's peer, or the one that a load balancer names in front of the connection (the PROXY protocol).  What
is told upstream of it, and whether its X-Forwarded-* fields are believed, depends on the generation: a reload may trust others.
"""

import asyncio
import ipaddress
import socket
from functools import lru_cache
from typing import Final, cast

from xoproxy.config.generation import Generation
from xoproxy.config.settings import Network, UnixPeers
from xoproxy.dataplane.source import ProxiedSource
from xoproxy.semantics.forwarded import Hop

# How records and X-Forwarded-For name a client on a socket in the file system.
UNIX_PEER: Final = "unix"
# A client that reset its connection before it was looked at: the system does not tell its address any more.
GONE_PEER: Final = "0.0.0.0"  # noqa: S104  nobody has this address, nothing is bound to it


def trusts(networks: tuple[Network, ...], address: str) -> bool:
    """Whether `address`, of a peer, is in one of `networks`.  An IPv4 address mapped into IPv6 counts as IPv4."""
    if not networks:
        return False
    if address == UNIX_PEER:
        return UnixPeers.UNIX in networks
    peer = ipaddress.ip_address(address)
    if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped
    return any(network is not UnixPeers.UNIX and peer in network for network in networks)


def peer_address(transport: asyncio.BaseTransport) -> str:
    """Return the address of a transport's peer, without an IPv6 zone; `UNIX_PEER` for a socket in the file system.

    Where there is no IP address the kind of socket decides: a peer that has reset its connection has none any more.
    """
    peer: object = transport.get_extra_info("peername")
    if isinstance(peer, tuple):
        return str(cast("tuple[object, ...]", peer)[0]).partition("%")[0]
    return UNIX_PEER if transport.get_extra_info("socket").family == socket.AF_UNIX else GONE_PEER


class ClientPeer:
    """A client, as the exchanges of one connection see it."""

    __slots__ = ("_hop", "_trusted", "address", "secure")

    def __init__(self, address: str, generation: Generation, *, secure: bool) -> None:
        self.address = address
        self.secure = secure
        self._look(generation)

    def hop(self, generation: Generation) -> Hop:
        """Return what exchanges of this generation tell the upstream, and believe."""
        if generation.settings.trusted_proxies is not self._trusted:
            self._look(generation)
        return self._hop

    def _look(self, generation: Generation) -> None:
        self._trusted = generation.settings.trusted_proxies  # not the generation: a client may be idle for hours
        self._hop = _hop(self.address, self._trusted, secure=self.secure)


def client_peer(
    transport: asyncio.BaseTransport, source: ProxiedSource | None, generation: Generation, *, secure: bool
) -> ClientPeer:
    """Return the client of an accepted connection, over TLS if `secure`.  `source`: who is behind it, if that was said."""
    if source is None:
        return ClientPeer(peer_address(transport), generation, secure=secure)
    return ClientPeer(source.address, generation, secure=secure if source.secure is None else source.secure)


@lru_cache(maxsize=1024)
def _hop(address: str, networks: tuple[Network, ...], *, secure: bool) -> Hop:
    """Few addresses come often: those of proxies, and of clients that open one connection after the other."""

    def trusted(other: bytes) -> bool:
        return trusts(networks, other.decode("ascii"))

    scheme = b"https" if secure else b"http"
    return Hop(address.encode("ascii"), scheme, trusted if trusts(networks, address) else None)
