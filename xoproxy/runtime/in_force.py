"""The configuration in force with the places of everything in it, for who wants to show or explain it.

What serves keeps only the generation: the places take several times its memory, and most processes are never asked for them.
So they are compiled again from the same texts for the same day, which makes the same, and are remembered until a reload.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from xoproxy.config import Loaded
from xoproxy.runtime.source import Edition
from xoproxy.runtime.turns import no_collection, release

if TYPE_CHECKING:
    from xoproxy.runtime.compiling import Source


class InForce:
    """Compiles what is in force when it is asked for."""

    def __init__(self, source: "Source", edition: Callable[[], Edition]) -> None:
        """`edition` returns the edition in force."""
        self._source = source
        self._edition = edition
        self._made: tuple[Edition, Loaded] | None = None
        self._lock = asyncio.Lock()  # several who ask at once are all served by one compilation

    async def loaded(self) -> Loaded:
        """Return the configuration in force."""
        async with self._lock:
            edition = self._edition()
            if self._made is None or self._made[0] is not edition:
                if self._made is not None:  # not two of them in memory while a third is made
                    held, self._made = [self._made[1]], None
                    await asyncio.to_thread(release, held)
                number = edition.generation.number
                with no_collection():
                    loaded = await asyncio.to_thread(self._source.compile, edition.texts, number, edition.today)
                self._made = edition, loaded
            return self._made[1]
