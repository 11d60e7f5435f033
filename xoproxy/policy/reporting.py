"""Reporting-Endpoints: where a route's reports go.  (Reporting API §3.3)

A dictionary structured field.  It may stand on several lines, so ours is added to whatever the backend declares.
"""

from typing import Final

from xoproxy.policy.model import Embedder, Opener, Policy, ReportingEndpoints
from xoproxy.semantics.structured import Item, serialize_dictionary

NAME: Final = b"Reporting-Endpoints"


def endpoints_used(policy: Policy) -> tuple[str, ...]:
    """Return the names of the endpoints that the policy's fields report to, each once, in the order of use."""
    names: dict[str, None] = {}
    for part in (policy.coop, policy.coep, policy.observe_coop, policy.observe_coep):
        if isinstance(part, Opener | Embedder):
            endpoint = part.report_to or policy.report_to
            if endpoint is not None:
                names[endpoint] = None
    return tuple(names)


def field_line(policy: Policy, endpoints: ReportingEndpoints) -> bytes:
    """Return the field line that declares what the policy uses; empty if nothing is to be declared."""
    declared = [(name, url) for name in endpoints_used(policy) if (url := endpoints.url(name)) is not None]
    return NAME + b": " + serialize_dictionary((name, Item(url)) for name, url in declared) + b"\r\n" if declared else b""
