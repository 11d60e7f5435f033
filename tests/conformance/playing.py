"""Run response cases against one target: one after the other, each followed by questions that must get their own answers."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from support.wire import Peer

from conformance.answers import PATIENCE_S, Aborted, Failed, Fate, Player, ResponseCase, Stage, ask
from conformance.connecting import connect_to
from conformance.model import TOKEN
from conformance.observed import Answer, read_answers

HANG_S = 12.0  # longer than any timeout of any target
POISON = b"X-Poison"  # in nothing that a client may see

_serials = itertools.count(1)


@dataclass
class Heard:
    """What the clients of one case got."""

    received: bytes = b""
    clean: bool = False
    hung: bool = False
    first: Answer | None = None
    interim: tuple[int, ...] = ()
    marker: Answer | None = None  # the answer to the second request on the same connection
    surplus: bool = False  # there was more than these
    kept: bool = False
    probe: list[Answer] | None = None  # the answers another client got


@dataclass(frozen=True)
class Judged:
    """What became of one case.  `fault` None: as the table says."""

    case: ResponseCase
    fault: str | None
    told: str


async def play_cases(cases: Sequence[ResponseCase], address: tuple[str, int], player: Player, *, exact: bool) -> list[Judged]:
    """Play each case and judge it.  Slow ones wait for their timeouts together, the others have the pool for themselves."""
    slow = [asyncio.ensure_future(_play(case, address, player, exact=exact)) for case in cases if case.slow]
    judged = [await _play(case, address, player, exact=exact) for case in cases if not case.slow]
    judged += await asyncio.gather(*slow)
    places = {case.id: place for place, case in enumerate(cases)}
    return sorted(judged, key=lambda one: places[one.case.id])


async def _play(case: ResponseCase, address: tuple[str, int], player: Player, *, exact: bool) -> Judged:
    token = b"tk%06d" % next(_serials)
    stage = player.stages[token] = Stage(case)
    if case.unasked:
        await player.close_idle()
        player.greeting = stage
    heard = Heard()
    try:
        async with asyncio.timeout(HANG_S):
            await _converse(case, token, address, stage, heard)
            heard.probe = await _probe(token, address)
    except TimeoutError:
        heard.hung = True
    player.greeting = None
    return Judged(case, _judge(case, heard, token, player, exact=exact), _tell(heard))


async def _converse(case: ResponseCase, token: bytes, address: tuple[str, int], stage: Stage, heard: Heard) -> None:
    """Ask, and once the answer is whole, ask again on the same connection."""
    request = (case.ask or ask()).replace(TOKEN, token)
    peer = await connect_to(address)
    try:
        await peer.send(request)
        whole = await _read_first(peer, heard, request, stage)
        stage.passed.set()
        stage.answered.set()
        await _over(stage)
        if whole and case.early:
            heard.kept = not await _ends(peer, heard)  # the rest of the request is due: another one would be taken for it
        elif whole:
            with suppress(ConnectionError):
                await peer.send(_question(token, b"marker"))
            peer.pending = heard.received
            heard.received, heard.clean = await peer.read_until_ended()
    finally:
        peer.close()
    methods = [request.partition(b" ")[0], b"GET"]
    answers = read_answers(heard.received, methods, clean=heard.clean)
    heard.first = answers[0] if answers else None
    heard.marker = answers[1] if len(answers) > 1 else None
    heard.surplus = len(answers) > 2
    heard.kept = heard.kept or heard.marker is not None


async def _read_first(peer: Peer, heard: Heard, request: bytes, stage: Stage) -> bool:
    """Read until the first answer is whole, which is told, or the connection ends."""
    method = request.partition(b" ")[0]
    while True:
        answers = read_answers(heard.received, [method], clean=False)
        if answers and answers[0].complete:
            return True
        if answers and answers[0].status:
            stage.passed.set()
        try:
            data = await peer.receive()
        except ConnectionError:
            return False
        if not data:
            heard.clean = True
            return False
        heard.received += data


async def _ends(peer: Peer, heard: Heard) -> bool:
    """Whether the proxy ends the connection soon."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            peer.pending = heard.received
            heard.received, heard.clean = await peer.read_until_ended()
            return True
    return False


