"""`xoproxy show`: what the policy of every route comes to, and where each part of it stands."""

import argparse
import os
import shutil
import sys
from datetime import UTC, datetime

from xoproxy.cli.options import UsageError, choose
from xoproxy.cli.parser import EXIT_FINE, EXIT_INVALID
from xoproxy.config import ConfigInvalid, load
from xoproxy.config.render import as_text as problems_as_text
from xoproxy.insight.showing import as_json, as_text, show


def run(args: argparse.Namespace) -> int:
    """Show what `xoproxy run` would serve in this environment.  Returns the exit code."""
    try:
        chosen = choose(args, os.environ)
        loaded = load(chosen.path, chosen.overrides, environ=os.environ, today=datetime.now(UTC).date(), number=1)
    except UsageError as exc:
        print(f"xoproxy: error: {exc}", file=sys.stderr)
        return EXIT_INVALID
    except ConfigInvalid as invalid:
        print(problems_as_text(invalid.problems), end="", file=sys.stderr)
        return EXIT_INVALID
    shown = show(loaded)
    print(as_json(shown) if args.json else as_text(shown, shutil.get_terminal_size().columns), end="")
    return EXIT_FINE
