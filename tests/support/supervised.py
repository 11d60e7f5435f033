"""`xoproxy run` with several workers, watched from outside: its processes, its log, its admin endpoint."""

import http.client
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from support.expositions import Samples, samples
from support.ports import free_port
from support.processes import XoproxyProcess

PATIENCE_S = 20.0


class Supervised(XoproxyProcess):
    """A supervisor and its workers."""

    def __init__(self, directory: Path, config: str, listen: str | None = None, listening: int | None = None) -> None:
        """`listen`: an address in the place of the usual one; `listening`: the port on which the file itself listens."""
        self.config = directory / "xoproxy.yaml"
        self.config.write_text(config, encoding="utf-8")
        self.port, self.admin_port = free_port(), free_port()
        self.port = listening or self.port
        addresses = [] if listening else ["--listen", listen or f"127.0.0.1:{self.port}"]
        addresses += ["--admin", f"127.0.0.1:{self.admin_port}"]
        super().__init__(["run", "-c", str(self.config), *addresses, "--no-watch"], directory / "log")
        self.seen: set[int] = set()  # process numbers of workers, all that there ever were
        self.wait_until_ready()

    @property
    def pid(self) -> int:
        """The supervisor's process number."""
        return self._process.pid

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Return the log lines; what was said to people is no JSON."""
        return [json.loads(line) for line in self.output.rpartition("\n")[0].splitlines() if line.startswith("{")]

    def said(self, state: str) -> list[dict[str, Any]]:
        """Return the events of workers in some state."""
        return [line for line in self.lines if line["event"] == "worker" and line["state"] == state]

    def until(self, condition: Callable[[], object]) -> None:
        """Return as soon as something is so."""
        until(condition, lambda: self.output)

    def wait_until_ready(self) -> None:
        """Return once all workers serve."""
        self.wait_for_port(self.admin_port)
        self.until(lambda: self.admin("GET", "/-/ready")[0] == 200)

    def admin(self, method: str, path: str) -> tuple[int, Any]:
        """Ask the admin endpoint."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=PATIENCE_S)
        connection.request(method, path, headers={"Connection": "close"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    def metrics(self) -> Samples:
        """Scrape."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=PATIENCE_S)
        connection.request("GET", "/-/metrics", headers={"Connection": "close"})
        return samples(text_string_to_metric_families(connection.getresponse().read().decode()))

    def workers(self) -> list[dict[str, Any]]:
        """Return the workers that serve, by slot."""
        workers = [worker for worker in self.admin("GET", "/-/config")[1]["workers"] if worker["state"] == "serving"]
        self.seen.update(worker["pid"] for worker in workers)
        return sorted(workers, key=lambda worker: worker["slot"])

    def pids(self) -> list[int]:
        """Return the process numbers of the workers that serve, by slot."""
        return [worker["pid"] for worker in self.workers()]

    def kill_supervisor(self) -> None:
        """Kill the supervisor alone."""
        self._process.kill()
        self._process.wait()

    def reload(self, config: str) -> dict[str, Any]:
        """Save another file and have it put into force; return what the endpoint answered."""
        self.config.write_text(config, encoding="utf-8")
        answer: dict[str, Any] = self.admin("POST", "/-/reload")[1]
        return answer

    def connect(self) -> socket.socket:
        """Return a new client's connection."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)

    def get(self, path: str = "/") -> http.client.HTTPResponse:
        """Ask for a page, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.request("GET", path, headers={"Connection": "close"})
        return connection.getresponse()


@contextmanager
def supervised(directory: Path, config: str, listen: str | None = None, listening: int | None = None) -> Iterator[Supervised]:
    """Run a supervisor for the time of the block; it must end well, and leave no worker."""
    running = Supervised(directory, config, listen, listening)
    try:
        running.pids()
        yield running
    finally:
        running.stop()
        for pid in running.seen:
            until(lambda pid=pid: not is_alive(pid), lambda: running.output)  # type: ignore[misc]


def until(condition: Callable[[], object], told: Callable[[], str] = str) -> None:
    """Return as soon as something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, told()
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process is there; one that nobody has waited for is not."""
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text() if Path("/proc").is_dir() else True
    except (ProcessLookupError, FileNotFoundError):
        return False


def config_of(upstream: str, workers: int | str = 2, more: str = "") -> str:
    """Return a policy file for several workers."""
    return f"version: 1\nupstream: {upstream}\npolicy: isolated\nworkers: {workers}\n{more}"


def refuses(port: int) -> bool:
    """Whether nobody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the other side ends."""
    data = b""
    while more := connection.recv(65536):
        data += more
    return data
