"""Cross-Origin-Resource-Policy.  (Fetch §3.7)

Exact bytes, one value: not a structured field, no parameters, no Report-Only twin.
"""

from collections.abc import Iterator
from typing import Final

from xoproxy.policy.fields import PolicyField
from xoproxy.policy.model import OFF, Policy, ResourcePolicy

NAME: Final = b"Cross-Origin-Resource-Policy"
_VALUES: Final = frozenset(value.value.encode("ascii") for value in ResourcePolicy)


def is_valid(value: bytes) -> bool:
    """Whether browsers would heed a value."""
    return value in _VALUES


def decided(policy: Policy) -> Iterator[PolicyField]:
    """Yield what a policy decides."""
    if policy.corp is not None:
        yield PolicyField(NAME, None if policy.corp is OFF else policy.corp.value.encode("ascii"), is_valid)
