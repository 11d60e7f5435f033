"""One worker, as its supervisor sees it: a child process and the channel to it."""

import asyncio
import itertools
import math
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from xoproxy.runtime.interpreters import command
from xoproxy.runtime.signals import HANDLED
from xoproxy.runtime.source import ConfigSource, Edition
from xoproxy.runtime.workers.channel import Channel
from xoproxy.runtime.workers.orders import (
    REPORTS,
    Abort,
    Adopt,
    Begin,
    Done,
    Drain,
    Order,
    Recall,
    Recalled,
    Refused,
    Renew,
    Report,
    Sockets,
    Totals,
    load_order,
    pieces_of,
)
from xoproxy.slotted import dataclass
from xoproxy.telemetry.recent import Shown, Wanted
from xoproxy.telemetry.tasks import spawn
from xoproxy.telemetry.workers import AddressView, WorkerState, WorkerView

ANSWER_S: Final = 10.0  # for an order that changes something small
RECALL_S: Final = 2.0  # somebody looks at a page
LOAD_S: Final = 60.0  # to compile a configuration: the largest takes 8 s of a processor that other workers may want too
START_S: Final = 60.0  # for a start: a fresh interpreter on a machine that is busy
KILL_AFTER_S: Final = 5.0  # past the time for draining
REAP_INTERVAL_S: Final = 0.005


class WorkerGoneError(Exception):
    """The worker ended, or did not answer in time."""


class RefusedError(Exception):
    """The worker did not carry out an order; the text is its reason."""


