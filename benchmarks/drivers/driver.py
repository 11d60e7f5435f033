"""Start a load as a process, let it begin, and take what it found.

The process gets its settings as a line of JSON, says `ready` when its connections stand, begins at the next line, and ends with
a line of JSON.  Between the two the processor time of the proxy is that of the load, and of nothing else.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from benchmarks.errors import BenchmarkError
from benchmarks.processes import environment


class Driver:
    """A load that is ready to begin."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._line("ready")

    def begin(self) -> None:
        """Have it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write("begin\n")
        self._process.stdin.flush()

    def result(self) -> dict[str, Any]:
        """Wait until it has ended; return what it found.

        Raises:
            BenchmarkError: it failed.
        """
        found: dict[str, Any] = json.loads(self._line("{"))
        return found

    def _line(self, begins: str) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith(begins):
            said = self._process.communicate()
            lines = f"{line}{said[0]}{said[1]}".strip().splitlines()
            raise BenchmarkError(lines[-1] if lines else f"{self._process.args!r} failed")
        return line


@contextmanager
def driving(module: str, settings: Mapping[str, Any]) -> Iterator[Driver]:
    """Run `benchmarks.drivers.MODULE`, on the cores of this process, until the end of the block."""
    command = [sys.executable, "-P", "-m", f"benchmarks.drivers.{module}"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(settings) + "\n")
        process.stdin.flush()
        yield Driver(process)
    finally:
        process.kill()
        process.communicate()


class Work(Protocol):
    """What such a process does.  Its connections stand once it is made."""

    def run(self) -> Mapping[str, object]:
        """Do it; return what was found."""
        ...


def serve(make: Callable[[dict[str, Any]], Work]) -> None:
    """Be such a process."""
    work = make(json.loads(sys.stdin.readline()))
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(work.run()), flush=True)
