r"""Regular expressions that match more than they seem to.

Those that let in whole classes of strangers are refused when they are read.  What is left is the slip: a dot without a
back-slash, by which ``https://app.example\.com`` also means ``https://appaexample.com``, which anyone can register.
"""

from collections.abc import Iterator
from typing import Final

from xoproxy.config.drafts import CorsDraft
from xoproxy.config.lint.view import View, once
from xoproxy.config.problems import Id, Problem, problem_at, quoted
from xoproxy.config.regexes import bare_dot


def _bare_dots(view: View) -> Iterator[Problem]:
    parts = [
        *once(view, lambda draft: draft.cors.allow_origin_regexes if isinstance(draft.cors, CorsDraft) else None),
        *once(view, lambda draft: draft.websocket.allow_origin_regexes if draft.websocket is not None else None),
    ]
    for item in (item for part, _ in parts for item in part.value):
        found = bare_dot(item.value)
        if found is not None:
            stranger, mended = found
            message = f"{quoted(item.value)} matches {stranger} too, which anyone can have; write '{mended}'"
            yield problem_at(item.place, Id.BROAD_REGEX, message)


CHECKS: Final = (_bare_dots,)
