"""The response plans of one policy, one for each thing that CORS can make of a request.

What can be made at load time is; a plan for a granted origin is made when the origin first comes, and remembered: a list may
hold ten thousand of them, and only some ever come.  What is remembered is bounded in number and bytes: clients choose it.
"""

from dataclasses import replace
from functools import lru_cache, partial
from typing import Final

from xoproxy.policy.cors import REQUEST_PRIVATE_NETWORK, CorsOutcome, CorsRule, Preflight
from xoproxy.policy.plan import ResponsePlan, as_vary_line

_MAX_REMEMBERED: Final = 256  # origins, and as many preflights, of one policy
_MAX_REMEMBERED_BYTES: Final = 512  # of a preflight's question
_PREFLIGHT_VARY: Final = (b"Access-Control-Request-Method", b"Access-Control-Request-Headers")


class CorsPlans:
    """The plans of one policy for one kind of browser.

    `plain` is for what is no CORS request, `refused` for an origin that is not granted; the two for preflights are for one of
    those, and for one whose answer is the backend's.
    """

    __slots__ = (
        "_base",
        "_constant",
        "_made",
        "_preflight",
        "_remembered_preflight",
        "_rule",
        "plain",
        "preflight_forwarded",
        "preflight_refused",
        "refused",
    )

    def __init__(self, base: ResponsePlan, rule: CorsRule | None) -> None:
        """`base` has everything but CORS."""
        self._base = base
        self._rule = rule
        self._constant = self._granted(b"") if rule is not None and not rule.varies else None
        self._made: dict[bytes, ResponsePlan] = {}
        self.plain = replace(self._constant, outcome=CorsOutcome.NONE) if self._constant is not None else base
        self.refused = replace(base, outcome=CorsOutcome.REFUSED, reason="origin")
        vary = (*base.vary, *_PREFLIGHT_VARY)
        if rule is not None and rule.grants_private_network:
            vary = (*vary, REQUEST_PRIVATE_NETWORK)
        preflight_base = replace(base, vary=vary, vary_line=as_vary_line(vary))
        self.preflight_refused = replace(preflight_base, outcome=CorsOutcome.PREFLIGHT_REFUSED, reason="origin")
        self.preflight_forwarded = replace(preflight_base, outcome=CorsOutcome.PREFLIGHT_FORWARDED, drops_cors=False)
        # Browsers ask the same few questions again and again; making the answer takes 5 us, finding it again 1.
        # No method of ours: what refers to itself is not freed with the last reference to it, and each reload leaves thousands.
        self._preflight = partial(_preflight, rule, preflight_base)
        self._remembered_preflight = lru_cache(maxsize=_MAX_REMEMBERED)(self._preflight)

    def for_origin(self, origin: bytes) -> ResponsePlan | None:
        """Return the plan for a granted origin, None for another."""
        if self._constant is not None:
            return self._constant
        plan = self._made.get(origin)
        if plan is None and self._rule is not None and self._rule.grants(origin):
            plan = self._granted(origin)
            self._remember(origin, plan)
        return plan

    def for_preflight(self, asked: Preflight) -> ResponsePlan:
        """Return the plan of our own answer to a preflight of a granted origin."""
        size = len(asked.origin) + len(asked.method) + sum(map(len, asked.header_values))
        return (self._remembered_preflight if size <= _MAX_REMEMBERED_BYTES else self._preflight)(asked)

    def _remember(self, origin: bytes, plan: ResponsePlan) -> None:
        """Keep a plan; who came first goes first.  Refused origins are not kept: they could drive the granted ones out.

        What is granted one by one is an origin, and no longer than `MAX_ORIGIN_BYTES`.
        """
        if len(self._made) >= _MAX_REMEMBERED:
            del self._made[next(iter(self._made))]
        self._made[origin] = plan

    def _granted(self, origin: bytes) -> ResponsePlan:
        assert self._rule is not None
        return self._base.granting(origin, self._rule.lines(origin), exposes_all=self._rule.exposes_all)


def _preflight(rule: CorsRule | None, base: ResponsePlan, asked: Preflight) -> ResponsePlan:
    assert rule is not None
    verdict = rule.answer_preflight(asked)
    outcome = CorsOutcome.PREFLIGHT_REFUSED if verdict.objection else CorsOutcome.PREFLIGHT_GRANTED
    return replace(base, lines=base.lines + verdict.lines, outcome=outcome, reason=verdict.objection or "")
