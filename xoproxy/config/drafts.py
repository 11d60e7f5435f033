"""Policies as they are put together: every value with the place it comes from.

A draft is what one part of the file says; composing lays a later draft over an earlier one.  Nested mappings merge key by key,
lists and values are replaced, ``off`` replaces whatever stood there (design section 2).  `sealing` makes a `Policy` of it.
"""

from dataclasses import fields, replace
from typing import Generic, Literal, Protocol, Self, TypeVar

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
from xoproxy.slotted import dataclass

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
    allow_origin_regexes: Placed[tuple[Placed[str], ...]] | None = None
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


@dataclass(frozen=True, slots=True)
class PermissionsDraft(Placed[PermissionsPolicy]):
    """What a part says under `permissions_policy`.  `parts`: the allowlist of each feature."""

    parts: tuple[tuple[str, Placed[Names]], ...]

    def over(self, earlier: "PermissionsDraft") -> "PermissionsDraft":
        """Return this laid over an earlier one: features are keys."""
        parts = dict(earlier.parts) | dict(self.parts)
        value = PermissionsPolicy(
            tuple((name, allowlist.value) for name, allowlist in parts.items()), self.value.report_to or earlier.value.report_to
        )
        return PermissionsDraft(value, self.place, tuple(parts.items()))


@dataclass(frozen=True, slots=True)
class IntegrityDraft(Placed[IntegrityPolicy]):
    """What a part says under `integrity_policy`.  `parts`: its lists.  Not `is_complete`: it does not say what to block."""

    parts: tuple[tuple[str, Placed[tuple[str, ...]]], ...]
    is_complete: bool

    def over(self, earlier: "IntegrityDraft") -> "IntegrityDraft":
        """Return this laid over an earlier one."""
        parts = dict(earlier.parts) | dict(self.parts)
        value = IntegrityPolicy(
            self.value.blocked_destinations or earlier.value.blocked_destinations,
            self.value.sources or earlier.value.sources,
            self.value.report_to or earlier.value.report_to,
        )
        return IntegrityDraft(value, self.place, tuple(parts.items()), self.is_complete or earlier.is_complete)


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
    permissions_policy: PermissionsDraft | None = None
    observe_permissions_policy: PermissionsDraft | None = None
    integrity_policy: IntegrityDraft | None = None
    observe_integrity_policy: IntegrityDraft | None = None
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
        return replace(
            _merged(self, earlier),
            cors=cors,
            permissions_policy=_laid(self.permissions_policy, earlier.permissions_policy),
            observe_permissions_policy=_laid(self.observe_permissions_policy, earlier.observe_permissions_policy),
            integrity_policy=_laid(self.integrity_policy, earlier.integrity_policy),
            observe_integrity_policy=_laid(self.observe_integrity_policy, earlier.observe_integrity_policy),
            edits=self.edits.over(earlier.edits),
        )


class _Layer(Protocol):
    """A mapping that merges key by key."""

    def over(self, earlier: Self) -> Self: ...


L = TypeVar("L", bound=_Layer)


def _laid(later: L | None, earlier: L | None) -> L | None:
    return later.over(earlier) if later is not None and earlier is not None else later or earlier
