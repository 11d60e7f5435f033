"""Ports for the programs under test, which must be told theirs beforehand."""

import socket
import sys
from typing import Final

_RESERVED: Final[list[socket.socket]] = []


def free_port() -> int:
    """Return a port of 127.0.0.1 that the kernel just gave out, and gives to nobody else while this process lives.

    On Linux a bound socket that does not listen reserves it: the kernel takes it neither for a connection's own end nor for
    another bind to port 0, while a server that sets SO_REUSEADDR, as all do, may bind and listen.  Elsewhere that server would
    be refused (BSD), and the port is only unlikely to be given out again at once.
    """
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    port: int = probe.getsockname()[1]
    if sys.platform == "linux":
        _RESERVED.append(probe)
    else:
        probe.close()
    return port
