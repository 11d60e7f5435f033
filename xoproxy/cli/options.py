"""Find the configuration a command means: option, then environment, then file, then default.  (design section 5)"""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from xoproxy.cli.files import DEFAULT_FILES, default_file, named_file, variable
from xoproxy.config.options import Overrides
from xoproxy.slotted import dataclass

_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"", "0", "false", "no", "off"})


class UsageError(Exception):
    """A command line or environment that means nothing.  Its text says what to write instead."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A configuration that was found.  `path` None: the options are all of it."""

    path: Path | None
    overrides: Overrides


def choose(args: argparse.Namespace, environ: Mapping[str, str], default_files: tuple[Path, ...] = DEFAULT_FILES) -> Chosen:
    """Return the configuration that options and environment mean.

    An upstream without a file named is a whole configuration: a stray file in the working directory must not change what
    ``xoproxy run --upstream URL`` does.  Raises: `UsageError` if nothing was found.
    """
    overrides = _overrides(args, environ)
    if args.config == "":  # a shell's variable that is not set: not the working directory, as a path it would be
        raise UsageError("-c is empty; name a policy file, or a directory of them")
    named = named_file(args.config, environ)
    if named is not None:
        return Chosen(named, overrides)
    if overrides.upstream is not None:
        return Chosen(None, overrides)
    found = default_file(default_files)
    if found is not None:
        return Chosen(found, overrides)
    tried = ", ".join(str(path) for path in default_files)
    raise UsageError(
        f"no configuration: no -c FILE, no $XOPROXY_CONFIG, and none of {tried} exists; "
        "write one and name it with -c FILE, or give --upstream URL (and --policy PRESET)"
    )


def is_watching(args: argparse.Namespace, environ: Mapping[str, str]) -> bool:
    """Return whether changes of the file are to be noticed.  Raises: `UsageError`."""
    value = environ.get("XOPROXY_NO_WATCH", "").strip().lower()
    if value not in _YES | _NO:
        raise UsageError(f"XOPROXY_NO_WATCH is {value!r}; write 1 or 0")
    return not args.no_watch and value not in _YES


def _overrides(args: argparse.Namespace, environ: Mapping[str, str]) -> Overrides:
    """Read what the command has options for; the rest only from the environment."""
    given = vars(args)
    return Overrides(
        listen=tuple(given.get("listen") or _several(environ, "LISTEN")),
        upstream=_first(given.get("upstream"), variable(environ, "UPSTREAM")),
        policy=_first(given.get("policy"), variable(environ, "POLICY")),
        allow_origins=tuple(given.get("allow_origin") or _several(environ, "ALLOW_ORIGIN")),
        admin=_first(given.get("admin"), variable(environ, "ADMIN")),
    )


def _first(option: str | None, variable: str | None) -> str | None:
    return variable if option is None else option


def _several(environ: Mapping[str, str], name: str) -> list[str]:
    return [part for part in re.split(r"[\s,]+", environ.get(f"XOPROXY_{name}", "")) if part]
