"""Comma-separated lists in field values.  (RFC 9110 §5.6.1)"""

from collections.abc import Iterator


def tokens(value: bytes) -> Iterator[bytes]:
    """Yield the members of a list of tokens, without white space; empty members are passed over, as a recipient must."""
    if b"," not in value:
        member = value.strip(b" \t")
        if member:
            yield member
        return
    for part in value.split(b","):
        member = part.strip(b" \t")
        if member:
            yield member
