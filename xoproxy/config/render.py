"""Problems as people read them, and as programs do."""

import json
from collections.abc import Iterable

from xoproxy.config.problems import Problem, Severity


def as_text(problems: Iterable[Problem]) -> str:
    """Return one line for each problem and one that counts them; nothing if there is none."""
    listed = tuple(problems)
    if not listed:
        return ""
    errors = sum(problem.severity is Severity.ERROR for problem in listed)
    counts = [_counted(errors, "error"), _counted(len(listed) - errors, "warning")]
    return "\n".join([*map(str, listed), ", ".join(count for count in counts if count)]) + "\n"


def as_json(problems: Iterable[Problem]) -> str:
    """Return a JSON list with one object for each problem.  `line` and `column` count from 1; 0 is no place in a file."""
    listed = [
        {
            "source": problem.source,
            "line": problem.line,
            "column": problem.column,
            "id": problem.id,
            "severity": problem.severity.value,
            "reason": problem.reason.value,
            "path": problem.path,
            "message": problem.message,
        }
        for problem in problems
    ]
    return json.dumps(listed, indent=2) + "\n"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}" if number else ""
