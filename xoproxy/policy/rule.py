"""Compile a policy: whatever does not depend on the request is computed here, once, up to the encoded bytes."""

import re
from typing import Final

from xoproxy.policy import coep, resource_isolation
from xoproxy.policy.base import base_plan
from xoproxy.policy.cors import CorsOutcome, CorsRule, read_preflight
from xoproxy.policy.cors_plans import CorsPlans
from xoproxy.policy.model import Cors, Policy, PreflightHandling, Refusal, ReportingEndpoints
from xoproxy.policy.plan import ResponsePlan
from xoproxy.policy.websocket import WebSocketRule, opens_websocket
from xoproxy.semantics.heads import RequestHead
from xoproxy.semantics.origins import own_origin

_USER_AGENT: Final = re.compile(rb"(?i)\nuser-agent:[ \t]*+([^\r]*+)")

# Why a request is not forwarded, in words.
_UNLISTED: Final = "this origin is not allowed to make cross-origin requests here"
_UNLISTED_WEBSOCKET: Final = "this origin is not allowed to open WebSockets here"
_CROSS_SITE: Final = "pages of other sites may not ask for this: resource_isolation is on, and Sec-Fetch-Site is cross-site"


class Rule:
    """A `Policy`, compiled: gives the response plan of a request in about a microsecond."""

    __slots__ = (
        "_auto",
        "_cors",
        "_grants_all",
        "_isolates",
        "_owns_cors",
        "_plans",
        "_plans_without_credentialless",
        "_rejects",
        "_websocket",
        "forwards_preflights",
        "guards",
    )

    def __init__(self, policy: Policy, endpoints: ReportingEndpoints) -> None:
        cors = policy.cors if isinstance(policy.cors, Cors) else None
        self._cors = CorsRule(cors) if cors is not None else None
        self._owns_cors = policy.cors is not None
        self._grants_all = self._cors is not None and not self._cors.varies
        self._websocket = WebSocketRule(policy.websocket_origins) if policy.websocket_origins is not None else None
        self._rejects = cors is not None and cors.refuse is Refusal.REJECT
        self._isolates = policy.resource_isolation
        # Whether some requests are refused, so that `refusal` is to be asked.
        self.guards = self._rejects or self._isolates or self._websocket is not None
        self.forwards_preflights = cors is not None and cors.preflight is PreflightHandling.FORWARD
        for_most = coep.for_browser(policy, credentialless=True)
        self._auto = for_most is not policy
        vary: tuple[bytes, ...] = (b"User-Agent",) if self._auto else ()
        if self._cors is not None and self._cors.varies:
            vary = (b"Origin", *vary)
        if self._isolates:
            vary = (*vary, *resource_isolation.FIELDS)
        elif self._rejects:  # an origin may be hidden, or not known for our own: then Sec-Fetch-Site tells
            vary = (*vary, resource_isolation.SITE)
        self._plans = CorsPlans(base_plan(for_most, endpoints, vary), self._cors)
        self._plans_without_credentialless = self._plans
        if self._auto:
            for_others = coep.for_browser(policy, credentialless=False)
            self._plans_without_credentialless = CorsPlans(base_plan(for_others, endpoints, vary), self._cors)

    def plan(self, head: RequestHead, scheme: bytes, authority: bytes) -> ResponsePlan:
        """Return the plan for an actual request; `scheme` and `authority` make the request's own origin."""
        plans = self._plans if not self._auto else self._plans_for(head.block)
        if head.origin is None or not self._owns_cors:
            return plans.plain
        plan = plans.for_origin(head.origin)
        if plan is not None:
            return plan
        # A same-origin request carries Origin too, unless it is GET or HEAD (Fetch §3.2): it is no CORS request.
        return plans.plain if head.origin == own_origin(scheme, authority) else plans.refused

    def preflight_plan(self, head: RequestHead, scheme: bytes, authority: bytes) -> ResponsePlan | None:
        """Return the plan for the answer to a preflight; None if this policy leaves CORS to the backend altogether.

        If `forwards_preflights`, the answer is the backend's: its CORS fields stay, but for an origin that is refused.  Else it
        is our own; one whose `reason` is "origin" is a refusal, any other lists what the route allows.
        """
        if not self._owns_cors:
            return None
        assert head.origin is not None
        assert head.preflight_method is not None
        plans = self._plans if not self._auto else self._plans_for(head.block)
        granted = self._cors is not None and (self._cors.grants(head.origin) or head.origin == own_origin(scheme, authority))
        if not granted:
            return plans.preflight_refused
        if self.forwards_preflights:
            return plans.preflight_forwarded
        return plans.for_preflight(read_preflight(head, head.origin, head.preflight_method))

    def refusal(self, head: RequestHead, plan: ResponsePlan, scheme: bytes, authority: bytes) -> str:
        """Return why a request that would be forwarded is refused, in words; empty if it is not.  `plan` is its own."""
        if opens_websocket(head):  # CORS has no say in these
            if self._websocket is not None and self._websocket.refuses(head, scheme, authority):
                return _UNLISTED_WEBSOCKET
            granted = self._websocket is not None
        else:
            if self._rejects and plan.reason == "origin" and not resource_isolation.is_from_own_origin(head):
                return _UNLISTED
            # Where everybody is granted the answer must not depend on Origin: Vary does not name it.
            granted = self._grants_all or plan.outcome in (CorsOutcome.GRANTED, CorsOutcome.PREFLIGHT_FORWARDED)
        return _CROSS_SITE if self._isolates and resource_isolation.refuses(head, granted=granted) else ""

    def _plans_for(self, block: bytes) -> CorsPlans:
        agent = _USER_AGENT.search(block)
        has = agent is not None and coep.has_credentialless(agent[1])
        return self._plans if has else self._plans_without_credentialless
