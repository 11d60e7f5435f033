"""Keep the set of open listeners what the configuration says, across reloads.

A *listener* is one entry of `listen`.  Closing one stops accepting; the connections it accepted go on.
"""

import asyncio
import functools
import socket
import ssl
import sys
from collections.abc import Callable, Iterable
from dataclasses import field
from typing import Protocol

from xoproxy.config.settings import Address, Listener, LogLevel, PassedAddress
from xoproxy.runtime.listening.certificates import LOOK_INTERVAL_S, Certificates, ServerNames
from xoproxy.runtime.listening.proxied import ProtocolFactory, ProxiedServer, Reception
from xoproxy.runtime.listening.sockets import BACKLOG, ListenError, bound_name, open_sockets, remove_unix_path
from xoproxy.runtime.listening.tally import Tally
from xoproxy.slotted import dataclass
from xoproxy.telemetry.events import Event

Opener = Callable[[Address], list[socket.socket]]  # raises ListenError; what it returns belongs to the caller


class Server(Protocol):
    """What accepts on one socket, and owns it."""

    def close(self) -> None:
        """Stop accepting, and close the socket."""
        ...


@dataclass(slots=True)
class OpenListener:
    """A listener that accepts connections."""

    listener: Listener
    sockets: list[socket.socket]
    certificates: ServerNames | None
    servers: list[Server] = field(default_factory=list[Server])

    @property
    def context(self) -> ssl.SSLContext | None:
        """What its TLS connections begin with; None: it is plain."""
        return self.certificates.context if self.certificates is not None else None

    def names(self) -> list[str]:
        """Return the addresses as bound."""
        return [bound_name(sock) for sock in self.sockets]


def _nobody(_: str) -> bool:
    return False


def _silence(_: Event) -> None:
    pass


