"""What a policy decides about one response field: what goes out, and what would do of the backend's.

A field's own module makes these values of a `Policy`; its Report-Only twin is a field of its own.  CORS fields are decided
together, per request, and are not among them.
"""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final, TypeVar

from xoproxy.policy.model import Off
from xoproxy.semantics.structured import Item, Token, parse_item, serialize_item
from xoproxy.slotted import dataclass

REPORT_ONLY: Final = b"-Report-Only"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PolicyField:
    """One response field that a policy decides.

    `value` None: it goes out in no response.  `is_valid`: whether browsers would heed a value of the backend's; of several
    lines it is given all, joined with ``", "``, as browsers read them.
    """

    name: bytes
    value: bytes | None
    is_valid: Callable[[bytes], bool]

    @property
    def line(self) -> bytes:
        """The field line, empty if none goes out."""
        return b"" if self.value is None else b"%b: %b\r\n" % (self.name, self.value)


@dataclass(frozen=True, slots=True)
class Kind:
    """A response field with a Report-Only twin, whatever its values are."""

    name: bytes
    is_valid: Callable[[bytes], bool]

    def decided(self, enforced: T | Off | None, observed: T | None, write: Callable[[T], bytes]) -> Iterator[PolicyField]:
        """Yield what is decided about the field and about its twin.

        ``off`` is said of both; what is to be observed goes out all the same.
        """
        is_off = isinstance(enforced, Off)
        if enforced is not None:
            yield PolicyField(self.name, None if isinstance(enforced, Off) else write(enforced), self.is_valid)
        if observed is not None or is_off:
            yield PolicyField(self.name + REPORT_ONLY, None if observed is None else write(observed), self.is_valid)


def token_item(value: Enum, endpoint: str | None) -> bytes:
    """Return a Token that may report to an endpoint, as COOP, COEP and Document-Isolation-Policy are.  (HTML §7.1.3, §7.1.4)"""
    return serialize_item(Item(Token(value.value), {"report-to": endpoint} if endpoint else {}))


def is_token_of(value: bytes, choices: frozenset[str]) -> bool:
    """Whether a value is an Item, and that one of some Tokens; parameters are for the browser to know."""
    item = parse_item(value)
    return item is not None and isinstance(item.value, Token) and item.value.text in choices
