"""Load a proxy, with wrk or a driver of ours, and read its processor time before and after.

Processor time divided by requests is the figure that counts: unlike requests per second it hardly changes when the load or the
backend cannot keep up, and it is what a proxy costs.
"""

import json
import os
import subprocess
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.drivers.download import Downloads
from benchmarks.drivers.driver import driving
from benchmarks.drivers.echo import Echoes
from benchmarks.drivers.events import Streams
from benchmarks.drivers.found import Found
from benchmarks.errors import BenchmarkError
from benchmarks.running import Running
from benchmarks.tools import find
from benchmarks.wire import LOOPBACK
from benchmarks.workloads import Kind, Request

_GRACE_S: Final = 20.0
DOWNLOADS_PER_S: Final = 2  # of the round's nominal seconds: enough for processor time, which the kernel tells in hundredths
# What wrk prints at its end, for us.
_DONE: Final = """
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('RESULT {"requests":%d,"seconds":%.6f,"failed":%d,"refused":%d,"p50_ms":%.3f,"p99_ms":%.3f}\\n',
    summary.requests, summary.duration / 1e6, errors.connect + errors.read + errors.write + errors.timeout, errors.status,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""

# Numbers of 32 bits are all that Lua's `%x` knows.
_TRACED: Final = """
local number = 0
function request()
  number = number + 1
  wrk.headers["traceparent"] = string.format("00-4bf92f3577b34da6a3ce929d%08x-00f067aa%08x-01", number, number)
  return wrk.format()
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """How hard, for how long, and how often."""

    connections: int
    seconds: int  # of a round
    rounds: int


@dataclass(frozen=True, slots=True)
class Round:
    """One proxy under one workload, once."""

    proxy: str
    workload: str
    requests: int
    seconds: float
    user_s: float
    system_s: float
    p50_ms: float
    p99_ms: float

    @property
    def user_us(self) -> float:
        """Processor time per request in user mode, in microseconds."""
        return self.user_s / self.requests * 1e6

    @property
    def system_us(self) -> float:
        """The same in the kernel."""
        return self.system_s / self.requests * 1e6

    @property
    def total_us(self) -> float:
        """Both together."""
        return self.user_us + self.system_us

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def busy(self) -> float:
        """The share of its core that the proxy used.  Well below one: load, backend or the machine's other users were full."""
        return (self.user_s + self.system_s) / self.seconds


def _script(request: Request) -> str:
    """Return the request as wrk's Lua: without a function `request` it is put together once."""
    fields = "".join(f"wrk.headers[{_lua(name)}] = {_lua(value)}\n" for name, value in request.fields.items())
    body = f'wrk.body = string.rep("x", {request.content_bytes})\n' if request.content_bytes else ""
    return f"wrk.method = {_lua(request.method)}\n{fields}{body}{_TRACED if request.traced else ''}{_DONE}"


def _lua(text: str) -> str:
    """Quote a text for Lua, whose strings read JSON's as JSON does, as long as they are ASCII."""
    return json.dumps(text)


def load_once(running: Running, request: Request, load: Load, script: Path) -> Round:
    """Load a proxy that runs.  The load is on the cores of this process.

    Raises:
        BenchmarkError: the load failed, or a request did.
    """
    load = replace(load, connections=request.connections or load.connections)
    if request.kind in {Kind.PLAIN, Kind.TLS}:
        before = running.server.cpu_time()
        found = _by_wrk(running, request, load, script)
    else:
        try:
            with driving(*_driver(running, request, load)) as driver:
                before = running.server.cpu_time()
                driver.begin()
                found = Found(**driver.result())
        except BenchmarkError as exc:
            raise BenchmarkError(f"{running.proxy.name}, {request.name}: {exc}") from exc
    used = running.server.cpu_time().since(before)
    # A log that grows for minutes would fill the disk, and its writing back would be seen in later rounds.
    os.truncate(running.proxy.access_log(running.place), 0)
    if not found.requests:
        raise BenchmarkError(f"{running.proxy.name}, {request.name}: nothing was answered")
    cost = (found.requests, found.seconds, used.user_s, used.system_s)
    return Round(running.proxy.name, request.name, *cost, found.p50_ms, found.p99_ms)


def _driver(running: Running, request: Request, load: Load) -> tuple[str, dict[str, Any]]:
    """Return which driver makes the load, and with which settings."""
    port, text = running.port, request.wire(running.port)
    match request.kind:
        case Kind.DOWNLOAD:
            assert request.response_bytes is not None
            return "download", asdict(Downloads(port, text, request.response_bytes, load.seconds * DOWNLOADS_PER_S))
        case Kind.ECHO:
            return "echo", asdict(Echoes(port, text, load.connections, load.seconds))
        case _:
            return "events", asdict(Streams(port, text, load.connections, load.seconds))


def _by_wrk(running: Running, request: Request, load: Load, script: Path) -> Found:
    script.write_text(_script(request), encoding="ascii")
    scheme, port = ("https", running.place.tls_port) if request.kind is Kind.TLS else ("http", running.port)
    url = f"{scheme}://{LOOPBACK}:{port}{request.target}"
    command = [find("wrk"), "-t", "1", "-c", str(load.connections), "-d", f"{load.seconds}s", "-s", str(script), url]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=load.seconds + _GRACE_S, check=False)
    except subprocess.TimeoutExpired as exc:
        raise BenchmarkError(f"{running.proxy.name}, {request.name}: wrk does not end") from exc
    result = _result(done.stdout)
    if done.returncode or result is None or result["failed"] or result["refused"]:
        raise BenchmarkError(f"{running.proxy.name}, {request.name}: wrk ended with errors:\n{done.stdout}{done.stderr}")
    return Found(int(result["requests"]), result["seconds"], result["p50_ms"], result["p99_ms"])


def _result(output: str) -> dict[str, float] | None:
    """Return the figures of wrk's output, None if it got none."""
    for line in output.splitlines():
        if line.startswith("RESULT "):
            values = json.loads(line.removeprefix("RESULT "))
            return {str(name): float(value) for name, value in values.items()}
    return None
