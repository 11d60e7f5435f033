"""Start background tasks: kept alive until they end, their crashes reported.  The only place that creates tasks."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

_RUNNING: Final[set[asyncio.Task[Any]]] = set()  # the loop itself holds tasks only weakly


def spawn(coro: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
    """Run `coro` in the background.  An exception it raises goes to the loop's exception handler, with `name`."""
    task = asyncio.get_running_loop().create_task(coro, name=name)
    _RUNNING.add(task)
    task.add_done_callback(_ended)
    return task


def _ended(task: asyncio.Task[None]) -> None:
    _RUNNING.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        task.get_loop().call_exception_handler({"message": f"task {task.get_name()} crashed", "exception": error, "task": task})
