"""The values of a comparison."""

from collections.abc import Iterable
from enum import Enum
from typing import Literal

from xoproxy.policy.model import Anything
from xoproxy.slotted import dataclass

# A list of names of a policy.
Names = tuple[bytes, ...] | Literal[Anything.ANY]


class Direction(Enum):
    """Whether someone gains or loses by a change."""

    WIDER = "wider"
    NARROWER = "narrower"
    CHANGED = "changed"  # neither: another upstream, another lifetime


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is decided otherwise.  `key`: as the policy file names it.  `text`: what becomes of it, in words."""

    key: str
    direction: Direction
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """The changes for some regions, which are named as ``api.example.com/v1/**``."""

    regions: tuple[str, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that two configurations decide differently.

    `is_sampled`: the routes are too many to try every host with every path; each was tried with its own.
    """

    differences: tuple[Difference, ...] = ()
    settings: tuple[Change, ...] = ()  # for all requests alike
    is_sampled: bool = False

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes."""
        return (*self.settings, *(change for difference in self.differences for change in difference.changes))

    @property
    def widens(self) -> bool:
        """Whether anyone gains something."""
        return any(change.direction is Direction.WIDER for change in self.changes)


def gained_and_lost(key: str, gained: Iterable[str], lost: Iterable[str], what: str) -> list[Change]:
    """Return a change for what is in the new list only, and one for what was in the old one only; `what` ends the sentence."""
    changes: list[Change] = []
    if gaining := listed(gained):
        changes.append(Change(key, Direction.WIDER, f"{gaining} {what}"))
    if losing := listed(lost):
        changes.append(Change(key, Direction.NARROWER, f"{losing}: {what} no longer"))
    return changes


def listed(names: Iterable[str], most: int = 8) -> str:
    """Return names as one text, shortened; empty for none."""
    kept = list(names)
    if len(kept) > most:
        return ", ".join(kept[:most]) + f" and {len(kept) - most} more"
    return ", ".join(kept)
