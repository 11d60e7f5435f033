"""Read the file of a configuration: its bytes, at most once, and never more than a policy file can be."""

import stat
from pathlib import Path
from typing import Final

from xoproxy.config.problems import ConfigInvalid, Id, Mark, Place, problem_at

MAX_FILE_BYTES: Final = 1024 * 1024  # a thousand routes are 100 KiB


def read_bytes(path: Path) -> bytes:
    """Read the file at `path`.  Raises ConfigInvalid with the one reason why it cannot be read."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise _refuse(path, Id.UNREADABLE, "this is a directory; name the file in it")
        if not stat.S_ISREG(mode):
            raise _refuse(path, Id.UNREADABLE, "this is not a regular file; write the configuration into one")
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as fault:
        raise _refuse(path, Id.UNREADABLE, _why(fault)) from fault
    if len(data) > MAX_FILE_BYTES:
        raise _refuse(path, Id.TOO_LARGE, "the file is larger than 1 MiB; a policy file is a few KiB, is this the one?")
    return data


def decode(data: bytes, source: str) -> str:
    """Decode what `read_bytes` returned.  Raises ConfigInvalid if it is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as fault:
        before = data[: fault.start]
        mark = Mark(source, before.count(b"\n") + 1, fault.start - (before.rfind(b"\n") + 1) + 1)
        message = "this is not a text file in UTF-8; save it as UTF-8, or name another file"
        raise ConfigInvalid([problem_at(Place(mark), Id.NOT_TEXT, message)]) from fault


def read_text(path: Path) -> str:
    """Read the file at `path` as text.  Raises ConfigInvalid with the one reason why it cannot be read."""
    return decode(read_bytes(path), str(path))


def _why(fault: Exception) -> str:
    match fault:
        case FileNotFoundError():
            return "there is no such file; name one with -c, or give --upstream URL"
        case PermissionError():
            return "no permission to read the file; make it readable for the user that xoproxy runs as"
        case OSError():
            return f"the file cannot be read: {(fault.strerror or 'input or output error').lower()}"
        case _:
            return "this cannot be the name of a file"


def _refuse(path: Path, kind: Id, message: str) -> ConfigInvalid:
    return ConfigInvalid([problem_at(Place(Mark(str(path))), kind, message)])
