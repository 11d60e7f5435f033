"""Run the proxy: open the listeners, serve, reload, drain, end.

What serves is an `Engine`: this process itself, or the workers that it supervises (`workers` in the policy file).  Everything
else is the same for both: signals, the admin endpoint, the watched file, reloads.

The order at the start is for whoever waits for the first answer: the listeners first, then the admin endpoint (whose library
takes longer to import than all the rest together) and the watch.
"""

import asyncio
import gc
import importlib
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from xoproxy.admin.guard import Guard
from xoproxy.compiled import version
from xoproxy.config import Loaded
from xoproxy.config.generation import Generation
from xoproxy.config.settings import LogLevel
from xoproxy.reports.model import StoreStatus, Traffic
from xoproxy.runtime import calendar
from xoproxy.runtime.announcement import announcement
from xoproxy.runtime.compiling import Source
from xoproxy.runtime.descriptors import raise_descriptor_limit
from xoproxy.runtime.engine import Engine
from xoproxy.runtime.in_force import InForce
from xoproxy.runtime.keeping import Keeper
from xoproxy.runtime.listening.sockets import ListenError, bound_name, close_sockets, open_sockets, remove_unix_path
from xoproxy.runtime.loop import new_event_loop
from xoproxy.runtime.notify import ServiceManager
from xoproxy.runtime.page_loads import LATE_S, PageLoads
from xoproxy.runtime.reload import Reloader
from xoproxy.runtime.signals import HeldSignals
from xoproxy.runtime.source import ConfigSource, Edition
from xoproxy.runtime.token import read_token
from xoproxy.runtime.turns import short_turns
from xoproxy.runtime.watch import POLL_INTERVAL_S, Watcher
from xoproxy.runtime.workers.processors import worker_count
from xoproxy.slotted import dataclass
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.events import Event, Value
from xoproxy.telemetry.history import INTERVAL_S, History
from xoproxy.telemetry.journal import Journal, capture_logging
from xoproxy.telemetry.recent import Shown, Wanted
from xoproxy.telemetry.reloads import Report, Trigger
from xoproxy.telemetry.tasks import spawn
from xoproxy.telemetry.workers import WorkerView

if TYPE_CHECKING:
    from xoproxy.admin.server import AdminServer
    from xoproxy.reports.collector import Collector

ADMIN_SOCKET_MODE = 0o600  # whoever may open it may reload


@dataclass(frozen=True, slots=True)
class Start:
    """What a process starts with: the first edition, and where later ones come from."""

    source: Source
    edition: Edition
    watched_path: str | None  # None: nothing to watch, or watching was declined
    announce: Callable[[str], None]  # takes the lines for people
    findings: Callable[[], str] = str  # makes the lines about what is doubtful in the configuration; asked in a thread
    poll_interval_s: float = POLL_INTERVAL_S


def serve_until_stopped(start: Start, signals: HeldSignals, log_fd: int) -> None:
    """Serve until a signal ends it.  Raises: `ListenError` if an address cannot be opened; then nothing was served."""
    raise_descriptor_limit()
    supervises = _supervises(start)
    journal = Journal(log_fd, start.edition.generation.settings.log, Counters(), is_shared=supervises)
    capture_logging(journal)
    # uvloop is for the data plane: a supervisor has none, and needs less memory without it.
    loop_factory = asyncio.new_event_loop if supervises else new_event_loop
    try:
        with short_turns(), asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_serve(start, journal, signals))
    finally:
        journal.close()


def _supervises(start: Start) -> bool:
    return worker_count(start.edition.generation.settings.workers) > 1 and isinstance(start.source, ConfigSource)


async def _serve(start: Start, journal: Journal, signals: HeldSignals) -> None:
    try:
        keeper = Keeper(journal.event)
        engine = _make_engine(start, journal, keeper)  # in the running loop, as engines need it
        await Process(start, journal, engine, keeper).serve(signals)
    finally:
        signals.ignore()  # before the loop, which takes them, is closed


def _make_engine(start: Start, journal: Journal, keeper: Keeper) -> Engine:
    """Return what serves.  Imported here: a supervisor needs no data plane, a single process nothing of workers."""
    if _supervises(start):
        pool = importlib.import_module("xoproxy.runtime.workers.pool")
        return cast(
            "Engine",
            pool.WorkerPool(start.edition, start.source, journal.event, journal.counters, keep=keeper.keep),
        )
    local = importlib.import_module("xoproxy.runtime.local")
    return cast("Engine", local.LocalEngine(start.edition.generation, journal, keep=keeper.keep))


