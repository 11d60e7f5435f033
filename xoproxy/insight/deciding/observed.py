"""What the routes of a file have on trial: each observed field, what reports are about it, and where they go."""

from collections.abc import Iterator
from typing import Final

from xoproxy.config import Loaded
from xoproxy.config.problems import Place
from xoproxy.config.provenance import said
from xoproxy.config.routing import RouteDraft
from xoproxy.policy import integrity_policy, permissions_policy
from xoproxy.policy.matching import Match
from xoproxy.policy.model import Embedder, IntegrityPolicy, Isolation, Opener, PermissionsPolicy, Policy
from xoproxy.policy.reporting import Reported, is_here
from xoproxy.slotted import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A key that can be observed: the field it sends, and the types of reports about it.

    `is_reported` is false where no browser sends reports: then their absence proves nothing.
    """

    key: str
    field: str
    types: frozenset[str]
    is_reported: bool = True


KINDS: Final = (
    Kind("coop", "Cross-Origin-Opener-Policy", frozenset({"coop"})),
    Kind("coep", "Cross-Origin-Embedder-Policy", frozenset({"coep"})),
    # Chromium 156 blocks by it and reports nothing, neither enforced nor Report-Only.  (Tried on 2026-11-28)
    Kind(
        "document_isolation",
        "Document-Isolation-Policy",
        frozenset({"dip", "document-isolation-policy-violation"}),
        is_reported=False,
    ),
    Kind(
        "permissions_policy",
        "Permissions-Policy",
        frozenset({"permissions-policy-violation", "potential-permissions-policy-violation"}),
    ),
    Kind("integrity_policy", "Integrity-Policy", frozenset({"integrity-violation"})),
)
KIND_OF: Final = {type_: kind for kind in KINDS for type_ in kind.types}


@dataclass(frozen=True, slots=True)
class Trial:
    """One observed value of one route."""

    draft: RouteDraft
    kind: Kind
    value: Reported
    place: Place
    is_heard: bool  # its reports come to a path of our own

    @property
    def text(self) -> str:
        """The value as the response field has it, without whom it is reported to."""
        match self.value:
            case PermissionsPolicy():
                return permissions_policy.field_value(self.value, None).decode("ascii")
            case IntegrityPolicy():
                return integrity_policy.field_value(self.value, None).decode("ascii")
            case Opener() | Embedder() | Isolation():
                return str(self.value.value.value)


def trials(loaded: Loaded) -> Iterator[Trial]:
    """Yield what is observed, in the order of the file."""
    for draft in loaded.routes:
        policy = draft.route.policy
        stated = said(draft.policy)
        for kind in KINDS:
            value = observed_value(policy, kind.key)
            if value is not None:
                endpoint = value.report_to or policy.report_to
                heard = endpoint is not None and is_here(loaded.endpoints.url(endpoint))
                yield Trial(draft, kind, value, stated[f"observe.{kind.key}"].place, heard)


def observed_value(policy: Policy, key: str) -> Reported | None:
    """Return what a policy observes under a key; None if nothing."""
    return {
        "coop": policy.observe_coop,
        "coep": policy.observe_coep,
        "document_isolation": policy.observe_document_isolation,
        "permissions_policy": policy.observe_permissions_policy,
        "integrity_policy": policy.observe_integrity_policy,
    }[key]


def match_text(match: Match) -> str:
    """Return what a route matches in one line, as people say it."""
    parts = [f"{match.host or ''}{match.path or ''}"]
    parts += [",".join(sorted(method.decode("ascii") for method in match.methods))] if match.methods else []
    parts += [",".join(sorted(each.decode("ascii") for each in match.destinations))] if match.destinations else []
    parts += [f"{name}: {glob}" for name, glob in match.headers]
    return " ".join(part for part in parts if part) or "everything"
