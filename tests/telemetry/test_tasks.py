"""A task in the background lives until it ends, and its crash is reported at once."""

import asyncio
import gc
from typing import Any

from xoproxy.telemetry.tasks import spawn


async def test_crash_is_reported_with_the_task_name() -> None:
    reported: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.set_result(context))

    async def crash() -> None:
        raise ValueError("boom")

    spawn(crash(), name="watch")
    context = await reported

    assert context["message"] == "task watch crashed"
    assert str(context["exception"]) == "boom"


async def test_task_nobody_holds_runs_to_its_end() -> None:
    done = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        gc.collect()
        await asyncio.sleep(0)
        done.set()

    spawn(work(), name="work")
    await done.wait()


async def test_cancelled_task_is_no_crash() -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
    task = spawn(asyncio.Event().wait(), name="waiting")  # type: ignore[arg-type]
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)

    assert not reported
