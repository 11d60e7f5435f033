"""`upstream_fields`: leave the backend its own fields, where they are good (``fill``) or whatever they say (``passthrough``).

Rule 1: a field goes out by one of us, never by both: what is kept is not sent, what is sent is not kept.
Rule 2: CORS fields are one group.  Parts of two answers could grant what neither does.
Rule 3: an origin that the policy refuses gets nothing of the backend's CORS fields, in no mode; and with ``fill`` the backend
grants no credentials that the policy does not.
Rule 4: where the answer depends on who asks, it says so, whoever wrote it: Vary is not for the backend to leave out.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from xoproxy.policy.cors import ALLOW_CREDENTIALS, ALLOW_ORIGIN
from xoproxy.policy.fields import PolicyField
from xoproxy.policy.model import Cors
from xoproxy.policy.plan import CORS_PREFIX, ResponsePlan
from xoproxy.semantics.heads import ResponseHead
from xoproxy.slotted import dataclass

_MAX_REMEMBERED_BYTES: Final = 512  # of a value: a Permissions-Policy may be that long
_ACAO: Final = ALLOW_ORIGIN.lower()
_ACAC: Final = ALLOW_CREDENTIALS.lower()


class Keeping:
    """What stays of the backend's fields by one policy, for one kind of browser."""

    __slots__ = ("_always", "_credentialed", "_fields", "_is_filling", "_keeps_cors")

    def __init__(self, fields: Sequence[PolicyField], cors: Cors | None, always: bytes, *, is_filling: bool) -> None:
        """`fields` and `cors` are what the policy decides, `always` the lines that go out in any case.

        `is_filling`: keep what is good, else keep what there is.
        """
        self._fields = {field.name.lower(): field for field in fields if field.value is not None}
        self._always = always
        self._is_filling = is_filling
        self._keeps_cors = cors is not None
        self._credentialed = cors is not None and cors.allow_credentials
        # What we send ourselves is good; and so the parser is imported now, not with the first response.
        ours = [is_good(field.is_valid, field.value) for field in fields if is_filling and field.value is not None]
        assert all(ours)

    def kept(self, head: ResponseHead, plan: "KeepingPlan") -> frozenset[bytes]:
        """Return the lower-case names of the fields that stay; that of the CORS group is its prefix."""
        values: dict[bytes, bytes] = {}
        cors: list[tuple[bytes, bytes]] = []
        for field, _, _ in head.fields:
            name, value = field.name, field.value
            if name in head.options:  # the connection's, by the backend's own word: it ends here
                continue
            if name in self._fields:
                values[name] = values[name] + b", " + value if name in values else value
            elif self._keeps_cors and name.startswith(CORS_PREFIX):
                cors.append((name, value))
        kept = {name for name, value in values.items() if not self._is_filling or is_good(self._fields[name].is_valid, value)}
        if cors and plan.reason != "origin" and (not self._is_filling or self._grants(cors, plan.granted)):
            kept.add(CORS_PREFIX)
        return frozenset(kept)

    def _grants(self, cors: Sequence[tuple[bytes, bytes]], granted: bytes | None) -> bool:
        """Whether the backend's CORS fields let the granted origin read, and no more than the policy.  (Fetch, "CORS check")"""
        origins = [value for name, value in cors if name == _ACAO]
        credentialed = any(name == _ACAC for name, _ in cors)
        if granted is None or len(origins) != 1 or (credentialed and not self._credentialed):
            return False
        if origins[0] == b"*":
            return not self._credentialed
        return origins[0] == granted != b""

    def rest(self, plan: "KeepingPlan", kept: frozenset[bytes]) -> ResponsePlan:
        """Return the plan that does for the other fields what `plan` does."""
        lines = b"".join(field.line for name, field in self._fields.items() if name not in kept) + self._always
        keeps_cors = CORS_PREFIX in kept
        return ResponsePlan(
            drop=plan.drop - kept,
            lines=lines if keeps_cors else lines + plan.cors_lines,
            drops_cors=plan.drops_cors and not keeps_cors,
            vary=plan.vary,
            vary_line=plan.vary_line,
            exposes_all=plan.exposes_all and not keeps_cors,
            drop_others=plan.drop_others,
            outcome=plan.outcome,
            reason=plan.reason,
        )


def is_good(is_valid: Callable[[bytes], bool], value: bytes) -> bool:
    """Whether browsers would heed a value; remembered, because backends send the same ones again and again."""
    return (_remembered if len(value) <= _MAX_REMEMBERED_BYTES else _remembered.__wrapped__)(is_valid, value)


@lru_cache(maxsize=256)
def _remembered(is_valid: Callable[[bytes], bool], value: bytes) -> bool:
    return is_valid(value)


@dataclass(frozen=True, slots=True)
class KeepingPlan(ResponsePlan):
    """A plan that leaves the backend some of its fields.  `lines` are those that go out where it sends none."""

    keeping: Keeping | None = None
    granted: bytes | None = None  # the origin that may read; empty: any, by one constant answer; None: nobody asked, or may
    cors_lines: bytes = b""  # what `lines` hold of CORS

    @classmethod
    def of(cls, plan: ResponsePlan, keeping: Keeping) -> "KeepingPlan":
        """Return a plan that does the same but for what is kept."""
        return cls(
            plan.drop,
            plan.lines,
            plan.drops_cors,
            plan.vary,
            plan.vary_line,
            drop_others=plan.drop_others,
            observes=plan.observes,
            keeping=keeping,
        )

    def granting(self, origin: bytes, lines: bytes, *, exposes_all: bool) -> "KeepingPlan":
        """Return this plan for a granted origin, empty for any; `lines` are the CORS fields that it gets."""
        plan = ResponsePlan.granting(self, origin, lines, exposes_all=exposes_all)
        assert isinstance(plan, KeepingPlan)
        return replace(plan, granted=origin, cors_lines=lines)

    def apply(self, head: ResponseHead, lines: bytes = b"") -> bytes:
        """Return the head as it goes to the client; `lines` are the connection's own, such as its framing."""
        assert self.keeping is not None
        kept = self.keeping.kept(head, self) if head.fields else None
        if not kept:
            return ResponsePlan.apply(self, head, lines)  # `super` does not know a dataclass with slots
        return _rest(self, kept).apply(head, lines)


@lru_cache(maxsize=1024)
def _rest(plan: KeepingPlan, kept: frozenset[bytes]) -> ResponsePlan:
    """Return `Keeping.rest`.  Backends send few different sets of fields; making the plan for one takes 5 us.

    Remembered for all plans together: a `Keeping` that remembers plans refers to itself, and is not freed when it should be.
    """
    assert plan.keeping is not None
    return plan.keeping.rest(plan, kept)
