"""Connect: to one address, and to whichever of several answers first.  (RFC 8305, "happy eyeballs")

Attempts begin one after the other, 250 ms apart or as soon as the one before has failed; the first connection that stands is
taken, the others are given up.  Nothing has been sent by then, so any request may be tried at any address.  asyncio has this
in `create_connection`, uvloop has not, and neither knows about several endpoints and their standing.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from xoproxy.config.settings import UpstreamSettings, UpstreamTls
from xoproxy.dataplane.upstreams.addresses import AddressPool
from xoproxy.dataplane.upstreams.connection import UpstreamConnection
from xoproxy.dataplane.writing import limit_waiting
from xoproxy.telemetry.tasks import spawn

STAGGER_S: Final = 0.25  # RFC 8305 §8's "Connection Attempt Delay"

P = TypeVar("P", bound=asyncio.Protocol)


class Dialer:
    """Opens connections to the addresses of one upstream."""

    def __init__(self, settings: UpstreamSettings) -> None:
        self._tls = settings.tls
        self._is_secure = any(endpoint.secure for endpoint in settings.endpoints)
        self._context: ssl.SSLContext | None = None
        with contextlib.suppress(OSError):  # then it is tried again with each connection, which fails with the reason
            self.renew()

    def renew(self) -> None:
        """Read the certificate files again, for connections to come.  Raises: `OSError` (TLS errors too)."""
        if self._is_secure:
            self._context = client_context(self._tls)

    async def open(self, pool: AddressPool, made: Callable[[], P]) -> P:
        """Open a connection to an address.  Raises: `OSError` (TLS failures too), `UnicodeError`."""
        loop = asyncio.get_running_loop()
        endpoint = pool.endpoint
        if endpoint.unix_path is not None:
            transport, protocol = await loop.create_unix_connection(made, endpoint.unix_path)
        else:
            assert pool.ip is not None
            tls: dict[str, Any] = {}
            if endpoint.secure:
                if self._context is None:
                    self.renew()
                tls = {"ssl": self._context, "server_hostname": self._tls.server_name or endpoint.host}
            transport, protocol = await loop.create_connection(made, pool.ip, endpoint.port, **tls)
        limit_waiting(transport)
        return protocol


class Candidates(Protocol):
    """Where a race gets its next attempt from."""

    def next(self) -> UpstreamConnection | None:
        """Return a connection that is reserved and not made yet, to the next address; None if there is none now."""
        ...

    async def look_again(self) -> None:
        """All attempts failed: find out whether there are other addresses by now.  Raises: `OSError`, `UnicodeError`."""
        ...

    def failed(self, connection: UpstreamConnection, error: Exception) -> None:
        """Take note of an attempt that failed."""
        ...


class Race:
    """The attempts to connect for one exchange."""

    def __init__(self, dialer: Dialer, candidates: Candidates) -> None:
        self._dialer = dialer
        self._candidates = candidates
        self._begun: list[UpstreamConnection] = []
        self._running: dict[asyncio.Task[None], UpstreamConnection] = {}  # in the order in which they began
        self._standing: list[UpstreamConnection] = []
        self._error: Exception | None = None  # the last attempt's

    async def run(self) -> UpstreamConnection:
        """Return the first connection that stands.  Raises: what `Dialer.open` raises, for the last address."""
        try:
            while True:
                if (connection := await self._next()) is not None:
                    self._begun.append(connection)
                    self._running[spawn(self._attempt(connection), name="connect to address")] = connection
                done, _ = await asyncio.wait(self._running, timeout=STAGGER_S, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del self._running[task]
                if (winner := self._take()) is not None:
                    self._tell_overtaken(winner)
                    return winner
        finally:
            for task in self._running:
                task.cancel()
            for connection in (*self._running.values(), *self._standing):
                connection.pool.give_up(connection)
            for connection in self._standing:
                connection.drop()

    def time_out(self) -> None:
        """The race was ended because it took too long: whoever was tried until then has failed."""
        for task, connection in self._running.items():
            if not task.done():
                self._candidates.failed(connection, TimeoutError())

    async def _next(self) -> UpstreamConnection | None:
        """Return the next attempt, None if there is none but some are still running.  Raises: the last one's error."""
        connection = self._candidates.next()
        if connection is None and not self._running:
            await self._candidates.look_again()
            connection = self._candidates.next()
            if connection is None:
                raise self._error or OSError("there is no address")
        return connection

    async def _attempt(self, connection: UpstreamConnection) -> None:
        try:
            await self._dialer.open(connection.pool, lambda: connection)
        except (OSError, UnicodeError) as error:
            self._fail(connection, error)
        else:
            self._standing.append(connection)

    def _take(self) -> UpstreamConnection | None:
        """Return a connection that stands, and still does."""
        while self._standing:
            connection = self._standing.pop(0)
            if not connection.transport.is_closing():
                return connection
            self._fail(connection, ConnectionAbortedError("the connection was closed at once"))
        return None

    def _fail(self, connection: UpstreamConnection, error: Exception) -> None:
        self._error = error
        self._candidates.failed(connection, error)
        connection.pool.give_up(connection)

    def _tell_overtaken(self, winner: UpstreamConnection) -> None:
        """Who began earlier and does not stand yet is slow, or hangs: it is asked later the next time."""
        earlier = self._begun[: self._begun.index(winner)]
        for connection in self._running.values():
            if connection in earlier:
                self._candidates.failed(connection, TimeoutError())


def client_context(tls: UpstreamTls) -> ssl.SSLContext:
    """Return the context for connections to an https upstream.  Raises: `OSError` if a file cannot be used."""
    context = ssl.create_default_context(cafile=tls.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.key_pair is not None:
        context.load_cert_chain(tls.key_pair.certificate, tls.key_pair.key, password=_no_password)
    return context


def _no_password() -> str:
    """Refuse an encrypted key: OpenSSL would ask on the terminal, and wait."""
    raise ssl.SSLError(ssl.SSL_ERROR_SSL, "the key is encrypted")
