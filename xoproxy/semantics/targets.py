"""Request targets: their form, and the path by which routes are chosen.  (RFC 9112 §3.2, RFC 3986 §6.2.2)

The target itself is forwarded byte for byte.  Only the choice of a route looks at the decoded, dot-segment-free path.

Backends do not agree on what a path means: some decode ``%2F``, some merge ``//``, some take a back-slash for ``/``, some cut
``;params``, some resolve no dot segments, some decode twice.  Which of them stands behind us is not known, so a path is a set
of *readings*.  As long as all lead to the same route they do no harm; where they do not, one route's rules could be had for a
path of another.
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
    path = _raw_path(target)
    if _PERCENT in path:
        path = unquote_to_bytes(path)
    return _without_dot_segments(path) if path.find(b"/.") >= 0 else path


def origin_form(target: bytes) -> bytes:
    """Return the path and query of a target in absolute form; any other is returned as it is.  (RFC 9112 §3.2.1)"""
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        return target
    rest = target[absolute.end(1) :]
    return rest if rest[:1] == b"/" else b"/" + rest


def _raw_path(target: bytes) -> bytes:
    path = target.partition(b"?")[0]
    if path[:1] != b"/" and path != b"*":
        absolute = _ABSOLUTE.fullmatch(target)
        path = (absolute[2] if absolute is not None else None) or b"/"
    return path


# As numbers: CPython looks for a number in bytes ten times as fast as for bytes.
_BACK_SLASH: Final = 0x5C
_PERCENT: Final = 0x25

# What backends may read differently: other slashes, dot segments, parameters, and escapes of these, of "?", "#" or an escape.
_DOUBTFUL: Final = re.compile(rb"[\\\\;]|//|/\.|%(?:2[35EFef]|3[BFbf]|5[Cc])")
_SEMICOLON: Final = 0x3B
_KEPT_ESCAPES: Final = re.compile(rb"(?i)%(?=2f|5c)")
_QUERY: Final = re.compile(rb"[?#]")
_PARAMETERS: Final = re.compile(rb";[^/]*+")
_SLASHES: Final = re.compile(rb"/{2,}+")
# What a URL parser takes for an authority where a path begins with two slashes: many programs give it the target as it is.
_AUTHORITY: Final = re.compile(rb"/{2,}+[^/]*+")


def may_be_unreadable(text: bytes) -> bool:
    """Whether there is something that no path can hold, in a path or in a target, where it may also stand in the query."""
    return _BACK_SLASH in text or (_PERCENT in text and b"%00" in text)


def plain_path(target: bytes) -> bytes | None:
    """Return the path of a target in which no server can see another one.  None: `route_path` and `other_readings` tell.

    Most targets are plain, and for those this takes half as long as the two.
    """
    path = target.partition(b"?")[0]
    return None if path[:1] != b"/" or _may_be_doubtful(path) else path


def is_unreadable(target: bytes) -> bool:
    """Whether the path holds what no path can: a back-slash (RFC 3986 §3.3), or NUL, at which some backends end it."""
    return may_be_unreadable(target.partition(b"?")[0])


def other_readings(target: bytes) -> tuple[bytes, ...]:
    """Return the paths, other than `route_path`, that a backend could take the target for.  Mostly there is none."""
    path = _raw_path(target)
    if not _may_be_doubtful(path) or _DOUBTFUL.search(path) is None:
        return ()
    found = _readings(path)
    if path[:2] == b"//":
        rest = _AUTHORITY.sub(b"", path, count=1) or b"/"
        decoded = unquote_to_bytes(rest)
        found |= _readings(rest) | {decoded, _without_dot_segments(decoded)}
    found.discard(route_path(target))
    return tuple(found)


def _may_be_doubtful(path: bytes) -> bool:
    """Whether there is anything that `_DOUBTFUL` could find, which takes four times as long to say that there is nothing."""
    marks = _PERCENT in path or _SEMICOLON in path or _BACK_SLASH in path
    return marks or path.find(b"//") >= 0 or path.find(b"/.") >= 0


def _readings(path: bytes) -> set[bytes]:
    decoded = unquote_to_bytes(path)
    partly = unquote_to_bytes(_KEPT_ESCAPES.sub(b"%25", path))  # %2F and %5C are data, no separators (RFC 3986 §2.2)
    found = {partly, _without_dot_segments(partly), _as_lenient_as_can_be(decoded), _without_dot_segments(_merged(decoded))}
    cut = _QUERY.split(decoded, maxsplit=1)[0]  # decoded first, then taken apart
    if cut != decoded:
        found |= {cut, _as_lenient_as_can_be(cut)}
    if b"%" in decoded:
        found.add(_as_lenient_as_can_be(unquote_to_bytes(decoded)))
    return found


def _merged(path: bytes) -> bytes:
    return _SLASHES.sub(b"/", path.replace(b"\\", b"/"))


def _as_lenient_as_can_be(path: bytes) -> bytes:
    """Return what a servlet container makes of a path: parameters cut, slashes merged, dot segments resolved."""
    return _without_dot_segments(_merged(_PARAMETERS.sub(b"", path.replace(b"\\", b"/"))))


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
