"""`xoproxy check`: every problem of a configuration, on standard output."""

import argparse
import os
import sys
from datetime import UTC, datetime

from xoproxy import __version__
from xoproxy.cli.options import UsageError, choose
from xoproxy.cli.parser import EXIT_INVALID
from xoproxy.config.checking import check
from xoproxy.config.render import as_github, as_json, as_sarif, as_text


def run(args: argparse.Namespace) -> int:
    """Check what `xoproxy run` would serve in this environment.  Returns the exit code."""
    try:
        chosen = choose(args, os.environ)
    except UsageError as exc:
        print(f"xoproxy: error: {exc}", file=sys.stderr)
        return EXIT_INVALID
    findings = check(chosen.path, chosen.overrides, environ=os.environ, today=datetime.now(UTC).date())
    match args.format:
        case "json":
            shown = as_json(findings.problems)
        case "github":
            shown = as_github(findings.problems)
        case "sarif":
            shown = as_sarif(findings.problems, __version__)
        case _:
            name = "options" if chosen.path is None else str(chosen.path)
            shown = as_text(findings.problems) or f"{name}: no problems\n"
    print(shown, end="")
    return findings.exit_code(strict=args.strict)
