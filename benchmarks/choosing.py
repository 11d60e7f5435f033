"""Which proxies are measured: all that are found, unless the command line names some; and what the others are compared to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks.errors import MissingError
from benchmarks.proxies import BASELINE, PROXIES, Mitmproxy, Node, Proxy, Xoproxy

AGAINST: Final = "xoproxy-against"
COMPILED: Final = "xoproxy-compiled"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line says of proxies."""

    names: Sequence[str] = ()
    node_modules: Path | None = None
    mitmdump: Path | None = None
    xoproxy: Path | None = None
    against: Path | None = None
    compiled: Path | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What is measured, the baseline first, and a sentence for each that is left out."""

    proxies: tuple[Proxy, ...]
    baseline: str
    left_out: tuple[str, ...]


def choose(wishes: Wishes) -> Choice:
    """Return the proxies to be measured.

    Raises:
        MissingError: one that was asked for is not there, or has nothing compiled.
    """
    if wishes.against is not None:
        baseline: Proxy = Xoproxy(AGAINST, build=wishes.against)
        names = set(wishes.names) or {"xoproxy"}
    else:
        baseline = next(proxy for proxy in PROXIES if proxy.name == BASELINE)
        names = set(wishes.names) - {BASELINE}
    others = [_as_wished(proxy, wishes) for proxy in PROXIES if proxy.name != baseline.name]
    found, left_out = [baseline], []
    baseline.version()
    for proxy in others:
        if names and proxy.name not in names:
            continue
        try:
            proxy.version()
        except MissingError as exc:
            if names:
                raise
            left_out.append(f"{proxy.name} is left out: {exc}")
        else:
            found.append(proxy)
    if wishes.compiled is not None:
        found.append(_compiled(wishes.compiled))
    return Choice(tuple(found), baseline.name, tuple(left_out))


def _compiled(build: Path) -> Proxy:
    proxy = Xoproxy(COMPILED, build=build)
    if "compiled" not in proxy.version().removeprefix(COMPILED):
        raise MissingError(f"{build}: nothing of its xoproxy is compiled")
    return proxy


def _as_wished(proxy: Proxy, wishes: Wishes) -> Proxy:
    match proxy:
        case Node():
            return replace(proxy, modules=wishes.node_modules)
        case Mitmproxy():
            return replace(proxy, program=wishes.mitmdump)
        case Xoproxy():
            return replace(proxy, build=wishes.xoproxy)
    return proxy
