"""The loops in which a channel is used: a worker's and a supervisor's."""

import asyncio
from collections.abc import Callable

try:
    import uvloop
except ImportError:
    _FACTORIES: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
else:
    _FACTORIES = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run each test under every loop there is."""
    return _FACTORIES
