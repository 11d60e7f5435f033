"""`xoproxy run`: hold the signals first, then import what serves, so that none is lost meanwhile."""

import argparse
import importlib
from typing import cast

from xoproxy.runtime.signals import HeldSignals


def run(args: argparse.Namespace) -> int:
    """Serve until a signal ends it."""
    signals = HeldSignals()
    serving = importlib.import_module("xoproxy.cli.serving")
    return cast("int", serving.serve_arguments(args, signals))
