"""Compile a policy: whatever does not depend on the request is computed here, once, up to the encoded bytes."""

import re
from dataclasses import replace
from functools import lru_cache
from typing import Final

from xoproxy.policy import coep, coop, corp, reporting, timing
from xoproxy.policy.cors import CorsOutcome, CorsRule
from xoproxy.policy.model import OFF, Cors, Embedder, EmbedderPolicy, FieldEdits, Opener, Policy, ReportingEndpoints
from xoproxy.policy.model import ResourcePolicy as Resource
from xoproxy.policy.plan import ResponsePlan
from xoproxy.policy.websocket import WebSocketRule
from xoproxy.semantics.forwarding import DROPPED_FROM_RESPONSES
from xoproxy.semantics.heads import RequestHead
from xoproxy.semantics.origins import own_origin

_MAX_REMEMBERED_BYTES: Final = 512  # of a preflight's question
_PREFLIGHT_VARY: Final = (b"Access-Control-Request-Method", b"Access-Control-Request-Headers")
_USER_AGENT: Final = re.compile(rb"(?i)\nuser-agent:[ \t]*+([^\r]*+)")


def _owned(policy: Policy) -> frozenset[bytes]:
    """Return the lower-case names of the fields, CORS apart, that this policy decides: the backend's own are removed."""
    owned: set[bytes] = set()
    if policy.coop is not None:
        owned.add(coop.NAME)
    if policy.coop is OFF or policy.observe_coop is not None:
        owned.add(coop.OBSERVED_NAME)
    if policy.coep is not None:
        owned.add(coep.NAME)
    if policy.coep is OFF or policy.observe_coep is not None:
        owned.add(coep.OBSERVED_NAME)
    if policy.corp is not None:
        owned.add(corp.NAME)
    if policy.timing_allow_origin is not None:
        owned.add(timing.NAME)
    return frozenset(name.lower() for name in owned)


def _edit_pattern(edits: FieldEdits) -> re.Pattern[bytes] | None:
    names = {name.lower() for name, _ in edits.set} | {name.lower() for name in edits.remove}
    if not names:
        return None
    return re.compile(rb"(?i)\n(?:" + b"|".join(re.escape(name) for name in sorted(names)) + rb"):[^\r]*+")


def _constant_lines(policy: Policy, endpoints: ReportingEndpoints, *, credentialless: bool) -> bytes:
    """Return all field lines but those of CORS."""
    lines: list[bytes] = []
    if isinstance(policy.coop, Opener):
        lines.append(coop.field_line(policy.coop, policy.report_to))
    if policy.observe_coop is not None:
        lines.append(coop.field_line(policy.observe_coop, policy.report_to, observed=True))
    if isinstance(policy.coep, Embedder):
        lines.append(coep.field_line(policy.coep, policy.report_to, credentialless=credentialless))
    if policy.observe_coep is not None:
        lines.append(coep.field_line(policy.observe_coep, policy.report_to, observed=True, credentialless=credentialless))
    if isinstance(policy.corp, Resource):
        lines.append(corp.field_line(policy.corp))
    if policy.timing_allow_origin is not None:
        lines.append(timing.field_line(policy.timing_allow_origin))
    lines.append(reporting.field_line(policy, endpoints))
    lines.extend(name + b": " + value + b"\r\n" for name, value in (*policy.fields.set, *policy.fields.add))
    return b"".join(lines)


def _is_auto(part: object) -> bool:
    return isinstance(part, Embedder) and part.value is EmbedderPolicy.AUTO


class _Plans:
    """The ready-made plans of one policy for one kind of browser."""

    __slots__ = ("_base", "_cors", "_exact", "plain", "preflight_refused", "refused")

    def __init__(self, base: ResponsePlan, rule: CorsRule | None, known: tuple[bytes, ...]) -> None:
        """`base` has everything but CORS; `known` are origins to make plans for now instead of per request."""
        self._base = base
        self._cors = rule
        constant = rule is not None and not rule.varies
        self.plain = self._granted(b"", CorsOutcome.NONE) if constant else base
        self.refused = replace(base, outcome=CorsOutcome.REFUSED, reason="origin")
        self.preflight_refused = self.for_preflight(b"", "origin")
        self._exact = {origin: self._granted(origin, CorsOutcome.GRANTED) for origin in known}

    def _granted(self, origin: bytes, outcome: CorsOutcome) -> ResponsePlan:
        assert self._cors is not None
        lines = self._base.lines + self._cors.lines(origin)
        return replace(self._base, lines=lines, exposes_all=self._cors.exposes_all, outcome=outcome)

    def for_origin(self, origin: bytes) -> ResponsePlan | None:
        """Return the plan for a granted origin, None for another."""
        plan = self._exact.get(origin)
        if plan is None and self._cors is not None and self._cors.grants(origin):
            return self._granted(origin, CorsOutcome.GRANTED)
        return plan

    def for_preflight(self, lines: bytes, objection: str | None) -> ResponsePlan:
        """Return the plan of our own answer to a preflight."""
        vary = (*self._base.vary, *_PREFLIGHT_VARY)
        outcome = CorsOutcome.PREFLIGHT_REFUSED if objection else CorsOutcome.PREFLIGHT_GRANTED
        lines = self._base.lines + lines
        return replace(self._base, lines=lines, vary=vary, vary_line=_vary_line(vary), outcome=outcome, reason=objection or "")


