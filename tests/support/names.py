"""A resolver of the test's own: it answers what the test says, when the test says so."""

import asyncio
import socket
from collections.abc import Sequence


class Names:
    """What names stand for.  A name without an entry does not exist."""

    def __init__(self, **answers: Sequence[str]) -> None:
        self.answers: dict[str, Sequence[str]] = answers
        self.asked: list[str] = []
        self.is_down = False
        self._may_answer = asyncio.Event()
        self._may_answer.set()

    async def look_up(self, host: str, port: int) -> Sequence[str]:
        """Answer as the system's resolver does."""
        self.asked.append(host)
        await self._may_answer.wait()
        if self.is_down or host not in self.answers:
            raise socket.gaierror(socket.EAI_AGAIN if self.is_down else socket.EAI_NONAME, "as the test says")
        return self.answers[host]

    def hang(self) -> None:
        """Answer nobody for now."""
        self._may_answer.clear()

    def go_on(self) -> None:
        """Answer again, those too that wait."""
        self._may_answer.set()
