"""`xoproxy version`."""

import argparse

from xoproxy import __version__
from xoproxy.cli.parser import EXIT_FINE


def run(args: argparse.Namespace) -> int:  # noqa: ARG001  every command has this signature
    """Print the version."""
    print(f"xoproxy {__version__}")
    return EXIT_FINE
