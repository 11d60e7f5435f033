"""Problems as people read them, and as programs do."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import quote

from xoproxy.config.problems import Id, Problem, Severity, printable

SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


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


def as_github(problems: Iterable[Problem]) -> str:
    """Return a workflow command for each problem: GitHub shows it at the line of a change.  (GitHub, "workflow commands")"""
    return "".join(f"::{problem.severity.value} {_github_place(problem)}::{_escaped(_told(problem))}\n" for problem in problems)


def _github_place(problem: Problem) -> str:
    place = {"title": problem.id}
    if problem.line:
        place = {"file": problem.source, "line": str(problem.line), "col": str(problem.column), **place}
    return ",".join(f"{key}={_escaped(value).replace(':', '%3A').replace(',', '%2C')}" for key, value in place.items())


def _escaped(text: str) -> str:
    """Escape what ends a command's text; a property's value has more that does."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def as_sarif(problems: Iterable[Problem], version: str) -> str:
    """Return a log of one run of xoproxy `version`, with every rule and a result for each problem.  (SARIF 2.1.0)"""
    driver = {"name": "xoproxy", "semanticVersion": version, "rules": [_rule(kind) for kind in Id]}
    numbers = {kind.code: index for index, kind in enumerate(Id)}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, numbers[problem.id]) for problem in problems],
    }
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(kind: Id) -> dict[str, object]:
    """Return a reportingDescriptor.  (§3.49)"""
    return {
        "id": kind.code,
        "name": kind.name.title().replace("_", ""),
        "shortDescription": {"text": kind.meaning},
        "help": {"text": f"{kind.meaning}: an example, and how it should be, is in docs/problems.md under {kind.code}"},
        "defaultConfiguration": {"level": kind.severity.value},
    }


def _result(problem: Problem, number: int) -> dict[str, object]:
    """Return a result.  (§3.27)  A problem without a place in a file has no location; its message says where it is."""
    result: dict[str, object] = {
        "ruleId": problem.id,
        "ruleIndex": number,
        "level": problem.severity.value,
        "message": {"text": _told(problem)},
    }
    if problem.line:
        region = {"startLine": problem.line, "startColumn": problem.column}
        artifact = {"uri": _uri(problem.source)}
        result["locations"] = [{"physicalLocation": {"artifactLocation": artifact, "region": region}}]
    return result


def _uri(source: str) -> str:
    path = Path(source)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix(), errors="surrogateescape")


def _told(problem: Problem) -> str:
    """Return the message with the key it is about; with the source, if the place does not tell that."""
    where = problem.path if problem.line else problem.source
    return printable(f"{where}: {problem.message}" if where else problem.message)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}" if number else ""
