"""Start processes, know their figures, and end them.  Nothing is ended that was not started here."""

import contextlib
import http.client
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from benchmarks.accounting import CpuTime, Memory, cpu_time, memory
from benchmarks.cores import on_cores
from benchmarks.errors import BenchmarkError
from benchmarks.wire import ask

READY_S: Final = 20.0
STOP_S: Final = 10.0
_POLL_S: Final = 0.001


def environment() -> dict[str, str]:
    """Return the environment for a module of this package, wherever it is started."""
    root = str(Path(__file__).parents[1])
    return os.environ | {"PYTHONPATH": os.pathsep.join((root, *filter(None, [os.environ.get("PYTHONPATH")])))}


class Server:
    """A server process and its descendants, ended with the block.  What it puts out goes to a file."""

    def __init__(self, command: Sequence[str], output: Path, cores: frozenset[int], environment: Mapping[str, str]) -> None:
        self._output = output
        self.started_s = time.monotonic()
        # Appending, so that the file can be emptied between rounds.
        with output.open("ab") as log, on_cores(cores):
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(environment), start_new_session=True
            )

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    def cpu_time(self) -> CpuTime:
        """Return the processor time of all its processes so far."""
        return cpu_time(self.pid)

    def memory(self) -> Memory:
        """Return the memory of all its processes now."""
        return memory(self.pid)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process that was started."""
        self._process.send_signal(number)

    def wait_until_answering(self, port: int, target: str) -> float:
        """Return the seconds from the start to the first answer 200 to a request for `target`.

        Raises:
            BenchmarkError: the process ended, or does not answer in time.
        """
        while self._process.poll() is None and time.monotonic() - self.started_s < READY_S:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if ask(port, target).status == 200:
                    return time.monotonic() - self.started_s
            time.sleep(_POLL_S)
        text = self._output.read_text(encoding="utf-8", errors="backslashreplace")
        raise BenchmarkError(f"{self._process.args!r} does not answer on port {port}:\n{text[-2000:]}")

    def stop(self) -> None:
        """End the process, and whatever it leaves behind: its process group is its own."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
