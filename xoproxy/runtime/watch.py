"""Notice that the configuration file may have changed.

Two ways at once, because each is blind somewhere.  Events (the package `watchfiles`) come within milliseconds, but not through
the file sharing of Docker Desktop, not for a directory that was replaced, and not where the kernel has no watches left.  The
slow poll compares who the file is (device, inode), how it looks (size, mtime) and what it says (a digest), and sees all of that
a second later.  Both only say "look again": whether anything changed is decided by who reads the file.

Directories are watched, not the file: editors write a new file and rename it, Kubernetes swaps the symbolic link ``..data``.
"""

import asyncio
import contextlib
import hashlib
import importlib
import os
import stat
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from xoproxy.config.settings import LogLevel
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.tasks import spawn

POLL_INTERVAL_S: Final = 1.0
SETTLE_MS: Final = 15  # events closer than this are one save; also how often the library wakes up (0.3 % of a core)
WATCHES_STAND_S: Final = 0.05
_MAX_LINKS: Final = 40  # the kernel's own limit (path_resolution(7))
_MAX_DIGESTED_BYTES: Final = 4 * 1024 * 1024  # larger is no configuration; its size and mtime are compared


@dataclass(frozen=True, slots=True)
class Identity:
    """What the poll compares.  All zero and empty: there is no file, or it cannot be read."""

    device: int = 0
    inode: int = 0
    links: int = 1
    size: int = 0
    mtime_ns: int = 0
    digest: bytes = b""

    @property
    def is_orphaned(self) -> bool:
        """Whether the file has no name any more: bind-mounted alone and replaced on the host, it can never change again."""
        return self.links == 0


def identify(path: str) -> Identity:
    """Look at the file.  Never raises: whoever reads the configuration says what is wrong with it."""
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            return Identity()
        digest = hashlib.sha256(Path(path).read_bytes()).digest() if status.st_size <= _MAX_DIGESTED_BYTES else b""
    except (OSError, ValueError):
        return Identity()
    return Identity(status.st_dev, status.st_ino, status.st_nlink, status.st_size, status.st_mtime_ns, digest)


def directories(path: str) -> tuple[str, ...]:
    """Return the directories in which a change can change what `path` means: of each link on the way, and of the file."""
    found: dict[str, None] = {}
    current = os.path.abspath(path)  # noqa: PTH100  Path.resolve would follow the links that have to be seen
    for _ in range(_MAX_LINKS):
        found[os.path.dirname(current)] = None  # noqa: PTH120
        link = _first_link(current)
        if link is None:
            break
        at, rest = link
        found[os.path.dirname(at)] = None  # noqa: PTH120
        target = os.path.join(os.path.dirname(at), os.readlink(at))  # noqa: PTH115, PTH118, PTH120
        current = os.path.normpath(os.path.join(target, rest) if rest else target)  # noqa: PTH118
    return tuple(name for name in found if Path(name).is_dir())


def _first_link(path: str) -> tuple[str, str] | None:
    """Return the first symbolic link on the way from the root, and the rest of the path after it."""
    parts = Path(path).parts
    for count in range(1, len(parts) + 1):
        prefix = Path(*parts[:count])
        if prefix.is_symlink():
            return str(prefix), str(Path(*parts[count:])) if count < len(parts) else ""
    return None


Awatch = Callable[..., AsyncGenerator[object, None]]


class Watcher:
    """Calls `look` whenever the file at `path` may have changed.  `report` takes the events that the log should have."""

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
        self._note(identify(self._path))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_events(), name="watch-events")
            group.create_task(self._poll(), name="watch-poll")

    async def _poll(self) -> None:
        """Look again whenever the file's identity or content is another; renew the events where directories were replaced."""
        seen = await asyncio.to_thread(identify, self._path)
        await self._look()  # what changed since the start
        while True:
            await asyncio.sleep(self._poll_interval_s)
            now = await asyncio.to_thread(identify, self._path)
            if self.has_events and _places(self._path) != self._places:
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
        self._places = _places(self._path)
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
                seen = _stamp(self._path)
                async for _ in changes:
                    now = _stamp(self._path)
                    if now != seen:  # else another file of the directory: perhaps a log that is written there
                        seen = now
                        await self._look()
                    if _places(self._path) != self._places:
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
    return (
        f"{path} was replaced where it is mounted from, and this mount still shows the old file: no change will ever arrive "
        "here.  Restart the container, and mount the directory instead of the single file"
    )


def _stamp(path: str) -> tuple[int, int, int, int] | None:
    """Return what a change of the file shows in at once, without reading it; None if there is no file."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _places(path: str) -> tuple[tuple[str, int, int], ...]:
    """Return the directories that count, and which directories they are now."""
    found: list[tuple[str, int, int]] = []
    for name in directories(path):
        with contextlib.suppress(OSError):
            status = Path(name).stat()
            found.append((name, status.st_dev, status.st_ino))
    return tuple(found)
