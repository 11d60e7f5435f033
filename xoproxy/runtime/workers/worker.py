"""A worker: a process that serves connections, and does what its supervisor says over the channel.

Rule 1: the supervisor decides.  Ctrl-C and a lost terminal, which reach all processes, are its business; SIGTERM to a worker
asks the supervisor for a successor first.
Rule 2: without its supervisor a worker finishes what it has and ends.
Rule 3: whatever it is told, it has texts compiled by the same environment and for the same day: workers cannot diverge.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Final, assert_never

from xoproxy.config import Texts
from xoproxy.config.generation import Generation
from xoproxy.config.problems import ConfigInvalid
from xoproxy.config.settings import Address, LogLevel, LogSettings, Timeouts
from xoproxy.reports.model import Report
from xoproxy.runtime.compiling import compiling
from xoproxy.runtime.listening.sockets import ListenError
from xoproxy.runtime.local import LocalEngine
from xoproxy.runtime.loop import new_event_loop
from xoproxy.runtime.signals import HANDLED, HeldSignals
from xoproxy.runtime.source import ConfigSource
from xoproxy.runtime.turns import no_collection, release, short_turns
from xoproxy.runtime.workers.channel import Channel
from xoproxy.runtime.workers.orders import (
    ORDERS,
    Abort,
    Adopt,
    Begin,
    Done,
    Drain,
    Leaving,
    Load,
    Order,
    Piece,
    Recall,
    Recalled,
    Refused,
    Renew,
    Sockets,
    Totals,
    overrides_of,
    reported,
    texts_of,
)
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.journal import Journal, capture_logging
from xoproxy.telemetry.recent import Wanted
from xoproxy.telemetry.tasks import spawn
from xoproxy.telemetry.usage import cpu_s, resident_bytes

LOG_FD: Final = 1
REPORT_INTERVAL_S: Final = 1.0
LAST_WORDS_S: Final = 2.0  # how long the last counts may take to the supervisor, which reads all the time
MAX_UNSENT_BYTES: Final = 1024 * 1024  # then reports of browsers are dropped
DROPPED: Final = "dropped"  # a delivery that was taken, and its reports could not be handed on
SUCCESSOR_S: Final = 30.0  # how long a worker that was told to end waits for its successor


def main() -> None:
    """Run the worker whose end of the channel has the descriptor that the first argument says."""
    signals = HeldSignals()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)  # the supervisor starts us with these held back
    journal = Journal(LOG_FD, LogSettings(), Counters(), is_shared=True)
    capture_logging(journal)
    channel = socket.socket(fileno=int(sys.argv[1]))
    try:
        with short_turns(), asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_serve(channel, journal, signals))
    finally:
        journal.close()


async def _serve(channel: socket.socket, journal: Journal, signals: HeldSignals) -> None:
    try:
        await Worker(channel, journal).serve(signals)
    finally:
        signals.ignore()


class Worker:
    """What the supervisor's orders do."""

    def __init__(self, channel: socket.socket, journal: Journal) -> None:
        self._journal = journal
        self._channel: Channel[Order] = Channel(channel, ORDERS, self._ordered, self._orphaned)
        self._loop = asyncio.get_running_loop()
        self._slot = 0
        self._source: ConfigSource | None = None
        self._pieces: list[Piece] = []
        self._loaded: Generation | None = None
        self._engine: LocalEngine | None = None
        self._sockets: dict[str, list[list[socket.socket]]] = {}  # by address, in the order of its listeners
        self._drain_s = Timeouts().drain_s
        self._one_at_a_time = asyncio.Lock()
        self._is_draining = False
        self._is_leaving = False
        self._ended = asyncio.Event()

    async def serve(self, signals: HeldSignals) -> None:
        """Serve until told to end, or until the supervisor is gone."""
        signals.hand_over(self._loop, self._on_signal)
        reporting = spawn(self._report(), name="report")
        await self._ended.wait()
        reporting.cancel()
        self._say_totals()
        await self._channel.flush(LAST_WORDS_S)
        self._channel.close()

    def _on_signal(self, number: signal.Signals) -> None:
        if number is not signal.SIGTERM:
            return  # the terminal's, for all processes: the supervisor has it too
        if self._is_draining:
            self._abort()
        elif not self._is_leaving:
            self._is_leaving = True
            self._channel.send(Leaving())
            self._loop.call_later(SUCCESSOR_S, self._drain, self._drain_s)

    def _orphaned(self) -> None:
        """The supervisor died."""
        if not self._is_draining:
            message = "the supervisor is gone: this worker finishes what it has and ends"
            self._journal.event(Event(LogLevel.ERROR, "xoproxy", "orphaned-worker", message, {"pid": os.getpid()}))
        self._drain(self._drain_s)

    def _ordered(self, order: Order, sockets: list[socket.socket]) -> None:
        match order:
            case Begin():
                path = None if order.path is None else Path(order.path)
                self._slot = order.slot
                self._source = ConfigSource(path, overrides_of(order.overrides))
            case Sockets():
                self._sockets.setdefault(order.address, []).append(sockets)
            case Piece():
                self._pieces.append(order)
            case Load():
                texts = texts_of(order, self._pieces)
                self._pieces.clear()
                self._carry_out(order.id, lambda: self._load(order, texts))
            case Adopt():
                self._carry_out(order.id, lambda: self._adopt(order))
            case Renew():
                self._carry_out(order.id, lambda: self._renew(order))
            case Recall():
                recent = self._journal.recent
                wanted = Wanted(**order.wanted)  # type: ignore[arg-type]  # through JSON
                self._channel.send(Recalled(order.id, [] if recent is None else recent.select(wanted)))
            case Drain():
                self._drain(order.timeout_s, has_successor=order.has_successor)
            case Abort():
                self._abort()
            case _:
                assert_never(order)

    def _carry_out(self, number: int, work: Callable[[], Coroutine[None, None, Done]]) -> None:
        """Carry out an order after those before it, and report."""

        async def answer() -> None:
            async with self._one_at_a_time:
                try:
                    self._channel.send(await work())
                except (ListenError, ConfigInvalid) as exc:
                    self._channel.send(Refused(number, str(exc)))
                except Exception as exc:  # noqa: BLE001  told to the supervisor, which decides
                    self._channel.send(Refused(number, f"{type(exc).__name__}: {exc}"))

        spawn(answer(), name="order")

    async def _load(self, order: Load, texts: Texts) -> Done:
        assert self._source is not None
        today = date.fromisoformat(order.today)
        if self._engine is None:  # nobody is served yet
            with no_collection():
                held = [await asyncio.to_thread(self._source.compile, texts, order.number, today)]
            self._loaded = held[0].generation
            await asyncio.to_thread(release, held)
            return Done(order.id, [])
        async with compiling(self._source, texts, order.number, today) as compiled:
            self._loaded = compiled.edition.generation
        return Done(order.id, [])

    async def _adopt(self, order: Adopt) -> Done:
        generation = self._loaded
        assert generation is not None
        assert generation.number == order.number
        is_first = self._engine is None
        if self._engine is None:
            self._journal.configure(generation.settings.log)
            self._engine = LocalEngine(
                generation, self._journal, self._take_sockets, is_worker=True, emit=self._emit, keep=self._keep
            )
        elif self._engine.generation is not generation:
            self._engine.decide_by(generation)
        self._drain_s = generation.settings.timeouts.drain_s
        problems: list[str] = []
        if not self._is_draining:
            problems = await self._engine.listen(tuple(generation.settings.listeners[index] for index in order.listeners))
        self._forget_sockets()
        if is_first:
            gc.collect()
            gc.freeze()  # what lives now lives for good: no collection needs to look at it again
        return Done(order.id, problems, self._engine.is_stale)

    async def _renew(self, order: Renew) -> Done:
        return Done(order.id, [] if self._engine is None else await self._engine.renew_certificates())

    def _take_sockets(self, address: Address) -> list[socket.socket]:
        """Return the sockets that came for a listener."""
        came = self._sockets.get(str(address))
        if not came:
            raise ListenError(f"cannot listen on {address}: no socket came for it")
        return came.pop(0)

    def _forget_sockets(self) -> None:
        """Close what no listener took: nobody accepts from it."""
        for groups in self._sockets.values():
            for group in groups:
                for sock in group:
                    sock.close()
        self._sockets.clear()

    def _emit(self, event: Event) -> None:
        """Log what a listener says; what all workers say alike is said by one."""
        if self._slot == 0 or event.name != "certificate":
            self._journal.event(event)

    def _keep(self, reports: tuple[Report, ...]) -> None:
        """Have the supervisor keep what browsers reported, unless it does not keep up."""
        if self._channel.unsent_bytes <= MAX_UNSENT_BYTES:
            self._channel.send(reported(reports))
        else:
            self._journal.counters.deliveries[DROPPED] += 1

    async def _report(self) -> None:
        """Say now and then how things are; it also shows that the loop turns."""
        while True:
            await asyncio.sleep(REPORT_INTERVAL_S)
            self._say_totals()

    def _say_totals(self) -> None:
        engine = self._engine
        connections = 0 if engine is None else engine.connections
        addresses = [] if engine is None else [asdict(address) for address in engine.addresses]
        waiting = {} if engine is None else engine.waiting
        counts = self._journal.counters.take()
        self._channel.send(Totals(connections, counts, addresses, waiting, cpu_s(), resident_bytes()))

    def _drain(self, timeout_s: float, *, has_successor: bool = False) -> None:
        if not self._is_draining:
            self._is_draining = True
            spawn(self._end(timeout_s, has_successor=has_successor), name="drain")

    async def _end(self, timeout_s: float, *, has_successor: bool) -> None:
        try:
            if self._engine is not None and has_successor:
                await self._engine.retire(timeout_s)
            elif self._engine is not None:
                await self._engine.drain(timeout_s)
        finally:
            self._ended.set()

    def _abort(self) -> None:
        if self._engine is not None:
            self._engine.abort()
        self._ended.set()
