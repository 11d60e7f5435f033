"""Compile configurations while this process serves.

A small text is compiled here, in a thread that gives way.  A larger one would keep the interpreter busy for seconds and make a
million objects; that is done by another process (`runtime.apart`), which takes from the exchanges only what they leave of the
processor.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import date
from typing import Final, Protocol

from xoproxy.config import Loaded, Texts
from xoproxy.config.problems import Problem
from xoproxy.runtime.apart import Apart, Earlier, Request, apart
from xoproxy.runtime.packing import unpack
from xoproxy.runtime.review import Review, review
from xoproxy.runtime.source import ConfigSource, Edition
from xoproxy.runtime.turns import in_slices, no_collection
from xoproxy.slotted import dataclass

MAX_CHARACTERS_HERE: Final = 16 * 1024  # a hundred routes, some 50 ms; another process needs 200 to begin


class Source(Protocol):
    """Where configurations come from.  Both methods block, and raise `ConfigInvalid`."""

    def read(self) -> Texts:
        """Return the texts as they are now."""
        ...

    def compile(self, texts: Texts, number: int, today: date) -> Loaded:
        """Return the texts as generation `number`, with what still holds `today`."""
        ...


@dataclass(frozen=True, slots=True)
class Compiled:
    """A configuration that may take effect.  `review` is to be asked for once it has."""

    edition: Edition
    warnings: tuple[Problem, ...]
    review: Callable[[], Awaitable[Review]]


@asynccontextmanager
async def compiling(
    source: Source, texts: Texts, number: int, today: date, before: Edition | None = None
) -> AsyncGenerator[Compiled, None]:
    """Give `texts` compiled as generation `number`; to be reviewed against the edition `before`, if there is one.

    Raises: `ConfigInvalid`; `CompilerGoneError`.
    """
    async with AsyncExitStack() as stack:
        process: Apart | None = None
        if isinstance(source, ConfigSource) and sum(len(part.text) for part in texts.parts) > MAX_CHARACTERS_HERE:
            with suppress(OSError):  # there may be no more processes: then it has to be done here
                process = await stack.enter_async_context(apart())
        if process is not None and isinstance(source, ConfigSource):
            earlier = None if before is None else Earlier(before.texts, before.generation.number, before.today)
            yield await _apart(process, Request(source, texts, number, today, earlier))
        else:
            yield await _here(source, texts, number, today, before)


async def _apart(process: Apart, request: Request) -> Compiled:
    packed = await process.compile(request)
    with no_collection():
        edition, warnings = await in_slices(unpack(packed, request.texts))
    return Compiled(edition, warnings, process.review)


async def _here(source: Source, texts: Texts, number: int, today: date, before: Edition | None) -> Compiled:
    loaded = await asyncio.to_thread(source.compile, texts, number, today)
    edition = Edition.of(loaded, texts)

    async def reviewed() -> Review:
        assert before is not None
        return await asyncio.to_thread(review, before, edition, loaded)

    return Compiled(edition, loaded.warnings, reviewed)
