"""Run rows of the table against a program that is started for it, or against a proxy that is running."""

import asyncio
from collections.abc import Sequence

from conformance.model import Case
from conformance.recorder import Recorder
from conformance.runner import Verdict, run_rows
from conformance.scenarios import Scenario
from conformance.targets import KINDS, Target

_FAULTS = ("Traceback", "internal error", "never awaited", "never retrieved")


async def run_against(
    name: str, rows: Sequence[Case | Scenario], *, config: str | None = None, backend_port: int = 0
) -> list[Verdict]:
    """Run `rows` against `name`: one of `KINDS`, with its own configuration or `config`, or HOST:PORT.

    What listens at HOST:PORT forwards to `backend_port` of this machine.  xoproxy must have logged no fault of its own.
    """
    recorder = Recorder()
    await recorder.start(backend_port)
    try:
        if name not in KINDS:
            host, _, number = name.rpartition(":")
            return await run_rows(rows, (host.strip("[]"), int(number)), recorder, exact=False)
        is_ours = name == "xoproxy"
        with await asyncio.to_thread(Target(KINDS[name], recorder.port, config).__enter__) as target:
            verdicts = await run_rows(rows, target.address, recorder, exact=is_ours)
            output = target.output
    finally:
        recorder.stop()

    assert not is_ours or not [fault for fault in _FAULTS if fault in output], output
    return verdicts
