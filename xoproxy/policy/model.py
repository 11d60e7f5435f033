"""A policy as the file states it, validated: what an operator wants, not yet how a response gets it.

Values here are immutable and complete: `config` makes them, `rule` compiles them.  None always means that the key is absent, so
that the backend's own field passes untouched; ``OFF`` that the backend's is removed and none is sent.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

from xoproxy.semantics.origins import OriginPattern


class Off(Enum):
    """The value ``off`` of a typed key."""

    OFF = "off"


class Anything(Enum):
    """The value ``"*"`` of a list: all of its kind."""

    ANY = "*"


OFF: Final = Off.OFF
ANY: Final = Anything.ANY


class OpenerPolicy(Enum):
    """Values of Cross-Origin-Opener-Policy.  (HTML §7.1.3)"""

    UNSAFE_NONE = "unsafe-none"
    SAME_ORIGIN = "same-origin"
    SAME_ORIGIN_ALLOW_POPUPS = "same-origin-allow-popups"
    NOOPENER_ALLOW_POPUPS = "noopener-allow-popups"


class EmbedderPolicy(Enum):
    """Values of Cross-Origin-Embedder-Policy (HTML §7.1.4), and ``auto``: credentialless where the browser has it."""

    UNSAFE_NONE = "unsafe-none"
    REQUIRE_CORP = "require-corp"
    CREDENTIALLESS = "credentialless"
    AUTO = "auto"


class ResourcePolicy(Enum):
    """Values of Cross-Origin-Resource-Policy.  (Fetch §3.7)"""

    SAME_ORIGIN = "same-origin"
    SAME_SITE = "same-site"
    CROSS_ORIGIN = "cross-origin"


@dataclass(frozen=True, slots=True)
class Opener:
    """`coop`, or its observed twin.  `report_to` None: the policy's own `report_to`, if any."""

    value: OpenerPolicy
    report_to: str | None = None


@dataclass(frozen=True, slots=True)
class Embedder:
    """`coep`, or its observed twin.  `report_to` None: the policy's own `report_to`, if any."""

    value: EmbedderPolicy
    report_to: str | None = None


@dataclass(frozen=True, slots=True)
class Cors:
    """`cors`: who may read what from script.  (Fetch §3.3)

    Invariants, kept by `config`: credentials never stand beside ANY origin unless the dangerous key says so (then the origin is
    reflected); methods are tokens, none of them forbidden; header names keep the case of the file.
    """

    allow_origins: tuple[OriginPattern, ...] | Literal[Anything.ANY]
    allow_methods: tuple[bytes, ...] | Literal[Anything.ANY] = ()  # GET, HEAD and POST need no listing
    allow_headers: tuple[bytes, ...] | Literal[Anything.ANY] = ()
    expose_headers: tuple[bytes, ...] | Literal[Anything.ANY] = ()
    allow_credentials: bool = False
    allow_null_origin: bool = False
    max_age_s: int | None = None


@dataclass(frozen=True, slots=True)
class WebSocketOrigins:
    """`websocket_origins`: whose pages may open WebSockets, besides those of the request's own origin.  (RFC 6455 §10.2)"""

    allow_origins: tuple[OriginPattern, ...] = ()
    allow_null_origin: bool = False


@dataclass(frozen=True, slots=True)
class FieldEdits:
    """`headers`: edits of response fields that no typed key owns.  Names keep the case of the file."""

    set: tuple[tuple[bytes, bytes], ...] = ()
    add: tuple[tuple[bytes, bytes], ...] = ()
    remove: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """One composed policy.  The default is the empty one, ``untouched``."""

    coop: Opener | Off | None = None
    coep: Embedder | Off | None = None
    corp: ResourcePolicy | Off | None = None
    cors: Cors | Off | None = None
    observe_coop: Opener | None = None
    observe_coep: Embedder | None = None
    report_to: str | None = None
    timing_allow_origin: tuple[bytes, ...] | Literal[Anything.ANY] | None = None
    websocket_origins: WebSocketOrigins | None = None  # None: any page may, as far as we are concerned
    fields: FieldEdits = field(default_factory=FieldEdits)


@dataclass(frozen=True, slots=True)
class ReportingEndpoints:
    """`reporting.endpoints`: name to the URL reference to declare, or None where the backend declares it itself."""

    urls: tuple[tuple[str, str | None], ...] = ()

    def url(self, name: str) -> str | None:
        """Return what Reporting-Endpoints declares for `name`, None if the backend does or the name is unknown."""
        return dict(self.urls).get(name)
