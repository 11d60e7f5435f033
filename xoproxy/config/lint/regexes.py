r"""Regular expressions that match more than they seem to, or nothing.

Those that let in whole classes of strangers are refused when they are read.  What is left is the slip: a dot without a
back-slash, by which ``https://app.example\.com`` also means ``https://appaexample.com``, which anyone can register.
"""

from collections.abc import Iterator
from typing import Final

from xoproxy.config.drafts import CorsDraft, Placed
from xoproxy.config.lint.view import View, once
from xoproxy.config.problems import Id, Problem, problem_at, quoted
from xoproxy.config.regexes import bare_dot, no_origin


def _regexes(view: View) -> Iterator[Placed[str]]:
    parts = [
        *once(view, lambda draft: draft.cors.allow_origin_regexes if isinstance(draft.cors, CorsDraft) else None),
        *once(view, lambda draft: draft.websocket.allow_origin_regexes if draft.websocket is not None else None),
    ]
    yield from (item for part, _ in parts for item in part.value)


def _bare_dots(view: View) -> Iterator[Problem]:
    for item in _regexes(view):
        found = bare_dot(item.value)
        if found is not None:
            stranger, mended = found
            message = f"{quoted(item.value)} matches {stranger} too, which anyone can have; write '{mended}'"
            yield problem_at(item.place, Id.BROAD_REGEX, message)


def _idle(view: View) -> Iterator[Problem]:
    """A pattern must match a whole serialized origin, so one that wants a path or an upper-case letter matches none."""
    for item in _regexes(view):
        fault = no_origin(item.value)
        if fault is not None:
            message = f"{quoted(item.value)} seems to match no origin: {fault}, as a pattern"
            yield problem_at(item.place, Id.IDLE_REGEX, message)


CHECKS: Final = (_bare_dots, _idle)
