"""What a figure depends on, besides what is measured."""

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from benchmarks.cores import Cores
from benchmarks.proxies import Proxy


def describe(proxies: Iterable[Proxy], cores: Cores) -> dict[str, str]:
    """Return the versions, the machine and how loaded it is."""
    return {
        "proxies": "; ".join(proxy.version() for proxy in proxies),
        "machine": f"{_processor()}, {platform.system()} {platform.release()}",
        "cores": f"proxy on {_listed(cores.proxy)}; load and backend on {_listed(cores.others)}",
        "load average": load_average(),
    }


def load_average() -> str:
    """Return how many processes wanted to run, over 1, 5 and 15 minutes.  Above what is started here: others are at work."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def _listed(cores: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(cores)))


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
