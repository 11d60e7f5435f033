"""`xoproxy reports`: what browsers reported to a running xoproxy, and whether what is observed is safe to enforce."""

import argparse
import json
import os

from xoproxy.cli.asking import ask, complain, span
from xoproxy.cli.healthcheck import Unreachable
from xoproxy.cli.options import UsageError
from xoproxy.cli.parser import EXIT_FAILED, EXIT_FINDINGS, EXIT_FINE, EXIT_INVALID
from xoproxy.insight.deciding.as_text import as_text


def run(args: argparse.Namespace) -> int:
    """Print the decision of a running xoproxy.  Returns the exit code: 1 if something is not safe to enforce."""
    try:
        answer = ask(args, os.environ).json(f"/-/reports?since={span(args.since)}&limit=0")
    except UsageError as exc:
        return complain(f"error: {exc}", EXIT_INVALID)
    except Unreachable as exc:
        return complain(exc, EXIT_FAILED)
    decision = answer["outlook"]
    if args.json:
        told = {**decision, "store": answer["store"], "groups": answer["total"], "reports": answer["reports"]}
        print(json.dumps(told, indent=2))
    else:
        print(_store(answer["store"]) + as_text(decision), end="")
    return EXIT_FINE if decision["safe"] else EXIT_FINDINGS


def _store(status: dict[str, object] | None) -> str:
    """Return what is wrong with the store, as lines; nothing if it does well."""
    if status is None:
        return "no reports are collected: `reporting.endpoints` names no path\n\n"
    return f"the store has a problem: {status['error']}\n\n" if status["error"] else ""
