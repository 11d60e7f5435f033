"""Apache httpd with the same policy: event MPM, one process.

Conditions are variables of `SetEnvIf`, as a condition on a field by any other means adds that field to Vary.  What it sets
`always` does not replace what the backend sent, so that is taken away first.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGUSR1, Signals
from typing import Final

from benchmarks.policy import OWNED_FIELDS, PREFLIGHT_VARY, VARY, Policy
from benchmarks.proxies.proxy import Feature, Place
from benchmarks.tools import find
from benchmarks.wire import LOOPBACK

_MODULES: Final = (
    "mpm_event",
    "authz_core",
    "headers",
    "proxy",
    "proxy_http",
    "rewrite",
    "setenvif",
    "socache_shmcb",
    "ssl",
)
_MODULES_DIRECTORY: Final = "/usr/lib/apache2/modules"
_THREADS: Final = 700  # each exchange that is under way has one; 500 streams are held at once
_LOG_FORMAT: Final = (
    '{\\"time\\":\\"%{%FT%T}t\\",\\"client\\":\\"%a\\",\\"method\\":\\"%m\\",\\"target\\":\\"%U%q\\",\\"host\\":\\"%{Host}i\\",'
    '\\"origin\\":\\"%{Origin}i\\",\\"status\\":%>s,\\"response_bytes\\":%B,\\"duration_us\\":%D,\\"granted\\":\\"%{granted}e\\"}'
)


def _set(fields: Mapping[str, str], condition: str = "") -> str:
    return "".join(f'  Header always set {name} "{value}"{condition}\n' for name, value in fields.items())


def _rules(place: Place, policy: Policy) -> str:
    """Return what is in each virtual host."""
    origin, vary = re.escape(policy.origin), ", ".join(PREFLIGHT_VARY)
    preflight = "  RewriteCond %{REQUEST_METHOD} =OPTIONS\n  RewriteCond %{ENV:asks} .\n"
    removed = "".join(f"  Header onsuccess unset {name}\n" for name in OWNED_FIELDS)
    only_preflight = {name: value for name, value in policy.preflight.items() if name not in policy.granted}
    both = {name: value for name, value in policy.granted.items() if name in policy.preflight}
    only_actual = {name: value for name, value in policy.granted.items() if name not in policy.preflight}
    fields = f"""{removed}{_set(policy.always)}{_set(both, " env=granted")}\
{_set(only_preflight, " env=preflight_granted")}{_set(only_actual, " env=actual")}"""
    return f"""  SetEnvIf Origin "^{origin}$" granted={policy.origin} actual
  SetEnvIf Origin "." cross
  SetEnvIf Access-Control-Request-Method "." asks
  SetEnvIf Host "(.*)" host=$1
  RewriteEngine On
{preflight}  RewriteCond %{{ENV:granted}} .
  RewriteRule ^ - [E=preflight,E=preflight_granted,E=!actual,R=204,L]
{preflight}  RewriteCond %{{ENV:cross}} .
  RewriteRule ^ - [E=preflight,R=403,L]
{fields}  Header onsuccess edit* Vary "(?i),?\\s*\\borigin\\b" ""
  Header onsuccess merge Vary "{", ".join(VARY)}"
  Header always set Vary "{vary}" env=preflight
  RequestHeader set X-Forwarded-For "expr=%{{REMOTE_ADDR}}"
  RequestHeader set X-Forwarded-Proto "expr=%{{REQUEST_SCHEME}}"
  RequestHeader set X-Forwarded-Host "%{{host}}e"
  ProxyPass / http://{LOOPBACK}:{place.backend_port}/ upgrade=websocket
"""


@dataclass(frozen=True, slots=True)
class Apache:
    """Debian's Apache httpd."""

    name: str
    lacks: frozenset[Feature] = frozenset({Feature.ROUTES, Feature.WORKERS})
    reload_signal: Signals | None = SIGUSR1

    def version(self) -> str:
        """Return its version."""
        said = subprocess.run([find("apache2"), "-v"], capture_output=True, text=True, check=True).stdout
        return said.split()[2]

    def config_file(self, place: Place) -> Path:
        """Return its configuration's file."""
        return place.directory / "apache.conf"

    def config(self, place: Place, policy: Policy) -> str:
        """Return its configuration."""
        rules = _rules(place, policy)
        # Children of an httpd that root starts may not be root's.
        user = "User nobody\nGroup nogroup\n" if os.geteuid() == 0 else ""
        tls = f"""Listen {LOOPBACK}:{place.tls_port} https
SSLSessionCache none
<VirtualHost {LOOPBACK}:{place.tls_port}>
  SSLEngine on
  SSLCertificateFile {place.certificate}
{rules}</VirtualHost>
"""
        modules = "".join(f"LoadModule {name}_module {_MODULES_DIRECTORY}/mod_{name}.so\n" for name in _MODULES)
        return f"""{modules}{user}\
ServerRoot {place.directory}
ServerName localhost
DefaultRuntimeDir {place.directory}
PidFile {place.directory}/apache.pid
ErrorLog {place.directory}/error.log
LogFormat "{_LOG_FORMAT}" exchange
CustomLog {self.access_log(place)} exchange
StartServers 1
ServerLimit 1
ThreadLimit {_THREADS}
ThreadsPerChild {_THREADS}
MaxRequestWorkers {_THREADS}
AsyncRequestWorkerFactor 16
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 75
ProxyPreserveHost On
ProxyAddHeaders Off
ProxyVia On
Listen {LOOPBACK}:{place.port}
<VirtualHost {LOOPBACK}:{place.port}>
{rules}</VirtualHost>
{tls if place.tls_port else ""}"""

    def command(self, place: Place) -> list[str]:
        """Return how it is started."""
        return [find("apache2"), "-D", "FOREGROUND", "-f", str(self.config_file(place))]

    def environment(self) -> Mapping[str, str]:
        """Return the environment as it is."""
        return os.environ

    def access_log(self, place: Place) -> Path:
        """Return the file of its access log."""
        return place.directory / "access.log"
