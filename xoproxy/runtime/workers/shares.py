"""The listening sockets of all workers, opened and held by the supervisor.

Where the kernel spreads connections over sockets that share a port (SO_REUSEPORT on Linux), each worker has a socket of its
own: connections are spread evenly, and those that wait for a worker that died are taken up by its successor, which gets the
same socket.  Everywhere else (sockets in the file system, sockets that were passed to us, other systems) all workers accept
from one socket.

Rule 1: a socket that was given out is not closed while its address is configured, or connections that wait in it would be
reset.  When there are fewer workers than sockets, all workers accept from those that are left over.
Rule 2: nobody else's socket shares our port: before the first is opened, it must be free for one that shares with nobody.
"""

import socket
import sys
from typing import Final

from xoproxy.config.settings import Listener, PassedAddress, TcpAddress
from xoproxy.runtime.engine import Bound
from xoproxy.runtime.listening.certificates import Credential
from xoproxy.runtime.listening.sockets import ListenError, bound_name, close_sockets, open_sockets, remove_unix_path
from xoproxy.slotted import dataclass

SPREADS: Final = sys.platform == "linux"  # elsewhere SO_REUSEPORT gives all connections to the last socket, or to any


@dataclass(slots=True)
class Share:
    """The sockets of one address.  `groups`: for each worker its own, or one for all."""

    listener: Listener
    groups: list[list[socket.socket]]
    is_spread: bool

    def of(self, slot: int, workers: int) -> list[socket.socket]:
        """Return the sockets from which the worker at `slot`, of so many workers, accepts."""
        if not self.is_spread:
            return self.groups[0]
        return [*self.groups[slot], *(sock for group in self.groups[workers:] for sock in group)]

    def grow(self, workers: int) -> None:
        """Open what is missing for so many workers.  Raises: `ListenError`."""
        address = self.listener.address
        if not self.is_spread or not isinstance(address, TcpAddress):
            return
        port: int = self.groups[0][0].getsockname()[1]
        while len(self.groups) < workers:
            self.groups.append(open_sockets(TcpAddress(address.host, port), reuse_port=True))

    def close(self) -> None:
        """Stop holding the sockets."""
        for sock in (sock for group in self.groups for sock in group):
            if not isinstance(self.listener.address, PassedAddress):  # its name in the file system is the service manager's
                remove_unix_path(sock)
            sock.close()


def open_share(listener: Listener, workers: int) -> Share:
    """Open the sockets of one listener.  Raises: `ListenError`, also where workers could not use its certificate."""
    for pair in listener.key_pairs:
        Credential(pair)
    address = listener.address
    if not (SPREADS and isinstance(address, TcpAddress)):
        return Share(listener, [open_sockets(address)], is_spread=False)
    if address.port:
        close_sockets(open_sockets(address))  # fails if anybody listens there, even one who would share
    share = Share(listener, [open_sockets(address, reuse_port=True)], is_spread=True)
    try:
        share.grow(workers)
    except ListenError:
        share.close()
        raise
    return share


class Shares:
    """All shares, in the order of their opening."""

    def __init__(self) -> None:
        self.held: list[Share] = []

    @property
    def bound(self) -> list[Bound]:
        """What is listened on."""
        return [Bound(bound_name(sock), bool(share.listener.key_pairs)) for share in self.held for sock in share.groups[0]]

    def open_all(self, listeners: tuple[Listener, ...], workers: int) -> None:
        """Open the shares of a starting process.  Raises: `ListenError`; then none is open."""
        try:
            for listener in listeners:
                self.held.append(open_share(listener, workers))
        except ListenError:
            self.close()
            raise

    def open_new(self, listeners: tuple[Listener, ...], workers: int) -> tuple[list[Share], dict[Listener, str]]:
        """Open what is not open; an address whose TLS files changed is.  Returns the new shares, and why others are not open.

        The new ones are not held yet.
        """
        have = {share.listener.address for share in self.held}
        opened: list[Share] = []
        problems: dict[Listener, str] = {}
        for listener in listeners:
            if listener.address not in have:
                try:
                    opened.append(open_share(listener, workers))
                except ListenError as exc:
                    problems[listener] = str(exc)
        return opened, problems

    def close_others(self, listeners: tuple[Listener, ...]) -> bool:
        """Close what is not among `listeners` any more; whether there was any.  The rest is theirs now."""
        wanted = {listener.address: listener for listener in listeners}
        gone = [share for share in self.held if share.listener.address not in wanted]
        self.held = [share for share in self.held if share.listener.address in wanted]
        for share in self.held:
            share.listener = wanted[share.listener.address]
        for share in gone:
            share.close()
        return bool(gone)

    def grow(self, workers: int) -> list[str]:
        """Open what is missing for so many workers.  Returns why, for each that could not be opened."""
        problems: list[str] = []
        for share in self.held:
            try:
                share.grow(workers)
            except ListenError as exc:
                problems.append(str(exc))
        return problems

    def indexes(self, listeners: tuple[Listener, ...]) -> list[int]:
        """Return which of `listeners`, counted from 0, are open."""
        have = {share.listener.address for share in self.held}
        return [index for index, listener in enumerate(listeners) if listener.address in have]

    def close(self) -> None:
        """Stop holding all sockets."""
        for share in self.held:
            share.close()
        self.held.clear()
