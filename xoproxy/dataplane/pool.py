"""Connections to upstreams, kept for the next request.

An upstream has one or more endpoints; each keeps its idle connections, the one used last first, so that a pool that is too
large shrinks.  Names are resolved anew for every connection: containers come back with another address.
"""

import asyncio
import ipaddress
import socket
import ssl
from typing import Any, Final

from xoproxy.config.settings import Endpoint, UpstreamSettings
from xoproxy.dataplane.deadlines import Deadlines
from xoproxy.dataplane.errors import ErrorKind, kind_of
from xoproxy.dataplane.exchange import Exchange
from xoproxy.dataplane.upstream import UpstreamConnection
from xoproxy.telemetry.tasks import spawn

# The transport's buffer for one direction of one connection: above the high mark the other side is no longer read.
WRITE_HIGH_BYTES: Final = 64 * 1024


class EndpointPool:
    """The connections to one endpoint."""

    __slots__ = ("_idle", "endpoint", "label", "outstanding")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.label = str(endpoint)
        self.outstanding = 0  # exchanges on their way through this endpoint
        self._idle: dict[UpstreamConnection, None] = {}  # an ordered set: the last one in is the first one out

    def take(self) -> UpstreamConnection | None:
        """Return an idle connection, the freshest; None if there is none that can be used."""
        while self._idle:
            connection, _ = self._idle.popitem()
            if not connection.transport.is_closing():
                return connection
        return None

    def keep(self, connection: UpstreamConnection) -> None:
        """Keep an idle connection."""
        self._idle[connection] = None

    def forget(self, connection: UpstreamConnection) -> None:
        """The connection is gone."""
        self._idle.pop(connection, None)

    def close_idle(self) -> None:
        """Close what is not in use."""
        for connection in tuple(self._idle):
            connection.drop()


class Upstream:
    """One entry of `upstreams`: sends an exchange to its endpoint with the fewest outstanding ones."""

    def __init__(self, settings: UpstreamSettings, deadlines: Deadlines, idle_s: float) -> None:
        self.settings = settings
        self.default_host = _authority(settings.endpoints[0])
        self._deadlines = deadlines
        self._idle_s = idle_s
        self._retired = False
        self._pools = [EndpointPool(endpoint) for endpoint in settings.endpoints]
        self._turn = 0
        self._ssl = _client_context(settings) if any(endpoint.secure for endpoint in settings.endpoints) else None

    def serves(self, settings: UpstreamSettings, idle_s: float) -> bool:
        """Whether this is the pool for these settings, so that a reload can keep it."""
        return self.settings == settings and self._idle_s == idle_s

    def send(self, exchange: Exchange, *, fresh: bool = False) -> None:
        """Give the exchange a connection to the least busy endpoint: at once an idle one, or a new one when it stands.

        `fresh`: not an idle one.  If none can be had, the exchange fails with the last endpoint's error.
        """
        pools = self._pools if len(self._pools) == 1 else self._in_order()
        connection = None if fresh else pools[0].take()
        if connection is not None:
            connection.pool.outstanding += 1
            exchange.use(connection)
        else:
            exchange.connecting = spawn(self._connect(exchange, pools), name="connect to upstream")

    def release(self, connection: UpstreamConnection, *, reusable: bool) -> None:
        """Take back the connection of an exchange that ended."""
        pool = connection.pool
        pool.outstanding -= 1
        if reusable and not self._retired and connection.rest(self._idle_s):
            pool.keep(connection)
        else:
            connection.drop()

    def finish(self, connection: UpstreamConnection, seconds: float) -> None:
        """Take back the connection of a tunnel that ended: what is written goes out, within `seconds`."""
        connection.pool.outstanding -= 1
        connection.finish(seconds)

    def retire(self) -> None:
        """No generation refers to this upstream any more: keep nothing."""
        self._retired = True
        for pool in self._pools:
            pool.close_idle()

    def _in_order(self) -> list[EndpointPool]:
        """Return the endpoints, the least busy first; equally busy ones take turns."""
        self._turn = (self._turn + 1) % len(self._pools)
        turned = self._pools[self._turn :] + self._pools[: self._turn]
        return sorted(turned, key=lambda pool: pool.outstanding)

    async def _connect(self, exchange: Exchange, pools: list[EndpointPool]) -> None:
        """Connect to the first endpoint that accepts.  Nothing was sent yet, so any request may go to the next one."""
        failed = ErrorKind.PROXY_INTERNAL_ERROR
        for pool in pools:
            exchange.record.upstream = pool.label
            pool.outstanding += 1
            try:
                connection = await self._open(pool)
            except (OSError, TimeoutError, UnicodeError) as error:
                pool.outstanding -= 1
                failed = kind_of(error)
            except BaseException:
                pool.outstanding -= 1  # the client went away
                raise
            else:
                exchange.connecting = None
                exchange.use(connection)
                return
        exchange.connecting = None
        exchange.fail(failed)

    async def _open(self, pool: EndpointPool) -> UpstreamConnection:
        """Open a connection to an endpoint, by the first of its addresses that accepts."""
        loop = asyncio.get_running_loop()
        endpoint = pool.endpoint

        def protocol() -> UpstreamConnection:
            return UpstreamConnection(pool, self._deadlines)

        async with asyncio.timeout(self.settings.connect_timeout_s):
            if endpoint.unix_path is not None:
                transport, connection = await loop.create_unix_connection(protocol, endpoint.unix_path)
                transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
                return connection
            error: OSError | None = None
            for address in await _addresses(endpoint):
                try:
                    transport, connection = await loop.create_connection(
                        protocol, address, endpoint.port, **self._tls_of(endpoint)
                    )
                except OSError as failed:
                    error = error or failed
                else:
                    transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
                    return connection
        raise error or OSError("the name has no address")

    def _tls_of(self, endpoint: Endpoint) -> dict[str, Any]:
        if not endpoint.secure:
            return {}
        return {"ssl": self._ssl, "server_hostname": self.settings.tls.server_name or endpoint.host}


async def _addresses(endpoint: Endpoint) -> list[str]:
    """Resolve the endpoint's name, anew each time; addresses in the resolver's order, each once."""
    try:
        return [str(ipaddress.ip_address(endpoint.host))]
    except ValueError:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(info[4][0]) for info in found))


def _authority(endpoint: Endpoint) -> bytes:
    if endpoint.unix_path is not None:
        return b"localhost"
    return str(endpoint).partition("://")[2].encode("ascii")


def _client_context(settings: UpstreamSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.tls.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if not settings.tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
