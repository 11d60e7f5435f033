"""Which origins one set of patterns has and another has not."""

from collections.abc import Iterator
from typing import Literal

from xoproxy.policy.model import ANY, Anything
from xoproxy.semantics.origins import OriginPattern, OriginSet

Patterns = tuple[OriginPattern, ...] | Literal[Anything.ANY]


def missing_from(wanted: Patterns, have: Patterns) -> Iterator[str]:
    """Yield the patterns of `wanted` that are not wholly covered by those of `have`, as the policy file writes them."""
    if have is ANY:
        return
    if wanted is ANY:
        yield "any origin"
        return
    same = frozenset(have)
    covered = OriginSet(have)
    wild = [pattern for pattern in have if not pattern.is_exact]
    for pattern in wanted:
        if pattern in same:
            continue
        text = pattern.text()
        if pattern.is_exact:
            if not covered.covers(text.encode("ascii")):
                yield text
        elif not any(_contains(other, pattern) for other in wild):
            yield text


def _contains(wider: OriginPattern, narrower: OriginPattern) -> bool:
    """Whether every origin of a wildcard is one of another wildcard's too."""
    if wider.scheme != narrower.scheme or (wider.port is not None and wider.port != narrower.port):
        return False
    if not wider.any_subdomain:
        return not narrower.any_subdomain and wider.host == narrower.host
    return narrower.host.endswith(b"." + wider.host) or (narrower.any_subdomain and narrower.host == wider.host)
