"""Load a configuration and serve it; say on standard error what is served, or why not."""

import argparse
import importlib
import os
import sys
from typing import Final

from xoproxy.cli.options import Chosen, UsageError, choose, is_watching
from xoproxy.cli.parser import EXIT_FAILED, EXIT_FINE, EXIT_INVALID
from xoproxy.config import ConfigInvalid, Loaded, Problem
from xoproxy.config.render import as_text
from xoproxy.runtime.calendar import today
from xoproxy.runtime.listening.sockets import ListenError
from xoproxy.runtime.process import Start, serve_until_stopped
from xoproxy.runtime.signals import HeldSignals
from xoproxy.runtime.source import ConfigSource, Edition
from xoproxy.runtime.turns import no_collection, release

MAX_TOLD: Final = 50  # findings at the start
LOG_FD = 1  # the log is what the program puts out; what it says to people goes to standard error


def serve_arguments(args: argparse.Namespace, signals: HeldSignals) -> int:
    """Serve what the options of `run` mean.  Returns the exit code."""
    try:
        chosen = choose(args, os.environ)
        watching = is_watching(args, os.environ)
    except UsageError as exc:
        _say(f"xoproxy: error: {exc}")
        return EXIT_INVALID
    return serve(chosen, signals, watching=watching)


def serve(chosen: Chosen, signals: HeldSignals, *, watching: bool) -> int:
    """Serve a configuration until a signal ends it.  Returns the exit code."""
    try:
        start = _start(chosen, watching=watching)
    except ConfigInvalid as invalid:
        _say(as_text(invalid.problems).rstrip("\n"))
        return EXIT_INVALID
    try:
        serve_until_stopped(start, signals, LOG_FD)
    except ListenError as exc:
        _say(f"xoproxy: error: {exc}")
        return EXIT_FAILED
    return EXIT_FINE


def _start(chosen: Chosen, *, watching: bool) -> Start:
    """Load what is to be served.  Raises: `ConfigInvalid`."""
    source = ConfigSource(chosen.path, chosen.overrides)
    texts = source.read()
    with no_collection():
        loaded = source.compile(texts, 1, today())
    watched = str(chosen.path) if chosen.path is not None and watching else None
    return Start(source, Edition.of(loaded, texts), watched, _say, _Findings(loaded))


class _Findings:
    """What there is to say about a configuration in force.  Holds what was loaded no longer than until it is asked.

    The tree of a thousand routes takes some megabytes, and serving needs none of it.
    """

    def __init__(self, loaded: Loaded) -> None:
        self._held = [loaded]

    def __call__(self) -> str:
        """Return the lines.  Linting is imported when it serves."""
        if not self._held:
            return ""
        linting = importlib.import_module("xoproxy.config.lint")
        try:
            found: tuple[Problem, ...] = linting.lint(self._held[0])
        finally:
            release(self._held)
        if len(found) > MAX_TOLD:
            return as_text(found[:MAX_TOLD]) + f"and {len(found) - MAX_TOLD} more; xoproxy check lists them"
        return as_text(found).rstrip("\n")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
