"""A plain reverse proxy of aiohttp on both sides: what one writes in Python in an afternoon."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from signal import Signals

from benchmarks.policy import Policy
from benchmarks.proxies import scripted
from benchmarks.proxies.proxy import Feature, Place


@dataclass(frozen=True, slots=True)
class Aiohttp:
    """With the interpreter that runs the benchmark, and uvloop."""

    name: str
    lacks: frozenset[Feature] = frozenset(Feature)
    reload_signal: Signals | None = None

    def version(self) -> str:
        """Return its version."""
        return f"aiohttp {version('aiohttp')}"

    def config_file(self, place: Place) -> Path:
        """Return the file that its program reads."""
        return scripted.settings_file(place)

    def config(self, place: Place, policy: Policy) -> str:
        """Return that file's text."""
        return scripted.settings(place, policy)

    def command(self, place: Place) -> list[str]:
        """Return how it is started."""
        return [sys.executable, "-P", str(scripted.SCRIPTS / "aiohttp_reverse_proxy.py"), str(self.config_file(place))]

    def environment(self) -> Mapping[str, str]:
        """Return the environment as it is."""
        return os.environ

    def access_log(self, place: Place) -> Path:
        """Return the file of its access log."""
        return scripted.access_log(place)
