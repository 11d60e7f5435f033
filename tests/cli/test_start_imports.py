"""What `run` has imported when it serves: each module more is time until the first answer, and memory for good."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

# Stops where the listeners are open and nothing was said yet.
_PROGRAM: Final = """
import os, sys
from xoproxy.cli import main
from xoproxy.runtime.process import Process

def announce(*_):
    print(*sys.modules, flush=True)
    os._exit(0)

Process._announce = announce
sys.exit(main(["run", "-c", sys.argv[1]]))
"""

# Libraries and packages of the standard library that are wanted later, elsewhere or by few.
_NOT_YET: Final = (
    *("aiohttp", "yarl", "multidict", "watchfiles", "prometheus_client", "opentelemetry", "google", "psycopg", "sqlite3"),
    *("re2", "http_sf", "publicsuffixlist", "http.client", "http.server", "email", "calendar", "html", "xml", "urllib.request"),
    *("unittest", "doctest", "pdb", "pydoc", "multiprocessing", "importlib.metadata", "tempfile", "zipfile", "sysconfig"),
    *("xoproxy.insight", "xoproxy.config.lint", "xoproxy.config.schema", "xoproxy.config.spans", "xoproxy.cli.check"),
    *("xoproxy.reports.collector", "xoproxy.reports.stores", "xoproxy.telemetry.spans", "xoproxy.runtime.workers.pool"),
)

_FILE: Final = """
version: 1
listen: 127.0.0.1:0
upstream: http://127.0.0.1:9
policy: isolated
routes:
  - match: {host: api.example, path: /v1/**}
    policy: [isolated, {cors: {allow_origins: [https://app.example, "http://localhost:*"], allow_credentials: true}}]
  - {}
"""


def _imported(file: Path) -> set[str]:
    done = subprocess.run([sys.executable, "-c", _PROGRAM, str(file)], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("admin", ["off", '{address: "127.0.0.1:0"}'])
def test_what_serves_has_imported_nothing_that_serving_does_not_need(tmp_path: Path, admin: str) -> None:
    file = tmp_path / "xoproxy.yaml"
    file.write_text(f"{_FILE}admin: {admin}\n", encoding="utf-8")

    imported = _imported(file)

    assert {"xoproxy.dataplane.client", "yaml", "asyncio"} <= imported
    assert not {name for name in imported if any(f"{name}.".startswith(f"{early}.") for early in _NOT_YET)}


def test_a_supervisor_has_imported_no_data_plane_either(tmp_path: Path) -> None:
    file = tmp_path / "xoproxy.yaml"
    file.write_text(f"{_FILE}admin: off\nworkers: 2\n", encoding="utf-8")

    imported = _imported(file)

    assert "xoproxy.runtime.workers.pool" in imported
    assert not {name for name in imported if name.split(".")[0] in {"uvloop", "aiohttp", "watchfiles"}}
    assert not {name for name in imported if name.startswith(("xoproxy.dataplane", "xoproxy.insight", "xoproxy.config.lint"))}
