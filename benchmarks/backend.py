"""The backend: nginx, because a slow one would be what is measured.

With a backend in Python the second core is full long before the proxy's, and the figures say how long a proxy waits.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.processes import Server, environment
from benchmarks.tools import find
from benchmarks.wire import LOOPBACK, free_port
from benchmarks.workloads import FILES, SMALL_CONTENT

# What the request that arrived said of its way here, one field a line.
ECHOED: Final = ("Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Via", "Connection", "Origin")


def preamble(directory: Path, workers: int = 1) -> str:
    """Return what every nginx of ours begins with: in the foreground, no file outside `directory`."""
    # Workers of an nginx that root starts belong to nobody, who may not read a directory of root's.
    user = "user root;\n" if os.geteuid() == 0 else ""
    return f"""{user}daemon off;
worker_processes {workers};
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 12000; }}
"""


def http_settings(directory: Path) -> str:
    """Return the settings that proxy and backend share: connections are never closed for their age or use."""
    paths = "".join(
        f"  {kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""{paths}  keepalive_requests 1000000000;
  keepalive_timeout 75s;
  client_max_body_size 0;
"""


def _config(directory: Path, port: int, streams_port: int) -> str:
    echo = "".join(f"{name}: $http_{name.lower().replace('-', '_')}\\n" for name in ECHOED)
    # `return` answers before the request's body is there; a proxy then gives up its connection.  `mirror` waits for the body,
    # and files answer POST with 405, which becomes the small answer.
    return f"""{preamble(directory)}http {{
{http_settings(directory)}  access_log off;
  sendfile on;
  map $http_upgrade $connection_option {{ default upgrade; "" close; }}
  open_file_cache max=16;
  server {{
    listen {LOOPBACK}:{port};
    default_type text/plain;
    client_body_buffer_size 64k;
    add_header Vary Accept-Encoding always;
    location = /small {{ return 200 "{SMALL_CONTENT}"; }}
    location = /echo {{ return 200 "{echo}"; }}
    location = /own-fields {{
      add_header Vary "Accept-Encoding, origin" always;
      add_header Access-Control-Allow-Origin * always;
      add_header Cross-Origin-Embedder-Policy unsafe-none always;
      return 200 "{SMALL_CONTENT}";
    }}
    location = /upload {{ root {directory}/files; mirror /nothing; error_page 405 =200 @small; }}
    location = /nothing {{ internal; return 204; }}
    location @small {{ return 200 "{SMALL_CONTENT}"; }}
    location /files/ {{ root {directory}; }}
    location = /chunked {{ alias {directory}/files/64k; ssi on; ssi_types *; }}
    location ~ ^/(echoes|events)$ {{
      proxy_pass http://{LOOPBACK}:{streams_port};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_option;
      proxy_buffering off;
    }}
  }}
}}
"""


@contextmanager
def running_backend(directory: Path, cores: frozenset[int]) -> Iterator[int]:
    """Run the backend on `cores`; the value is its port."""
    port = free_port()
    (directory / "files").mkdir(parents=True)
    for name, size in FILES.items():
        with (directory / "files" / name).open("wb") as file:
            file.truncate(size)  # a hole, which takes no room
    (directory / "files" / "upload").write_bytes(b"")
    config = directory / "nginx.conf"
    streams_port = free_port()
    config.write_text(_config(directory, port, streams_port), encoding="utf-8")
    command = [find("nginx"), "-p", str(directory), "-e", str(directory / "error.log"), "-c", str(config)]
    streams = [sys.executable, "-P", "-m", "benchmarks.streams", str(streams_port)]
    with (
        Server(command, directory / "output.log", cores, os.environ) as server,
        Server(streams, directory / "streams.log", cores, environment()) as beside,
    ):
        server.wait_until_answering(port, "/small")
        beside.wait_until_answering(streams_port, "/")
        yield port
