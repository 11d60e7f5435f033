"""How many clients may be connected, and what becomes of one that is too many.

The bound is `limits.connections`, or else what the limit of open files allows: each exchange may need a second descriptor, for
its upstream.  Whoever sets the bound may know that most connections idle; one descriptor each is the end in any case.  A client
beyond the bound is told so (503); when even such clients come in floods, they are cut off unheard.
"""

import ipaddress
import resource
from enum import Enum
from typing import Final

from xoproxy.config.settings import Limits
from xoproxy.dataplane.peers import UNIX_PEER

# Descriptors for all else: listeners, log, watch, admin endpoint.
RESERVED_DESCRIPTORS: Final = 64
# How many connections may be on their way out after they were turned away.
MAX_TURNED_AWAY: Final = 256


class Admission(Enum):
    """What becomes of a connection."""

    ADMITTED = "admitted"
    TURNED_AWAY = "turned away"  # with an answer
    CUT_OFF = "cut off"


def free_descriptors() -> int:
    """Return how many descriptors the process' limit of open files allows for connections."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(2, soft - RESERVED_DESCRIPTORS) if soft != resource.RLIM_INFINITY else 1 << 30


def network_of(client: str) -> str:
    """Return what counts as one client: an IPv4 address, or 64 bits of an IPv6 address: customers get networks of that size."""
    if ":" not in client:
        return client
    address = ipaddress.IPv6Address(client)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return address.exploded[: len("2001:0db8:0000:0000")]


class Admissions:
    """Counts the clients' connections."""

    __slots__ = ("_admitted", "_by_client", "_descriptors", "_turned_away")

    def __init__(self) -> None:
        self._admitted = 0
        self._turned_away = 0
        self._by_client: dict[str, int] = {}  # admitted ones
        self._descriptors = free_descriptors()

    def admit(self, client: str, limits: Limits, *, trusted: bool) -> Admission:
        """Decide about a new connection of `client`; whatever is decided, `left` must be called at its end."""
        most = self._descriptors // 2 if limits.connections is None else min(limits.connections, self._descriptors)
        per_client = limits.connections_per_client
        client = network_of(client)
        present = self._by_client.get(client, 0)
        if self._admitted < most and (per_client is None or present < per_client or trusted or client == UNIX_PEER):
            self._admitted += 1
            self._by_client[client] = present + 1
            return Admission.ADMITTED
        self._turned_away += 1
        return Admission.TURNED_AWAY if self._turned_away <= MAX_TURNED_AWAY else Admission.CUT_OFF

    def left(self, client: str, *, admitted: bool) -> None:
        """A connection is gone."""
        if not admitted:
            self._turned_away -= 1
            return
        client = network_of(client)
        self._admitted -= 1
        others = self._by_client.pop(client) - 1
        if others:
            self._by_client[client] = others
