"""Origin-Agent-Cluster.  (HTML §7.1.2)

A structured-field item of type boolean; it has no twin and reports nothing.
"""

from collections.abc import Iterator
from typing import Final

from xoproxy.policy.fields import PolicyField
from xoproxy.policy.model import Policy
from xoproxy.semantics.structured import Item, parse_item, serialize_item

NAME: Final = b"Origin-Agent-Cluster"


def is_valid(value: bytes) -> bool:
    """Whether browsers would heed a value."""
    item = parse_item(value)
    return item is not None and isinstance(item.value, bool)


def decided(policy: Policy) -> Iterator[PolicyField]:
    """Yield what a policy decides."""
    if policy.origin_agent_cluster is not None:
        yield PolicyField(NAME, serialize_item(Item(policy.origin_agent_cluster)), is_valid)
