"""Node with the package `http-proxy`, which most proxies that are written in JavaScript are made of."""

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


@dataclass(frozen=True, slots=True)
class Node:
    """One process.  The package is taken from `modules` or from NODE_PATH, and not installed from here."""

    name: str
    modules: Path | None = None
    lacks: frozenset[Feature] = frozenset(Feature)
    reload_signal: Signals | None = None

    def version(self) -> str:
        """Return node's version and the package's."""
        ask = "console.log(`node ${process.version}, http-proxy ${require('http-proxy/package.json').version}`)"
        said = subprocess.run([find("node"), "-e", ask], capture_output=True, text=True, check=False, env=self.environment())
        if said.returncode:
            raise MissingError(
                "node does not find http-proxy: npm install http-proxy, then --node-modules DIRECTORY or NODE_PATH"
            )
        return said.stdout.strip()

    def config_file(self, place: Place) -> Path:
        """Return the file that its program reads."""
        return scripted.settings_file(place)

    def config(self, place: Place, policy: Policy) -> str:
        """Return that file's text."""
        return scripted.settings(place, policy)

    def command(self, place: Place) -> list[str]:
        """Return how it is started."""
        return [find("node"), str(scripted.SCRIPTS / "node_http_proxy.js"), str(self.config_file(place))]

    def environment(self) -> Mapping[str, str]:
        """Return the environment, with the directory of packages."""
        return os.environ | ({"NODE_PATH": str(self.modules.absolute())} if self.modules else {})

    def access_log(self, place: Place) -> Path:
        """Return the file of its access log."""
        return scripted.access_log(place)
