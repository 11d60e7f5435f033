"""`python -m xoproxy` as users start it: a process of its own, stopped by a signal."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from support.ports import free_port

START_S = 20.0
STOP_S = 20.0
TRACES_OF_A_FAULT = (
    "Traceback (most recent call last)",
    "never awaited",
    "internal error",
    "Task exception was never retrieved",
)


class XoproxyProcess:
    """One running `xoproxy` process; its output goes to a file, so that no pipe can fill up."""

    def __init__(
        self, arguments: list[str], log: Path, environment: dict[str, str] | None = None, through: Sequence[str] = ()
    ) -> None:
        """`through`: a command that becomes the process that the rest of its arguments are."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("XOPROXY_")}
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*through, sys.executable, "-m", "xoproxy", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**own, "PYTHONUNBUFFERED": "1", **(environment or {})},
            )

    @property
    def output(self) -> str:
        """Return all that the process has written so far."""
        return self._log.read_text(encoding="utf-8", errors="backslashreplace")

    def wait_for_port(self, port: int) -> None:
        """Return once something accepts connections on `port`; fail if the process ends first."""
        deadline = time.monotonic() + START_S
        while True:
            assert self._process.poll() is None, f"xoproxy ended with {self._process.returncode}:\n{self.output}"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            assert time.monotonic() < deadline, f"nothing listens on {port}:\n{self.output}"
            time.sleep(0.01)

    def wait_for_output(self, text: str) -> None:
        """Return once the process has written `text`; fail if it ends first."""
        deadline = time.monotonic() + START_S
        while text not in self.output:
            assert self._process.poll() is None, f"xoproxy ended with {self._process.returncode}:\n{self.output}"
            assert time.monotonic() < deadline, f"{text!r} was not written:\n{self.output}"
            time.sleep(0.01)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Return the exit code of a process that ends by itself."""
        return self._process.wait(STOP_S)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the process by a signal; it must exit with 0 and have logged no fault of its own."""
        if self._process.poll() is None:
            self.send(number)
        try:
            code = self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        output = self.output

        assert code == 0, f"exit code {code} after {number.name}:\n{output}"
        assert not [trace for trace in TRACES_OF_A_FAULT if trace in output], output


class Proxy(XoproxyProcess):
    """`xoproxy run` with a policy file, on a port of its own."""

    def __init__(self, config: str, directory: Path) -> None:
        self.config = directory / "xoproxy.yaml"
        self.config.write_text(config, encoding="utf-8")
        self.port = free_port()
        arguments = ["run", "-c", str(self.config), "--listen", f"127.0.0.1:{self.port}", "--admin", "off"]
        super().__init__(arguments, directory / "xoproxy.log")
        self.wait_for_port(self.port)

    def origin(self, host: str = "127.0.0.1") -> str:
        """Return the origin under which a client reaches this proxy by the name `host`."""
        return f"http://{host}:{self.port}"
