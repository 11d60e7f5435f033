"""nginx with the same policy, written as one who knows nginx would write it.

The fields it sets are hidden from the backend's response, answers differ by a `map`, and a field with an empty value is not
sent.  Bodies are streamed both ways, without temporary files, as xoproxy does.  Its log has the same values.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGHUP, Signals
from typing import Final

from benchmarks.backend import http_settings, preamble
from benchmarks.policy import OWNED_FIELDS, PREFLIGHT_VARY, VARY, Policy
from benchmarks.proxies.proxy import Feature, Place
from benchmarks.tools import find
from benchmarks.wire import LOOPBACK

_LOG_FORMAT: Final = (
    '{"time":"$time_iso8601","client":"$remote_addr","method":"$request_method","target":"$request_uri","host":"$http_host",'
    '"origin":"$http_origin","status":$status,"request_bytes":$request_length,"response_bytes":$body_bytes_sent,'
    '"duration_s":$request_time,"upstream_s":"$upstream_header_time","upstream":"$upstream_addr","granted":"$granted"}'
)


def _maps(policy: Policy) -> str:
    """Return the variables by which answers differ.  nginx evaluates a map when its variable is first needed."""
    granted = "".join(f'"{origin}" $http_origin; ' for origin in policy.all_origins)
    merged = f"$upstream_http_vary, {', '.join(VARY)}"
    return f"""  map_hash_max_size 65536;
  map_hash_bucket_size 128;
  map $http_origin $granted {{ default ""; {granted}}}
  map $granted $credentials {{ default "true"; "" ""; }}
  map $granted $expose {{ default "{policy.granted["Access-Control-Expose-Headers"]}"; "" ""; }}
  map $upstream_http_vary $vary {{
    default "{merged}";
    "" "{", ".join(VARY)}";
    "~*(?:^|[, ])(?:\\*|origin)(?:$|[, ])" $upstream_http_vary;
  }}
  map "$http_access_control_request_method|$granted|$http_origin" $asked {{
    default "";
    "~^[^|]+\\|[^|]" granted;
    "~^[^|]+\\|\\|." refused;
  }}
  map $request_method $preflight {{ default ""; OPTIONS $asked; }}
  map $http_upgrade $connection_option {{ default upgrade; "" ""; }}
"""


def _lines(fields: Mapping[str, str], indent: int) -> str:
    return "".join(f'{" " * indent}add_header {name} "{value}" always;\n' for name, value in fields.items())


def _locations(policy: Policy) -> str:
    """Return as many locations as the policy has routes."""
    body = _location_body(policy)
    others = (f"/app{number}/v1/" for number in range(policy.routes - 1))
    return "".join(f"    location {path} {{\n{body}    }}\n" for path in (*others, "/"))


def _location_body(policy: Policy) -> str:
    """Return what is in each location.  An `if` with fields of its own inherits none, so it lists them all."""
    preflight_vary = {"Vary": ", ".join(PREFLIGHT_VARY)}
    actual = dict(zip(policy.granted, ("$granted", "$credentials", "$expose"), strict=True))
    hidden = "".join(f"      proxy_hide_header {name};\n" for name in (*OWNED_FIELDS, "Vary"))
    return f"""      if ($preflight = granted) {{
{_lines(policy.always | policy.preflight | preflight_vary, 8)}        return 204;
      }}
      if ($preflight = refused) {{
{_lines(policy.always | preflight_vary, 8)}        return 403;
      }}
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
      proxy_set_header Connection $connection_option;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header Via "1.1 nginx";
{hidden}{_lines(policy.always | actual | {"Vary": "$vary"}, 6)}"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """Debian's nginx with one worker.  `log_options` are of its access log; without any each line is a system call."""

    name: str
    log_options: str = ""
    lacks: frozenset[Feature] = frozenset()
    reload_signal: Signals | None = SIGHUP

    def version(self) -> str:
        """Return its version."""
        said = subprocess.run([find("nginx"), "-v"], capture_output=True, text=True, check=True).stderr
        return said.strip().removeprefix("nginx version: ")

    def config_file(self, place: Place) -> Path:
        """Return its configuration's file."""
        return place.directory / "nginx.conf"

    def config(self, place: Place, policy: Policy) -> str:
        """Return its configuration."""
        listen = f"    listen {LOOPBACK}:{place.tls_port} ssl;\n    ssl_certificate {place.certificate};\n"
        tls = f"{listen}    ssl_certificate_key {place.certificate};\n" if place.tls_port else ""
        return f"""{preamble(place.directory, place.workers)}http {{
{http_settings(place.directory)}  log_format exchange escape=json '{_LOG_FORMAT}';
  access_log {self.access_log(place)} exchange{self.log_options};
{_maps(policy)}  upstream backend {{
    server {LOOPBACK}:{place.backend_port};
    keepalive 64;
    keepalive_requests 1000000000;
  }}
  server {{
    listen {LOOPBACK}:{place.port};
{tls}{_locations(policy)}  }}
}}
"""

    def command(self, place: Place) -> list[str]:
        """Return how it is started."""
        error_log = str(place.directory / "error.log")
        return [find("nginx"), "-p", str(place.directory), "-e", error_log, "-c", str(self.config_file(place))]

    def environment(self) -> Mapping[str, str]:
        """Return the environment as it is."""
        return os.environ

    def access_log(self, place: Place) -> Path:
        """Return the file of its access log."""
        return place.directory / "access.log"
