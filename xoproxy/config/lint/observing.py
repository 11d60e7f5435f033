"""`observe`: trials that tell nothing, tell it twice, or tell nobody."""

from collections.abc import Iterator
from typing import Final

from xoproxy.config.drafts import Placed, PolicyDraft
from xoproxy.config.lint.view import Used, View
from xoproxy.config.problems import Id, Problem, problem_at
from xoproxy.policy.model import (
    OFF,
    DocumentIsolation,
    Embedder,
    EmbedderPolicy,
    IntegrityPolicy,
    Isolation,
    Opener,
    OpenerPolicy,
    PermissionsPolicy,
)

Value = Opener | Embedder | Isolation | PermissionsPolicy | IntegrityPolicy
_Typed = Placed[PermissionsPolicy] | Placed[IntegrityPolicy]
_NOTHING: Final = (OpenerPolicy.UNSAFE_NONE, EmbedderPolicy.UNSAFE_NONE, DocumentIsolation.NONE)


def _twins(draft: PolicyDraft) -> Iterator[tuple[str, Placed[Value], object]]:
    """Yield each observed value of a policy with its key, and what is enforced beside it."""
    observed: dict[str, Placed[Opener] | Placed[Embedder] | Placed[Isolation] | _Typed | None] = {
        "coop": draft.observe_coop,
        "coep": draft.observe_coep,
        "document_isolation": draft.observe_document_isolation,
        "permissions_policy": draft.observe_permissions_policy,
        "integrity_policy": draft.observe_integrity_policy,
    }
    enforced = {
        "coop": draft.coop,
        "coep": draft.coep,
        "document_isolation": draft.document_isolation,
        "permissions_policy": draft.permissions_policy,
        "integrity_policy": draft.integrity_policy,
    }
    for key, part in observed.items():
        beside = enforced[key]
        if part is not None:
            yield key, Placed(part.value, part.place), beside.value if beside is not None else None


def _meaning(value: object) -> object:
    """Return what a value asks for, whomever it reports to."""
    match value:
        case Opener() | Embedder() | Isolation():
            return value.value
        case PermissionsPolicy():
            return frozenset(value.features)
        case IntegrityPolicy():
            return frozenset(value.blocked_destinations)
        case _:
            return OFF


def _twice(view: View) -> Iterator[Problem]:
    for used in view.policies:
        for key, observed, enforced in _twins(used.draft):
            if _meaning(observed.value) == _meaning(enforced):
                message = f"{key} is enforced with the same value, so each violation is reported twice; remove it from observe"
                yield problem_at(used.place(observed), Id.OBSERVED_TWICE, message)


def _nothing(view: View) -> Iterator[Problem]:
    for used in view.policies:
        for key, observed, _ in _twins(used.draft):
            meaning = _meaning(observed.value)
            if meaning in _NOTHING:
                shown = getattr(meaning, "value", "")
                message = (
                    f"{shown} forbids nothing, so there is nothing to be reported; write the value of {key} that is on trial"
                )
                yield problem_at(used.place(observed), Id.OBSERVED_NOTHING, message)


def _unheard(view: View) -> Iterator[Problem]:
    for used in view.policies:
        for key, observed, _ in _twins(used.draft):
            if not _is_heard(used, observed.value) and _meaning(observed.value) not in _NOTHING:
                message = (
                    f"what {key} would block is reported to nobody; write report_to: NAME in the policy, and the endpoint "
                    "under `reporting: {endpoints: ...}`"
                )
                yield problem_at(used.place(observed), Id.OBSERVED_UNHEARD, message)


def _is_heard(used: Used, value: Value) -> bool:
    return value.report_to is not None or used.draft.report_to is not None


CHECKS: Final = (_twice, _nothing, _unheard)
