"""What tests of the benchmarks share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.backend import running_backend
from benchmarks.choosing import Wishes, choose
from benchmarks.errors import MissingError
from benchmarks.proxies import Proxy
from benchmarks.running import Stage
from benchmarks.tls import make_certificate
from benchmarks.tools import find


def missing(tool: str) -> str:
    """Return why a tool cannot be used, nothing if it can."""
    try:
        find(tool)
    except MissingError as exc:
        return str(exc)
    return ""


needs_nginx = pytest.mark.skipif(bool(missing("nginx")), reason=missing("nginx"))


def _found() -> tuple[Proxy, ...]:
    try:
        return choose(Wishes()).proxies
    except MissingError:
        return ()


FOUND = _found()  # the proxies that this machine has


@contextmanager
def staged(directory: Path) -> Iterator[Stage]:
    """Run the backend; proxies may use every core, as nothing is measured."""
    cores = frozenset(os.sched_getaffinity(0))
    with running_backend(directory / "backend", cores) as port:
        yield Stage(directory, port, cores, make_certificate(directory))
