"""Compare two generations: every request is decided by both, and what differs is told once for all that it holds for."""

from dataclasses import fields, replace
from functools import lru_cache

from xoproxy.config.generation import Generation
from xoproxy.config.settings import Settings
from xoproxy.config.withheld import Withheld, as_written
from xoproxy.insight.comparing.changes import Change, Comparison, Difference, Direction, gained_and_lost
from xoproxy.insight.comparing.policies import compare_policies
from xoproxy.insight.comparing.regions import Region, collapse, regions
from xoproxy.policy.routes import Route, RouteTable
from xoproxy.semantics.diagnosis import HeadFault
from xoproxy.semantics.heads import read_request_head


def compare(old: Generation, new: Generation, withheld: Withheld = ()) -> Comparison:
    """Return what `new` decides differently from `old`; requests are named by what routes want of them, less `withheld`."""
    found_samples, is_sampled = regions((old.routes, new.routes))
    samples = [each for each in found_samples if not (_collects(old.routes, each.block) or _collects(new.routes, each.block))]
    remembered = lru_cache(maxsize=None)(_compare_routes)
    found: dict[tuple[Change, ...], list[Region]] = {}
    for sample in samples:
        before, after = _route(old.routes, sample.block), _route(new.routes, sample.block)
        if changes := remembered(before, after):
            found.setdefault(changes, []).append(sample.region)
    everything = [sample.region for sample in samples]
    differences = tuple(
        Difference(tuple(as_written(name, withheld) for name in collapse(where, everything)), changes)
        for changes, where in found.items()
    )
    return Comparison(differences, _compare_settings(old.settings, new.settings), is_sampled)


def _route(table: RouteTable, block: bytes) -> Route | None:
    head = read_request_head(block)
    assert not isinstance(head, HeadFault), "samples are lawful requests"
    return table.decide(head, b"https", head.host).route


def _collects(table: RouteTable, block: bytes) -> bool:
    """Whether a request belongs to no route because reports are collected there: `_compare_settings` tells of that."""
    return table.collects(block.split(b" ", 2)[1])


def _compare_routes(old: Route | None, new: Route | None) -> tuple[Change, ...]:
    if old is None or new is None:
        return () if old is new else (_answered(new),)
    changes = compare_policies(old.policy, new.policy)
    if old.upstream != new.upstream:
        changes = (Change("upstream", Direction.CHANGED, f"{old.upstream} -> {new.upstream}"), *changes)
    return changes


def _answered(new: Route | None) -> Change:
    if new is None:
        return Change("routes", Direction.NARROWER, "no route matches any more: 404")
    return Change("routes", Direction.WIDER, f"requests that got 404 are forwarded to {new.upstream}")


def _compare_settings(old: Settings, new: Settings) -> tuple[Change, ...]:
    """Compare what holds for all requests."""
    gained = [str(network) for network in new.trusted_proxies if network not in old.trusted_proxies]
    lost = [str(network) for network in old.trusted_proxies if network not in new.trusted_proxies]
    changes = gained_and_lost("trusted_proxies", gained, lost, "believed about who the client is")
    if old.limits.lenient_paths != new.limits.lenient_paths:
        lenient = new.limits.lenient_paths
        said = "are forwarded" if lenient else "are refused"
        direction = Direction.WIDER if lenient else Direction.NARROWER
        changes.append(Change("limits.paths", direction, f"paths that servers read in different ways {said}"))
    gained = [target.decode("ascii") for target in new.collecting.targets if target not in old.collecting.targets]
    lost = [target.decode("ascii") for target in old.collecting.targets if target not in new.collecting.targets]
    changes += gained_and_lost("reporting.endpoints", gained, lost, "collects reports")
    if replace(old.collecting, targets=()) != replace(new.collecting, targets=()):
        changes.append(Change("reporting", Direction.CHANGED, "changed"))
    told = {"trusted_proxies", "collecting"}
    for field in fields(Settings):
        if field.name not in told and getattr(old, field.name) != getattr(new, field.name):
            changes.append(Change(field.name, Direction.CHANGED, "changed"))
    return tuple(changes)