async def _over(stage: Stage) -> None:
    """Return once the script is over, if it ever is."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stage.over.wait(), 1.0)


async def _probe(token: bytes, address: tuple[str, int]) -> list[Answer]:
    """Ask as another client."""
    peer = await connect_to(address)
    try:
        await peer.send(_question(token, b"probe"))
        received, clean = await peer.read_until_ended()
    finally:
        peer.close()
    return read_answers(received, [b"GET"], clean=clean)


def _question(token: bytes, what: bytes) -> bytes:
    return b"GET /" + token + b"/" + what + b" HTTP/1.1\r\nHost: front.example\r\nConnection: close\r\n\r\n"


def _judge(case: ResponseCase, heard: Heard, token: bytes, player: Player, *, exact: bool) -> str | None:  # noqa: PLR0911
    if heard.hung:
        return "nothing ends it"
    if POISON in heard.received:
        return "bytes that follow the end of the message reached the client"
    if heard.surplus:
        return "more answers than questions"
    fates = case.expect if exact else (*case.expect, *case.lawful)
    faults = [_compare(fate, heard, exact=exact) for fate in fates]
    if None not in faults:
        return "; or: ".join(dict.fromkeys(fault for fault in faults if fault is not None))
    for what, answers in ((b"marker", [heard.marker] if heard.marker else []), (b"probe", heard.probe or [])):
        fault = _own_answer(what, answers, token, player)
        if fault is not None:
            return fault
    if exact and heard.kept != _keeps(case, heard):
        return f"the connection was {'kept' if heard.kept else 'not kept'}"
    return None


def _keeps(case: ResponseCase, heard: Heard) -> bool:
    if case.keeps is not None:
        return case.keeps
    return heard.first is not None and heard.first.complete


def _own_answer(what: bytes, answers: list[Answer], token: bytes, player: Player) -> str | None:
    """Whether a later question got its own answer: asked once, answered once.  On the same connection it may get none."""
    asked = [one for one in player.asked if one.token == token and one.what == what]
    if len(asked) > 1:
        return f"the {what.decode()} arrived {len(asked)} times"
    if not answers and what == b"marker":
        return None
    if len(answers) != 1 or not asked:
        return f"the {what.decode()} got {len(answers)} answers and arrived {len(asked)} times"
    answer = answers[0]
    if answer.values("x-answer") != (b"%d" % asked[0].serial,) or not answer.complete:
        return f"the {what.decode()} got another answer: {answer.head[:80]!r}"
    return None


def _compare(fate: Fate, heard: Heard, *, exact: bool) -> str | None:  # noqa: PLR0911  a list of comparisons
    first = heard.first
    if isinstance(fate, Aborted):
        return None if first is None or not first.complete else f"a clean answer: {first.head[:60]!r} {first.body[:60]!r}"
    if first is None or not first.complete:
        return "no whole answer"
    if isinstance(fate, Failed):
        return None if first.status in fate.statuses else f"answered {first.status}, not {sorted(fate.statuses)}"
    if first.status != fate.status:
        return f"answered {first.status}, not {fate.status}"
    if fate.body is not None and first.body != fate.body:
        return f"the content arrived as {first.body[:80]!r}"
    if exact and fate.interim is not None and first.interim != fate.interim:
        return f"after {first.interim}, not {fate.interim}"
    for name, expected in fate.fields:
        if first.values(name) != expected:
            return f"{name} arrived as {first.values(name)}, not {expected}"
    return fate.check(first) if fate.check is not None else None


def _tell(heard: Heard) -> str:
    """Say in short what was seen."""
    if heard.first is None:
        first = "nothing"
    else:
        first = f"{heard.first.status}{'' if heard.first.complete else ' cut off'}, {len(heard.first.body)} bytes"
    end = "hangs" if heard.hung else "closed" if heard.clean else "reset"
    return f"{first}; {'kept; ' if heard.kept else ''}{end}; probe {[answer.status for answer in heard.probe or []]}"
