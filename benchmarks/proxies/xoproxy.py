"""xoproxy: as it is in the tree that this benchmark belongs to, in another one, or installed for some interpreter."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Final

from benchmarks.errors import MissingError
from benchmarks.policy import Policy
from benchmarks.proxies.proxy import Feature, Place
from benchmarks.wire import LOOPBACK

_ROOT: Final = Path(__file__).parents[2]
_VERSION: Final = """
import sys, pathlib, xoproxy
compiled = len(list(pathlib.Path(xoproxy.__file__).parent.rglob("*.so")))
how = f"({compiled} modules compiled)" if compiled else "(pure)"
print(xoproxy.__version__, how, sys.implementation.name, *sys.version.split())
"""


def other_routes(count: int) -> str:
    """Return routes that no request of the benchmark matches, one fewer than `count`: theirs is the last."""
    return "".join(f"  - match: {{path: /app{number}/v1/**}}\n" for number in range(count - 1))


@dataclass(frozen=True, slots=True)
class Xoproxy:
    """`python -m xoproxy run`."""

    name: str
    build: Path | None = None  # a directory: a tree; a file: an interpreter, for which xoproxy is installed
    lacks: frozenset[Feature] = frozenset()
    reload_signal: Signals | None = None  # it watches its file

    @property
    def _interpreter(self) -> str:
        """The interpreter that runs the benchmark, unless another is named."""
        return sys.executable if self.build is None or self.build.is_dir() else str(self.build.absolute())

    def version(self) -> str:
        """Return its version and its interpreter's, with the day it was built: builds differ by more than versions do."""
        command = [self._interpreter, "-P", "-c", _VERSION]
        try:
            said = subprocess.run(command, capture_output=True, text=True, check=False, env=self.environment())
        except OSError as exc:
            raise MissingError(f"{self._interpreter}: {exc.strerror}") from exc
        if said.returncode:
            raise MissingError(f"{self.name}: no xoproxy for {self.build or sys.executable}: {said.stderr.strip()[-300:]}")
        return f"{self.name} {said.stdout.strip()}"

    def config_file(self, place: Place) -> Path:
        """Return the policy file, in a directory of its own, as the README has it: directories are what is watched."""
        return place.directory / "config" / "xoproxy.yaml"

    def config(self, place: Place, policy: Policy) -> str:
        """Return the policy file's text."""
        files = f"{{certificate: {place.certificate}, key: {place.certificate}}}"
        tls = f"  - {{address: '{LOOPBACK}:{place.tls_port}', tls: {files}}}\n"
        return f"""version: 1
listen:
  - {LOOPBACK}:{place.port}
{tls if place.tls_port else ""}workers: {place.workers}
admin: off
upstream: http://{LOOPBACK}:{place.backend_port}
policy: measured
policies:
  measured:
    coop: {policy.opener}
    coep: {policy.embedder}
    corp: {policy.resource}
    cors:
      allow_origins: [{", ".join(f'"{origin}"' for origin in policy.all_origins)}]
      allow_methods: [{", ".join(policy.methods)}]
      allow_headers: [{", ".join(policy.headers)}]
      expose_headers: [{", ".join(policy.expose)}]
      allow_credentials: true
      max_age: {policy.max_age_s}
routes:
{other_routes(policy.routes)}  - {{}}
"""

    def command(self, place: Place) -> list[str]:
        """Return how it is started.  Of the directory it is started in nothing is imported (-P)."""
        return [self._interpreter, "-P", "-m", "xoproxy", "run", "-c", str(self.config_file(place))]

    def environment(self) -> Mapping[str, str]:
        """Return the environment, in which nothing overrides the policy file, and a tree's package is found first.

        Compiled modules are kept, as those of an installed package are: or a start would be measured that compiles all of them.
        """
        left_out = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
        own = {name: value for name, value in os.environ.items() if not name.startswith("XOPROXY_") and name not in left_out}
        tree = self.build or _ROOT
        if not tree.is_dir():
            return own
        return own | {"PYTHONPATH": os.pathsep.join((str(tree.absolute()), *filter(None, [os.environ.get("PYTHONPATH")])))}

    def access_log(self, place: Place) -> Path:
        """Return its standard output's file: that is where it logs."""
        return place.output