Portion = list[tuple[str, list[socket.socket]]]  # addresses and the sockets that a worker accepts from there


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is to serve by."""

    revision: int  # of all that follows
    edition: Edition
    listeners: list[int]


class Member:
    """A worker's process, from start to end.  `reported` is called for what it says unasked, `ended` once, after all that."""

    def __init__(self, slot: int, reported: Callable[["Member", Report], None], ended: Callable[["Member"], None]) -> None:
        """Start the process.  Raises: `OSError`."""
        ours, theirs = socket.socketpair()
        self.slot = slot
        self.number = 0  # of the generation in force there
        self.revision = 0  # of what it has
        self.state = WorkerState.STARTING
        self.started = time.time()
        self.served_from = math.inf  # monotonic
        self.is_leaving = False  # told by a signal to end
        self.totals = Totals(0, {})  # what it said last; its counts are added up elsewhere
        self.addresses: tuple[AddressView, ...] = ()
        self.silent_ticks = 0  # of the supervisor's clock, since it said anything
        self.exit_code: int | None = None
        self._reported = reported
        self._ended = ended
        self._asked: dict[int, asyncio.Future[Done | Recalled]] = {}
        self._ids = itertools.count(1)
        self._kill_timer: asyncio.TimerHandle | None = None
        with theirs:
            try:
                self._process = _start_process(theirs)
            except BaseException:
                ours.close()
                raise
        self._channel: Channel[Report] = Channel(ours, REPORTS, self._received, self._channel_ended)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def view(self) -> WorkerView:
        """What is shown of it."""
        totals = self.totals
        return WorkerView(
            self.slot,
            self.pid,
            self.number,
            totals.connections,
            self.state,
            self.started,
            self.addresses,
            totals.waiting,
            totals.cpu_s,
            totals.resident_bytes,
        )

    async def begin(self, source: ConfigSource, task: Task, portion: Portion) -> None:
        """Have it serve.  Raises: `WorkerGoneError`, `RefusedError`."""
        options: dict[str, object] = asdict(source.overrides)
        self._channel.send(Begin(self.slot, None if source.path is None else str(source.path), options))
        await self.load(task.edition, timeout_s=START_S)
        done = await self.adopt(task, portion, timeout_s=START_S)
        if done.problems:
            raise RefusedError("; ".join(done.problems))
        self.state = WorkerState.SERVING
        self.served_from = time.monotonic()

    async def load(self, edition: Edition, *, timeout_s: float | None = None) -> None:
        """Have it compile what an edition was made of.  Raises: `WorkerGoneError`, `RefusedError`."""
        for piece in pieces_of(edition):
            self._channel.send(piece)
        await self._have(lambda order: load_order(order, edition), LOAD_S if timeout_s is None else timeout_s)

    async def adopt(self, task: Task, portion: Portion, *, timeout_s: float | None = None) -> Done:
        """Have it serve by what it loaded, on the sockets that it has and these.  Raises: `WorkerGoneError`, `RefusedError`."""
        for address, sockets in portion:
            self._channel.send(Sockets(address), sockets)
        number = task.edition.generation.number
        done = await self._have(lambda order: Adopt(order, number, task.listeners), timeout_s)
        self.number, self.revision = number, task.revision
        return done

    async def renew(self) -> list[str]:
        """Have it read its certificates again.  Raises: `WorkerGoneError`, `RefusedError`."""
        return (await self._have(Renew)).problems

    async def recall(self, wanted: Wanted) -> list[Shown]:
        """Return its last decisions that are wanted.  Raises: `WorkerGoneError`."""
        answer = await self._ask(lambda order: Recall(order, asdict(wanted)), RECALL_S)
        assert isinstance(answer, Recalled)
        return answer.decisions

    def drain(self, timeout_s: float, *, has_successor: bool) -> None:
        """Have it end; it is killed if it has not some time after `timeout_s`."""
        self.state = WorkerState.DRAINING
        self._channel.send(Drain(timeout_s, has_successor))
        self._kill_in(timeout_s + KILL_AFTER_S)

    def abort(self) -> None:
        """Have it end now; it is killed if it does not."""
        self.state = WorkerState.DRAINING
        self._channel.send(Abort())
        self._kill_in(KILL_AFTER_S)

    def kill(self) -> None:
        """End it without asking."""
        self._process.kill()

    def _kill_in(self, delay_s: float) -> None:
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        self._kill_timer = asyncio.get_running_loop().call_later(delay_s, self.kill)

    async def _have(self, order: Callable[[int], Order], timeout_s: float | None = None) -> Done:
        """Have it carry out an order that changes something."""
        done = await self._ask(order, timeout_s)
        assert isinstance(done, Done)
        return done

    async def _ask(self, order: Callable[[int], Order], timeout_s: float | None = None) -> Done | Recalled:
        timeout_s = ANSWER_S if timeout_s is None else timeout_s
        if self.exit_code is not None:
            raise WorkerGoneError(self.ending())
        number = next(self._ids)
        answer: asyncio.Future[Done | Recalled] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        self._channel.send(order(number))
        try:
            return await asyncio.wait_for(answer, timeout_s)
        except TimeoutError:
            raise WorkerGoneError(f"it did not answer within {timeout_s:g} s") from None
        finally:
            self._asked.pop(number, None)

    def _received(self, report: Report, sockets: list[socket.socket]) -> None:  # noqa: ARG002  workers send none
        self.silent_ticks = 0
        match report:
            case Done() | Recalled() | Refused():
                answer = self._asked.get(report.id)
                if answer is None or answer.done():
                    return
                if isinstance(report, Refused):
                    answer.set_exception(RefusedError(report.reason))
                else:
                    answer.set_result(report)
            case Totals():
                self.totals = report
                self.addresses = tuple(AddressView(**values) for values in report.addresses)  # type: ignore[arg-type]  # through JSON
                self._reported(self, report)
            case _:
                self._reported(self, report)

    def _channel_ended(self) -> None:
        """It ended, or is about to: nothing else closes its end."""
        self._kill_in(KILL_AFTER_S)
        spawn(self._reap(), name="reap")

    async def _reap(self) -> None:
        """Wait for the exit code.  No SIGCHLD: who handles it for one child handles it for all, whoever started them."""
        while (code := self._process.poll()) is None:  # noqa: ASYNC110  nothing would set an event
            await asyncio.sleep(REAP_INTERVAL_S)
        self.exit_code = code
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(WorkerGoneError(self.ending()))
        self._ended(self)

    def ending(self) -> str:
        """Return how it ended, in words."""
        code = self.exit_code
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exit code {code}"


def _start_process(channel: socket.socket) -> "subprocess.Popen[bytes]":
    """Start a fresh interpreter: a fork of a process with threads and a running loop would inherit their locks.

    It begins in a session of its own, so that Ctrl-C in the terminal does not reach it, and with signals held back until it can
    take them.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        return subprocess.Popen(  # noqa: S603  the interpreter that we are
            command("xoproxy.runtime.workers.worker", str(channel.fileno())),
            stdin=subprocess.DEVNULL,
            pass_fds=(channel.fileno(),),
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
