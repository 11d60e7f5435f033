"""What supervisor and worker say to each other.

An *order* goes from the supervisor to a worker, a *report* the other way.  An order with an `id` is answered by one report of
the same `id`: `Done`, with what went wrong on the way (`Recalled`, with what was asked for), or `Refused`, and then nothing was
changed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import field, fields
from typing import Final

from xoproxy.config import Text, Texts
from xoproxy.config.options import Overrides
from xoproxy.reports import model as browser
from xoproxy.runtime.source import Edition
from xoproxy.slotted import dataclass
from xoproxy.telemetry.counters import Counts
from xoproxy.telemetry.recent import Shown

PIECE_CHARACTERS: Final = 32 * 1024


@dataclass(frozen=True, slots=True)
class Begin:
    """The first order: the worker's place, and where texts come from.  `path` None: the options are all of it."""

    slot: int
    path: str | None
    overrides: dict[str, object]  # those of the command line, through JSON


@dataclass(frozen=True, slots=True)
class Sockets:
    """Comes with sockets that listen on `address`, for a listener that a later `Adopt` names."""

    address: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the text of a part that the next `Load` names.  To read a large text at once would hold exchanges."""

    part: int
    text: str


@dataclass(frozen=True, slots=True)
class Load:
    """Compile texts as generation `number`, and check what it needs of this machine.  Change nothing."""

    id: int
    number: int
    name: str  # of all of them
    parts: list[list[str]]  # names and texts, less the pieces that came before
    today: str  # as of which they are compiled, as 2027-01-31


@dataclass(frozen=True, slots=True)
class Adopt:
    """Put the generation that was loaded last into force, and listen on these entries of its `listen`, counted from 0."""

    id: int
    number: int
    listeners: list[int]


@dataclass(frozen=True, slots=True)
class Renew:
    """Read all certificates again."""

    id: int


@dataclass(frozen=True, slots=True)
class Recall:
    """Tell the last decisions that are wanted: answered by `Recalled`."""

    id: int
    wanted: dict[str, object]  # a `Wanted`, through JSON


@dataclass(frozen=True, slots=True)
class Drain:
    """Accept no more, let exchanges finish for a while, and end."""

    timeout_s: float
    has_successor: bool


@dataclass(frozen=True, slots=True)
class Abort:
    """End now."""


@dataclass(frozen=True, slots=True)
class Done:
    """An order was carried out."""

    id: int
    problems: list[str]
    is_stale: bool = False  # something is not as the generation says, and only a new process can be


@dataclass(frozen=True, slots=True)
class Recalled:
    """The decisions that `Recall` asked for, the newest first."""

    id: int
    decisions: list[Shown]


@dataclass(frozen=True, slots=True)
class Refused:
    """An order was not carried out, and why."""

    id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Sent about once a second and at the end: how things are, and what was counted since the last."""

    connections: int
    counts: Counts
    addresses: list[dict[str, object]] = field(default_factory=list[dict[str, object]])  # of upstreams
    waiting: dict[str, int] = field(default_factory=dict[str, int])  # exchanges, by upstream
    cpu_s: float = 0.0
    resident_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Leaving:
    """The worker was told by a signal to end, and does so when a successor serves."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What browsers reported to a worker: of each report its values, in the order of its fields."""

    reports: list[list[str | float]]


Order = Begin | Sockets | Piece | Load | Adopt | Renew | Recall | Drain | Abort
Report = Done | Recalled | Refused | Totals | Leaving | Reported
ORDERS: Final[tuple[type[Order], ...]] = (Begin, Sockets, Piece, Load, Adopt, Renew, Recall, Drain, Abort)
REPORTS: Final[tuple[type[Report], ...]] = (Done, Recalled, Refused, Totals, Leaving, Reported)


def pieces_of(edition: Edition) -> Iterator[Piece]:
    """Yield what is to be sent before `load_order`."""
    for number, part in enumerate(edition.texts.parts):
        for start in range(0, len(part.text) - PIECE_CHARACTERS, PIECE_CHARACTERS):
            yield Piece(number, part.text[start : start + PIECE_CHARACTERS])


def load_order(number: int, edition: Edition) -> Load:
    """Return the order to compile what an edition was made of."""
    texts = edition.texts
    rests = ((part, max(0, len(part.text) - 1) // PIECE_CHARACTERS * PIECE_CHARACTERS) for part in texts.parts)
    parts = [[part.name, part.text[start:]] for part, start in rests]
    return Load(number, edition.generation.number, texts.name, parts, edition.today.isoformat())


def texts_of(order: Load, pieces: Iterable[Piece]) -> Texts:
    """Return the texts that `Load` and the pieces before it brought."""
    texts: list[list[str]] = [[] for _ in order.parts]
    for piece in pieces:
        texts[piece.part].append(piece.text)
    parts = zip(order.parts, texts, strict=True)
    return Texts(order.name, tuple(Text(name, "".join((*before, rest))) for (name, rest), before in parts))


_FIELDS: Final = tuple(each.name for each in fields(browser.Report))


def reported(reports: Iterable[browser.Report]) -> Reported:
    """Return the message that brings reports of browsers."""
    return Reported([[getattr(report, name) for name in _FIELDS] for report in reports])


def reports_of(message: Reported) -> tuple[browser.Report, ...]:
    """Return the reports of browsers that `Reported` brought."""
    return tuple(browser.Report(**dict(zip(_FIELDS, values, strict=True))) for values in message.reports)  # type: ignore[arg-type]  # through JSON


def overrides_of(values: dict[str, object]) -> Overrides:
    """Return the options that `Begin` brought."""
    return Overrides(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})  # type: ignore[arg-type]  # the fields of Overrides, through JSON
