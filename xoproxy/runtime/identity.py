"""Tell whether a policy file, or a directory of them, is still the one that was seen before, and where a change would show.

A file is who it is (device, inode), how it looks (size, mtime) and what it says (a digest).  A directory is who it is, and
which policy files are in it: one that is added, removed or renamed makes another of it; logs and drafts that lie there do not.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from xoproxy.config.source import is_policy_file
from xoproxy.slotted import dataclass

_MAX_LINKS: Final = 40  # the kernel's own limit (path_resolution(7))
_MAX_DIGESTED_BYTES: Final = 4 * 1024 * 1024  # larger is no configuration; its size and mtime are compared

Stamp = tuple[str, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Identity:
    """What is compared.  All zero and empty: there is no such file, or it cannot be read."""

    device: int = 0
    inode: int = 0
    links: int = 1
    size: int = 0
    mtime_ns: int = 0
    digest: bytes = b""
    files: "tuple[tuple[str, Identity], ...]" = ()  # of a directory: the policy files in it

    @property
    def is_orphaned(self) -> bool:
        """Whether something has no name any more: bind-mounted alone and replaced on the host, it can never change again."""
        return self.links == 0 or any(identity.is_orphaned for _, identity in self.files)


def identify(path: str) -> Identity:
    """Look at a file or directory.  Never raises: whoever reads the configuration says what is wrong with it."""
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            files = tuple((entry.name, identify(entry.path)) for entry in _policy_files(path))
            links = min(status.st_nlink, 1)  # sub-directories are links to it, and none of our business
            return Identity(status.st_dev, status.st_ino, links, files=files)
        if not stat.S_ISREG(status.st_mode):
            return Identity()
        digest = hashlib.sha256(Path(path).read_bytes()).digest() if status.st_size <= _MAX_DIGESTED_BYTES else b""
    except (OSError, ValueError):
        return Identity()
    return Identity(status.st_dev, status.st_ino, status.st_nlink, status.st_size, status.st_mtime_ns, digest)


def stamp(path: str) -> tuple[Stamp, ...]:
    """Return what a change shows in at once, without reading a file; empty if there is nothing."""
    try:
        status = Path(path).stat()
        if not stat.S_ISDIR(status.st_mode):
            return (_stamp_of(path, status),)
        return tuple(_stamp_of(entry.name, entry.stat()) for entry in _policy_files(path))
    except OSError:
        return ()


def _stamp_of(name: str, status: os.stat_result) -> Stamp:
    return name, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _policy_files(directory: str) -> "list[os.DirEntry[str]]":
    """Return the policy files of a directory, by name.  Raises: `OSError`."""
    with os.scandir(directory) as entries:
        found = [entry for entry in entries if is_policy_file(entry.name) and not entry.is_dir()]
    return sorted(found, key=lambda entry: entry.name)


def places(path: str) -> tuple[tuple[str, int, int], ...]:
    """Return the directories in which a change can change what `path` means, and which directories they are now.

    Never raises: where a directory on the way may not be searched there is none, until it may again.
    """
    names: tuple[str, ...] = ()
    with contextlib.suppress(OSError):
        names = directories(path)
    found: list[tuple[str, int, int]] = []
    for name in names:
        with contextlib.suppress(OSError):
            status = Path(name).stat()
            found.append((name, status.st_dev, status.st_ino))
    return tuple(found)


def directories(path: str) -> tuple[str, ...]:
    """Return the directories of each link on the way to `path`, and of the file; or a directory, and those of its links."""
    found = dict.fromkeys(_directories_of_links(path))
    with contextlib.suppress(OSError):
        if Path(path).is_dir():
            directory = os.path.realpath(path)
            found[directory] = None
            for link in _different_links(directory):
                found.update(dict.fromkeys(_directories_of_links(link)))
    return tuple(name for name in found if Path(name).is_dir())


def _different_links(directory: str) -> Iterator[str]:
    """Yield policy files that are links, one for each directory that they lead to: in a ConfigMap they all lead to ..data."""
    seen: set[str] = set()
    for entry in _policy_files(directory):
        if entry.is_symlink():
            target = os.path.dirname(os.readlink(entry.path))  # noqa: PTH115, PTH120
            if target not in seen:
                seen.add(target)
                yield entry.path


def _directories_of_links(path: str) -> Iterator[str]:
    current = os.path.abspath(path)  # noqa: PTH100  Path.resolve would follow the links that have to be seen
    for _ in range(_MAX_LINKS):
        yield os.path.dirname(current)  # noqa: PTH120
        link = _first_link(current)
        if link is None:
            break
        at, rest = link
        yield os.path.dirname(at)  # noqa: PTH120
        target = os.path.join(os.path.dirname(at), os.readlink(at))  # noqa: PTH115, PTH118, PTH120
        current = os.path.normpath(os.path.join(target, rest) if rest else target)  # noqa: PTH118


def _first_link(path: str) -> tuple[str, str] | None:
    """Return the first symbolic link on the way from the root, and the rest of the path after it."""
    parts = Path(path).parts
    for count in range(1, len(parts) + 1):
        prefix = Path(*parts[:count])
        if prefix.is_symlink():
            return str(prefix), str(Path(*parts[count:])) if count < len(parts) else ""
    return None
