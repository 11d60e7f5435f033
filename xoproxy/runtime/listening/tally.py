"""Say that something happens again and again: at once, then how often, but not more than every few seconds."""

import asyncio
from collections.abc import Callable
from typing import Final

INTERVAL_S: Final = 10.0


class Tally:
    """Counts, and says so."""

    def __init__(self, say: Callable[[int, str], None]) -> None:
        """`say` is told how often it happened since it was told last, and what happened last."""
        self._say = say
        self._count = 0
        self._last = ""
        self._pause: asyncio.TimerHandle | None = None

    def count(self, what: str) -> None:
        """It happened."""
        self._count += 1
        self._last = what
        if self._pause is None:
            self._tell()

    def close(self) -> None:
        """Say what was not said yet; nothing comes after."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._count:
            self._say(self._count, self._last)
            self._count = 0

    def _tell(self) -> None:
        count, self._count = self._count, 0
        self._pause = asyncio.get_running_loop().call_later(INTERVAL_S, self._pause_ended)
        self._say(count, self._last)

    def _pause_ended(self) -> None:
        self._pause = None
        if self._count:
            self._tell()
