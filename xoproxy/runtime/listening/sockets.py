"""Open listening sockets, and say in words why one could not be opened."""

import contextlib
import errno
import os
import socket
import ssl
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from xoproxy.config.settings import Address, PassedAddress, TcpAddress, UnixAddress, UpstreamSettings
from xoproxy.runtime.listening.passed import PassedSocketsError, passed_sockets

BACKLOG: Final = 2048  # nginx 511, HAProxy follows maxconn; the kernel caps it at somaxconn (4096)

PUBLIC_SOCKET_MODE: Final = 0o666  # as nginx does: the directory's permissions decide who may connect

_EVERY_INTERFACE: Final = ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))  # noqa: S104  what ":8080" means
_NO_SUCH_FAMILY: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})


class ListenError(Exception):
    """An address that could not be opened, or a file that this needs.  Its text says why and what to do."""


def open_sockets(address: Address, unix_mode: int = PUBLIC_SOCKET_MODE, *, reuse_port: bool = False) -> list[socket.socket]:
    """Open `address` for listening; several sockets where a name or "every interface" stands for several.

    `unix_mode`: the permissions of a socket in the file system.  `reuse_port`: other sockets of this user may share the port,
    and the kernel spreads connections over them.  Raises: `ListenError`.
    """
    try:
        match address:
            case TcpAddress():
                return _open_tcp(address, reuse_port=reuse_port)
            case UnixAddress():
                return [_open_unix(address, unix_mode)]
            case PassedAddress():
                return passed_sockets(address.name)
    except PassedSocketsError as exc:
        raise ListenError(f"cannot listen on {address}: {exc}") from exc
    except OSError as exc:
        raise ListenError(f"cannot listen on {address}: {_reason(exc)}{_hint(exc, address)}") from exc


def _open_tcp(address: TcpAddress, *, reuse_port: bool) -> list[socket.socket]:
    """Where a name means IPv4 and IPv6 and the machine has only one of them, that one is enough."""
    opened: list[socket.socket] = []
    failure: OSError | None = None
    port = address.port
    for family, host in _candidates(address):
        try:
            opened.append(_bind_tcp(family, host, port, reuse_port=reuse_port))
        except OSError as exc:
            if exc.errno not in _NO_SUCH_FAMILY:
                close_sockets(opened)
                raise
            failure = exc
        else:
            port = opened[0].getsockname()[1]  # the kernel's choice for port 0 holds for the other family too
    if not opened:
        raise failure or OSError(errno.EADDRNOTAVAIL, "the name has no address")
    return opened


def _candidates(address: TcpAddress) -> list[tuple[int, str]]:
    if not address.host:
        return list(_EVERY_INTERFACE)
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((int(family), str(name[0])) for family, _, _, _, name in found))


def _bind_tcp(family: int, host: str, port: int, *, reuse_port: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)  # noqa: FBT003  the signature is socket's
    except BaseException:
        sock.close()
        raise
    return sock


# Which file each socket that this process named in the file system is, by the socket's own number (that of its duplicates too):
# another's may have taken the name over.
_made: Final[dict[int, tuple[int, int]]] = {}


def _file_at(path: str) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116  an inode is looked at, not a path computed
    return status.st_dev, status.st_ino


def _open_unix(address: UnixAddress, mode: int) -> socket.socket:
    _remove_stale(address.path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(address.path)
        _made[os.fstat(sock.fileno()).st_ino] = _file_at(address.path)
        Path(address.path).chmod(mode)
        sock.listen(BACKLOG)
        sock.setblocking(False)  # noqa: FBT003  the signature is socket's
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_stale(path: str) -> None:
    """Remove a socket that a process left behind.  One that still answers, or a file of another kind, stays."""
    try:
        is_socket = stat.S_ISSOCK(os.stat(path).st_mode)  # noqa: PTH116  an inode is looked at, not a path computed
    except FileNotFoundError:
        return
    if not is_socket:
        raise OSError(errno.EEXIST, "there is a file of this name that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            Path(path).unlink(missing_ok=True)
        else:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def remove_unix_path(sock: socket.socket) -> None:
    """Remove the name that a listening socket has in the file system, if it is still its own.

    To be called before it is closed: as long as it is open no other file can get its inode's number.
    """
    if sock.family == socket.AF_UNIX:
        with contextlib.suppress(OSError):
            path = sock.getsockname()
            if _made.pop(os.fstat(sock.fileno()).st_ino, None) == _file_at(path):
                Path(path).unlink()


def close_sockets(sockets: list[socket.socket]) -> None:
    """Close sockets that no server took over, and remove those that stand in the file system."""
    for sock in sockets:
        remove_unix_path(sock)
        sock.close()


def bound_name(sock: socket.socket) -> str:
    """Return the address as bound: port 0 has become the kernel's choice."""
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return f"unix:{name}"
    return f"[{name[0]}]:{name[1]}" if sock.family == socket.AF_INET6 else f"{name[0]}:{name[1]}"


def check_upstream_trust(upstreams: Iterable[UpstreamSettings]) -> None:
    """Try the certificate files of all upstreams.  Raises: `ListenError` if one cannot be used."""
    for upstream in upstreams:
        if upstream.tls.ca is not None:
            try:
                ssl.create_default_context(cafile=upstream.tls.ca)
            except ssl.SSLError as exc:
                message = f"cannot use {upstream.tls.ca} to verify the upstream {upstream.name}: it must be PEM certificates"
                raise ListenError(message) from exc
            except OSError as exc:
                message = f"cannot read {upstream.tls.ca}, which is to verify the upstream {upstream.name}: {_reason(exc)}"
                raise ListenError(message) from exc
        if (shown := upstream.tls.key_pair) is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(shown.certificate, shown.key, password=_no_password)
            except OSError as exc:  # TLS errors too
                files = f"{shown.certificate} with {shown.key}"
                message = f"cannot use {files}, which the upstream {upstream.name} is to be shown: {_reason(exc)}"
                raise ListenError(message) from exc


def _no_password() -> str:
    """Refuse an encrypted key: OpenSSL would ask on the terminal, and wait."""
    raise ssl.SSLError(ssl.SSL_ERROR_SSL, "the key is encrypted")


def _reason(exc: OSError) -> str:
    return (exc.strerror or str(exc)).lower()


def _hint(exc: OSError, address: Address) -> str:
    match exc.errno:
        case errno.EADDRINUSE:
            return "; another process listens there: stop it, or choose another address with --listen or `listen:`"
        case errno.EACCES | errno.EPERM if isinstance(address, TcpAddress) and address.port < 1024:
            return "; ports below 1024 need a privilege: choose a higher one, such as :8080"
        case errno.EADDRNOTAVAIL:
            return "; this machine does not have that address: use :PORT for every interface"
        case errno.ENOENT:
            return "; its directory does not exist"
        case _:
            return ""
