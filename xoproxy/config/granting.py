"""Rules about the origins of one list, of `cors` or `websocket_origins`: what must not be granted without a dangerous key."""

from collections.abc import Iterator
from typing import Final, TypeGuard

from xoproxy.config.drafts import CorsDraft, OriginsDraft, Placed
from xoproxy.config.origins import Null, covers_public_suffix, is_insecure
from xoproxy.config.problems import Id, quoted
from xoproxy.config.reader import Reader
from xoproxy.config.regexes import MAX_PATTERNS, Coverage, coverage
from xoproxy.policy.model import ANY
from xoproxy.semantics.origins import OriginPattern
from xoproxy.semantics.regexes import RegexError, RegexSet

_NULL_KEY: Final = 'dangerously_allow_null_origin: {reason: "why"}'
_INSECURE_KEY: Final = 'dangerously_allow_insecure_origins: {reason: "why"}'
_SUFFIX_KEY: Final = 'dangerously_allow_public_suffixes: {reason: "why"}'
_ANY_KEY: Final = 'dangerously_allow_any_origin_with_credentials: {reason: "why"}'


def seal_origins(reader: Reader, draft: CorsDraft | OriginsDraft) -> tuple[OriginPattern, ...]:
    """Return the origins of a list, ``null`` apart, and report those that want a dangerous key."""
    listed = _listed(draft)
    for item in listed:
        if isinstance(item.value, Null):
            _check_null(reader, draft, item)
            continue
        pattern = item.value
        if draft.insecure_origins is None and is_insecure(pattern):
            _report_insecure(reader, item, pattern)
        if draft.public_suffixes is None and covers_public_suffix(pattern):
            _report_suffix(reader, item, pattern)
    return reader.once(listed, lambda: tuple(item.value for item in listed if not isinstance(item.value, Null)))


def seal_regexes(reader: Reader, draft: CorsDraft | OriginsDraft) -> tuple[str, ...]:
    """Return the regular expressions of a list, and report those that want a dangerous key, as far as that can be known."""
    listed = draft.allow_origin_regexes
    if listed is None:
        return ()
    if draft.allow_origins is not None and draft.allow_origins.value is ANY:
        reader.report(listed.place, Id.ANY_AND_MORE, '`allow_origins: "*"` covers every origin; remove one of the two')
        return ()
    patterns = tuple(item.value for item in listed.value)
    if len(patterns) > MAX_PATTERNS:
        message = f"the list has {len(patterns)} patterns, {MAX_PATTERNS} is the most; write hosts under allow_origins"
        reader.report(listed.place, Id.REGEX_SIZE, message)
        return ()
    for item in listed.value:
        for kind, message in _objections(item.value, coverage(item.value), draft):
            reader.report(item.place, kind, message)
    try:
        RegexSet(patterns)
    except RegexError:  # each alone was taken, so it is their size
        reader.report(listed.place, Id.REGEX_SIZE, "the patterns take too much memory together; write fewer or simpler ones")
    return patterns


def _objections(pattern: str, covered: Coverage, draft: CorsDraft | OriginsDraft) -> Iterator[tuple[Id, str]]:
    """Yield what is to be said against a pattern, without the key that allows it."""
    shown = quoted(pattern)
    if covered.is_any and _is_credentialed(draft):
        if draft.any_with_credentials is None:
            said = f"{shown} matches every origin, so every site could read this with the user's cookies"
            yield (
                Id.ANY_WITH_CREDENTIALS,
                f"{said}; write what is meant, or remove allow_credentials (or {_ANY_KEY})",
            )
        return
    if covered.stranger is not None and draft.public_suffixes is None:
        remedy = 'write allow_origins: "*" if everybody is meant' if covered.is_any else "write out the name that is yours"
        yield Id.PUBLIC_SUFFIX, f"{shown} matches {covered.stranger}, which anyone can have; {remedy} (or {_SUFFIX_KEY})"
    if covered.insecure is not None and draft.insecure_origins is None:
        said = f"{shown} matches {covered.insecure}, which is plain http: whoever is on the path can speak for it"
        yield Id.INSECURE_ORIGIN, f"{said}; begin it with https:// (or write {_INSECURE_KEY})"
    if covered.null and not covered.is_any and draft.null_origin is None:
        said = f"{shown} matches null, the origin of any sandboxed frame, about which no pattern is asked"
        yield Id.NULL_ORIGIN, f"{said}; leave that out (or write {_NULL_KEY})"


def _is_credentialed(draft: CorsDraft | OriginsDraft) -> TypeGuard[CorsDraft]:
    return isinstance(draft, CorsDraft) and draft.allow_credentials is not None and draft.allow_credentials.value


def _listed(draft: CorsDraft | OriginsDraft) -> tuple[Placed[OriginPattern | Null], ...]:
    listed = draft.allow_origins.value if draft.allow_origins is not None else ()
    return () if listed is ANY else listed


def _check_null(reader: Reader, draft: CorsDraft | OriginsDraft, item: Placed[OriginPattern | Null]) -> None:
    """Nobody means all sandboxed frames by accident."""
    if draft.null_origin is None:
        message = f"any sandboxed frame has the origin null; remove it (or write {_NULL_KEY})"
        reader.report(item.place, Id.NULL_ORIGIN, message)


def _report_insecure(reader: Reader, item: Placed[OriginPattern | Null], pattern: OriginPattern) -> None:
    """A plain-http origin is whoever is on the path to it.  (Secure Contexts §3.1)"""
    shown = pattern.text()
    reader.report(
        item.place,
        Id.INSECURE_ORIGIN,
        f"{quoted(shown)} is plain http: whoever is on the path can speak for it; write {quoted('https' + shown[4:])} "
        f"(or {_INSECURE_KEY})",
    )


def _report_suffix(reader: Reader, item: Placed[OriginPattern | Null], pattern: OriginPattern) -> None:
    """A wildcard right below a public suffix covers strangers.  (publicsuffix.org)"""
    host = pattern.host.decode("ascii")
    yours = quoted(f"https://*.yours.{host}")
    message = f"anyone can have a name under {host}; write a name of yours, as {yours} (or {_SUFFIX_KEY})"
    reader.report(item.place, Id.PUBLIC_SUFFIX, message)
