"""What is told about a reload.  Values only: `runtime` makes them, `admin` shows them."""

from enum import Enum

from xoproxy.config.problems import Problem
from xoproxy.slotted import dataclass


class Trigger(Enum):
    """Who asked for a reload."""

    WATCH = "watch"
    SIGNAL = "signal"
    ADMIN = "admin"
    DATE = "date"  # nobody: something of the configuration ended


class Outcome(Enum):
    """How a reload ended."""

    UNCHANGED = "unchanged"
    APPLIED = "applied"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Report:
    """One reload.  `generation` is the number in force after it.

    `notes` say what went wrong apart from the file's problems; `changes` what is decided otherwise now, first how much.
    """

    outcome: Outcome
    trigger: Trigger
    unix_time: float
    generation: int
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
