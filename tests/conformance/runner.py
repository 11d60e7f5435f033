"""Run cases against one target and judge what was seen."""

import asyncio
import itertools
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from support.wire import Peer

from conformance.connecting import connect_to
from conformance.judging import judge
from conformance.model import TOKEN, Case, Marker
from conformance.observed import Observation, read_answers
from conformance.recorder import Recorder
from conformance.scenarios import Scenario, Stage

MARKER = b"GET /" + TOKEN + b"/marker HTTP/1.1\r\nHost: front.example\r\nConnection: close\r\n\r\n"
HANG_S = 12.0  # longer than any timeout of any target
AT_ONCE = 48

_serials = itertools.count(1)


@dataclass(frozen=True)
class Verdict:
    """What became of one row.  `fault` None: as the table says."""

    case: Case | Scenario
    fault: str | None
    told: str  # what was seen, in short


async def run_rows(
    rows: Iterable[Case | Scenario], address: tuple[str, int], recorder: Recorder, *, exact: bool
) -> list[Verdict]:
    """Run cases side by side, then scenarios one after the other.  `exact`: the target is xoproxy."""
    rows = list(rows)
    verdicts = await run_cases((row for row in rows if isinstance(row, Case)), address, recorder, exact=exact)
    stage = Stage(address, recorder)
    for row in rows:
        if isinstance(row, Scenario):
            fault = await row.play(stage)
            verdicts.append(Verdict(row, fault, fault or "as it should be"))
    return verdicts


async def run_cases(
    cases: Iterable[Case], address: tuple[str, int], recorder: Recorder, *, exact: bool, at_once: int = AT_ONCE
) -> list[Verdict]:
    """Run each case on a connection of its own; judge when all is over.  `exact`: the target is xoproxy."""
    room = asyncio.Semaphore(at_once)

    async def run_one(case: Case) -> tuple[Case, Observation]:
        async with room:
            return case, await run_case(case, address, recorder)

    cases = list(cases)
    ran = await asyncio.gather(*(run_one(case) for case in cases if TOKEN in case.sent))
    await recorder.settled()
    strays = len(recorder.of(b""))
    for case in cases:
        if TOKEN not in case.sent:  # what has no token can only be of the one that runs
            _, observation = await run_one(case)
            await recorder.settled()
            observation.seen = recorder.of(b"")[strays:]
            strays += len(observation.seen)
            ran.append((case, observation))
    verdicts = []
    for case, observation in ran:
        observation.seen += recorder.of(observation.token)
        verdicts.append(Verdict(case, judge(case, observation, exact=exact), tell(observation)))
    return verdicts


async def run_case(case: Case, address: tuple[str, int], recorder: Recorder) -> Observation:
    """Send what the case says, then the marker; return what came back.  What the backend saw is not filled in."""
    token = b"tk%06d" % next(_serials)
    if case.reply is not None:
        recorder.replies[token] = case.reply
    writes = [data.replace(TOKEN, token) for data in case.writes]
    peer = await connect_to(address)
    received, clean, hung = b"", False, False
    try:
        await _send(peer, case, writes, MARKER.replace(TOKEN, token))
        async with asyncio.timeout(HANG_S):
            received, clean = await peer.read_until_ended()
    except TimeoutError:
        received, hung = peer.pending, True
    finally:
        peer.close()
    answers = read_answers(received, [outcome.method for outcome in case.expect], clean=clean)
    return Observation(token, received, answers, [], clean, hung, b"".join(writes))


async def _send(peer: Peer, case: Case, writes: Sequence[bytes], marker: bytes) -> None:
    """Send all; a proxy that has closed in the meantime has answered before."""
    with suppress(ConnectionError):
        for at, data in enumerate(writes):
            if at:
                await asyncio.sleep(0.002)  # so that the two are read apart
            await peer.send(data)
        if case.marker is Marker.AFTER:
            peer.pending += await peer.receive()
        if case.marker is not Marker.NONE:
            await peer.send(marker)
        if case.half_closes:
            peer.half_close()


def tell(observation: Observation) -> str:
    """Say in short what was seen."""
    answers = [
        f"{answer.status or answer.head[:30]!r}{'' if answer.complete else ' cut off'}" for answer in observation.answers
    ]
    seen = [
        f"{one.method.decode()} {one.target.decode('latin-1')}{'' if one.complete else ' (begun)'}" for one in observation.seen
    ]
    end = "hangs" if observation.hung else "closed" if observation.clean else "reset"
    return f"answers {', '.join(answers) or 'none'}; {end}; backend saw {', '.join(seen) or 'nothing'}"


def splits(case: Case) -> list[Case]:
    """Return the case once for each place at which its bytes can be cut in two writes."""
    sent = case.sent
    # The token has the same length in every run: a cut within it would keep it from being found.
    inside = {at + 1 + n for at in _places(sent, TOKEN) for n in range(len(TOKEN) - 1)}
    return [replace(case, writes=(sent[:at], sent[at:])) for at in range(1, len(sent)) if at not in inside]


def _places(data: bytes, part: bytes) -> list[int]:
    return [at for at in range(len(data)) if data.startswith(part, at)]
