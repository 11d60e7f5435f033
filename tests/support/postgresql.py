"""A real PostgreSQL server of our own: Debian's, on a free port of the loopback interface, its data in a temporary directory.

It never flushes to the disk, and runs as user `postgres` where the tests run as root, which it refuses to be.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.ports import free_port

START_S = 30.0
PASSWORD = "s3cret-of-the-tests"


def find_binaries() -> Path | None:
    """Return the directory of `initdb` and `postgres`, the newest there is; Debian keeps them out of PATH."""
    if (found := shutil.which("initdb")) is not None:
        return Path(found).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3].partition(".")[0]))
    return debian[-1].parent if debian else None


class PostgresServer:
    """One cluster, which can be stopped and started again on the same port."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._directory = Path(tempfile.mkdtemp(prefix="xoproxy-postgresql-"))
        self._data = self._directory / "data"
        self._as_user: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        password_file = self._directory / "password"
        password_file.write_text(PASSWORD, encoding="ascii")
        if os.geteuid() == 0:
            self._as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
            for path in (self._directory, password_file):
                shutil.chown(path, "postgres", "postgres")
        self._run("initdb", "-D", str(self._data), "-U", "reports", "-A", "scram-sha-256", "--pwfile", str(password_file), "-N")
        self.start()

    def url(self, database: str = "postgres", password: str = PASSWORD) -> str:
        """Return the URL of a database."""
        return f"postgresql://reports:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, and return when connections are taken."""
        assert self._process is None
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._directory,
            "fsync": "off",
            "shared_buffers": "16MB",
            "max_connections": "20",
        }
        told = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self._directory / "log").open("ab") as log:
            command = [*self._as_user, str(self._binaries / "postgres"), "-D", str(self._data), *told]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        self._wait_until(self._takes_connections)

    def stop(self) -> None:
        """End at once, with all connections."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # PostgreSQL's "fast" shutdown
            self._process.wait(START_S)
            self._process = None

    def remove(self) -> None:
        """Stop, and leave nothing behind."""
        self.stop()
        shutil.rmtree(self._directory)

    def _takes_connections(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._directory / "log").read_text()
        ready = [str(self._binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(ready, check=False).returncode == 0

    def _run(self, tool: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._binaries / tool), *arguments]
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/")
        assert done.returncode == 0, done.stdout + done.stderr

    @staticmethod
    def _wait_until(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_S
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)


def running_server() -> Iterator[PostgresServer]:
    """Give a server, for a fixture of any scope; skip where there is none."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL here: neither initdb in PATH nor Debian's /usr/lib/postgresql/*/bin/initdb")
    server = PostgresServer(binaries)
    yield server
    server.remove()
