"""Serve in this process: one data plane, its listeners, and how both end."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Final

from xoproxy.config.generation import Generation
from xoproxy.config.settings import Listener, LogLevel
from xoproxy.dataplane import DataPlane
from xoproxy.dataplane.collecting import Outcome
from xoproxy.reports.model import Report
from xoproxy.reports.telling import as_event
from xoproxy.runtime.engine import Bound
from xoproxy.runtime.listening.certificates import check_certificates
from xoproxy.runtime.listening.listeners import Listeners, Opener
from xoproxy.runtime.listening.sockets import ListenError, check_upstream_trust, open_sockets
from xoproxy.runtime.source import Edition
from xoproxy.runtime.tracing import Tracing, check_tracing
from xoproxy.runtime.turns import let_go
from xoproxy.runtime.workers.processors import worker_count
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.journal import Journal
from xoproxy.telemetry.recent import Recent, Shown, Wanted
from xoproxy.telemetry.usage import cpu_s, resident_bytes
from xoproxy.telemetry.workers import AddressView, WorkerState, WorkerView

TUNNELS_END_AT: Final = 0.9  # of the time for draining: the rest is for their closing handshakes
GENTLE_S: Final = 1.0  # most clients that use a connection again do so sooner


class LocalEngine:
    """Serves in the running loop.  Is the whole engine of a process without workers, and what a worker consists of."""

    def __init__(  # noqa: PLR0913  what a worker has otherwise than a process by itself
        self,
        generation: Generation,
        journal: Journal,
        opener: Opener = open_sockets,
        *,
        is_worker: bool = False,
        emit: Callable[[Event], None] | None = None,
        keep: Callable[[tuple[Report, ...]], None] | None = None,
    ) -> None:
        """Serve by `generation`; nothing is listened on yet.  Raises: `ListenError` if the machine lacks what it needs.

        `opener`: as `Listeners` has it; `emit`: takes what listeners and upstreams tell, if not the journal.  `is_worker`: the
        supervisor has the names of sockets, and has checked certificates once: those that cannot be used are waited for.
        `keep`: takes what browsers reported.
        """
        if not is_worker:
            check_upstream_trust(generation.settings.upstreams)
            check_tracing(generation.settings.tracing)
        self._journal = journal
        if generation.settings.admin is not None and journal.recent is None:
            journal.recent = Recent()
        report = self._report = emit or journal.event
        self._keep = keep
        self._plane = DataPlane(generation, journal.exchanges, report, counters=journal.counters, collected=self._collected)
        self._tracing = Tracing(report, journal.counters)
        self._plane.export = self._tracing.adopt(generation)
        self._handshake_timeout_s = generation.settings.timeouts.head_s
        self._listeners = Listeners(
            self._plane.client_protocol,
            self._handshake_timeout_s,
            opener,
            owns_paths=not is_worker,
            trusts=self._plane.trusts,
            emit=report,
            tolerant=is_worker,
        )
        self._started = time.time()

    def _collected(self, outcome: Outcome, reports: tuple[Report, ...]) -> None:
        """Count a delivery, and count, log and hand on what it brought."""
        counters = self._journal.counters
        counters.deliveries[outcome.value] += 1
        for report in reports:
            counters.count_report(report.type, report.disposition)
            self._journal.event(as_event(report))
        if reports and self._keep is not None:
            self._keep(reports)

    @property
    def generation(self) -> Generation:
        """The generation in force."""
        return self._plane.generation

    @property
    def bound(self) -> list[Bound]:
        """What is listened on."""
        return [Bound(name, entry.context is not None) for entry in self._listeners.opened for name in entry.names()]

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return self._plane.connections

    @property
    def counters(self) -> Counters:
        """How exchanges ended."""
        return self._journal.counters

    @property
    def workers(self) -> tuple[WorkerView, ...]:
        """The one process that serves."""
        state = WorkerState.SERVING if self.is_serving else WorkerState.DRAINING
        view = WorkerView(
            0,
            os.getpid(),
            self.generation.number,
            self.connections,
            state,
            self._started,
            self._plane.addresses,
            self._plane.waiting,
            cpu_s(),
            resident_bytes(),
        )
        return (view,)

    @property
    def addresses(self) -> tuple[AddressView, ...]:
        """What each address of each upstream is doing."""
        return self._plane.addresses

    @property
    def waiting(self) -> dict[str, int]:
        """How many exchanges wait for a connection, by upstream."""
        return self._plane.waiting

    @property
    def is_serving(self) -> bool:
        """Whether new exchanges are begun."""
        return not self._plane.draining

    @property
    def is_stale(self) -> bool:
        """Whether something in force is not as the generation says, because open listeners cannot be told."""
        changed = self.generation.settings.timeouts.head_s != self._handshake_timeout_s
        return changed and any(entry.context is not None or entry.listener.proxy_protocol for entry in self._listeners.opened)

    async def recall(self, wanted: Wanted) -> list[Shown]:
        """Return the last decisions that are wanted, the newest first."""
        return [] if self._journal.recent is None else self._journal.recent.select(wanted)

    async def open(self) -> None:
        """Listen.  Raises: `ListenError`; then nothing is listened on."""
        await self._listeners.open_all(self.generation.settings.listeners)

    async def adopt(self, edition: Edition) -> list[str]:
        """Put another edition into force.  Returns what could not be.  Raises: `ListenError`; then nothing was changed."""
        generation = edition.generation
        check_upstream_trust(generation.settings.upstreams)
        check_tracing(generation.settings.tracing)
        check_certificates(set(generation.settings.listeners) - set(self.generation.settings.listeners))
        self.decide_by(generation)
        notes = [
            f"{problem} (everything else is in force; the next reload that is asked for tries again)"
            for problem in await self.listen(generation.settings.listeners)
        ]
        if self.is_stale:
            notes.append("the change of `timeouts.head` needs a restart for handshakes and PROXY headers; all else is in force")
        if worker_count(generation.settings.workers) != 1:
            notes.append("the change of `workers` needs a restart; everything else is in force")
        return notes

    def decide_by(self, generation: Generation) -> None:
        """Decide new requests by another generation; what is listened on stays as it is."""
        let_go(self._plane.generation)
        self._plane.adopt(generation)
        self._plane.export = self._tracing.adopt(generation)
        self._journal.configure(generation.settings.log)

    async def listen(self, listeners: tuple[Listener, ...]) -> list[str]:
        """Listen on these and no others.  Returns why, for each that could not be opened."""
        return await self._listeners.change_to(listeners) if self.is_serving else []

    async def renew_certificates(self) -> list[str]:
        """Read all certificates again.  Returns why, for each that cannot be used."""
        problems = self._listeners.renew_certificates()
        try:
            check_upstream_trust(self.generation.settings.upstreams)
            self._plane.renew_certificates()
        except (ListenError, OSError) as exc:
            problem = f"{exc}; the old one stays in use"
            self._report(Event(LogLevel.ERROR, "xoproxy.tls", "certificate", problem, {"outcome": "refused"}))
            problems.append(problem)
        return problems

    async def try_again(self) -> list[str]:
        """Try again what could not be opened or read before.  Returns why, for each that still cannot."""
        return [*await self.listen(self.generation.settings.listeners), *await self.renew_certificates()]

    async def retire(self, timeout_s: float) -> None:
        """Drain, as another serves instead: first wait a moment for requests, and TLS handshakes, that are on their way."""
        self._listeners.close()
        self._plane.stop_keeping()
        gentle_s = min(GENTLE_S, timeout_s / 2)
        await asyncio.sleep(gentle_s)
        await self.drain(timeout_s - gentle_s)

    async def drain(self, timeout_s: float) -> None:
        """Accept no more, let exchanges finish for a while, then cut off what is left."""
        self._listeners.close()
        self._plane.start_draining()
        await self._end_exchanges(timeout_s)
        await self._tracing.close()

    async def _end_exchanges(self, timeout_s: float) -> None:
        if await self._plane.wait_closed(TUNNELS_END_AT * timeout_s):
            return
        self._plane.end_tunnels()
        if not await self._plane.wait_closed((1 - TUNNELS_END_AT) * timeout_s):
            left = self.connections
            message = f"{left} connections did not finish within {timeout_s:g} s and are cut off"
            self._journal.event(Event(LogLevel.WARNING, "xoproxy", "cut-off", message, {"connections": left}))
            self._plane.abort()

    def abort(self) -> None:
        """Cut off everything now."""
        self._plane.abort()
