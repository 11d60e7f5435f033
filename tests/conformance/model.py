"""What a case is: immutable values, no input or output."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.observed import Answer, Observation, Seen

TOKEN = b"CASETOKN"
HOST = b"Host: front.example\r\n"


@dataclass(frozen=True, slots=True)
class Refused:
    """The proxy answers an error of its own, or (others only) closes; the backend sees no whole request."""

    statuses: frozenset[int] = frozenset((400,))
    begun: bool = False  # the fault is in the body: the backend may have seen the beginning
    method: bytes = b"GET"


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The backend sees this request, whole, and its answer reaches the client."""

    body: bytes = b""
    drops: tuple[str, ...] = ()  # names (lower case) of sent field lines that do not arrive
    fields: tuple[tuple[str, tuple[bytes, ...]], ...] = ()  # name: the values that arrive, in order; () for none
    target: bytes | None = None  # None: as sent
    method: bytes = b"GET"
    exact: bool = True  # whether xoproxy's lines are compared with those that were sent
    trailers: bytes | None = None  # what follows the last chunk, as lines
    check: "Callable[[Seen], str | None] | None" = None  # returns what is wrong


@dataclass(frozen=True, slots=True)
class Answered:
    """The client gets an answer with one of these statuses.  `seen`: how many requests the backend sees for it."""

    statuses: frozenset[int]
    body: bytes | None = None
    complete: bool = True  # False: the client can see that the body was cut off
    fields: tuple[tuple[str, tuple[bytes, ...]], ...] = ()
    seen: int = 1
    method: bytes = b"GET"
    check: "Callable[[Answer], str | None] | None" = None


@dataclass(frozen=True, slots=True)
class Nothing:
    """The connection ends, or is aborted, without a byte of an answer; the backend sees `seen` whole requests."""

    seen: int = 0
    method: bytes = b"GET"


Outcome = Refused | Forwarded | Answered | Nothing


class Marker(Enum):
    """When the marker request is sent."""

    PIPELINED = "at once"
    AFTER = "after the first answer"
    NONE = "not at all"


class Then(Enum):
    """What the backend does after a scripted reply."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the backend answers to a case's requests, other than the marker: bytes, write by write, with the run's token."""

    writes: tuple[bytes, ...]
    then: Then = Then.KEEP
    early: bool = False  # once the head is there, without waiting for the body


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table."""

    group: str
    name: str
    section: str
    writes: tuple[bytes, ...]  # sent one after the other, as segments of their own
    expect: tuple[Outcome, ...]
    lawful: tuple[tuple[Outcome, ...], ...] = ()
    reply: Reply | None = None
    marker: Marker = Marker.PIPELINED
    keeps: bool | None = None  # whether xoproxy keeps the connection; None: if and only if nothing was refused
    half_closes: bool = False  # the client sends its end after the last write
    check: "Callable[[Observation], str | None] | None" = None

    @property
    def id(self) -> str:
        """The case's name in reports."""
        return f"{self.group}: {self.name}"

    @property
    def sent(self) -> bytes:
        """All that is sent before the marker."""
        return b"".join(self.writes)


def case(
    group: str,
    name: str,
    section: str,
    sent: bytes | tuple[bytes, ...],
    *expect: Outcome,
    lawful: tuple[Outcome | tuple[Outcome, ...], ...] = (),
    reply: Reply | bytes | None = None,
    marker: Marker = Marker.PIPELINED,
    keeps: bool | None = None,
    half_closes: bool = False,
    check: "Callable[[Observation], str | None] | None" = None,
) -> Case:
    """Return a case; single writes, outcomes and replies need no tuple."""
    return Case(
        group,
        name,
        section,
        sent if isinstance(sent, tuple) else (sent,),
        expect,
        tuple(one if isinstance(one, tuple) else (one,) for one in lawful),
        Reply((reply,)) if isinstance(reply, bytes) else reply,
        marker,
        keeps,
        half_closes,
        check,
    )


def get(lines: bytes = b"", target: bytes = b"/" + TOKEN, method: bytes = b"GET", version: bytes = b"HTTP/1.1") -> bytes:
    """Return a request without content: a good one, but for what is given."""
    return method + b" " + target + b" " + version + b"\r\n" + HOST + lines + b"\r\n"


def post(lines: bytes, body: bytes, method: bytes = b"POST", version: bytes = b"HTTP/1.1") -> bytes:
    """Return a request with content; `lines` frame it."""
    return get(lines, method=method, version=version) + body


# What a fooled proxy would take for a second request, or let a fooled backend take for one.
SMUGGLED = b"GET /" + TOKEN + b"/smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
