"""The part of a response plan that depends on the policy alone: everything but CORS."""

import re
from typing import Final

from xoproxy.policy import (
    coep,
    coop,
    corp,
    document_isolation,
    integrity_policy,
    origin_agent_cluster,
    permissions_policy,
    reporting,
    timing,
)
from xoproxy.policy.fields import PolicyField
from xoproxy.policy.keeping import Keeping, KeepingPlan
from xoproxy.policy.model import Cors, FieldEdits, Policy, ReportingEndpoints, UpstreamFields
from xoproxy.policy.plan import ResponsePlan, as_vary_line
from xoproxy.semantics.forwarding import DROPPED_FROM_RESPONSES

# In the order in which their lines go out.
_HEADERS: Final = (
    coop,
    coep,
    corp,
    document_isolation,
    origin_agent_cluster,
    permissions_policy,
    integrity_policy,
    timing,
)


def decided(policy: Policy) -> tuple[PolicyField, ...]:
    """Return the fields that a policy decides, CORS and `headers` apart; it must be one `coep.for_browser`."""
    return tuple(field for header in _HEADERS for field in header.decided(policy))


def base_plan(policy: Policy, endpoints: ReportingEndpoints, vary: tuple[bytes, ...]) -> ResponsePlan:
    """Return the plan for a response that CORS has no part in, though the backend's CORS fields are the policy's already.

    `policy` must be one `coep.for_browser`; `vary` are the request fields by which the policy's answers differ.
    """
    fields = decided(policy)
    edits = (*policy.fields.set, *policy.fields.add)
    always = reporting.field_line(policy, endpoints) + b"".join(b"%b: %b\r\n" % edit for edit in edits)
    plan = ResponsePlan(
        drop=frozenset(field.name.lower() for field in fields) | DROPPED_FROM_RESPONSES,
        drops_cors=policy.cors is not None,
        lines=b"".join(field.line for field in fields) + always,
        vary=vary,
        vary_line=as_vary_line(vary),
        drop_others=_edit_pattern(policy.fields),
        observes=reporting.observes_here(policy, endpoints),
    )
    if policy.upstream_fields is UpstreamFields.REPLACE:
        return plan
    cors = policy.cors if isinstance(policy.cors, Cors) else None
    return KeepingPlan.of(plan, Keeping(fields, cors, always, is_filling=policy.upstream_fields is UpstreamFields.FILL))


def _edit_pattern(edits: FieldEdits) -> re.Pattern[bytes] | None:
    names = {name.lower() for name, _ in edits.set} | {name.lower() for name in edits.remove}
    if not names:
        return None
    return re.compile(rb"(?i)\n(?:" + b"|".join(re.escape(name) for name in sorted(names)) + rb"):[^\r]*+")
