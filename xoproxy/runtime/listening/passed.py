"""Sockets that the service manager opened and passed on.  (sd_listen_fds(3))

They are the service manager's: it opened them, it keeps them while we restart, and names in the file system are its to remove.
What is handed out are duplicates, so that a listener may be closed and opened again by a reload.
"""

import functools
import os
import socket
from collections.abc import Mapping, MutableMapping
from typing import Final

from xoproxy.slotted import dataclass

FIRST_FD: Final = 3
_VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID")
_UNNAMED: Final = "unknown"  # what sd_listen_fds_with_names(3) calls a socket whose name was not said


class PassedSocketsError(Exception):
    """Nothing of the kind was passed.  Its text says what was, and what to do."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What was passed: names and sockets, in order.  `hint`: why it is nothing, if so."""

    sockets: tuple[tuple[str, socket.socket], ...] = ()
    hint: str = "start it by a .socket unit (deploy/systemd has one)"

    def named(self, name: str) -> list[socket.socket]:
        """Return duplicates of the sockets with this name, of all if it is empty.  Raises: `PassedSocketsError`."""
        if not self.sockets:
            raise PassedSocketsError(f"the service manager passed no sockets; {self.hint}")
        found = [sock for own, sock in self.sockets if name in ("", own)]
        if not found:
            names = ", ".join(dict.fromkeys(own for own, _ in self.sockets))
            raise PassedSocketsError(
                f"the service manager passed no socket of that name, but {names}; write FileDescriptorName={name} into its unit"
            )
        for sock in found:
            _check(sock)
        return [_ready(sock.dup()) for sock in found]


@functools.cache
def _passed() -> Passed:
    """Take what was passed to this process, once: the variables are not for the processes that it starts."""
    return take_passed(os.environ)


def passed_sockets(name: str) -> list[socket.socket]:
    """Return duplicates of the sockets with this name that were passed to this process.  Raises: `PassedSocketsError`."""
    return _passed().named(name)


def take_passed(environ: MutableMapping[str, str]) -> Passed:
    """Take what `environ` says was passed, and remove the variables from it."""
    said = {name: environ.pop(name) for name in _VARIABLES if name in environ}
    pid, count = _number(said, "LISTEN_PID"), _number(said, "LISTEN_FDS")
    if not said:
        return Passed()
    if pid is None or not count:
        return Passed(hint=f"LISTEN_PID is {said.get('LISTEN_PID')!r} and LISTEN_FDS is {said.get('LISTEN_FDS')!r}")
    if pid != os.getpid():
        hint = (
            f"LISTEN_PID says that they are for process {pid}, and this is {os.getpid()}: start xoproxy by exec, not by a shell"
        )
        return Passed(hint=hint)
    names = said["LISTEN_FDNAMES"].split(":") if said.get("LISTEN_FDNAMES") else []
    names += [_UNNAMED] * (count - len(names))
    sockets: list[tuple[str, socket.socket]] = []
    for fd, name in zip(range(FIRST_FD, FIRST_FD + count), names, strict=False):
        try:
            os.set_inheritable(fd, False)  # noqa: FBT003  the signature is os's
            sockets.append((name or _UNNAMED, socket.socket(fileno=fd)))
        except OSError:  # no such descriptor, or something else than a socket, which belongs to something else
            continue
    return Passed(tuple(sockets), hint=f"LISTEN_FDS is {count}, but no descriptor from {FIRST_FD} on is a socket")


def _number(said: Mapping[str, str], name: str) -> int | None:
    text = said.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _check(sock: socket.socket) -> None:
    """Refuse what cannot be listened on.  Raises: `PassedSocketsError`."""
    if sock.type != socket.SOCK_STREAM:
        raise PassedSocketsError("a socket that was passed is no stream socket; write ListenStream= into its unit")
    if sock.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        raise PassedSocketsError("a socket that was passed is neither TCP nor in the file system")
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise PassedSocketsError("a socket that was passed is a connection, not a listener; write Accept=no into its unit")


def _ready(sock: socket.socket) -> socket.socket:
    sock.setblocking(False)  # noqa: FBT003  the signature is socket's
    return sock
