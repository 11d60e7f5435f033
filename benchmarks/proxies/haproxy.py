"""HAProxy with the same policy.  Its log goes to standard output: it writes to no file itself."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGUSR2, Signals
from typing import Final

from benchmarks.policy import OWNED_FIELDS, PREFLIGHT_VARY, Policy
from benchmarks.proxies.proxy import Feature, Place
from benchmarks.tools import find
from benchmarks.wire import LOOPBACK

_LOG_FORMAT: Final = (
    '{"time":"%T","client":"%ci","method":"%HM","target":"%[capture.req.uri,json(utf8ps)]","host":"%[capture.req.hdr(0),json(utf8ps)]",'
    '"origin":"%[capture.req.hdr(1),json(utf8ps)]","status":%ST,"request_bytes":%U,"response_bytes":%B,"duration_ms":%Ta,'
    '"upstream_ms":%Tr,"upstream":"%si:%sp","granted":"%[var(txn.granted)]"}'
)


def _returned(status: int, fields: Mapping[str, str], condition: str) -> str:
    lines = "".join(f' hdr {name} "{value}"' for name, value in fields.items())
    return f"  http-request return status {status}{lines} if {condition}\n"


def _rules(policy: Policy) -> str:
    """Return what is done with requests and responses; `http-after-response` is for HAProxy's own answers, too."""
    vary = {"Vary": ", ".join(PREFLIGHT_VARY)}
    actual = "".join(
        f'  http-after-response set-header {name} "{value}" if {{ var(txn.granted) -m found }}\n'
        for name, value in policy.granted.items()
    )
    returned = _returned(204, policy.preflight | vary, f"preflight {{ req.hdr(Origin) -m str {policy.origin} }}")
    asks = "{ req.hdr(Access-Control-Request-Method) -m found } { req.hdr(Origin) -m found }"
    return f"""  http-request capture req.hdr(Host) len 256
  http-request capture req.hdr(Origin) len 256
  acl preflight var(txn.preflight) -m found
  http-request set-var(txn.preflight) int(1) if METH_OPTIONS {asks}
{returned}{_returned(403, vary, "preflight")}\
  http-request set-var(txn.granted) req.hdr(Origin) if {{ req.hdr(Origin) -m str {policy.origin} }}
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
  http-request set-header X-Forwarded-Proto http unless {{ ssl_fc }}
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  http-request set-header Via "1.1 haproxy"
{"".join(f"  http-response del-header {name}" + chr(10) for name in OWNED_FIELDS)}\
{"".join(f'  http-after-response set-header {name} "{value}"' + chr(10) for name, value in policy.always.items())}{actual}\
  http-after-response add-header Vary Origin unless preflight || {{ res.hdr(Vary) -m str -i origin * }}
"""


@dataclass(frozen=True, slots=True)
class Haproxy:
    """Debian's HAProxy: a master, and a worker with one thread."""

    name: str
    lacks: frozenset[Feature] = frozenset({Feature.ROUTES})
    reload_signal: Signals | None = SIGUSR2

    def version(self) -> str:
        """Return its version."""
        said = subprocess.run([find("haproxy"), "-v"], capture_output=True, text=True, check=True).stdout
        return " ".join(said.split()[:3])

    def config_file(self, place: Place) -> Path:
        """Return its configuration's file."""
        return place.directory / "haproxy.cfg"

    def config(self, place: Place, policy: Policy) -> str:
        """Return its configuration."""
        tls = f"  bind {LOOPBACK}:{place.tls_port} ssl crt {place.certificate} alpn http/1.1\n" if place.tls_port else ""
        return f"""global
  nbthread {place.workers}
  maxconn 6000
  log stdout len 4096 format raw local0 info
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 75s
  timeout tunnel 1h
  http-reuse always
frontend measured
  bind {LOOPBACK}:{place.port}
{tls}  log global
  log-format '{_LOG_FORMAT}'
{_rules(policy)}  default_backend measured
backend measured
  server backend {LOOPBACK}:{place.backend_port}
"""

    def command(self, place: Place) -> list[str]:
        """Return how it is started."""
        return [find("haproxy"), "-W", "-db", "-f", str(self.config_file(place))]

    def environment(self) -> Mapping[str, str]:
        """Return the environment as it is."""
        return os.environ

    def access_log(self, place: Place) -> Path:
        """Return its standard output's file."""
        return place.output
