"""xoproxy, as it is in the tree that this benchmark belongs to."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

import xoproxy
from benchmarks.policy import Policy
from benchmarks.proxies.proxy import Place
from benchmarks.wire import LOOPBACK


def other_routes(count: int) -> str:
    """Return routes that no request of the benchmark matches, one fewer than `count`: theirs is the last."""
    return "".join(f"  - match: {{path: /app{number}/v1/**}}\n" for number in range(count - 1))


@dataclass(frozen=True, slots=True)
class Xoproxy:
    """`python -m xoproxy run`, with the interpreter that runs the benchmark."""

    name: str
    reload_signal: Signals | None = None  # it watches its file

    def version(self) -> str:
        """Return its version and its interpreter's, with the day it was built: builds differ by more than versions do."""
        return f"xoproxy {xoproxy.__version__}, {sys.implementation.name} {' '.join(sys.version.split())}"

    def config_file(self, place: Place) -> Path:
        """Return the policy file, in a directory of its own, as the README has it: directories are what is watched."""
        return place.directory / "config" / "xoproxy.yaml"

    def config(self, place: Place, policy: Policy) -> str:
        """Return the policy file's text."""
        return f"""version: 1
listen: {LOOPBACK}:{place.port}
admin: off
upstream: http://{LOOPBACK}:{place.backend_port}
policy: measured
policies:
  measured:
    coop: {policy.opener}
    coep: {policy.embedder}
    corp: {policy.resource}
    cors:
      allow_origins: ["{policy.origin}"]
      allow_methods: [{", ".join(policy.methods)}]
      allow_headers: [{", ".join(policy.headers)}]
      expose_headers: [{", ".join(policy.expose)}]
      allow_credentials: true
      max_age: {policy.max_age_s}
routes:
{other_routes(policy.routes)}  - {{}}
"""

    def command(self, place: Place) -> list[str]:
        """Return how it is started."""
        return [sys.executable, "-m", "xoproxy", "run", "-c", str(self.config_file(place))]

    def environment(self) -> Mapping[str, str]:
        """Return the environment, in which nothing overrides the policy file, and this tree's package is found first."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("XOPROXY_")}
        paths = [str(Path(xoproxy.__file__).parents[1]), *filter(None, [own.get("PYTHONPATH")])]
        return own | {"PYTHONPATH": os.pathsep.join(paths)}

    def access_log(self, place: Place) -> Path:
        """Return its standard output's file: that is where it logs."""
        return place.output
