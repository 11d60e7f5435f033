"""Routes that never get a request, because an earlier one takes all that they would.

Only what is certain is told: host, path and all else that the earlier route asks for must each cover what the later one does.
Routes that cover another only together are not found.
"""

import re
from collections.abc import Iterator
from typing import Final

from xoproxy.config.lint.globs import Glob, covers, read_glob
from xoproxy.config.lint.view import View
from xoproxy.config.problems import Id, Problem, problem_at
from xoproxy.policy.matching import Match, compile_path
from xoproxy.policy.routes import Route
from xoproxy.slotted import dataclass

MAX_SIMILAR: Final = 50  # earlier routes looked at that have the same host and begin of path
_ANYTHING: Final = Match()


@dataclass(slots=True)
class _Earlier:
    route: Route
    glob: Glob | None
    pattern: re.Pattern[bytes] | None = None  # made when there is something to compare: most routes have nothing in common

    def takes_all_of(self, match: Match, glob: Glob | None) -> bool:
        return _is_narrower(match, self.route.match) and self._takes_path(glob)

    def _takes_path(self, glob: Glob | None) -> bool:
        if self.glob is None:
            return True
        if glob is None:
            return False
        if self.pattern is None:
            self.pattern = compile_path(self.route.match.path or "")
        return self.pattern.fullmatch(glob.sample().encode("utf-8")) is not None and covers(self.glob, glob)


def _is_narrower(later: Match, earlier: Match) -> bool:
    """Whether a match asks at least for what an earlier one asks, host and path apart."""
    return (
        _is_part(later.methods, earlier.methods)
        and _is_part(later.destinations, earlier.destinations)
        and set(earlier.headers) <= set(later.headers)
    )


def _is_part(some: frozenset[bytes] | None, others: frozenset[bytes] | None) -> bool:
    return others is None or (some is not None and some <= others)


def _covered(view: View) -> Iterator[Problem]:
    earlier: dict[tuple[str | None, str], list[_Earlier]] = {}
    for draft in view.routes:
        match = draft.route.match
        if match == _ANYTHING:
            return  # what stands behind it was told when the routes were read
        glob = read_glob(match.path) if match.path is not None else None
        covering = _first_covering(earlier, match, glob)
        if covering is not None:
            message = (
                f"{covering.route.name} takes every request that this route would; move this route before it, or remove it"
                if covering.route.match != match
                else f"{covering.route.name} has the same match and comes first; remove one of the two"
            )
            yield problem_at(draft.places[""], Id.COVERED_ROUTE, message)
            continue
        if "expires" in draft.places:
            continue  # what it covers gets its requests afterwards
        similar = earlier.setdefault((match.host, glob.prefix if glob is not None else ""), [])
        if len(similar) < MAX_SIMILAR:
            similar.append(_Earlier(draft.route, glob))


def _first_covering(earlier: dict[tuple[str | None, str], list[_Earlier]], match: Match, glob: Glob | None) -> _Earlier | None:
    """Return an earlier route that covers a match.  One that does begins with the same text, or with less of it."""
    prefix = glob.prefix if glob is not None else ""
    for host in _wider_hosts(match.host):
        for length in range(len(prefix) + 1):
            for candidate in earlier.get((host, prefix[:length]), ()):
                if candidate.takes_all_of(match, glob):
                    return candidate
    return None


def _wider_hosts(host: str | None) -> Iterator[str | None]:
    """Yield the hosts of matches that cover a host: any, the same, and wildcards in the place of labels."""
    yield None
    if host is None:
        return
    yield host
    parent = host.removeprefix("*.").partition(".")[2]
    while parent:
        yield f"*.{parent}"
        parent = parent.partition(".")[2]


CHECKS: Final = (_covered,)
