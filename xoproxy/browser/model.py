"""The words of this floor: who asks for what, what goes over the wire, and what the browser makes of it.

An *engine* is a browser's implementation.  A *document* is the page a request comes from.  A *request* is what the page wants;
a *wire request* is what the browser sends for it (a preflight is one more).  A *verdict* is the conclusion, with the steps
that lead to it.

Conclusions that need responses are generators: they yield wire requests, are sent wire responses, and return the verdict.  So
the same algorithm judges what a policy would answer and what a running server did answer.  (h11's sans-I/O, for Fetch)
"""

from collections.abc import Generator
from dataclasses import field
from enum import Enum
from typing import Final

from xoproxy.slotted import dataclass

# Field lines in order: name as sent, value without surrounding white space.
Fields = tuple[tuple[bytes, bytes], ...]

NULL_ORIGIN: Final = b"null"


class Engine(Enum):
    """A browser engine; `support` knows what each one has."""

    CHROME = "chrome"
    FIREFOX = "firefox"
    SAFARI = "safari"


class Mode(Enum):
    """A request's mode.  (Fetch §2.2.5)"""

    CORS = "cors"
    NO_CORS = "no-cors"
    SAME_ORIGIN = "same-origin"
    NAVIGATE = "navigate"
    WEBSOCKET = "websocket"


class CredentialsMode(Enum):
    """A request's credentials mode.  (Fetch §2.2.5)"""

    OMIT = "omit"
    SAME_ORIGIN = "same-origin"
    INCLUDE = "include"


class Tainting(Enum):
    """How much of a response script may see.  (Fetch §2.2.5, "response tainting")"""

    BASIC = "basic"
    CORS = "cors"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True)
class Frame:
    """The iframe element that holds a document.  (HTML §4.8.5)

    `sandbox` None: the element has no such attribute; empty: it has, and allows nothing.
    """

    allow: str = ""
    sandbox: str | None = None
    credentialless: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A page: where it is, what its response said, and what it is framed by.

    `fields` are those of its response; `ancestors` from its parent up to the top-level page, none for a top-level page.
    `origin` differs from that of `url` only for opaque origins: ``null``.  `frame` means nothing for a top-level page.
    """

    url: str
    fields: Fields = ()
    ancestors: "tuple[Document, ...]" = ()
    origin: bytes | None = None  # None: that of `url`
    frame: Frame = Frame()


@dataclass(frozen=True, slots=True)
class Request:
    """What a page wants.  `document` None: the user navigates by the address bar, nobody initiates."""

    method: bytes
    url: str
    document: Document | None
    mode: Mode = Mode.CORS
    credentials: CredentialsMode = CredentialsMode.SAME_ORIGIN
    destination: str = ""  # as Sec-Fetch-Dest names it, "" for fetch() (Fetch §2.2.5)
    fields: Fields = ()  # what script set


@dataclass(frozen=True, slots=True)
class WireRequest:
    """What the browser sends: `fields` hold Origin, Sec-Fetch-*, Access-Control-Request-* and what script set, no Host.

    `credentialed`: cookies and client certificates go with it.
    """

    method: bytes
    url: str
    fields: Fields = ()
    credentialed: bool = False
    is_preflight: bool = False


@dataclass(frozen=True, slots=True)
class WireResponse:
    """What came back.  `fields` as they came, duplicates kept."""

    status: int
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a standard's algorithm: its name there, its address, how it went, and why in words."""

    name: str  # as the standard calls it: "CORS check"
    anchor: str  # URL with fragment: "https://fetch.spec.whatwg.org/#cors-check"
    holds: bool
    why: str  # lower case, no full stop: 'Access-Control-Allow-Origin is missing'


@dataclass(frozen=True, slots=True)
class Verdict:
    """A conclusion.  Blocked: the last step is the one that does not hold, and decides.

    `notes` are what the person should know besides: caches, other engines, what no field can mend.
    """

    allowed: bool
    steps: tuple[Step, ...]
    tainting: Tainting | None = None  # None: blocked, or not a fetch
    exposed: tuple[bytes, ...] = ()  # lower-case names of the response fields that script can read
    exchanges: tuple[tuple[WireRequest, WireResponse], ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def decisive(self) -> Step | None:
        """The step that blocks, None where it is allowed."""
        return None if self.allowed else self.steps[-1]


Conclusion = Generator[WireRequest, WireResponse, Verdict]
