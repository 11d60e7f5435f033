"""Make each request part of a trace: the client's, if it names one as it should, or one that begins here.

Rule 1: what goes on names our span as the parent, and the client's trace and flags.  A request that names no trace, an invalid
one or two begins a trace; what the client says of it besides (`tracestate`) does not go on then.  (W3C Trace Context §4.3)
Rule 2: whoever began a trace has decided whether it is recorded, clients of ours too: OpenTelemetry's practice, by which traces
that browsers and services begin stay whole.  `tracing.sample` is for traces that begin here.
Rule 3: identifiers are no secrets.  They come from a generator that never waits, seeded anew in each process.
"""

import os
import random
import re
from typing import Final

from xoproxy.config.settings import TracingSettings
from xoproxy.semantics.forwarding import HeadEdit
from xoproxy.semantics.heads import RequestHead
from xoproxy.telemetry.records import Trace

_SAMPLED: Final = 0x01
_KNOWN_FLAGS: Final = 0x03  # sampled, and of level 2 random-trace-id; all others are to be zero  (§3.2.2.5)

# The fields that the reader of heads must know.  (§3.2, §3.3)
PARENT: Final = b"traceparent"
STATE: Final = b"tracestate"

# A later version may have more after a hyphen.  (§4.3.3)
_VALID: Final = re.compile(
    rb"(?:00(?=.{53}\Z)|(?!00|ff)[0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)
_VERSIONS: Final = {0: "1.0", 1: "1.1"}


class Traces:
    """Names traces and spans, by one generation's settings, of requests whose reader knows `PARENT` and `STATE`."""

    __slots__ = ("_bits", "_bound")

    def __init__(self, settings: TracingSettings) -> None:
        self._bits = random.Random(os.urandom(32)).getrandbits  # noqa: S311  rule 3
        self._bound = round(settings.sample * (1 << 64))

    def of(self, head: RequestHead, *, secure: bool) -> tuple[Trace, HeadEdit]:
        """Return what trace the request is part of, and what the upstream gets to see of it.  `secure`: it came over TLS."""
        parents = [line for line in head.fields if line[0].name == PARENT]
        states = [line for line in head.fields if line[0].name == STATE]
        given = _VALID.fullmatch(parents[0][0].value) if len(parents) == 1 else None
        if given is None:
            cut = [*parents, *states]
            trace_id, parent_id, flags = self._new_trace()
        else:
            cut = parents
            trace_id, parent_id = given[1].decode("ascii"), given[2].decode("ascii")
            flags = int(given[3], 16) & _KNOWN_FLAGS
        span_id = f"{self._bits(64) or 1:016x}"
        line = f"traceparent: 00-{trace_id}-{span_id}-{flags:02x}\r\n".encode("ascii")
        spans = tuple([(start, end) for _, start, end in cut])
        is_sampled = bool(flags & _SAMPLED)
        version = _VERSIONS.get(head.minor, "")
        return Trace(trace_id, span_id, parent_id, is_sampled, version, "https" if secure else "http"), (spans, line)

    def _new_trace(self) -> tuple[str, str, int]:
        """Return the identifier of a trace that begins here, no parent, and its flags.

        Chance decides by half of the identifier, as OpenTelemetry's samplers do: who samples again by the same rule agrees.
        """
        number = self._bits(128) or 1
        flags = _SAMPLED if number & 0xFFFF_FFFF_FFFF_FFFF < self._bound else 0
        return f"{number:032x}", "", flags


def both(first: HeadEdit, second: HeadEdit) -> HeadEdit:
    """Return two edits of one head as one.  Spans may come in any order: what applies them sorts them."""
    return (*first[0], *second[0]), first[1] + second[1]
