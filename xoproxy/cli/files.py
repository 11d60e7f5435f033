"""Which policy file, or directory of them, a command means.  Imports next to nothing: the health check needs it too."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

DEFAULT_FILES: Final = (Path("/etc/xoproxy/xoproxy.yaml"), Path("config/xoproxy.yaml"))


def variable(environ: Mapping[str, str], name: str) -> str | None:
    """Return XOPROXY_`name`; empty is as good as unset, because compose files cannot leave a variable out."""
    return environ.get(f"XOPROXY_{name}", "").strip() or None


def named_file(option: str | None, environ: Mapping[str, str]) -> Path | None:
    """Return the file or directory that the option or else the environment names."""
    name = option if option is not None else variable(environ, "CONFIG")
    return None if name is None else Path(name)


def default_file(files: tuple[Path, ...] = DEFAULT_FILES) -> Path | None:
    """Return the first of the default files that is there."""
    return next((path for path in files if path.exists()), None)


def files_of(path: Path) -> list[Path]:
    """Return the files of a configuration: those of a directory as `config.source` takes them, which is too slow to import."""
    if not path.is_dir():
        return [path]
    names = (file.name for file in path.iterdir() if not file.is_dir())
    return [path / name for name in sorted(names) if name.endswith((".yaml", ".yml")) and not name.startswith(".")]
