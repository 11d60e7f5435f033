"""`xoproxy explain`: why a browser allows or blocks something, and what would turn that."""

import argparse
import os
import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from xoproxy.cli.options import UsageError, choose
from xoproxy.cli.parser import EXIT_FINDINGS, EXIT_FINE, EXIT_INVALID
from xoproxy.config import ConfigInvalid, Loaded, Overrides, compile_text, load
from xoproxy.config.render import as_text as problems_as_text
from xoproxy.insight.explaining import Asked, Explanation, Question, QuestionError, explain, explain_server, read_question
from xoproxy.insight.explaining.answering import UnansweredError
from xoproxy.insight.explaining.as_json import as_json
from xoproxy.insight.explaining.telling import told
from xoproxy.insight.explaining.urls import is_path, server_of
from xoproxy.insight.live import LiveBackend

_WORDS: Final = ("origin", "page", "host", "hosts", "credentials", "mode", "destination", "browser", "backend_status", "cookie")
SUGGESTED: Final = "xoproxy.yaml"  # the file that would have to be written


def run(args: argparse.Namespace) -> int:
    """Explain.  Returns the exit code: 0 if all browsers allow it, 1 if one blocks it."""
    try:
        explanation = _explained(args)
    except (UsageError, QuestionError, UnansweredError) as exc:
        print(f"xoproxy: error: {exc}", file=sys.stderr)
        return EXIT_INVALID
    except ConfigInvalid as invalid:
        print(problems_as_text(invalid.problems), end="", file=sys.stderr)
        return EXIT_INVALID
    print(as_json(explanation) if args.json else told(explanation), end="")
    return EXIT_FINE if explanation.allowed else EXIT_FINDINGS


def _explained(args: argparse.Namespace) -> Explanation:
    """Raises: `UsageError`, `QuestionError`, `ConfigInvalid`."""
    asked = _asked(args)
    if args.live and args.config is None and not is_path(asked.url):
        return _explained_server(args, read_question(asked, None))
    loaded = _loaded(args)
    question = read_question(asked, loaded)
    if not args.live:
        return explain(loaded, question)
    with ExitStack() as stack:
        backend = stack.enter_context(_live(args, question, loaded))
        explanation = explain(loaded, question, backend)
    return replace(explanation, notes=(*explanation.notes, *backend.notes))


def _explained_server(args: argparse.Namespace, question: Question) -> Explanation:
    """Ask the servers of the URLs themselves; what could mend their answers is tried on an empty policy in front of them."""
    text = f"version: 1\nupstream: {server_of(question.url)}\n"
    empty = compile_text(text, SUGGESTED, Overrides(), environ={}, today=datetime.now(UTC).date(), number=1)
    with ExitStack() as stack:
        backend = stack.enter_context(_live(args, question, None))
        explanation = explain_server(empty, question, backend)
    return replace(explanation, notes=(*explanation.notes, *backend.notes))


def _live(args: argparse.Namespace, question: Question, loaded: Loaded | None) -> LiveBackend:
    upstreams = loaded.generation.settings.upstreams if loaded is not None else ()
    return LiveBackend(
        {each.name: each for each in upstreams},
        args.timeout,
        args.send_unsafe,
        cookie=question.cookie,
        cookie_url=question.url,
    )


def _loaded(args: argparse.Namespace) -> Loaded:
    """Load the configuration that `xoproxy run` would serve in this environment.  Raises: `UsageError`, `ConfigInvalid`."""
    chosen = choose(args, os.environ)
    return load(chosen.path, chosen.overrides, environ=os.environ, today=datetime.now(UTC).date(), number=1)


def _asked(args: argparse.Namespace) -> Asked:
    """Return what the options say.  Raises: `UsageError` for an empty one: a shell's variable that is not set."""
    for name in _WORDS:
        if getattr(args, name) == "":
            option = name.replace("_", "-")
            raise UsageError(f"--{option} is empty; give it a value, or leave it out")
    return Asked(
        method=args.method,
        url=args.url,
        origin=args.origin or "",
        page=args.page or "",
        host=args.host or "",
        hosts=args.hosts or "",
        headers=tuple(args.header or ()),
        page_headers=tuple(args.page_header or ()),
        credentials=args.credentials or "",
        mode=args.mode or "",
        destination=args.destination or "",
        browsers=args.browser or "",
        backend_status=args.backend_status or "",
        backend_headers=tuple(args.backend_header or ()),
        cookie=args.cookie or "",
    )
