"""What there is to say about a configuration that is in force by now: what it decides otherwise, and what is doubtful in it.

Nothing waits for it, and if it fails that is no fault of the configuration.
"""

from collections.abc import Callable
from dataclasses import field
from typing import TypeVar

from xoproxy.config import Loaded, Problem
from xoproxy.config.settings import LogLevel
from xoproxy.runtime.source import Edition
from xoproxy.slotted import dataclass

R = TypeVar("R")


@dataclass(slots=True)
class Review:
    """`changes`: how much is decided otherwise in one line, then each change, what is wider first.

    `problems`: None if they could not be looked for.  `faults`: what of this failed, and why.
    """

    changes: tuple[tuple[LogLevel, str], ...] = ()
    problems: tuple[Problem, ...] | None = None
    faults: list[str] = field(default_factory=list[str])


def review(before: Edition, after: Edition, loaded: Loaded) -> Review:
    """Return what `after`, which `loaded` is, decides otherwise than `before`, and what is doubtful in it.  Never raises."""
    found = Review()
    found.changes = _tried("comparing", lambda: _compare(before, after), found.faults) or ()
    found.problems = _tried("linting", lambda: _find(loaded), found.faults)
    return found


def _tried(what: str, work: Callable[[], R], faults: list[str]) -> R | None:
    try:
        return work()
    except Exception as exc:  # noqa: BLE001  see above
        faults.append(f"{what} failed: {type(exc).__name__}: {exc}")
        return None


# What follows imports what it needs: a start needs none of it, and it takes ten milliseconds.


def _compare(before: Edition, after: Edition) -> tuple[tuple[LogLevel, str], ...]:
    from xoproxy.insight.comparing import Direction, compare  # noqa: PLC0415
    from xoproxy.insight.comparing.telling import as_lines, summary  # noqa: PLC0415

    comparison = compare(before.generation, after.generation, (*before.withheld, *after.withheld))
    changes = [
        (LogLevel.WARNING if direction is Direction.WIDER else LogLevel.INFO, f"{direction.value}: {line}")
        for direction, line in as_lines(comparison)
    ]
    return ((LogLevel.INFO, summary(comparison)), *changes)


def _find(loaded: Loaded) -> tuple[Problem, ...]:
    from xoproxy.config.lint import lint  # noqa: PLC0415

    return lint(loaded)
