"""The proxies that the suite runs against: each a process of its own, in front of the recorder, with short timeouts.

The configurations are what a careful operator writes: connections to the backend are kept, WebSocket works, and whatever the
program offers against smuggling at this place is on.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from support.ports import free_port

START_S = 20.0

XOPROXY = """\
version: 1
upstream: http://127.0.0.1:{backend}
policy: untouched
timeouts: {{head: 2s, body: 2s, idle: 3s, response: 4s}}
log: {{level: error}}
"""

NGINX = """\
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    client_header_timeout 2s; client_body_timeout 2s; keepalive_timeout 3s; proxy_read_timeout 4s;
    server_tokens off; merge_slashes off;
    map $http_upgrade $connection_upgrade {{ default ""; websocket upgrade; }}
    map $http_upgrade $upgrade {{ default ""; websocket websocket; }}
    upstream backend {{ server 127.0.0.1:{backend}; keepalive 32; }}
    server {{
        listen 127.0.0.1:{port};
        server_name front.example;
        location / {{
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Upgrade $upgrade;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $host;
            proxy_set_header Forwarded "";
        }}
    }}
}}
"""

HAPROXY = """\
global
    maxconn 2000
defaults
    mode http
    option http-keep-alive
    option abortonclose
    option http-restrict-req-hdr-names delete
    http-reuse safe
    timeout connect 4s
    timeout client 2s
    timeout server 4s
    timeout http-request 2s
    timeout http-keep-alive 3s
frontend front
    bind 127.0.0.1:{port}
    http-request del-header X-Forwarded-For
    http-request del-header Forwarded
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(Host)]
    option forwardfor
    default_backend backend
backend backend
    server backend 127.0.0.1:{backend}
"""

CADDY = """\
{{
    admin off
    auto_https off
    servers {{
        timeouts {{
            read_header 2s
            read_body 2s
            idle 3s
        }}
    }}
}}
http://:{port} {{
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:{backend} {{
        transport http {{
            response_header_timeout 4s
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Kind:
    """One program: its configuration and how it is started.  ``{file}`` and ``{directory}`` are filled in."""

    name: str
    config: str
    command: tuple[str, ...]
    version: tuple[str, ...]

    def is_installed(self) -> bool:
        """Whether it can be started here."""
        return shutil.which(self.command[0], path=_PATH) is not None


_PATH = os.environ.get("PATH", "") + ":/usr/sbin"

KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "xoproxy",
            XOPROXY,
            (sys.executable, "-m", "xoproxy", "run", "-c", "{file}", "--listen", "127.0.0.1:{port}", "--admin", "off"),
            (sys.executable, "-m", "xoproxy", "version"),
        ),
        Kind("nginx", NGINX, ("nginx", "-c", "{file}", "-p", "{directory}"), ("nginx", "-v")),
        Kind("haproxy", HAPROXY, ("haproxy", "-db", "-f", "{file}"), ("haproxy", "-v")),
        Kind("caddy", CADDY, ("caddy", "run", "--adapter", "caddyfile", "--config", "{file}"), ("caddy", "version")),
    )
}


class Target:
    """A running proxy in front of `backend`, a port of loopback.  To be used in a `with` statement."""

    def __init__(self, kind: Kind, backend: int, config: str | None = None) -> None:
        self.kind = kind
        self.port = free_port()
        self._directory = TemporaryDirectory(prefix="conformance-")
        directory = Path(self._directory.name)
        filled = {"port": self.port, "backend": backend, "directory": directory, "file": directory / "config"}
        (directory / "config").write_text((config or kind.config).format(**filled), encoding="ascii")
        self.log = directory / "log"
        own = {name: value for name, value in os.environ.items() if not name.startswith("XOPROXY_")}
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [part.format(**filled) for part in kind.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**own, "PATH": _PATH, "HOME": str(directory), "XDG_DATA_HOME": str(directory)},
            )

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return "127.0.0.1", self.port

    @property
    def output(self) -> str:
        """All that it has written so far."""
        return self.log.read_text(encoding="utf-8", errors="backslashreplace")

    def __enter__(self) -> Self:
        deadline = time.monotonic() + START_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(self.address) == 0:
                    return self
            if self.process.poll() is not None or time.monotonic() > deadline:
                output = self.output
                self.__exit__()
                raise RuntimeError(f"{self.kind.name} does not listen:\n{output}")
            time.sleep(0.01)

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._directory.cleanup()


def version_of(kind: Kind) -> str:
    """Return the program's name and version."""
    run = subprocess.run(kind.version, capture_output=True, text=True, env={**os.environ, "PATH": _PATH}, check=False)
    version = re.search(r"[0-9]+\.[0-9]+\.[0-9]+", run.stdout + run.stderr)
    return f"{kind.name} {version[0] if version is not None else '?'}"