class Listeners:
    """All open listeners of the process."""

    def __init__(  # noqa: PLR0913  what the process gives its listeners, each by name
        self,
        protocol: ProtocolFactory,
        handshake_timeout_s: float,
        opener: Opener = open_sockets,
        *,
        owns_paths: bool = True,
        trusts: Callable[[str], bool] = _nobody,
        emit: Callable[[Event], None] = _silence,
        tolerant: bool = False,
    ) -> None:
        """`opener`: where the sockets come from; with several workers, from the process that opened them for all.

        `handshake_timeout_s`: also for PROXY protocol headers.  `owns_paths`: whether closing a socket in the file system
        removes its name.  `trusts`: whether the peer with this IP address speaks the PROXY protocol, where a listener has it.
        `tolerant`: open also where a certificate cannot be used now; its handshakes fail until it can.
        """
        self._protocol = protocol
        self._timeout_s = handshake_timeout_s
        self._opener = opener
        self._owns_paths = owns_paths
        self._trusts = trusts
        self._emit = emit
        self._open: list[OpenListener] = []
        self._certificates = Certificates(emit, tolerant=tolerant)
        self._next_look: asyncio.TimerHandle | None = None
        self._faults = Tally(self._say_faults)
        self._failures = Tally(self._say_failures)

    @property
    def opened(self) -> tuple[OpenListener, ...]:
        """The open listeners, in the order they were opened."""
        return tuple(self._open)

    async def open_all(self, wanted: Iterable[Listener]) -> None:
        """Open the listeners of a starting process.  Raises: `ListenError`; then none is open."""
        try:
            for listener in wanted:
                await self._open_one(listener)
        except BaseException:
            self.close()
            raise

    async def change_to(self, wanted: tuple[Listener, ...]) -> list[str]:
        """Open what is new, close what is gone.  Returns why, for each listener that could not be opened.

        New ones are opened before old ones are closed, so that no moment passes without a listener; where only the TLS files of
        an address changed, its socket stays.  A new one that needs the port of an old one (``:8080`` for ``127.0.0.1:8080``)
        gets a second chance once that is closed.  An old one whose successor cannot be opened on the same address stays.
        """
        gone = {entry.listener.address: entry for entry in self._open if entry.listener not in wanted}
        have = {entry.listener for entry in self._open}
        again: list[Listener] = []
        problems: list[str] = []
        for listener in wanted:
            if listener in have:
                continue
            problem = await self._try_open(listener, gone.get(listener.address))
            if problem is None:
                continue
            if gone.pop(listener.address, None) is not None:
                problems.append(problem)
            else:
                again.append(listener)
        for address, entry in gone.items():
            self._close_one(entry, keep_path=any(listener.address == address for listener in wanted))
        for listener in again:
            problem = await self._try_open(listener, None)
            if problem is not None:
                problems.append(problem)
        return problems

    def renew_certificates(self) -> list[str]:
        """Read all certificates again, for connections to come.  Returns why, for each that cannot be used."""
        return self._certificates.renew()

    def close(self) -> None:
        """Stop accepting everywhere."""
        for entry in tuple(self._open):
            self._close_one(entry, keep_path=False)
        self._faults.close()
        self._failures.close()

    async def _try_open(self, listener: Listener, predecessor: OpenListener | None) -> str | None:
        try:
            await self._open_one(listener, predecessor)
        except ListenError as exc:
            return str(exc)
        return None

    async def _open_one(self, listener: Listener, predecessor: OpenListener | None = None) -> None:
        """Open one listener: on the sockets of `predecessor`, if one has its address, else on new ones."""
        certificates = self._certificates.use(listener.key_pairs) if listener.key_pairs else None
        try:
            sockets = [sock.dup() for sock in predecessor.sockets] if predecessor else self._opener(listener.address)
        except BaseException:
            if certificates is not None:
                self._certificates.release(certificates)
            raise
        entry = OpenListener(listener, sockets, certificates)
        self._open.append(entry)
        self._look_later()
        for sock in sockets:
            entry.servers.append(await self._serve(sock, entry))

    async def _serve(self, sock: socket.socket, entry: OpenListener) -> Server:
        context = entry.context
        if entry.listener.proxy_protocol:
            reception = Reception(self._protocol, self._trusts, context, self._timeout_s, self._faults, self._failures)
            return ProxiedServer(sock, reception)
        loop = asyncio.get_running_loop()
        is_secure = context is not None
        timeout_s = self._timeout_s if is_secure else None

        def protocol() -> asyncio.Protocol:
            return self._protocol(secure=is_secure)

        if sock.family == socket.AF_UNIX:
            create = loop.create_unix_server
            if sys.version_info >= (3, 13):  # or the name goes too, also where the socket goes on elsewhere
                create = functools.partial(create, cleanup_socket=False)
            return await create(protocol, sock=sock, ssl=context, backlog=BACKLOG, ssl_handshake_timeout=timeout_s)
        return await loop.create_server(protocol, sock=sock, ssl=context, backlog=BACKLOG, ssl_handshake_timeout=timeout_s)

    def _close_one(self, entry: OpenListener, *, keep_path: bool) -> None:
        self._open.remove(entry)
        if entry.certificates is not None:
            self._certificates.release(entry.certificates)
            self._look_later()
        if self._owns_paths and not keep_path and not isinstance(entry.listener.address, PassedAddress):
            for sock in entry.sockets:
                remove_unix_path(sock)
        for server in entry.servers:
            server.close()
        for sock in entry.sockets[len(entry.servers) :]:  # those that no server took over
            sock.close()

    def _look_later(self) -> None:
        """Look at the certificates' files after a while, as long as there are any."""
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        if self._certificates.are_used:
            self._next_look = asyncio.get_running_loop().call_later(LOOK_INTERVAL_S, self._look)

    def _look(self) -> None:
        try:
            self._certificates.look()
        finally:
            self._look_later()

    def _say_faults(self, count: int, last: str) -> None:
        message = (
            f"connections of trusted proxies without a valid PROXY protocol header were closed: {count}; the last from {last}"
        )
        self._emit(Event(LogLevel.WARNING, "xoproxy", "proxy-protocol", message, {"connections": count, "last": last}))

    def _say_failures(self, count: int, last: str) -> None:
        message = f"no connection could be accepted for a moment: {last}"
        self._emit(Event(LogLevel.ERROR, "xoproxy", "accept", message, {"times": count, "reason": last}))
