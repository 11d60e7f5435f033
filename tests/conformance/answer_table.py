"""All response cases, in the order of the report, and how a program is put between them."""

import asyncio
from collections.abc import Sequence

from conformance.answers import Player, ResponseCase
from conformance.cases_answers import MEANINGS
from conformance.cases_fields import WAYS
from conformance.cases_responses import EXTENTS
from conformance.playing import Judged, play_cases
from conformance.targets import KINDS, Target

ANSWERS: tuple[ResponseCase, ...] = (*EXTENTS, *MEANINGS, *WAYS)

# Short timeouts, and a policy below /policy.
XOPROXY = """\
version: 1
upstream: http://127.0.0.1:{backend}
policies:
  owned: [isolated, {{cors: {{allow_origins: ["https://app.example"]}}}}]
routes:
  - match: {{path: /policy/**}}
    policy: owned
  - policy: untouched
timeouts: {{head: 1s, body: 1s, idle: 3s, response: 1s}}
log: {{level: error}}
"""


async def play_against(name: str, cases: Sequence[ResponseCase], *, backend_port: int = 0) -> list[Judged]:
    """Play `cases` against `name`: one of `KINDS`, or HOST:PORT of what forwards to `backend_port` of this machine.

    xoproxy must have logged no fault of its own.
    """
    is_ours = name == "xoproxy"
    cases = [case for case in cases if is_ours or not case.only_xoproxy]
    if not cases:
        return []
    player = Player()
    await player.start(backend_port)
    try:
        if name not in KINDS:
            host, _, number = name.rpartition(":")
            return await play_cases(cases, (host.strip("[]"), int(number)), player, exact=False)
        config = XOPROXY if is_ours else None
        with await asyncio.to_thread(Target(KINDS[name], player.port, config).__enter__) as target:
            judged = await play_cases(cases, target.address, player, exact=is_ours)
            output = target.output
    finally:
        await player.stop()

    assert not is_ours or "Traceback" not in output, output
    return judged
