"""Document-Isolation-Policy and its Report-Only twin.  (WICG Document-Isolation-Policy §2)

A structured-field item of type token: set once, never appended, for two lines void it.  Isolates one document in browsers that
have it (Chromium), whatever opened or frames it; to the others it means nothing.
"""

from collections.abc import Iterator
from typing import Final

from xoproxy.policy.fields import Kind, PolicyField, is_token_of, token_item
from xoproxy.policy.model import DocumentIsolation, Isolation, Policy

NAME: Final = b"Document-Isolation-Policy"
_VALUES: Final = frozenset(value.value for value in DocumentIsolation)


def is_valid(value: bytes) -> bool:
    """Whether browsers would heed a value."""
    return is_token_of(value, _VALUES)


_KIND: Final = Kind(NAME, is_valid)


def decided(policy: Policy) -> Iterator[PolicyField]:
    """Yield what a policy decides."""

    def write(isolation: Isolation) -> bytes:
        return token_item(isolation.value, isolation.report_to or policy.report_to)

    return _KIND.decided(policy.document_isolation, policy.observe_document_isolation, write)
