"""Request targets: their form, and the path by which routes are chosen.  (RFC 9112 §3.2, RFC 3986 §6.2.2)

The target itself is forwarded byte for byte.  Only the choice of a route looks at the decoded, dot-segment-free path.
"""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from xoproxy.semantics.diagnosis import HeadFault

_ABSOLUTE: Final = re.compile(rb"(?i)https?://([^/?]+)(/[^?]*+)?(?:\?.*)?")


def check_target(method: bytes, target: bytes, host: bytes) -> HeadFault | None:
    """Check the target's form for this method: None if it may be forwarded.  (RFC 9112 §3.2.1-§3.2.4)

    An absolute-form target must name the authority that Host names: a backend may believe either (RFC 9112 §3.2.2).
    """
    if method == b"CONNECT":
        return HeadFault(501, "CONNECT: this is a gateway, it opens no tunnels")
    if target[:1] == b"/":
        return None
    if target == b"*":
        return None if method == b"OPTIONS" else HeadFault(400, "the target '*' belongs to OPTIONS only")
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        return HeadFault(400, "the request target has none of the four forms")
    if absolute[1].lower() != host.lower():
        return HeadFault(400, "the target's authority is not the one that Host names")
    return None


def route_path(target: bytes) -> bytes:
    """Return the path by which routes are matched: without query, percent-decoded, dot segments removed.  (RFC 3986 §5.2.4)

    ``*`` stays ``*``; an absolute-form target without a path has ``/``.
    """
    path = target.partition(b"?")[0]
    if path[:1] != b"/" and path != b"*":
        absolute = _ABSOLUTE.fullmatch(target)
        path = (absolute[2] if absolute is not None else None) or b"/"
    if b"%" in path:
        path = unquote_to_bytes(path)
    return _without_dot_segments(path) if b"/." in path else path


def _without_dot_segments(path: bytes) -> bytes:
    kept: list[bytes] = []
    segments = path.split(b"/")[1:]
    for segment in segments:
        if segment == b"..":
            if kept:
                kept.pop()
        elif segment != b".":
            kept.append(segment)
    if segments[-1] in (b".", b".."):
        kept.append(b"")
    return b"/" + b"/".join(kept)