def _vary_line(names: tuple[bytes, ...]) -> bytes:
    return b"Vary: " + b", ".join(names) + b"\r\n" if names else b""


class Rule:
    """A `Policy`, compiled: gives the response plan of a request in about a microsecond."""

    __slots__ = (
        "_auto",
        "_cors",
        "_owns_cors",
        "_plans",
        "_plans_without_credentialless",
        "_remembered_preflight",
        "_websocket",
    )

    def __init__(self, policy: Policy, endpoints: ReportingEndpoints) -> None:
        self._cors = CorsRule(policy.cors) if isinstance(policy.cors, Cors) else None
        self._owns_cors = policy.cors is not None
        self._websocket = WebSocketRule(policy.websocket_origins) if policy.websocket_origins is not None else None
        self._auto = _is_auto(policy.coep) or _is_auto(policy.observe_coep)
        vary = (b"User-Agent",) if self._auto else ()
        if self._cors is not None and self._cors.varies:
            vary = (b"Origin", *vary)
        base = ResponsePlan(
            drop=_owned(policy) | DROPPED_FROM_RESPONSES,
            drops_cors=policy.cors is not None,
            lines=_constant_lines(policy, endpoints, credentialless=True),
            vary=vary,
            vary_line=_vary_line(vary),
            drop_others=_edit_pattern(policy.fields),
        )
        known = _known_origins(policy)
        self._plans = _Plans(base, self._cors, known)
        self._plans_without_credentialless = self._plans
        if self._auto:
            other = replace(base, lines=_constant_lines(policy, endpoints, credentialless=False))
            self._plans_without_credentialless = _Plans(other, self._cors, known)
        # Browsers ask the same few questions again and again; making the answer takes 5 us, finding it again 1.
        self._remembered_preflight = lru_cache(maxsize=256)(self._preflight)

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

    def answer_preflight(self, head: RequestHead, scheme: bytes, authority: bytes) -> ResponsePlan | None:
        """Return the plan of the answer to a preflight; None if this policy leaves CORS to the backend.

        A plan whose `reason` is "origin" is a refusal; any other is an answer that lists what the route allows.
        """
        if not self._owns_cors:
            return None
        assert head.origin is not None
        assert head.preflight_method is not None
        plans = self._plans if not self._auto else self._plans_for(head.block)
        granted = self._cors is not None and (self._cors.grants(head.origin) or head.origin == own_origin(scheme, authority))
        if not granted:
            return plans.preflight_refused
        asked = tuple(head.values(b"access-control-request-headers"))
        is_short = sum(map(len, (head.origin, head.preflight_method, *asked))) <= _MAX_REMEMBERED_BYTES
        preflight = self._remembered_preflight if is_short else self._preflight
        return preflight(plans, head.origin, head.preflight_method, asked)

    def refuses_websocket(self, head: RequestHead, scheme: bytes, authority: bytes) -> bool:
        """Whether this request would open a WebSocket for a page that may not."""
        return self._websocket is not None and self._websocket.refuses(head, scheme, authority)

    def _preflight(self, plans: _Plans, origin: bytes, method: bytes, asked: tuple[bytes, ...]) -> ResponsePlan:
        assert self._cors is not None
        verdict = self._cors.answer_preflight(origin, method, asked)
        return plans.for_preflight(verdict.lines, verdict.objection)

    def _plans_for(self, block: bytes) -> _Plans:
        agent = _USER_AGENT.search(block)
        has = agent is not None and coep.has_credentialless(agent[1])
        return self._plans if has else self._plans_without_credentialless


def _known_origins(policy: Policy) -> tuple[bytes, ...]:
    """Return the origins that the policy names exactly."""
    if not isinstance(policy.cors, Cors) or not isinstance(policy.cors.allow_origins, tuple):
        return ()
    return tuple(pattern.text().encode("ascii") for pattern in policy.cors.allow_origins if pattern.is_exact)
