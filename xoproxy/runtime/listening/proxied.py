"""Accept connections that begin with a PROXY protocol header, and hand them on as what the header says.

The header comes before TLS, so asyncio's servers, which begin a handshake at once, cannot be used.  Rule 1: only peers that are
trusted speak it, and they must; from any other peer nothing is read here.  Rule 2: what follows the header stays in the kernel:
bytes are looked at first, and taken only if they belong to it.
"""

import asyncio
import contextlib
import errno
import os
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Final, Protocol

from xoproxy.dataplane.source import ProxiedSource
from xoproxy.runtime.listening.tally import Tally
from xoproxy.semantics.proxy_protocol import MAX_HEADER_BYTES, ProxyFault, ProxyHeader, read_proxy_header
from xoproxy.slotted import dataclass
from xoproxy.telemetry.tasks import spawn

MAX_ACCEPTED_AT_ONCE: Final = 64  # then others have their turn
MAX_WAITING: Final = 1024  # connections without their header, per socket; then the rest stays in the kernel's queue
ACCEPT_PAUSE_S: Final = 1.0  # after a failure to accept; as asyncio

_UNIX_PEER: Final = "a socket in the file system"
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # struct linger: on, 0 seconds


class ProtocolFactory(Protocol):
    """Makes the protocol of one accepted connection."""

    def __call__(self, *, secure: bool, source: ProxiedSource | None = None) -> asyncio.Protocol:
        """`secure`: the connection speaks TLS.  `source`: on whose behalf a load balancer made it, if it said so."""
        ...


@dataclass(frozen=True, slots=True)
class Reception:
    """How the connections of a listener are received."""

    protocol: ProtocolFactory
    trusts: Callable[[str], bool]  # whether the peer with this IP address speaks the PROXY protocol
    context: ssl.SSLContext | None
    timeout_s: float  # for the header, and again for the handshake
    faults: Tally  # headers that are none
    failures: Tally  # connections that the system does not let us accept


class ProxiedServer:
    """Accepts on one listening socket, which it owns.  On one in the file system every peer is trusted: it could open it."""

    def __init__(self, sock: socket.socket, reception: Reception) -> None:
        self.reception = reception
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._waiting: set[_Arrival] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._accepting = False
        self._accept_again()

    def close(self) -> None:
        """Stop accepting, and drop connections without their header: no request of theirs is begun."""
        self._stop_accepting()
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        self._socket.close()
        for arrival in tuple(self._waiting):
            arrival.drop()

    def gone(self, arrival: "_Arrival") -> None:
        """A connection has its header, or is dropped."""
        self._waiting.discard(arrival)
        if not self._accepting and self._pause is None and len(self._waiting) < MAX_WAITING:
            self._accept_again()

    def hand_on(self, sock: socket.socket, source: ProxiedSource | None) -> None:
        """Let the protocol begin."""
        spawn(self._connect(sock, source), name="accepted")

    def _accept_again(self) -> None:
        self._pause = None
        if self._socket.fileno() >= 0:
            self._accepting = True
            self._loop.add_reader(self._socket.fileno(), self._accept)

    def _stop_accepting(self) -> None:
        if self._accepting:
            self._accepting = False
            self._loop.remove_reader(self._socket.fileno())

    def _accept(self) -> None:
        """Accept what waits in the kernel, within bounds."""
        for _ in range(MAX_ACCEPTED_AT_ONCE):
            if len(self._waiting) >= MAX_WAITING:
                self._stop_accepting()
                return
            try:
                sock, name = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue  # gone while it waited
            except OSError as exc:
                self._stop_accepting()  # out of descriptors or memory: the socket stays readable, trying on would spin
                self._pause = self._loop.call_later(ACCEPT_PAUSE_S, self._accept_again)
                self.reception.failures.count(os.strerror(exc.errno or errno.EIO).lower())
                return
            sock.setblocking(False)  # noqa: FBT003  the signature is socket's
            self._receive(sock, _UNIX_PEER if sock.family == socket.AF_UNIX else name[0].partition("%")[0])

    def _receive(self, sock: socket.socket, peer: str) -> None:
        if sock.family != socket.AF_UNIX and not self.reception.trusts(peer):
            self.hand_on(sock, None)
            return
        arrival = _Arrival(self, sock, peer)
        self._waiting.add(arrival)
        arrival.begin()

    async def _connect(self, sock: socket.socket, source: ProxiedSource | None) -> None:
        reception = self.reception
        is_secure = reception.context is not None

        def protocol() -> asyncio.Protocol:
            return reception.protocol(secure=is_secure, source=source)

        with contextlib.suppress(OSError):  # the peer is gone, or there is no handshake: a server says nothing of it either
            await asyncio.get_running_loop().connect_accepted_socket(
                protocol, sock, ssl=reception.context, ssl_handshake_timeout=reception.timeout_s if is_secure else None
            )


class _Arrival:
    """A connection whose header is not whole yet."""

    __slots__ = ("_deadline", "_loop", "_peer", "_received", "_server", "_socket")

    def __init__(self, server: ProxiedServer, sock: socket.socket, peer: str) -> None:
        self._server = server
        self._socket = sock
        self._peer = peer
        self._received = b""
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.call_later(server.reception.timeout_s, self._refuse, "the header did not arrive in time")

    def begin(self) -> None:
        """Wait for the header."""
        self._loop.add_reader(self._socket.fileno(), self._read)

    def drop(self) -> None:
        """End the connection."""
        self._leave()
        self._socket.close()

    def _read(self) -> None:
        try:
            self._look()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:  # reset
            self.drop()

    def _look(self) -> None:
        """Look at what is here of the header, and take no byte beyond it."""
        seen = self._socket.recv(MAX_HEADER_BYTES - len(self._received), socket.MSG_PEEK)
        if not seen and not self._received:
            self.drop()  # a balancer's health check may do no more than connect
            return
        match read_proxy_header(self._received + seen):
            case ProxyHeader() as header:
                self._socket.recv(header.length - len(self._received))
                self._hand_on(header)
            case ProxyFault(reason):
                self._refuse(reason)
            case None if not seen:
                self._refuse("the connection ended within the header")
            case None:
                self._received += self._socket.recv(len(seen))  # or the socket would stay readable, and this would spin

    def _hand_on(self, header: ProxyHeader) -> None:
        source = ProxiedSource(header.address, header.secure) if header.address is not None else None
        self._leave()
        self._server.hand_on(self._socket, source)

    def _refuse(self, reason: str) -> None:
        self._server.reception.faults.count(f"{self._peer}: {reason}")
        if self._socket.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.drop()

    def _leave(self) -> None:
        """The header's time is over."""
        self._deadline.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._server.gone(self)
