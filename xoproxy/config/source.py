"""Read the files of a configuration: their bytes, at most once, and never more than a policy file can be."""

import os
import stat
from pathlib import Path
from typing import Final

from xoproxy.config.problems import ConfigInvalid, Id, Mark, Place, Problem, problem_at
from xoproxy.config.texts import Text, Texts

MAX_FILE_BYTES: Final = 1024 * 1024  # a thousand routes are 100 KiB; of a directory, all files together
MAX_FILES: Final = 1000


def read_texts(path: Path) -> Texts:
    """Read the file at `path`, or the policy files of a directory.

    Raises ConfigInvalid with every reason why that cannot be: one for each file.
    """
    if not os.path.isdir(path):  # noqa: PTH112  Path.is_dir may raise; who reads it says what is wrong
        return Texts(str(path), (Text(str(path), read_text(path)),))
    parts: list[Text] = []
    problems: list[Problem] = []
    left = MAX_FILE_BYTES
    for file in policy_files(path):
        try:
            data = read_bytes(file)
            left -= len(data)
            if left < 0:
                raise _refuse(path, Id.TOO_LARGE, "the files in this directory are more than 1 MiB; is this the one?")
            parts.append(Text(str(file), decode(data, str(file))))
        except ConfigInvalid as invalid:
            problems += invalid.problems
            if left < 0:
                break
    if problems:
        raise ConfigInvalid(problems)
    return Texts(str(path), tuple(parts))


def policy_files(directory: Path) -> tuple[Path, ...]:
    """Return the policy files of a directory, by name: ``*.yaml`` and ``*.yml``, none that is hidden, no directories.

    Raises ConfigInvalid if there is none, if there are too many, or if the directory cannot be read.
    """
    try:
        with os.scandir(directory) as entries:
            names = sorted(entry.name for entry in entries if is_policy_file(entry.name) and not entry.is_dir())
    except OSError as fault:
        raise _refuse(directory, Id.UNREADABLE, _why(fault)) from fault
    if not names:
        raise _refuse(
            directory,
            Id.EMPTY_DIRECTORY,
            "there is no policy file in this directory; their names end in .yaml or .yml and do not begin with a dot",
        )
    if len(names) > MAX_FILES:
        raise _refuse(directory, Id.TOO_LARGE, f"there are {len(names)} policy files here; use {MAX_FILES} at most")
    return tuple(directory / name for name in names)


def is_policy_file(name: str) -> bool:
    """Whether a file of this name in a directory of policy files is one of them."""
    return name.endswith((".yaml", ".yml")) and not name.startswith(".")


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
            return "there is no such file; name one that is there"
        case PermissionError():
            return "no permission to read the file; make it readable for the user that xoproxy runs as"
        case OSError():
            return f"the file cannot be read: {(fault.strerror or 'input or output error').lower()}"
        case _:
            return "this cannot be the name of a file"


def _refuse(path: Path, kind: Id, message: str) -> ConfigInvalid:
    return ConfigInvalid([problem_at(Place(Mark(str(path))), kind, message)])
