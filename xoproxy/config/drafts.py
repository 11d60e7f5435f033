"""Policies as they are put together: every value with the place it comes from.

A draft is what one part of the file says; composing lays a later draft over an earlier one.  Nested mappings merge key by key,
lists and values are replaced, ``off`` replaces whatever stood there (design section 2).  `sealing` makes a `Policy` of it.
"""

from dataclasses import dataclass, fields, replace
from typing import Generic, Literal, TypeVar

from xoproxy.config.origins import Null
from xoproxy.config.problems import Place
from xoproxy.policy.model import (
    Anything,
    Embedder,
    IntegrityPolicy,
    Isolation,
    Off,
    Opener,
    PermissionsPolicy,
    PreflightHandling,
    Refusal,
    ResourcePolicy,
    UpstreamFields,
)
from xoproxy.semantics.origins import OriginPattern

T = TypeVar("T")

Names = tuple[bytes, ...] | Literal[Anything.ANY]


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """A value and where it stands."""

    value: T
    place: Place


Origins = tuple[Placed[OriginPattern | Null], ...] | Literal[Anything.ANY]


@dataclass(frozen=True, slots=True)
class Escape:
    """A dangerous key: why it is there."""

    reason: str


@dataclass(frozen=True, slots=True)
class OriginsDraft:
    """What a part says under `websocket_origins`.  One that is laid over another replaces it."""

    place: Place  # of the key
    allow_origins: Placed[Origins] | None
    insecure_origins: Placed[Escape] | None = None
    public_suffixes: Placed[Escape] | None = None
    null_origin: Placed[Escape] | None = None


@dataclass(frozen=True, slots=True)
class CorsDraft:
    """What a part says under `cors`."""

    place: Place  # of the key
    allow_origins: Placed[Origins] | None = None
    allow_methods: Placed[Names] | None = None
    allow_headers: Placed[Names] | None = None
    expose_headers: Placed[Names] | None = None
    allow_credentials: Placed[bool] | None = None
    max_age_s: Placed[int] | None = None
    allow_origin_regexes: Placed[tuple[Placed[str], ...]] | None = None
    preflight: Placed[PreflightHandling] | None = None
    refuse: Placed[Refusal] | None = None
    legacy_private_network: Placed[bool] | None = None
    any_with_credentials: Placed[Escape] | None = None
    insecure_origins: Placed[Escape] | None = None
    public_suffixes: Placed[Escape] | None = None
    null_origin: Placed[Escape] | None = None

    def over(self, earlier: "CorsDraft") -> "CorsDraft":
        """Return this laid over an earlier one."""
        return _merged(self, earlier)


@dataclass(frozen=True, slots=True)
class NamedValues:
    """One field under `headers.set` or `headers.add`.  The name keeps the case of the file."""

    name: bytes
    values: tuple[bytes, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class EditsDraft:
    """What a part says under `headers`."""

    set: tuple[NamedValues, ...] = ()
    add: tuple[NamedValues, ...] = ()
    remove: tuple[Placed[bytes], ...] = ()

    def over(self, earlier: "EditsDraft") -> "EditsDraft":
        """Return this laid over an earlier one: fields are keys, compared without case."""
        return EditsDraft(_laid_over(self.set, earlier.set), _laid_over(self.add, earlier.add), self.remove or earlier.remove)


def _laid_over(later: tuple[NamedValues, ...], earlier: tuple[NamedValues, ...]) -> tuple[NamedValues, ...]:
    return tuple({edit.name.lower(): edit for edit in (*earlier, *later)}.values())


D = TypeVar("D", CorsDraft, "PolicyDraft")


def _merged(later: D, earlier: D) -> D:
    """Return `earlier` with everything replaced that `later` mentions."""
    said = {field.name: value for field in fields(later) if (value := getattr(later, field.name)) is not None}
    return replace(earlier, **said)


@dataclass(frozen=True, slots=True)
class PolicyDraft:
    """What a part says of a policy; None for what it does not mention."""

    coop: Placed[Opener | Off] | None = None
    coep: Placed[Embedder | Off] | None = None
    corp: Placed[ResourcePolicy | Off] | None = None
    cors: CorsDraft | Placed[Off] | None = None
    observe_coop: Placed[Opener] | None = None
    observe_coep: Placed[Embedder] | None = None
    document_isolation: Placed[Isolation | Off] | None = None
    observe_document_isolation: Placed[Isolation] | None = None
    permissions_policy: Placed[PermissionsPolicy] | None = None
    observe_permissions_policy: Placed[PermissionsPolicy] | None = None
    integrity_policy: Placed[IntegrityPolicy] | None = None
    observe_integrity_policy: Placed[IntegrityPolicy] | None = None
    origin_agent_cluster: Placed[bool] | None = None
    report_to: Placed[str] | None = None
    timing_allow_origin: Placed[Names] | None = None
    websocket: OriginsDraft | None = None
    resource_isolation: Placed[bool] | None = None
    upstream_fields: Placed[UpstreamFields] | None = None
    edits: EditsDraft = EditsDraft()

    def over(self, earlier: "PolicyDraft") -> "PolicyDraft":
        """Return this laid over an earlier one."""
        cors = self.cors or earlier.cors
        if isinstance(self.cors, CorsDraft) and isinstance(earlier.cors, CorsDraft):
            cors = self.cors.over(earlier.cors)
        return replace(_merged(self, earlier), cors=cors, edits=self.edits.over(earlier.edits))
