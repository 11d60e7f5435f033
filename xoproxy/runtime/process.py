"""Run the proxy: open the listeners, serve, reload, drain, end.

The order at the start is for whoever waits for the first answer: the listeners first, then the admin endpoint (whose library
takes longer to import than all the rest together) and the watch.
"""

import asyncio
import gc
import importlib
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xoproxy import __version__
from xoproxy.admin.guard import Guard
from xoproxy.config.generation import Generation
from xoproxy.config.settings import LogLevel
from xoproxy.dataplane import DataPlane
from xoproxy.runtime.announcement import announcement
from xoproxy.runtime.listeners import Listeners
from xoproxy.runtime.loop import new_event_loop
from xoproxy.runtime.reload import Reloader, Source
from xoproxy.runtime.signals import HeldSignals
from xoproxy.runtime.sockets import bound_name, check_upstream_trust, close_sockets, open_sockets, remove_unix_path
from xoproxy.runtime.token import read_token
from xoproxy.runtime.watch import POLL_INTERVAL_S, Watcher
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.events import Event, Value
from xoproxy.telemetry.journal import Journal, capture_logging
from xoproxy.telemetry.reloads import Report, Trigger
from xoproxy.telemetry.tasks import spawn

if TYPE_CHECKING:
    from xoproxy.admin.server import AdminServer

ADMIN_SOCKET_MODE = 0o600  # whoever may open it may reload


@dataclass(frozen=True, slots=True)
class Start:
    """What a process starts with: the first generation, its text, and where later ones come from."""

    source: Source
    text: str
    generation: Generation
    watched_path: str | None  # None: nothing to watch, or watching was declined
    announce: Callable[[str], None]  # takes the lines for people
    poll_interval_s: float = POLL_INTERVAL_S


def serve_until_stopped(start: Start, signals: HeldSignals, log_fd: int) -> None:
    """Serve until a signal ends it.  Raises: `ListenError` if an address cannot be opened; then nothing was served."""
    journal = Journal(log_fd, start.generation.settings.log, Counters())
    capture_logging(journal)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_serve(start, journal, signals))
    finally:
        journal.close()


async def _serve(start: Start, journal: Journal, signals: HeldSignals) -> None:
    try:
        await Process(start, journal).serve(signals)  # made in the running loop, as the data plane needs it
    finally:
        signals.ignore()  # before the loop, which takes them, is closed


class Process:
    """The running proxy, as its signals and its admin endpoint see it."""

    def __init__(self, start: Start, journal: Journal) -> None:
        self._start = start
        self._journal = journal
        self._settings = start.generation.settings
        check_upstream_trust(self._settings.upstreams)
        self._plane = DataPlane(start.generation, journal.exchange)
        self._listeners = Listeners(self._plane.client_protocol, self._settings.timeouts.head_s)
        self._reloader = Reloader(start.source, start.text, start.generation, self._adopt, journal.event)
        self._watcher: Watcher | None = None
        if start.watched_path is not None:
            self._watcher = Watcher(start.watched_path, self._reloader.look, journal.event, start.poll_interval_s)
        self._stop = asyncio.Event()
        self.counters = journal.counters

    @property
    def generation(self) -> Generation:
        """The generation in force."""
        return self._reloader.generation

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
        try:
            guard = self._guard()
            await self._listeners.open_all(self._settings.listeners)
        except BaseException:
            close_sockets(admin_sockets)
            raise
        self._announce(admin_sockets)
        watching = spawn(self._watcher.run(), name="watch") if self._watcher is not None else None
        admin = await self._start_admin(guard, admin_sockets)
        gc.collect()
        gc.freeze()  # what lives now lives for good: no collection needs to look at it again
        await self._stop.wait()
        await self._drain()
        if watching is not None:
            watching.cancel()
        if admin is not None:
            for sock in admin_sockets:
                remove_unix_path(sock)
            await admin.stop()

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

    def _announce(self, admin_sockets: list[socket.socket]) -> None:
        listening = [
            f"{name}{'' if entry.context is None else '  (TLS)'}" for entry in self._listeners.opened for name in entry.names()
        ]
        admin = [bound_name(sock) for sock in admin_sockets]
        self._start.announce(announcement(self._start.generation, __version__, listening, admin))
        for entry in self._listeners.opened:
            for name in entry.names():
                self._say("listening", f"listening on {name}", {"address": name, "tls": entry.context is not None})

    async def _adopt(self, generation: Generation) -> tuple[str, ...]:
        """Put a generation into force.  Returns what of it needs a restart."""
        settings = generation.settings
        check_upstream_trust(settings.upstreams)
        self._plane.adopt(generation)
        self._journal.configure(settings.log)
        notes: list[str] = []
        if not self.is_draining:
            notes = [
                f"{problem} (everything else is in force; restart to try again)"
                for problem in await self._listeners.change_to(settings.listeners)
            ]
        if settings.admin != self._settings.admin or settings.admin_token_file != self._settings.admin_token_file:
            notes.append("the change of `admin` needs a restart; everything else is in force")
        return tuple(notes)

    async def _reload(self, trigger: Trigger) -> Report:
        """Reload because someone asked.  Certificates are read again too: they are renewed under the same names."""
        report = await self._reloader.reload(trigger)
        for problem in self._listeners.renew_certificates():
            self._journal.event(Event(LogLevel.ERROR, "xoproxy.reload", "certificate", f"{problem}; the old one stays in use"))
        return report

    async def _reload_by_signal(self) -> None:
        await self._reload(Trigger.SIGNAL)

    def _on_signal(self, number: signal.Signals) -> None:
        if number is signal.SIGHUP:
            spawn(self._reload_by_signal(), name="reload")
        elif self._stop.is_set():
            self._plane.abort()
        else:
            self._stop.set()

    async def _drain(self) -> None:
        """Stop accepting, let exchanges finish for a while, then cut off what is left."""
        timeout_s = self.generation.settings.timeouts.drain_s
        count = self._plane.connections
        self._say("draining", f"stopping: {count} connections have {timeout_s:g} s to finish", {"connections": count})
        self._listeners.close()
        self._plane.start_draining()
        if not await self._plane.wait_closed(timeout_s):
            left = self._plane.connections
            message = f"{left} connections did not finish within {timeout_s:g} s and are cut off"
            self._journal.event(Event(LogLevel.WARNING, "xoproxy", "cut-off", message, {"connections": left}))
            self._plane.abort()
        self._say("stopped", "stopped")

    def _say(self, name: str, message: str, values: dict[str, Value] | None = None) -> None:
        self._journal.event(Event(LogLevel.INFO, "xoproxy", name, message, values or {}))
