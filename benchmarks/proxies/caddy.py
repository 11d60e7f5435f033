"""Caddy with the same policy.

Its fields are set before the backend is asked, and the backend's are taken away or, of Vary, made free of what is added.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Final

from benchmarks.policy import OWNED_FIELDS, PREFLIGHT_VARY, VARY, Policy
from benchmarks.proxies.proxy import Feature, Place
from benchmarks.tools import find
from benchmarks.wire import LOOPBACK

_PREFLIGHT: Final = "method OPTIONS\n    header Access-Control-Request-Method *\n    header Origin"


def _fields(fields: Mapping[str, str], matcher: str = "") -> str:
    lines = "".join(f'      {name} "{value}"\n' for name, value in fields.items())
    return f"    header {matcher} {{\n{lines}    }}\n"


def _site(place: Place, policy: Policy) -> str:
    """Return what is done with every request."""
    preflight_vary = {"Vary": ", ".join(PREFLIGHT_VARY)}
    removed = "".join(f"      header_down -{name}\n" for name in OWNED_FIELDS)
    granted = _fields(policy.granted, "@granted")
    return f"""(measured) {{
  bind {LOOPBACK}
  log {{
    output file {place.directory}/access.log {{
      roll_disabled
    }}
  }}
  @granted header Origin {policy.origin}
  @preflight_granted {{
    {_PREFLIGHT} {policy.origin}
  }}
  @preflight {{
    {_PREFLIGHT} *
  }}
  handle @preflight_granted {{
{_fields(policy.always | policy.preflight | preflight_vary)}    respond 204
  }}
  handle @preflight {{
{_fields(policy.always | preflight_vary)}    respond 403
  }}
  handle {{
{_fields(policy.always | {"Vary": ", ".join(VARY)})}{granted}    reverse_proxy {LOOPBACK}:{place.backend_port} {{
      header_up Via "1.1 Caddy"
      header_down Vary "(?i)^(.*?),?\\s*\\borigin\\b(.*)$" "$1$2"
{removed}    }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Caddy:
    """Debian's Caddy, which looks every second whether its file has changed."""

    name: str
    lacks: frozenset[Feature] = frozenset({Feature.ROUTES, Feature.WORKERS})
    reload_signal: Signals | None = None

    def version(self) -> str:
        """Return its version."""
        return f"Caddy {subprocess.run([find('caddy'), 'version'], capture_output=True, text=True, check=True).stdout.strip()}"

    def config_file(self, place: Place) -> Path:
        """Return its configuration's file."""
        return place.directory / "Caddyfile"

    def config(self, place: Place, policy: Policy) -> str:
        """Return its configuration."""
        tls = f":{place.tls_port} {{\n  tls {place.certificate} {place.certificate}\n  import measured\n}}\n"
        return f"""{{
  admin off
  auto_https off
  storage file_system {place.directory}/storage
  servers {{
    protocols h1
  }}
}}
{_site(place, policy)}:{place.port} {{
  import measured
}}
{tls if place.tls_port else ""}"""

    def command(self, place: Place) -> list[str]:
        """Return how it is started."""
        return [find("caddy"), "run", "--watch", "--adapter", "caddyfile", "--config", str(self.config_file(place))]

    def environment(self) -> Mapping[str, str]:
        """Return the environment as it is."""
        return os.environ

    def access_log(self, place: Place) -> Path:
        """Return the file of its access log."""
        return place.directory / "access.log"
