"""Notice that the configuration file, or a directory of them, may have changed.

Two ways at once, because each is blind somewhere.  Events (the package `watchfiles`) come within milliseconds, but not through
the file sharing of Docker Desktop, not for a directory that was replaced, and not where the kernel has no watches left.  The
slow poll compares who the file is (device, inode), how it looks (size, mtime) and what it says (a digest), and sees all of that
a second later.  Both only say "look again": whether anything changed is decided by who reads the file.

Directories are watched, not the file: editors write a new file and rename it, Kubernetes swaps the symbolic link ``..data``.
"""

import asyncio
import contextlib
import importlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from pathlib import Path
from typing import Final

from xoproxy.config.settings import LogLevel
from xoproxy.runtime.identity import Identity, identify, places, stamp
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.tasks import spawn

POLL_INTERVAL_S: Final = 1.0
SETTLE_MS: Final = 15  # events closer than this are one save; also how often the library wakes up (0.3 % of a core)
WATCHES_STAND_S: Final = 0.05


Awatch = Callable[..., AsyncGenerator[object, None]]


class Watcher:
    """Calls `look` whenever the file or directory at `path` may have changed.  `report` takes what the log should have."""

    def __init__(
        self,
        path: str,
        look: Callable[[], Coroutine[object, object, None]],
        report: Callable[[Event], None],
        poll_interval_s: float = POLL_INTERVAL_S,
    ) -> None:
        self._path = path
        self._look = look
        self._report = report
        self._poll_interval_s = poll_interval_s
        self._places_changed = asyncio.Event()
        self._places: tuple[tuple[str, int, int], ...] = ()
        self.is_orphaned = False  # whether the file lost its name: a restart of the container is needed
        self.has_events = False  # whether events are waited for, besides the poll

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_events(), name="watch-events")
            group.create_task(self._poll(), name="watch-poll")

    async def _poll(self) -> None:
        """Look again whenever the file's identity or content is another; renew the events where directories were replaced."""
        seen = await asyncio.to_thread(identify, self._path)
        self._note(seen)  # the very one that later ones are compared with: a name lost in between would never be noticed
        await self._look()  # what changed since the start
        while True:
            await asyncio.sleep(self._poll_interval_s)
            now = await asyncio.to_thread(identify, self._path)
            if self.has_events and places(self._path) != self._places:
                self._places_changed.set()
            if now != seen:
                seen = now
                self._note(now)
                await self._look()

    async def _follow_events(self) -> None:
        """Look again after each event.  Without events (no watches left, no such package) the poll goes on; it is said once."""
        try:
            # In a thread, and not at the start: importing it takes longer than everything else that the start waits for.
            watchfiles = await asyncio.to_thread(importlib.import_module, "watchfiles")
            while True:
                await self._follow_places(watchfiles.awatch)
        except (ImportError, OSError, RuntimeError) as exc:
            self.has_events = False
            message = (
                f"no file events ({exc}): a changed configuration is noticed by polling, within {self._poll_interval_s:g} s"
            )
            self._report(Event(LogLevel.WARNING, "xoproxy.reload", "watch", message))

    async def _follow_places(self, awatch: Awatch) -> None:
        """Follow the directories that count now, until others do."""
        self._places = places(self._path)
        self._places_changed.clear()
        if not self._places:  # nothing to watch until a directory comes back
            await self._places_changed.wait()
            await self._look()
            return
        # `awatch` does not tell when its watches stand.  It takes some milliseconds, in which a change goes unnoticed.
        standing = asyncio.get_running_loop().call_later(WATCHES_STAND_S, self._watches_stand)
        changes = awatch(
            *(name for name, _, _ in self._places),
            watch_filter=None,
            step=SETTLE_MS,
            debounce=20 * SETTLE_MS,
            stop_event=self._places_changed,
            recursive=False,
        )
        try:
            async with contextlib.aclosing(changes):
                seen = stamp(self._path)
                async for _ in changes:
                    now = stamp(self._path)
                    if now != seen:  # else another file of the directory: perhaps a log that is written there
                        seen = now
                        await self._look()
                    if places(self._path) != self._places:
                        return
        finally:
            standing.cancel()

    def _watches_stand(self) -> None:
        """Look for what changed while nothing was watched."""
        self.has_events = True
        spawn(self._look(), name="watch-start")

    def _note(self, identity: Identity) -> None:
        """Say it once, and loudly, when the file has become one that can never change again."""
        if identity.is_orphaned and not self.is_orphaned:
            message = orphaned_message(self._path)
            self._report(Event(LogLevel.ERROR, "xoproxy.reload", "orphaned", message, {"path": self._path}))
        self.is_orphaned = identity.is_orphaned


def orphaned_message(path: str) -> str:
    """Return what an operator has to know about a file that lost its name."""
    advice = "" if Path(path).is_dir() else ", and mount the directory instead of the single file"
    return (
        f"{path} was replaced where it is mounted from, and this mount still shows what was there: no change will ever arrive "
        f"here.  Restart the container{advice}"
    )