class Process:
    """The running proxy, as its signals and its admin endpoint see it."""

    def __init__(self, start: Start, journal: Journal, engine: Engine, keeper: Keeper) -> None:
        self._start = start
        self._journal = journal
        self._engine = engine
        self._keeper = keeper
        self._settings = start.edition.generation.settings
        self._service_manager = ServiceManager()
        self._reloader = Reloader(start.source, start.edition, self._adopt, journal.event)
        self._reloader.counted = engine.counters.reloads
        self._in_force = InForce(start.source, lambda: self._reloader.edition)
        self._watcher: Watcher | None = None
        if start.watched_path is not None:
            self._watcher = Watcher(start.watched_path, self._reloader.look, journal.event, start.poll_interval_s)
        self._history = History(engine.counters)
        self._page_loads = PageLoads(engine.counters, keeper, late_s=LATE_S if _supervises(start) else 0.0)
        self._stop = asyncio.Event()
        self._is_opening = False
        self._opened = asyncio.Event()

    @property
    def generation(self) -> Generation:
        """The generation in force."""
        return self._reloader.generation

    @property
    def counters(self) -> Counters:
        """How exchanges ended."""
        return self._engine.counters

    @property
    def collector(self) -> "Collector | None":
        """What keeps what browsers report; None as long as no path of ours collects."""
        return self._keeper.collector

    async def traffic(self, since: float) -> Mapping[str, Traffic]:
        """Return page loads by route key, those of the last seconds too."""
        self._page_loads.tell()
        collector = self._keeper.collector
        return {} if collector is None else await collector.traffic(since)

    @property
    def store(self) -> StoreStatus | None:
        """How the store of reports does, if there is one."""
        return None if self._keeper.collector is None else self._keeper.collector.status

    @property
    def workers(self) -> tuple[WorkerView, ...]:
        """The processes that serve."""
        return self._engine.workers

    @property
    def history(self) -> History:
        """The last hour in samples, where there is an admin endpoint that could show them."""
        return self._history

    async def decisions(self, wanted: Wanted) -> list[Shown]:
        """Return the last decisions that are wanted, the newest first; only kept where there is an admin endpoint."""
        return await self._engine.recall(wanted)

    @property
    def is_ready(self) -> bool:
        """Whether new connections are welcome."""
        return self._engine.is_serving and not self.is_draining

    @property
    def is_draining(self) -> bool:
        """Whether the process is ending."""
        return self._stop.is_set()

    @property
    def is_orphaned(self) -> bool:
        """Whether the watched file can never change again."""
        return self._watcher is not None and self._watcher.is_orphaned

    @property
    def last_reload(self) -> Report | None:
        """The last reload that did or refused something."""
        return self._reloader.last

    @property
    def reloads(self) -> Sequence[Report]:
        """The last reloads that did or refused something, newest last."""
        return tuple(self._reloader.reloads)

    async def loaded(self) -> Loaded:
        """Return the configuration in force with the places of everything in it."""
        return await self._in_force.loaded()

    async def reload(self) -> Report:
        """Reload now, because the admin endpoint was asked to."""
        return await self._reload(Trigger.ADMIN)

    async def serve(self, signals: HeldSignals) -> None:
        """Serve until a signal says to stop, then drain."""
        signals.hand_over(asyncio.get_running_loop(), self._on_signal)
        if self._stop.is_set():  # told to end while starting
            return
        admin_address = self._settings.admin
        admin_sockets = [] if admin_address is None else open_sockets(admin_address, ADMIN_SOCKET_MODE)
        began = time.time()
        try:
            guard = self._guard()
            await self._open()
        except BaseException:
            close_sockets(admin_sockets)
            raise
        if self._stop.is_set():
            close_sockets(admin_sockets)
            await self._engine.drain(0.0)
            return
        await self._keeper.configure(self._settings.collecting)
        await self._page_loads.adopt(self.generation, began)
        self._opened.set()
        self._announce(admin_sockets)
        spawn(self._tell_findings(), name="lint")
        following = [
            spawn(calendar.follow(self._reloader), name="calendar"),
            spawn(self._page_loads.run(), name="page loads"),
        ]
        if self._watcher is not None:
            following.append(spawn(self._watcher.run(), name="watch"))
        if guard is not None:
            following.append(spawn(self._sample_history(), name="history"))
        admin = await self._start_admin(guard, admin_sockets)
        self._service_manager.ready()
        gc.collect()
        gc.freeze()  # what lives now lives for good: no collection needs to look at it again
        await self._stop.wait()
        for task in following:
            task.cancel()
        await self._drain()
        self._page_loads.tell()
        if admin is not None:
            for sock in admin_sockets:
                remove_unix_path(sock)
            await admin.stop()
        await self._keeper.close()

    async def _open(self) -> None:
        """Begin to serve.  A signal ends a start that takes long, and then it is no failure that it did not succeed."""
        self._is_opening = True
        try:
            await self._engine.open()
        except ListenError:
            if not self._stop.is_set():
                raise
        finally:
            self._is_opening = False

    def _guard(self) -> Guard | None:
        address = self._settings.admin
        return None if address is None else Guard(address, read_token(os.environ, self._settings.admin_token_file))

    async def _start_admin(self, guard: Guard | None, sockets: list[socket.socket]) -> "AdminServer | None":
        if guard is None:
            return None
        module = await asyncio.to_thread(importlib.import_module, "xoproxy.admin.server")
        admin: AdminServer = module.AdminServer(self, guard)
        await admin.start(sockets)
        return admin

    async def _sample_history(self) -> None:
        """Take a sample every ten seconds."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            self._history.sample(time.time(), self._engine.connections)

    def _announce(self, admin_sockets: list[socket.socket]) -> None:
        bound = self._engine.bound
        listening = [f"{address.name}{'  (TLS)' if address.secure else ''}" for address in bound]
        admin = [bound_name(sock) for sock in admin_sockets]
        self._start.announce(announcement(self._start.edition.generation, version(), listening, admin))
        for address in bound:
            self._say("listening", f"listening on {address.name}", {"address": address.name, "tls": address.secure})

    async def _tell_findings(self) -> None:
        """Say what is doubtful in the configuration, when it serves: nobody waits for that, and if it fails it does no harm."""
        try:
            findings = await asyncio.to_thread(self._start.findings)
        except Exception as exc:  # noqa: BLE001  see above; a machine may be out of descriptors by then
            message = f"what is doubtful in the configuration was not looked for: {type(exc).__name__}: {exc}"
            self._journal.event(Event(LogLevel.WARNING, "xoproxy", "review", message))
            return
        if findings:
            self._start.announce(findings)

    async def _adopt(self, edition: Edition) -> tuple[str, ...]:
        """Put an edition into force.  Returns what of it needs a restart."""
        began = time.time()
        notes = await self._engine.adopt(edition)
        settings = edition.generation.settings
        self._journal.configure(settings.log)
        await self._keeper.configure(settings.collecting)
        await self._page_loads.adopt(edition.generation, began)
        if settings.admin != self._settings.admin or settings.admin_token_file != self._settings.admin_token_file:
            notes.append("the change of `admin` needs a restart; everything else is in force")
        return tuple(notes)

    async def _reload(self, trigger: Trigger) -> Report:
        """Reload because someone asked.  Certificates are read again too: they are renewed under the same names."""
        self._service_manager.reloading()
        report = await self._reloader.reload(trigger)
        known = report.notes  # the same words, and what is in force in spite of it
        problems = [problem for problem in await self._engine.try_again() if not any(problem in note for note in known)]
        report = replace(report, notes=(*known, *dict.fromkeys(problems)))
        if not self.is_draining:
            self._service_manager.ready()
        return report

    async def _reload_by_signal(self) -> None:
        await self._opened.wait()  # there is nothing yet that could be changed
        await self._reload(Trigger.SIGNAL)

    def _on_signal(self, number: signal.Signals) -> None:
        if number is signal.SIGHUP:
            spawn(self._reload_by_signal(), name="reload")
            return
        if self._stop.is_set() or self._is_opening:
            self._engine.abort()
        self._stop.set()

    async def _drain(self) -> None:
        """Stop accepting, let exchanges finish for a while, then cut off what is left."""
        self._service_manager.stopping()
        timeout_s = self.generation.settings.timeouts.drain_s
        count = self._engine.connections
        self._say("draining", f"stopping: {count} connections have {timeout_s:g} s to finish", {"connections": count})
        await self._engine.drain(timeout_s)
        self._say("stopped", "stopped")

    def _say(self, name: str, message: str, values: dict[str, Value] | None = None) -> None:
        self._journal.event(Event(LogLevel.INFO, "xoproxy", name, message, values or {}))
