"""`xoproxy version`."""

import argparse

from xoproxy.cli.parser import EXIT_FINE
from xoproxy.compiled import version


def run(args: argparse.Namespace) -> int:  # noqa: ARG001  every command has this signature
    """Print the version, and whether this is the compiled build."""
    print(f"xoproxy {version()}")
    return EXIT_FINE
