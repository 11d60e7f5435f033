"""Cross-Origin-Opener-Policy and its Report-Only twin.  (HTML §7.1.3)

A structured-field item of type token: set once, never appended, for two lines void it.
"""

from collections.abc import Iterator
from typing import Final

from xoproxy.policy.fields import Kind, PolicyField, is_token_of, token_item
from xoproxy.policy.model import Opener, OpenerPolicy, Policy

NAME: Final = b"Cross-Origin-Opener-Policy"
_VALUES: Final = frozenset(value.value for value in OpenerPolicy)


def is_valid(value: bytes) -> bool:
    """Whether browsers would heed a value."""
    return is_token_of(value, _VALUES)


_KIND: Final = Kind(NAME, is_valid)


def decided(policy: Policy) -> Iterator[PolicyField]:
    """Yield what a policy decides."""

    def write(opener: Opener) -> bytes:
        return token_item(opener.value, opener.report_to or policy.report_to)

    return _KIND.decided(policy.coop, policy.observe_coop, write)
