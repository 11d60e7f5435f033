"""Rewrite a response head: take out what the proxy owns, keep all else byte for byte, put ours in.

Design rules 2, 4 and 8 are carried out here, and only here: each owned field goes out at most once, Vary is merged into the
backend's, every other byte stays.
"""

import re
from dataclasses import replace
from functools import lru_cache
from typing import Final

from xoproxy.policy.cors import EXPOSE_HEADERS, CorsOutcome
from xoproxy.semantics.forwarding import DROPPED_FROM_RESPONSES, named_spans, united
from xoproxy.semantics.grammar import TOKEN
from xoproxy.semantics.heads import MAX_REMEMBERED_BYTES, ResponseHead, edit
from xoproxy.semantics.lists import tokens
from xoproxy.slotted import dataclass

VARY: Final = b"vary"
CORS_PREFIX: Final = b"access-control-"

# Of a plan's field lines: those of a preflight's answer may repeat what a client asked for, as long as a head can be.
_MAX_REMEMBERED_LINES_BYTES: Final = 4096

_FIELD_NAME: Final = re.compile(rb"\n(" + TOKEN + rb"++):")

# Readable without being exposed (Fetch, "CORS-safelisted response-header name"), never readable (Set-Cookie), or not content
# of the response but of the connection or of CORS itself.
_NEVER_EXPOSED: Final = re.compile(
    rb"(?i)cache-control|content-language|content-length|content-type|expires|last-modified|pragma|set-cookie2?"
    rb"|connection|keep-alive|transfer-encoding|upgrade|access-control-.*"
)


@dataclass(frozen=True, slots=True)
class ResponsePlan:
    """What the policy does to the response of one exchange, decided together with the request.

    `drop` are lower-case names among the known response fields; `drop_others` finds names that only this policy removes.
    `observes`: the response asks for reports of what would be blocked, and they come to a path of our own.
    """

    drop: frozenset[bytes]
    lines: bytes
    drops_cors: bool = False  # every Access-Control field, those not invented yet too
    vary: tuple[bytes, ...] = ()
    vary_line: bytes = b""  # what `vary` is where the backend sends none
    exposes_all: bool = False
    drop_others: re.Pattern[bytes] | None = None
    outcome: CorsOutcome = CorsOutcome.NONE
    reason: str = ""
    observes: bool = False

    def granting(self, origin: bytes, lines: bytes, *, exposes_all: bool) -> "ResponsePlan":  # noqa: ARG002  for `KeepingPlan`
        """Return this plan for a granted origin, empty for any; `lines` are the CORS fields that it gets."""
        return replace(self, lines=self.lines + lines, exposes_all=exposes_all, outcome=CorsOutcome.GRANTED)

    def varied_by(self, names: tuple[bytes, ...]) -> "ResponsePlan":
        """Return this plan for a request that would have been decided otherwise, had these fields been others."""
        if not names:
            return self
        return (_varied if len(self.lines) <= _MAX_REMEMBERED_LINES_BYTES else _varied.__wrapped__)(self, names)

    def conflicts(self, head: ResponseHead) -> tuple[bytes, ...]:
        """Return the backend's field lines that the policy decides about, by their names in lower case; its `headers` apart."""
        found: tuple[bytes, ...] = ()
        for line in head.fields:
            name = line[0].name
            if name in DROPPED_FROM_RESPONSES:  # mostly the only one is a Content-Length
                continue
            if name in self.drop or (self.drops_cors and name.startswith(CORS_PREFIX)):
                found = (*found, name)
        return found

    def apply(self, head: ResponseHead, lines: bytes = b"") -> bytes:
        """Return the head as it goes to the client; `lines` are the connection's own, such as its framing."""
        cuts: list[tuple[int, int]] = []
        cuts_with_vary: list[tuple[int, int]] = []
        theirs: bytes | None = None
        for field, start, end in head.fields:
            name = field.name
            if name in self.drop or (self.drops_cors and name.startswith(CORS_PREFIX)):
                cuts.append((start, end))
                cuts_with_vary.append((start, end))
            elif name == VARY and self.vary:
                theirs = field.value if theirs is None else theirs + b", " + field.value
                cuts_with_vary.append((start, end))
        vary_line = self.vary_line
        if theirs is not None:
            merge = merged_vary if len(theirs) <= MAX_REMEMBERED_BYTES else merged_vary.__wrapped__
            vary_line = merge(self.vary, theirs)
            if vary_line:
                cuts = cuts_with_vary
        if head.named or self.drop_others is not None:
            cuts = united(cuts, self._other_cuts(head))
        block = edit(head.block if head.minor else head.own_version_block, cuts, self.lines + vary_line + lines)
        return self._expose_all(block) if self.exposes_all else block

    def _other_cuts(self, head: ResponseHead) -> list[tuple[int, int]]:
        """Find the lines that the Connection field or this policy's `headers` names, among the fields not known."""
        cuts = named_spans(head.block, head.named)
        if self.drop_others is not None:
            cuts.extend((found.start() + 1, found.end() + 2) for found in self.drop_others.finditer(head.block))
        return cuts

    @staticmethod
    def _expose_all(block: bytes) -> bytes:
        names = dict.fromkeys(_FIELD_NAME.findall(block))
        exposed = [name for name in names if _NEVER_EXPOSED.fullmatch(name) is None]
        return edit(block, (), EXPOSE_HEADERS + b": " + b", ".join(exposed) + b"\r\n") if exposed else block


@lru_cache(maxsize=1024)
def _varied(plan: ResponsePlan, names: tuple[bytes, ...]) -> ResponsePlan:
    """Add to a plan's Vary.  Plans are few and ready-made: finding the answer again takes a tenth of making it."""
    each = {name.lower(): name for name in reversed((*plan.vary, *names))}  # as it is spelled first
    vary = tuple(each[name] for name in dict.fromkeys(map(bytes.lower, (*plan.vary, *names))))
    return replace(plan, vary=vary, vary_line=as_vary_line(vary))


def as_vary_line(names: tuple[bytes, ...]) -> bytes:
    """Return the line that lists these fields; empty for none."""
    return b"Vary: " + b", ".join(names) + b"\r\n" if names else b""


@lru_cache(maxsize=1024)
def merged_vary(ours: tuple[bytes, ...], theirs: bytes) -> bytes:
    """Return one Vary line with the backend's members and ours; empty if the backend's has them all, or ``*``.

    `theirs` is the backend's value, of several lines joined.  Backends send few different ones: the answer is remembered.
    """
    present = {name.lower() for name in tokens(theirs)}
    missing = [name for name in ours if name.lower() not in present]
    if b"*" in present or not missing:
        return b""
    kept = theirs.strip(b", \t")
    return b"Vary: " + b", ".join([kept, *missing] if kept else missing) + b"\r\n"
