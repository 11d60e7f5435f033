"""Cross-Origin-Resource-Policy.  (Fetch §3.7)

Exact bytes, one value: not a structured field, no parameters, no Report-Only twin.
"""

from typing import Final

from xoproxy.policy.model import ResourcePolicy

NAME: Final = b"Cross-Origin-Resource-Policy"


def field_line(policy: ResourcePolicy) -> bytes:
    """Return the field line."""
    return NAME + b": " + policy.value.encode("ascii") + b"\r\n"
