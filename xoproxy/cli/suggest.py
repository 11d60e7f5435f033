"""`xoproxy suggest`: the policy file with what should be changed next, by what browsers reported."""

import argparse
import difflib
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Final

from xoproxy.cli.asking import Asked, ask, complain, span
from xoproxy.cli.healthcheck import Unreachable
from xoproxy.cli.options import Chosen, UsageError, choose
from xoproxy.cli.parser import EXIT_FAILED, EXIT_FINDINGS, EXIT_FINE, EXIT_INVALID
from xoproxy.config import ConfigInvalid, Loaded, Texts, compile_texts, read_texts
from xoproxy.config.render import as_text as problems_as_text
from xoproxy.insight.deciding import Outlook, decide, doubt_of
from xoproxy.insight.deciding.suggesting import Suggestion, suggest
from xoproxy.insight.explaining.telling import change_lines
from xoproxy.reports.model import Group, Traffic
from xoproxy.slotted import dataclass

PAGE: Final = 1000  # groups of one answer
MAX_GROUPS: Final = 100_000


def run(args: argparse.Namespace) -> int:
    """Print the policy file as it should be next.  Returns the exit code: 1 if something is left to do elsewhere."""
    try:
        chosen = choose(args, os.environ)
        texts = _texts(chosen)
        compile_ = partial(_compiled, chosen, datetime.now(UTC).date())
        loaded = compile_(texts)
        asked, since = ask(args, os.environ), span(args.since)
        reported = _reported(asked, since)
    except UsageError as exc:
        return complain(f"error: {exc}", EXIT_INVALID)
    except ConfigInvalid as invalid:
        print(problems_as_text(invalid.problems), end="", file=sys.stderr)
        return EXIT_INVALID
    except Unreachable as exc:
        return complain(exc, EXIT_FAILED)
    outlook = decide(loaded, reported.groups, reported.traffic, reported.since, time.time(), reported.doubt)
    suggestion = suggest(loaded, texts, outlook, compile_, enforce=args.enforce and not reported.doubt)
    doubts = (*_doubts(texts, outlook, reported.traffic), *([reported.doubt] if reported.doubt else []))
    suggestion = replace(suggestion, remaining=(*doubts, *suggestion.remaining))
    as_diff = args.diff or len(texts.parts) > 1
    sys.stdout.writelines(differences(texts, suggestion.texts) if as_diff else [part.text for part in suggestion.texts.parts])
    print("\n".join(told_lines(suggestion)), file=sys.stderr)
    return EXIT_FINDINGS if suggestion.remaining or suggestion.by_hand else EXIT_FINE


def _texts(chosen: Chosen) -> Texts:
    """Return the texts to change.  Raises: `UsageError`, `ConfigInvalid`."""
    if chosen.path is None:
        raise UsageError("there is no policy file to change; name it with -c FILE")
    return read_texts(chosen.path)


def _compiled(chosen: Chosen, today: date, texts: Texts) -> Loaded:
    """Compile texts as `xoproxy run` would in this environment.  Raises: `ConfigInvalid`."""
    return compile_texts(texts, chosen.overrides, environ=os.environ, today=today, number=1)


def _doubts(texts: Texts, outlook: Outlook, traffic: Mapping[str, Traffic]) -> Iterator[str]:
    """Yield why the file may not be the one that was meant."""
    if not outlook.observations:
        yield f"{texts.name} observes nothing; write `observe` in a policy, or name another file with -c"
    elif traffic and all(each.observed_since is None for each in outlook.observations):
        yield f"xoproxy knows nothing of what {texts.name} observes: put it into force, or name another file with -c"


@dataclass(frozen=True, slots=True)
class _Reported:
    """What was reported since a time.  `doubt`: why that may not be all."""

    since: float
    groups: list[Group]
    traffic: dict[str, Traffic]
    doubt: str


def _reported(asked: Asked, since: str) -> _Reported:
    """Ask for everything that was reported in a period.  Raises: `Unreachable`."""
    groups: list[Group] = []
    while True:
        path = f"/-/reports?since={since}&limit={PAGE}&offset={len(groups)}&outlook=false"
        answer = asked.json(path)
        groups += [_group(each) for each in answer["groups"]]
        if not answer["groups"] or len(groups) >= min(answer["total"], MAX_GROUPS):
            traffic = {key: Traffic(each["pages"], each["observed_since"]) for key, each in answer["traffic"].items()}
            error = answer["store"]["error"] if answer["store"] is not None else ""
            return _Reported(answer["since"], groups, traffic, doubt_of(error, len(groups), answer["total"]))


def _group(said: dict[str, Any]) -> Group:
    return Group(
        said["type"],
        said["kind"],
        said["disposition"],
        said["document"],
        said["blocked"],
        said["destination"],
        said["count"],
        said["first_seen"],
        said["last_seen"],
        said["agents"],
    )


def differences(before: Texts, after: Texts) -> Iterator[str]:
    """Yield the lines of a unified diff of each file that changes."""
    for old, new in zip(before.parts, after.parts, strict=True):
        lines, changed = old.text.splitlines(keepends=True), new.text.splitlines(keepends=True)
        for line in difflib.unified_diff(lines, changed, old.name, new.name):
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def told_lines(suggestion: Suggestion) -> Iterator[str]:
    """Yield what was changed and what remains, for people."""
    yield "changed" if suggestion.done else "nothing is changed"
    yield from (f"- {line}" for line in suggestion.done)
    if suggestion.by_hand:
        yield "to be changed by hand"
        for placement, why in suggestion.by_hand:
            mark = placement.place.mark
            lines = change_lines(mark.source, (mark.line, mark.column), placement.place.path, placement.into, placement.yaml)
            yield from (f"  {line}" for line in lines)
            yield f"  because {why}"
    if suggestion.remaining:
        yield "what remains"
        yield from (f"- {line}" for line in suggestion.remaining)
