"""Reporting-Endpoints: where a route's reports go.  (Reporting API §3.3)

A dictionary structured field.  It may stand on several lines, so ours is added to whatever the backend declares.
"""

from typing import Final

from xoproxy.policy.model import Embedder, IntegrityPolicy, Isolation, Opener, PermissionsPolicy, Policy, ReportingEndpoints
from xoproxy.semantics.structured import Item, serialize_dictionary

NAME: Final = b"Reporting-Endpoints"

Reported = Opener | Embedder | Isolation | PermissionsPolicy | IntegrityPolicy


def reported(policy: Policy) -> tuple[Reported, ...]:
    """Return the values of a policy whose violations browsers can report, in the order in which they go out."""
    parts = (
        policy.coop,
        policy.observe_coop,
        policy.coep,
        policy.observe_coep,
        policy.document_isolation,
        policy.observe_document_isolation,
        policy.permissions_policy,
        policy.observe_permissions_policy,
        policy.integrity_policy,
        policy.observe_integrity_policy,
    )
    return tuple(part for part in parts if isinstance(part, Reported))


def observed(policy: Policy) -> tuple[Reported, ...]:
    """Return the values of a policy that only report: they go out as the Report-Only twins of their fields."""
    parts = (
        policy.observe_coop,
        policy.observe_coep,
        policy.observe_document_isolation,
        policy.observe_permissions_policy,
        policy.observe_integrity_policy,
    )
    return tuple(part for part in parts if part is not None)


def observes_here(policy: Policy, endpoints: ReportingEndpoints) -> bool:
    """Whether something that only reports does so to a path of our own, so that its reports come to us."""
    names = (part.report_to or policy.report_to for part in observed(policy))
    return any(is_here(endpoints.url(name)) for name in names if name is not None)


def is_here(url: str | None) -> bool:
    """Whether the URL reference of an endpoint is a path of our own."""
    return url is not None and url.startswith("/") and not url.startswith("//")


def endpoints_used(policy: Policy) -> tuple[str, ...]:
    """Return the names of the endpoints that the policy's fields report to, each once, in the order of use."""
    names = (part.report_to or policy.report_to for part in reported(policy))
    return tuple(dict.fromkeys(name for name in names if name is not None))


def field_line(policy: Policy, endpoints: ReportingEndpoints) -> bytes:
    """Return the field line that declares what the policy uses; empty if nothing is to be declared."""
    declared = [(name, Item(url)) for name in endpoints_used(policy) if (url := endpoints.url(name)) is not None]
    return NAME + b": " + serialize_dictionary(declared) + b"\r\n" if declared else b""
