"""A proxy process of its own, and what it holds: memory, descriptors, tasks."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from benchmarks.accounting import cpu_time
from benchmarks.errors import BenchmarkError
from benchmarks.soak import probed
from benchmarks.soak.backend import Backend
from benchmarks.wire import LOOPBACK, free_port

PATIENCE_S: Final = 20.0
_POLL_S: Final = 0.01
_RESTING_LOOKS: Final = 30
TRACES_OF_A_FAULT: Final = ("Traceback", "never awaited", "internal error", "never retrieved", '"level":"error"')


@dataclass(frozen=True, slots=True)
class Figures:
    """What a process holds at one moment."""

    rss_kib: int
    descriptors: int
    tasks: int


async def until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> bool:
    """Wait for `condition`; return whether it came true."""
    deadline = time.monotonic() + patience_s
    while not (held := bool(condition())) and time.monotonic() < deadline:  # noqa: ASYNC110  another process' doing
        await asyncio.sleep(_POLL_S)
    return held


_SERVING_TASKS = 2  # what serves, and what looks at the calendar


class ProxyProcess:
    """One running `xoproxy`.  Its output goes to `output`, a file or a pipe's end."""

    def __init__(self, directory: Path, config: str, output: IO[bytes] | int) -> None:
        self.directory = directory
        self.port = free_port()
        file = directory / "xoproxy.yaml"
        file.write_text(config, encoding="utf-8")
        own = {name: value for name, value in os.environ.items() if not name.startswith("XOPROXY_")}
        options = ("run", "-c", str(file), "--listen", f"{LOOPBACK}:{self.port}", "--admin", "off", "--no-watch")
        self._process = subprocess.Popen(
            [sys.executable, "-m", probed.__name__, str(directory), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=own | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    async def wait_until_listening(self) -> None:
        """Return once it accepts connections and has begun what it does besides.  Raises: `BenchmarkError`."""
        loop = asyncio.get_running_loop()
        deadline = time.monotonic() + PATIENCE_S
        while self.is_running and time.monotonic() < deadline:
            try:
                transport, _ = await loop.create_connection(asyncio.Protocol, LOOPBACK, self.port)
            except OSError:
                await asyncio.sleep(_POLL_S)
            else:
                transport.close()
                if await self.tasks() >= _SERVING_TASKS:
                    return
        raise BenchmarkError(f"xoproxy does not listen on port {self.port}:\n{self.output[-4000:]}")

    @property
    def output(self) -> str:
        """What it has written, where that goes to a file."""
        log = self.directory / "output"
        return log.read_text(encoding="utf-8", errors="backslashreplace") if log.exists() else ""

    @property
    def descriptors(self) -> int:
        """How many are open."""
        return len(list(Path(f"/proc/{self._process.pid}/fd").iterdir()))

    @property
    def rss_kib(self) -> int:
        """Resident memory now."""
        return self._status("VmRSS:")

    @property
    def peak_kib(self) -> int:
        """The most resident memory since `reset_peak`."""
        return self._status("VmHWM:")

    def reset_peak(self) -> None:
        """Forget the peak so far.  (proc_pid_clear_refs(5))"""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5", encoding="ascii")

    def _status(self, name: str) -> int:
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name))

    @property
    def cpu_s(self) -> float:
        """Processor time so far."""
        return cpu_time(self._process.pid).total_s

    async def tasks(self) -> int:
        """Return how many tasks its loop has.  Raises: `BenchmarkError`."""
        answer = self.directory / probed.TASKS
        answer.unlink(missing_ok=True)
        self._process.send_signal(signal.SIGUSR1)
        if not await until(answer.exists):
            raise BenchmarkError(f"xoproxy does not answer the probe:\n{self.output[-4000:]}")
        return int(answer.read_text(encoding="ascii"))

    async def set_clock(self, offset_s: float) -> None:
        """Have its wall clock jump to `offset_s` seconds off."""
        (self.directory / probed.CLOCK).write_text(str(offset_s), encoding="ascii")
        await self.tasks()

    def allow_descriptors(self, count: int) -> None:
        """Change how many it may have open from now on."""
        hard = resource.prlimit(self._process.pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(self._process.pid, resource.RLIMIT_NOFILE, (min(count, hard), hard))

    async def figures(self) -> Figures:
        """Return what it holds now."""
        return Figures(self.rss_kib, self.descriptors, await self.tasks())

    async def rests(self) -> None:
        """Return once its descriptors have stayed the same for a while: what clients closed is closed here too."""
        before, same = -1, 0
        while same < _RESTING_LOOKS:
            await asyncio.sleep(_POLL_S)
            now = self.descriptors
            before, same = now, same + 1 if now == before else 0

    async def settled(self, before: Figures) -> Figures:
        """Return what it holds once it has no more descriptors and tasks than before, or patience has ended."""
        await until(lambda: self.descriptors <= before.descriptors)
        deadline = time.monotonic() + PATIENCE_S
        while (now := await self.figures()).tasks > before.tasks and time.monotonic() < deadline:  # noqa: ASYNC110  as `until`
            await asyncio.sleep(_POLL_S)
        return now

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def stop(self) -> list[str]:
        """End it.  Returns what was wrong with its end or stands in its log and should not."""
        self._process.terminate()
        if not await until(lambda: not self.is_running):
            self._process.kill()
        code = self._process.wait()
        output = self.output
        found = [f"the log has {trace!r}: {_around(output, trace)}" for trace in TRACES_OF_A_FAULT if trace in output]
        return found if code == 0 else [*found, f"exit code {code}"]


def _around(text: str, found: str) -> str:
    at = text.index(found)
    return text[max(0, at - 300) : at + 600]


@dataclass(slots=True)
class Stage:
    """A proxy before a backend; what goes wrong is gathered in `failures`."""

    proxy: ProxyProcess
    backend: Backend
    failures: list[str]

    @property
    def port(self) -> int:
        """Where the proxy listens."""
        return self.proxy.port

    def require(self, holds: object, otherwise: str) -> None:
        """Note a failure unless `holds`."""
        if not holds:
            self.failures.append(otherwise)


@asynccontextmanager
async def staged(directory: Path, settings: str = "", output: int | None = None) -> AsyncIterator[Stage]:
    """Run a backend and a proxy before it, whose policy file has `settings` besides.  `output`: where its log goes."""
    backend = Backend()
    await backend.start()
    place = directory / f"proxy-{backend.port}"
    place.mkdir()
    config = f"version: 1\nupstream: http://{LOOPBACK}:{backend.port}\npolicy: isolated\n{settings}"
    failures: list[str] = []
    try:
        with (place / "output").open("wb") as log:
            proxy = ProxyProcess(place, config, log if output is None else output)
        try:
            await proxy.wait_until_listening()
            yield Stage(proxy, backend, failures)
        finally:
            failures += await proxy.stop()
    finally:
        await backend.stop()
