"""`xoproxy check`: every problem of a configuration, on standard output."""

import argparse
import os
import sys
from datetime import UTC, datetime

from xoproxy.cli.options import UsageError, choose
from xoproxy.cli.parser import EXIT_INVALID
from xoproxy.config import check
from xoproxy.config.render import as_json, as_text


def run(args: argparse.Namespace) -> int:
    """Check what `xoproxy run` would serve in this environment.  Returns the exit code."""
    try:
        chosen = choose(args, os.environ)
    except UsageError as exc:
        print(f"xoproxy: error: {exc}", file=sys.stderr)
        return EXIT_INVALID
    findings = check(chosen.path, chosen.overrides, environ=os.environ, today=datetime.now(UTC).date())
    if args.format == "json":
        print(as_json(findings.problems), end="")
    else:
        name = "options" if chosen.path is None else str(chosen.path)
        print(as_text(findings.problems) or f"{name}: no problems\n", end="")
    return findings.exit_code(strict=args.strict)
