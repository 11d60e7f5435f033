"""Ports that nobody else has at the moment."""

import socket


def free_port() -> int:
    """Return a port of 127.0.0.1 that the kernel just gave out and does not give out again soon.

    The process under test must be told its port beforehand.  Kernels hand ephemeral ports out at random or in order: the same
    one does not come back between here and the process's bind.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
