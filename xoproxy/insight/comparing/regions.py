"""Requests to compare two route tables by: one for every combination of hosts, paths and methods that their routes tell apart.

Two requests that no route of either table tells apart are decided alike, so one of them stands for all.  What routes name is
finite; with a host, a path and a method that none of them names the combinations are complete, but for requests that several
path globs match at once in ways that their samples do not show.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from xoproxy.policy.matching import Match
from xoproxy.policy.routes import RouteTable
from xoproxy.slotted import dataclass

MAX_REQUESTS: Final = 20_000  # some 10 us each and table

_ELSE: Final = "anything-else"


@dataclass(frozen=True, slots=True)
class Region:
    """Some requests: as the policy file names them, None for all there are.  `fields`: what else routes look at."""

    host: str | None
    path: str | None
    method: str | None
    fields: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        where = f"{self.host or ''}{self.path or ''}" or "everything"
        said = [where if self.method is None else f"{self.method} {where}"]
        said += [f"{name}: {value}" for name, value in self.fields]
        return " with ".join(said)


@dataclass(frozen=True, slots=True)
class Sample:
    """A request that stands for a region, as the head that would come."""

    region: Region
    block: bytes


def regions(tables: Iterable[RouteTable]) -> tuple[tuple[Sample, ...], bool]:
    """Return samples for what the routes of the tables tell apart, and whether that is less than every combination."""
    matches = tuple(dict.fromkeys(route.match for table in tables for route in table.routes))
    hosts = _named(match.host for match in matches)
    paths = _named(match.path for match in matches)
    methods = _methods(matches)
    extras = _extras(matches)
    if len(hosts) * len(paths) * len(methods) * len(extras) <= MAX_REQUESTS:
        grid = (Region(host, path, method, extra) for host in hosts for path in paths for method in methods for extra in extras)
        return tuple(_sample(region) for region in dict.fromkeys(grid)), False
    own = (
        Region(match.host or _ELSE, match.path or _ELSE, method, _extra_fields(match))
        for match in (*matches, Match())
        for method in (sorted(name.decode("ascii") for name in match.methods) if match.methods else [_ELSE])
    )
    return tuple(_sample(region) for region in dict.fromkeys(own)), True


def _named(names: Iterable[str | None]) -> tuple[str, ...]:
    """Return the names once each, and one that is none of them."""
    return (*dict.fromkeys(name for name in names if name is not None), _ELSE)


def _methods(matches: Iterable[Match]) -> tuple[str, ...]:
    named = {name.decode("ascii") for match in matches for name in match.methods or ()}
    return (*sorted(named), _ELSE)


def _extras(matches: Iterable[Match]) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Return what else requests may carry that routes look at: nothing, what each asks for, and all of it at once."""
    asked = dict.fromkeys(_extra_fields(match) for match in matches)
    together = {name: (name, value) for fields in asked for name, value in fields}
    return tuple(dict.fromkeys([(), *asked, tuple(together.values())]))


def _extra_fields(match: Match) -> tuple[tuple[str, str], ...]:
    """Return fields that meet a match's conditions on destination and other fields."""
    destination = min(match.destinations) if match.destinations else None
    fields = [] if destination is None else [("Sec-Fetch-Dest", destination.decode("ascii"))]
    return (*fields, *((name, glob) for name, glob in match.headers))


# What stands in paths as it is; all else is encoded, because globs are matched with decoded paths.  (RFC 3986 §3.3)
_PATH_CHARACTERS: Final = "/!$&'()*+,;=:@"


def _sample(region: Region) -> Sample:
    host = "anything-else.invalid" if region.host == _ELSE else (region.host or "").replace("*", "any", 1)
    path = "/anything-else" if region.path == _ELSE else quote(_fill(region.path or ""), _PATH_CHARACTERS)
    lines = "".join(f"{name}: {value.replace('*', 'any')}\r\n" for name, value in region.fields)
    block = f"{region.method} {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n"
    return Sample(region, block.encode("utf-8"))


_WILDCARDS: Final = re.compile(r"\*+")


def _fill(glob: str) -> str:
    """Return a path that a glob matches."""
    return _WILDCARDS.sub(lambda found: "any/thing" if len(found[0]) > 1 else "any", glob)


def collapse(found: Iterable[Region], everything: Iterable[Region]) -> Iterator[str]:
    """Yield names for `found`, as few as say the same: what is alike for every method, host or path needs not name it."""
    every = tuple(everything)
    left = set(found)
    left = _without(_any_method, len({region.method for region in every}), left)
    left = _without(_any_host, len({region.host for region in every}), left)
    left = _without(_any_path, len({region.path for region in every}), left)
    left = _without(_any_fields, len({region.fields for region in every}), left)
    yield from sorted(str(_plain(region)) for region in left)


def _without(leave_out: Callable[[Region], Region], values: int, found: set[Region]) -> set[Region]:
    """Leave a part out of regions that differ by nothing else, where all of its `values` are among them."""
    groups: dict[Region, set[Region]] = {}
    for region in found:
        groups.setdefault(leave_out(region), set()).add(region)
    kept: set[Region] = set()
    for wide, members in groups.items():
        kept |= {wide} if len(members) == values else members
    return kept


def _any_method(region: Region) -> Region:
    return replace(region, method=None)


def _any_host(region: Region) -> Region:
    return replace(region, host=None)


def _any_path(region: Region) -> Region:
    return replace(region, path=None)


def _any_fields(region: Region) -> Region:
    return replace(region, fields=())


def _plain(region: Region) -> Region:
    return Region(
        "(any other host)" if region.host == _ELSE else region.host,
        "(any other path)" if region.path == _ELSE else region.path,
        "(any other method)" if region.method == _ELSE else region.method,
        region.fields,
    )
