"""Choose a port of this machine that is free under both of its names."""

import errno
import socket
from contextlib import ExitStack
from typing import Final

LOOPBACK: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def choose_port(wanted: int | None, default: int) -> int:
    """Return `wanted` if given (0: any), else `default` if nobody has it, else one that the kernel picks."""
    if wanted:
        return wanted
    if wanted is None and is_free(default):
        return default
    port = _kernel_port()
    while not is_free(port):
        port = _kernel_port()
    return port


def is_free(port: int) -> bool:
    """Tell whether nobody listens on `port`, neither of 127.0.0.1 nor of ::1.

    Browsers try both for `localhost`: another program on ::1 would be met instead of the demo.
    """
    with ExitStack() as stack:
        for family, host in LOOPBACK:
            try:
                probe = stack.enter_context(socket.socket(family))
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that just ended do not count
                probe.bind((host, port))
            except OSError as exc:
                if exc.errno == errno.EADDRINUSE:
                    return False
                # a machine without IPv6 has nobody there either
    return True


def _kernel_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
