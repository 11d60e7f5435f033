"""Have another process compile a configuration: what the process that serves has to do with it.

It is a fresh interpreter for each configuration.  It gets a `Request` and gives an `Answer`; then, if there is an edition to
compare with, a `Review`.  It is gone when nobody waits for it any more, and its memory with it.
"""

import asyncio
import pickle
import signal
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import date
from typing import Final

from xoproxy.config import Texts
from xoproxy.config.problems import ConfigInvalid, Problem
from xoproxy.runtime.interpreters import command
from xoproxy.runtime.packing import Packed
from xoproxy.runtime.review import Review
from xoproxy.runtime.source import ConfigSource
from xoproxy.slotted import dataclass

_MODULE: Final = "xoproxy.runtime.compiler"


class CompilerGoneError(Exception):
    """The process that was to compile a configuration ended without an answer.  The text says how."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an edition was made of."""

    texts: Texts
    number: int
    today: date


@dataclass(frozen=True, slots=True)
class Request:
    """Compile these texts, and compare with what is in force; None: there is nothing to compare with."""

    source: ConfigSource
    texts: Texts
    number: int
    today: date
    before: Earlier | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The texts are no configuration."""

    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Compiling failed, and that is no fault of the texts."""

    why: str


Answer = Packed | Refusal | Fault


class Apart:
    """The process."""

    def __init__(self) -> None:
        """Start it.  Raises: `OSError`.

        A process group of its own, so that Ctrl-C does not reach it; no session, which some kernels give as much of the
        processor as everybody else together.
        """
        self._process = subprocess.Popen(  # noqa: S603  the interpreter that we are
            command(_MODULE), stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
        )

    async def compile(self, request: Request) -> Packed:
        """Return what it makes of the texts.  Raises: `ConfigInvalid`, `CompilerGoneError`."""
        answer = await asyncio.to_thread(self._ask, request)
        if isinstance(answer, Refusal):
            raise ConfigInvalid(answer.problems)
        if isinstance(answer, Fault):
            raise CompilerGoneError(answer.why)
        assert isinstance(answer, tuple)
        return answer

    async def review(self) -> Review:
        """Return what it says about the configuration that it compiled.  Raises: `CompilerGoneError`."""
        review = await asyncio.to_thread(self._hear)
        assert isinstance(review, Review)
        return review

    async def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        await asyncio.to_thread(self._process.wait)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()

    def _ask(self, request: Request) -> Answer | Review:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it is gone: hearing from it says so
            self._process.stdin.write(pickle.dumps(request))
            self._process.stdin.close()
        return self._hear()

    def _hear(self) -> Answer | Review:
        assert self._process.stdout is not None
        try:
            said: Answer | Review = pickle.load(self._process.stdout)  # noqa: S301  a process of our own
        except (EOFError, pickle.UnpicklingError):
            raise CompilerGoneError(f"the process that compiles ended: {_ending(self._process.wait())}") from None
        return said


@asynccontextmanager
async def apart() -> AsyncGenerator[Apart, None]:
    """Give a process that compiles, and end it.  Raises: `OSError`."""
    process = await asyncio.to_thread(Apart)
    try:
        yield process
    finally:
        await process.end()


def _ending(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
