"""Timing-Allow-Origin.  (Resource Timing §4.5)

A list of serialized origins or ``*``: unlike Access-Control-Allow-Origin it may name several, so it never depends on the
request.
"""

from collections.abc import Iterator
from typing import Final

from xoproxy.policy.fields import PolicyField
from xoproxy.policy.model import ANY, Policy
from xoproxy.semantics.lists import tokens
from xoproxy.semantics.origins import parse_origin

NAME: Final = b"Timing-Allow-Origin"


def is_valid(value: bytes) -> bool:
    """Whether browsers would heed a value: there is a member, and each one can match."""
    members = tuple(tokens(value))
    return bool(members) and all(member in (b"*", b"null") or parse_origin(member) is not None for member in members)


def decided(policy: Policy) -> Iterator[PolicyField]:
    """Yield what a policy decides."""
    origins = policy.timing_allow_origin
    if origins is not None:
        yield PolicyField(NAME, b"*" if origins is ANY else b", ".join(origins), is_valid)
