"""One address of an upstream: its connections, idle and busy, and its standing.

An *endpoint* is a URL of the policy file; an *address* is where one may be reached: an endpoint with one of the IP addresses
of its host name, or a socket in the file system.  Requests are balanced over addresses.
"""

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from xoproxy.config.settings import Endpoint, UpstreamSettings
from xoproxy.dataplane.upstreams.standing import Standing
from xoproxy.slotted import dataclass

if TYPE_CHECKING:
    from xoproxy.dataplane.upstreams.connection import UpstreamConnection
    from xoproxy.dataplane.upstreams.upstream import Upstream


@dataclass(frozen=True, slots=True)
class AddressState:
    """What an address is doing, for whoever watches.  `ip` None: a socket in the file system."""

    name: str
    endpoint: Endpoint
    ip: str | None
    outstanding: int
    connections: int
    idle: int
    is_ejected: bool
    is_healthy: bool
    ejections: int


class AddressPool:
    """The connections to one address.  The idle one that was used last is used first, so that what is too much shrinks."""

    __slots__ = ("_idle", "_limit", "connections", "endpoint", "ip", "label", "outstanding", "retired", "standing", "upstream")

    def __init__(self, upstream: "Upstream", settings: UpstreamSettings, endpoint: Endpoint, ip: str | None) -> None:
        self.upstream = upstream
        self.endpoint = endpoint
        self.ip = ip
        self.label = str(endpoint)
        self.standing = Standing(settings.ejection)
        self.outstanding = 0  # exchanges on their way through this address, those that still connect included
        # All there are, those that are being made included: a set, because asyncio may or may not tell a connection that it
        # is lost whose making was cancelled.
        self.connections: set[UpstreamConnection] = set()
        self.retired = False  # keeps no connection any more
        self._limit = settings.queueing.max_connections
        self._idle: dict[UpstreamConnection, None] = {}  # an ordered set: the last one in is the first one out

    def __str__(self) -> str:
        """Name the address for people."""
        return self.label if self.ip is None or self.ip == self.endpoint.host else f"{self.label} ({self.ip})"

    @property
    def has_place(self) -> bool:
        """Whether an exchange can be given an idle connection or a new one."""
        return self._limit is None or bool(self._idle) or len(self.connections) < self._limit

    @property
    def has_room(self) -> bool:
        """Whether one more connection may be made."""
        return self._limit is None or len(self.connections) < self._limit

    def take(self) -> "UpstreamConnection | None":
        """Return an idle connection, the freshest; None if there is none that can be used."""
        while self._idle:
            connection, _ = self._idle.popitem()
            if not connection.transport.is_closing():
                return connection
        return None

    def keep(self, connection: "UpstreamConnection") -> None:
        """Keep an idle connection."""
        self._idle[connection] = None

    def reserve(self, connection: "UpstreamConnection") -> None:
        """Count a connection that is about to be made, and the exchange that it is made for."""
        self.connections.add(connection)
        self.outstanding += 1
        connection.is_reserved = True

    def give_up(self, connection: "UpstreamConnection") -> None:
        """A connection that was reserved is not made, or not needed."""
        if connection.is_reserved:
            connection.is_reserved = False
            self.connections.discard(connection)
            self.outstanding -= 1
            self.upstream.serve_waiting()

    def lost(self, connection: "UpstreamConnection") -> None:
        """The connection is gone."""
        self._idle.pop(connection, None)
        self.connections.discard(connection)

    def retire(self) -> None:
        """Keep nothing any more, and close what is not in use."""
        self.retired = True
        for connection in tuple(self._idle):
            connection.drop()
        self._idle.clear()

    def state(self, now: float) -> AddressState:
        """Return what the address is doing."""
        standing = self.standing
        return AddressState(
            str(self),
            self.endpoint,
            self.ip,
            self.outstanding,
            len(self.connections),
            len(self._idle),
            standing.is_ejected(now),
            standing.is_healthy,
            standing.ejections,
        )


def in_order(pools: Iterable[AddressPool], now: float) -> list[AddressPool]:
    """Return addresses in the order in which to try them.

    The least busy one first, those of equal standing in the order given; IPv6 and IPv4 by turns (RFC 8305 §4), so that a
    network that has only one of them costs one attempt.  Those to be avoided come last, the least recently failed first.
    """
    fine: list[AddressPool] = []
    avoided: list[AddressPool] = []
    for pool in pools:
        (avoided if pool.standing.avoided_until > now else fine).append(pool)
    fine.sort(key=lambda pool: pool.outstanding)
    avoided.sort(key=lambda pool: pool.standing.failed_at)
    return _by_turns(fine) + avoided


def _by_turns(pools: Sequence[AddressPool]) -> list[AddressPool]:
    """Let the families take turns, beginning with that of the first."""
    if not pools:
        return []
    first = [pool for pool in pools if _is_v6(pool) == _is_v6(pools[0])]
    other = [pool for pool in pools if _is_v6(pool) != _is_v6(pools[0])]
    return [pool for pair in zip_longest(first, other) for pool in pair if pool is not None]


def _is_v6(pool: AddressPool) -> bool:
    return pool.ip is not None and ":" in pool.ip
