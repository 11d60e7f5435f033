"""A configuration on its way from the process that compiled it to the one that serves by it.

What travels is what the file says, read and validated: settings, policies, routes.  What is made of these, up to encoded bytes,
is made again where it arrives, because it takes less time than to bring it; in steps, because who makes it serves meanwhile.
Both processes are the same program, and nobody else writes to the pipe between them: hence pickle.
"""

import pickle
import sys
from collections.abc import Generator, Iterator
from datetime import date
from typing import Final

from xoproxy.config import Loaded, Texts
from xoproxy.config.generation import Generation
from xoproxy.config.problems import Problem
from xoproxy.config.settings import Settings
from xoproxy.config.withheld import Withheld, withheld
from xoproxy.policy.matching import Match
from xoproxy.policy.model import Policy, ReportingEndpoints
from xoproxy.policy.routes import Entries, Route, RouteTable
from xoproxy.runtime.source import Edition
from xoproxy.slotted import dataclass

ROUTES: Final = 16  # in one piece, which takes a quarter of a millisecond to read


@dataclass(frozen=True, slots=True)
class _Head:
    """The first piece."""

    number: int
    source: str
    digest: str
    settings: Settings
    default: Policy
    endpoints: ReportingEndpoints
    today: date
    ends: date | None
    withheld: Withheld
    warnings: tuple[Problem, ...]


_Routes = tuple[tuple[str, Match, str, int, str], ...]  # a piece: the fields of `Route`, and of its policy the number
Packed = tuple[bytes, ...]


def pack(loaded: Loaded) -> Packed:
    """Return a configuration in pieces: its head, its policies, some routes, some more."""
    return tuple(pickle.dumps(piece, pickle.HIGHEST_PROTOCOL) for piece in _pieces(loaded))


def _pieces(loaded: Loaded) -> Iterator[_Head | Policy | _Routes]:
    generation, default = loaded.generation, loaded.unmatched.route.policy
    routes = generation.routes.routes
    yield _Head(
        generation.number,
        generation.source,
        generation.digest,
        generation.settings,
        default,
        loaded.endpoints,
        loaded.today,
        loaded.ends,
        withheld(loaded),
        loaded.warnings,
    )
    policies = {id(route.policy): route.policy for route in routes}
    yield from policies.values()
    numbers = {key: number for number, key in enumerate(policies)}
    for start in range(0, len(routes), ROUTES):
        yield tuple(
            (route.name, route.match, route.upstream, numbers[id(route.policy)], route.policy_name)
            for route in routes[start : start + ROUTES]
        )


def unpack(packed: Packed, texts: Texts) -> Generator[None, None, tuple[Edition, tuple[Problem, ...]]]:
    """Return, at the end, the edition of `texts`, and the warnings about it."""
    pieces = map(pickle.loads, packed)
    head: _Head = next(pieces)
    policies: list[Policy] = []
    entries = Entries(head.endpoints)
    piece: Policy | _Routes
    for piece in pieces:
        yield
        if isinstance(piece, Policy):
            policies.append(piece)
            continue
        for name, match, upstream, number, policy_name in piece:
            yield
            entries.add(Route(name, match, sys.intern(upstream), policies[number], sys.intern(policy_name)))
    table = RouteTable(
        tuple(entry.route for entry in entries.all),
        head.default,
        head.endpoints,
        lenient_paths=head.settings.limits.lenient_paths,
        collected=head.settings.collecting.targets,
        entries=entries,
    )
    generation = Generation(head.number, head.source, head.digest, head.settings, table)
    return Edition(generation, texts, head.today, head.ends, head.withheld), head.warnings
