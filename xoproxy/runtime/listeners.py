"""Keep the set of open listeners what the configuration says, across reloads.

A *listener* is one entry of `listen`.  Closing one stops accepting; the connections it accepted go on.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from xoproxy.config.settings import Address, Listener
from xoproxy.runtime.sockets import (
    BACKLOG,
    ListenError,
    bound_name,
    load_certificate,
    open_sockets,
    remove_unix_path,
    server_context,
)

Opener = Callable[[Address], list[socket.socket]]  # raises ListenError; what it returns belongs to the caller


class ProtocolFactory(Protocol):
    """Makes the protocol of one accepted connection."""

    def __call__(self, *, secure: bool) -> asyncio.Protocol:
        """`secure`: the connection speaks TLS."""
        ...


@dataclass(slots=True)
class OpenListener:
    """A listener that accepts connections."""

    listener: Listener
    sockets: list[socket.socket]
    context: ssl.SSLContext | None
    servers: list[asyncio.AbstractServer] = field(default_factory=list[asyncio.AbstractServer])

    def names(self) -> list[str]:
        """Return the addresses as bound."""
        return [bound_name(sock) for sock in self.sockets]


class Listeners:
    """All open listeners of the process."""

    def __init__(
        self, protocol: ProtocolFactory, handshake_timeout_s: float, opener: Opener = open_sockets, *, owns_paths: bool = True
    ) -> None:
        """`opener`: where the sockets come from; with several workers, from the process that opened them for all.

        `owns_paths`: whether closing a socket in the file system removes its name there.
        """
        self._protocol = protocol
        self._handshake_timeout_s = handshake_timeout_s
        self._opener = opener
        self._owns_paths = owns_paths
        self._open: list[OpenListener] = []

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
        problems: list[str] = []
        for entry in self._open:
            if entry.context is not None:
                pair = entry.listener.key_pairs[0]
                try:
                    server_context(pair)  # tried first: a refused pair would leave the context in use with half of it
                    load_certificate(entry.context, pair)
                except ListenError as exc:
                    problems.append(str(exc))
        return problems

    def close(self) -> None:
        """Stop accepting everywhere."""
        for entry in tuple(self._open):
            self._close_one(entry, keep_path=False)

    async def _try_open(self, listener: Listener, predecessor: OpenListener | None) -> str | None:
        try:
            await self._open_one(listener, predecessor)
        except ListenError as exc:
            return str(exc)
        return None

    async def _open_one(self, listener: Listener, predecessor: OpenListener | None = None) -> None:
        """Open one listener: on the sockets of `predecessor`, if one has its address, else on new ones."""
        context = server_context(listener.key_pairs[0]) if listener.key_pairs else None
        sockets = [sock.dup() for sock in predecessor.sockets] if predecessor is not None else self._opener(listener.address)
        entry = OpenListener(listener, sockets, context)
        self._open.append(entry)
        for sock in sockets:
            entry.servers.append(await self._serve(sock, context))

    async def _serve(self, sock: socket.socket, context: ssl.SSLContext | None) -> asyncio.AbstractServer:
        loop = asyncio.get_running_loop()
        is_secure = context is not None
        timeout_s = self._handshake_timeout_s if is_secure else None

        def protocol() -> asyncio.Protocol:
            return self._protocol(secure=is_secure)

        if sock.family == socket.AF_UNIX:
            return await loop.create_unix_server(
                protocol, sock=sock, ssl=context, backlog=BACKLOG, ssl_handshake_timeout=timeout_s
            )
        return await loop.create_server(protocol, sock=sock, ssl=context, backlog=BACKLOG, ssl_handshake_timeout=timeout_s)

    def _close_one(self, entry: OpenListener, *, keep_path: bool) -> None:
        self._open.remove(entry)
        if self._owns_paths and not keep_path:
            for sock in entry.sockets:
                remove_unix_path(sock)
        for server in entry.servers:
            server.close()
        for sock in entry.sockets[len(entry.servers) :]:  # those that no server took over
            sock.close()
