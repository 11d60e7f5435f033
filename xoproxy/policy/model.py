"""A policy as the file states it, validated: what an operator wants, not yet how a response gets it.

Values here are immutable and complete: `config` makes them, `rule` compiles them.  None always means that the key is absent, so
that the backend's own field passes untouched; ``OFF`` that the backend's is removed and none is sent.
"""

from dataclasses import field
from enum import Enum
from typing import Final, Literal

from xoproxy.semantics.origins import OriginPattern
from xoproxy.slotted import dataclass


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


class DocumentIsolation(Enum):
    """Values of Document-Isolation-Policy.  (WICG Document-Isolation-Policy §3)"""

    NONE = "none"
    ISOLATE_AND_REQUIRE_CORP = "isolate-and-require-corp"
    ISOLATE_AND_CREDENTIALLESS = "isolate-and-credentialless"


class UpstreamFields(Enum):
    """`upstream_fields`: what becomes of a field that the backend sends and a key of the policy owns."""

    REPLACE = "replace"  # the backend's is removed
    FILL = "fill"  # the backend's stays where it is valid
    PASSTHROUGH = "passthrough"  # the backend's stays, whatever it says


class PreflightHandling(Enum):
    """`cors.preflight`: who answers preflights."""

    ANSWER = "answer"
    FORWARD = "forward"


class Refusal(Enum):
    """`cors.refuse`: what becomes of an actual request from an origin that is not granted."""

    OMIT = "omit"  # it goes on, and its response has no CORS field
    REJECT = "reject"  # 403


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
class Isolation:
    """`document_isolation`, or its observed twin.  `report_to` None: the policy's own `report_to`, if any."""

    value: DocumentIsolation
    report_to: str | None = None


@dataclass(frozen=True, slots=True)
class PermissionsPolicy:
    """`permissions_policy`, or its observed twin: per feature who may use it.  (Permissions Policy §5)

    `features` in the order of the file; an allowlist holds b"self" and origins, exact or ``https://*.host``; it is empty for
    nobody, or ANY.
    """

    features: tuple[tuple[str, tuple[bytes, ...] | Literal[Anything.ANY]], ...]
    report_to: str | None = None


@dataclass(frozen=True, slots=True)
class IntegrityPolicy:
    """`integrity_policy`, or its observed twin: destinations that load nothing without integrity metadata.  (SRI §3.7)"""

    blocked_destinations: tuple[str, ...]  # "script", "style"
    sources: tuple[str, ...] = ()  # "inline"; empty: not sent, which means the same
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
    allow_origin_regexes: tuple[str, ...] = ()  # RE2 patterns, each to match a whole serialized origin; none beside ANY
    insecure_by_regex: bool = False  # regexes may cover plain-http origins of other machines
    preflight: PreflightHandling = PreflightHandling.ANSWER
    refuse: Refusal = Refusal.OMIT
    legacy_private_network: bool = False  # answer Access-Control-Request-Private-Network


@dataclass(frozen=True, slots=True)
class WebSocketOrigins:
    """`websocket_origins`: whose pages may open WebSockets, besides those of the request's own origin.  (RFC 6455 §10.2)"""

    allow_origins: tuple[OriginPattern, ...] | Literal[Anything.ANY] = ()
    allow_null_origin: bool = False
    allow_origin_regexes: tuple[str, ...] = ()  # as in `Cors`
    insecure_by_regex: bool = False


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
    document_isolation: Isolation | Off | None = None
    observe_document_isolation: Isolation | None = None
    permissions_policy: PermissionsPolicy | None = None
    observe_permissions_policy: PermissionsPolicy | None = None
    integrity_policy: IntegrityPolicy | None = None
    observe_integrity_policy: IntegrityPolicy | None = None
    origin_agent_cluster: bool | None = None
    report_to: str | None = None
    timing_allow_origin: tuple[bytes, ...] | Literal[Anything.ANY] | None = None
    websocket_origins: WebSocketOrigins | None = None  # None: any page may, as far as we are concerned
    resource_isolation: bool = False  # refuse cross-site requests, top-level navigations excepted
    upstream_fields: UpstreamFields = UpstreamFields.REPLACE
    fields: FieldEdits = field(default_factory=FieldEdits)


@dataclass(frozen=True, slots=True)
class ReportingEndpoints:
    """`reporting.endpoints`: name to the URL reference to declare, or None where the backend declares it itself."""

    urls: tuple[tuple[str, str | None], ...] = ()

    def url(self, name: str) -> str | None:
        """Return what Reporting-Endpoints declares for `name`, None if the backend does or the name is unknown."""
        return dict(self.urls).get(name)
