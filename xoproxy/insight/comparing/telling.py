"""A comparison in words, and as JSON."""

import json
from collections.abc import Iterable
from typing import Final

from xoproxy.insight.comparing.changes import Change, Comparison, Difference, Direction, listed

_SIGNS: Final = {Direction.WIDER: "+", Direction.NARROWER: "-", Direction.CHANGED: " "}
_WORDS: Final = {Direction.WIDER: "WIDER ", Direction.NARROWER: "", Direction.CHANGED: ""}


def as_text(comparison: Comparison) -> str:
    """Return lines for people; "no difference" if there is none."""
    lines: list[str] = []
    if comparison.settings:
        lines += ["all requests", *_change_lines(comparison.settings)]
    for difference in comparison.differences:
        lines += [listed(difference.regions), *_change_lines(difference.changes)]
    if comparison.is_sampled:
        lines.append("the routes are many: each was compared for its own host and path, not for every combination")
    return "\n".join([*lines, summary(comparison)]) + "\n"


def _change_lines(changes: Iterable[Change]) -> list[str]:
    ordered = sorted(changes, key=lambda change: change.direction is not Direction.WIDER)
    return [f"  {_SIGNS[change.direction]} {_WORDS[change.direction]}{change.key}: {change.text}" for change in ordered]


def summary(comparison: Comparison) -> str:
    """Return one line: how much is wider, narrower, changed."""
    changes = comparison.changes
    if not changes:
        return "nothing is decided differently"
    counts = {direction: sum(change.direction is direction for change in changes) for direction in Direction}
    return ", ".join(f"{number} {direction.value}" for direction, number in counts.items() if number)


def as_lines(comparison: Comparison) -> list[tuple[Direction, str]]:
    """Return a line for each change that can stand alone, as in a log; those by which someone gains something come first."""
    told = [(change.direction, f"all requests: {change.key}: {change.text}") for change in comparison.settings]
    for difference in comparison.differences:
        where = listed(difference.regions, 3)
        told += [(change.direction, f"{where}: {change.key}: {change.text}") for change in difference.changes]
    order = list(Direction)
    return sorted(told, key=lambda line: order.index(line[0]))


def as_json(comparison: Comparison) -> str:
    """Return an object: `widens`, `sampled`, `settings` and `differences`, with key, direction and text of each change."""
    told = {
        "widens": comparison.widens,
        "sampled": comparison.is_sampled,
        "settings": _change_objects(comparison.settings),
        "differences": [_difference_object(difference) for difference in comparison.differences],
    }
    return json.dumps(told, indent=2) + "\n"


def _difference_object(difference: Difference) -> dict[str, object]:
    return {"requests": list(difference.regions), "changes": _change_objects(difference.changes)}


def _change_objects(changes: Iterable[Change]) -> list[dict[str, str]]:
    return [{"key": change.key, "direction": change.direction.value, "text": change.text} for change in changes]
