"""Integrity-Policy and its Report-Only twin: what a page loads only with integrity metadata.  (SRI §3.7)

A dictionary structured field whose members are inner lists of Tokens.  It says itself whom to report to, in `endpoints`.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from xoproxy.policy.fields import Kind, PolicyField
from xoproxy.policy.model import IntegrityPolicy, Policy
from xoproxy.semantics.structured import InnerList, Item, Member, Token, parse_dictionary, serialize_dictionary

NAME: Final = b"Integrity-Policy"

DESTINATIONS: Final = ("script", "style")
SOURCES: Final = ("inline",)


def is_valid(value: bytes) -> bool:
    """Whether browsers would heed a value: it blocks a destination that they know, and by a source that they know."""
    members = parse_dictionary(value)
    if members is None or not _tokens(members, "blocked-destinations") & {*DESTINATIONS}:
        return False
    return "sources" not in members or bool(_tokens(members, "sources") & {*SOURCES})


def _tokens(members: Mapping[str, Member], key: str) -> set[str]:
    """Return the Tokens of a member that is an inner list; browsers pass over anything else."""
    member = members.get(key)
    items = member.items if isinstance(member, InnerList) else ()
    return {item.value.text for item in items if isinstance(item.value, Token)}


_KIND: Final = Kind(NAME, is_valid)


def decided(policy: Policy) -> Iterator[PolicyField]:
    """Yield what a policy decides."""

    def write(integrity: IntegrityPolicy) -> bytes:
        return field_value(integrity, integrity.report_to or policy.report_to)

    return _KIND.decided(policy.integrity_policy, policy.observe_integrity_policy, write)


def field_value(integrity: IntegrityPolicy, endpoint: str | None) -> bytes:
    """Return the field value; members that say nothing are left out."""
    members = {
        "blocked-destinations": integrity.blocked_destinations,
        "sources": integrity.sources,
        "endpoints": (endpoint,) if endpoint else (),
    }
    return serialize_dictionary(
        (key, InnerList(tuple(Item(Token(word)) for word in words))) for key, words in members.items() if words
    )
