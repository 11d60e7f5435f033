"""Lists of origins in which one entry does another's work."""

from collections.abc import Iterator
from typing import Final

from xoproxy.config.drafts import CorsDraft, Origins, Placed
from xoproxy.config.lint.view import View, once
from xoproxy.config.origins import Null
from xoproxy.config.problems import Id, Problem, problem_at, quoted
from xoproxy.policy.model import ANY
from xoproxy.semantics.origins import OriginPattern


def _covered(view: View) -> Iterator[Problem]:
    for part, _ in once(view, lambda draft: draft.cors.allow_origins if isinstance(draft.cors, CorsDraft) else None):
        yield from _covered_in(part)
    for part, _ in once(view, lambda draft: draft.websocket.allow_origins if draft.websocket is not None else None):
        yield from _covered_in(part)


def _covered_in(part: Placed[Origins]) -> Iterator[Problem]:
    """Yield a finding for each entry of a list that another makes needless, in time that does not grow with their pairs."""
    if part.value is ANY:
        return
    members = [(item.value, item.place) for item in part.value if not isinstance(item.value, Null)]
    first: dict[OriginPattern, int] = {}
    for index, (pattern, place) in enumerate(members):
        if not place.path.endswith(".origin"):  # one that ends covers nothing then
            first.setdefault(pattern, index)
    for index, (pattern, place) in enumerate(members):
        shown = quoted(pattern.text())
        if first.get(pattern, index) != index:
            yield problem_at(place, Id.COVERED_ORIGIN, f"{shown} is in this list already; remove it")
            continue
        wider = next((candidate for candidate in _wider(pattern) if candidate in first), None)
        if wider is not None:
            yield problem_at(place, Id.COVERED_ORIGIN, f"{quoted(wider.text())} covers {shown} already; remove one of the two")


def _wider(pattern: OriginPattern) -> Iterator[OriginPattern]:
    """Yield every other pattern that covers a pattern: by any port, by a wildcard in the place of labels, by both."""
    scheme, port = pattern.scheme, pattern.port
    if port is not None:
        yield OriginPattern(scheme, pattern.host, None, pattern.any_subdomain)
    parent = pattern.host.partition(b".")[2]
    while parent:
        yield OriginPattern(scheme, parent, port, any_subdomain=True)
        if port is not None:
            yield OriginPattern(scheme, parent, None, any_subdomain=True)
        parent = parent.partition(b".")[2]


CHECKS: Final = (_covered,)
