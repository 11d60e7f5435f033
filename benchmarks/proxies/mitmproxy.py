"""mitmproxy as a reverse proxy, with an addon that carries out the policy."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

from benchmarks.errors import MissingError
from benchmarks.policy import Policy
from benchmarks.proxies import scripted
from benchmarks.proxies.proxy import Feature, Place
from benchmarks.tools import find
from benchmarks.wire import LOOPBACK


@dataclass(frozen=True, slots=True)
class Mitmproxy:
    """`mitmdump`, from PATH or named.  Bodies are streamed, nothing is kept."""

    name: str
    program: Path | None = None
    lacks: frozenset[Feature] = frozenset(Feature)
    reload_signal: Signals | None = None

    def _program(self) -> str:
        return str(self.program) if self.program else find("mitmdump")

    def version(self) -> str:
        """Return its version."""
        try:
            said = subprocess.run([self._program(), "--version"], capture_output=True, text=True, check=True).stdout
        except OSError as exc:
            raise MissingError(f"{self.program}: {exc.strerror}") from exc
        return f"mitmproxy {said.split()[1]}"

    def config_file(self, place: Place) -> Path:
        """Return the file that the addon reads."""
        return scripted.settings_file(place)

    def config(self, place: Place, policy: Policy) -> str:
        """Return that file's text."""
        return scripted.settings(place, policy)

    def command(self, place: Place) -> list[str]:
        """Return how it is started."""
        upstream = f"reverse:http://{LOOPBACK}:{place.backend_port}/@{LOOPBACK}"
        options = {
            "confdir": place.directory / "mitmproxy",
            "keep_host_header": "true",
            "http2": "false",
            "measured": self.config_file(place),
        }
        command = [
            self._program(),
            "-q",
            "-s",
            str(scripted.SCRIPTS / "mitmproxy_addon.py"),
            "--mode",
            f"{upstream}:{place.port}",
        ]
        if place.tls_port:
            command += ["--mode", f"{upstream}:{place.tls_port}", "--certs", f"*={place.certificate}"]
        return [*command, *(word for name, value in options.items() for word in ("--set", f"{name}={value}"))]

    def environment(self) -> Mapping[str, str]:
        """Return the environment without this tree, whose packages are not for its interpreter."""
        return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def access_log(self, place: Place) -> Path:
        """Return the file of its access log."""
        return scripted.access_log(place)
