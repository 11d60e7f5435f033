"""The values of policy tests."""

from dataclasses import field
from enum import Enum

from xoproxy.browser.model import CredentialsMode, Engine, Fields, Mode, WireResponse
from xoproxy.config.problems import Place
from xoproxy.insight.proxied import OK
from xoproxy.slotted import dataclass


@dataclass(frozen=True, slots=True)
class Asker:
    """The page that asks.  `is_own`: it is behind the policy, which then decides its fields; else `fields` are what it says."""

    url: str
    origin: bytes
    fields: Fields = ()
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """`request`: the page fetches, or embeds, something."""

    method: bytes
    url: str
    mode: Mode
    credentials: CredentialsMode
    destination: str = ""  # as Sec-Fetch-Dest says it, "" for fetch()
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """`page` alone: somebody opens it."""


@dataclass(frozen=True, slots=True)
class PoppedUp:
    """`popup`: the page opens another in a window of its own."""

    url: str


@dataclass(frozen=True, slots=True)
class Connected:
    """`websocket`: the page opens a WebSocket."""

    url: str


Deed = Fetched | Opened | PoppedUp | Connected


class Comparing(Enum):
    """How the value of a field is compared."""

    IS = "is"
    CONTAINS = "contains"
    ABSENT = "absent"
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class FieldExpected:
    """One entry under `fields`."""

    name: bytes
    comparing: Comparing
    value: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a test expects; None and empty: not said, so not looked at."""

    allowed: bool | None = None
    isolated: bool | None = None
    opener_kept: bool | None = None
    preflight: bool | None = None
    status: int | None = None
    route: str | None = None
    step: str | None = None
    fields: tuple[FieldExpected, ...] = ()
    readable: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A test for one page and one browser.  `upstream`: what answers the request that is judged."""

    name: str
    place: Place
    asker: Asker
    deed: Deed
    engine: Engine
    expected: Expected
    upstream: WireResponse = field(default=OK)


@dataclass(frozen=True, slots=True)
class Suite:
    """A file of policy tests.  `config`: the policy file it names, relative to it.  `hosts`: what is behind the policy."""

    source: str
    cases: tuple[Case, ...]
    config: str | None = None
    hosts: tuple[str, ...] = ()
