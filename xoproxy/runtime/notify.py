"""Tell the service manager how we are: ready, reloading, stopping.  (sd_notify(3), Type=notify-reload)

Nothing happens where nobody wants to know, and no failure is one of ours: the message is for others.
"""

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping
from typing import Final

VARIABLE: Final = "NOTIFY_SOCKET"


class ServiceManager:
    """Who started us, if it listens."""

    def __init__(self, environ: MutableMapping[str, str] | None = None) -> None:
        """Take the address from the environment, out of which it is removed: processes that we start are not the service."""
        address = (os.environ if environ is None else environ).pop(VARIABLE, "")
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self) -> None:
        """All is open: whoever waits for the start, or for the end of a reload, may go on."""
        self._send("READY=1")

    def reloading(self) -> None:
        """A reload begins; `ready` says that it has ended, whatever came of it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Nothing new is accepted from now on."""
        self._send("STOPPING=1")

    def _send(self, state: str) -> None:
        if not self._address.startswith(("/", "\0")):
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)  # noqa: FBT003  the signature is socket's
            sock.sendto(state.encode("ascii"), self._address)
