"""Fixtures for every floor; loaded by tests/conftest.py."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.backends import Backend, Reply, flask_backend, plain_backend
from support.processes import Proxy

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

ProxyFactory = Callable[[str], Proxy]
FlaskFactory = Callable[["WSGIApplication"], Backend]
PlainFactory = Callable[..., Backend]


@pytest.fixture
def flask_app() -> Iterator[FlaskFactory]:
    """Return `flask_app(application)`: the application, served until the end of the test."""
    with ExitStack() as stack:
        yield lambda application: stack.enter_context(flask_backend(application))


@pytest.fixture
def plain() -> Iterator[PlainFactory]:
    """Return `plain({path: Reply}, default)`: ready-made answers, served until the end of the test."""
    with ExitStack() as stack:

        def start(replies: dict[str, Reply], default: Reply | None = None) -> Backend:
            return stack.enter_context(plain_backend(replies, default))

        yield start


@pytest.fixture
def proxy(tmp_path: Path, flask_app: FlaskFactory, plain: PlainFactory) -> Iterator[ProxyFactory]:
    """Return `proxy(config_text)`: `xoproxy run` with that file; at the end each must stop with exit code 0, no fault logged.

    Takes the backends' fixtures so that proxies stop first: a backend that vanishes under a proxy is a case of its own.
    """
    with ExitStack() as stack:

        def start(config: str) -> Proxy:
            directory = tmp_path / f"proxy-{len(list(tmp_path.iterdir()))}"
            directory.mkdir()
            process = Proxy(config, directory)
            stack.callback(process.stop)
            return process

        yield start
