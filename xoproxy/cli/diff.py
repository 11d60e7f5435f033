"""`xoproxy diff`: what a new policy file decides differently from an old one."""

import argparse
import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from xoproxy.cli.parser import EXIT_FINDINGS, EXIT_FINE, EXIT_INVALID
from xoproxy.config import ConfigInvalid, Loaded, Overrides, compile_text, decode, load
from xoproxy.config.render import as_text as problems_as_text
from xoproxy.config.withheld import withheld
from xoproxy.insight.comparing import compare
from xoproxy.insight.comparing.telling import as_json, as_text

STANDARD_INPUT = "-"


def run(args: argparse.Namespace) -> int:
    """Compare two policy files.  Returns the exit code: 1 if somebody gains something that the options do not allow."""
    if args.old == args.new == STANDARD_INPUT:
        print("xoproxy: error: only one of the two can be standard input; name the other one", file=sys.stderr)
        return EXIT_INVALID
    today = datetime.now(UTC).date()
    old, new = (_read(name, today) for name in (args.old, args.new))
    if old is None or new is None:
        return EXIT_INVALID
    comparison = compare(old.generation, new.generation, (*withheld(old), *withheld(new)))
    print(as_json(comparison) if args.json else as_text(comparison), end="")
    return EXIT_FINDINGS if comparison.widens and not args.allow_widening else EXIT_FINE


def _read(name: str, today: date) -> Loaded | None:
    """Load one of the files; None, and its problems on standard error, if it is invalid."""
    try:
        if name == STANDARD_INPUT:
            text = decode(sys.stdin.buffer.read(), STANDARD_INPUT)
            return compile_text(text, STANDARD_INPUT, Overrides(), environ=os.environ, today=today, number=1)
        return load(Path(name), Overrides(), environ=os.environ, today=today, number=1)
    except ConfigInvalid as invalid:
        print(problems_as_text(invalid.problems), end="", file=sys.stderr)
        return None
