"""Timing-Allow-Origin.  (Resource Timing §4.5)

A list of serialized origins or ``*``: unlike Access-Control-Allow-Origin it may name several, so it never depends on the
request.
"""

from typing import Final, Literal

from xoproxy.policy.model import ANY, Anything

NAME: Final = b"Timing-Allow-Origin"


def field_line(origins: tuple[bytes, ...] | Literal[Anything.ANY]) -> bytes:
    """Return the field line."""
    return NAME + b": " + (b"*" if origins is ANY else b", ".join(origins)) + b"\r\n"
