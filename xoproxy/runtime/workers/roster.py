"""Who works: one worker in every slot, a successor for each that dies or is no longer wanted.

A *slot* is a place for one worker, with listening sockets of its own.  A successor serves before its predecessor drains, so
that there are never fewer than there should be; only death makes a gap, and then connections wait in the slot's sockets.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import field
from typing import Final, Protocol, TypeVar

from xoproxy.config.settings import LogLevel
from xoproxy.reports import model as browser
from xoproxy.runtime.workers.member import Member, RefusedError, WorkerGoneError
from xoproxy.runtime.workers.orders import Leaving, Report, Reported, Totals, reports_of
from xoproxy.slotted import dataclass
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.events import Event, Value
from xoproxy.telemetry.tasks import spawn
from xoproxy.telemetry.workers import WorkerState

T = TypeVar("T")

TICK_S: Final = 1.0
MAX_SILENT_TICKS: Final = 30  # of a worker that reports once a second; gunicorn gives its workers 30 s too

YOUNG_S: Final = 1.0  # who dies sooner would most likely do so again
FIRST_DELAY_S: Final = 0.1
MAX_DELAY_S: Final = 5.0


class Employer(Protocol):
    """What the workers are to do, and since which change."""

    @property
    def revision(self) -> int:
        """Counted up with every change of what a worker has to have."""
        ...

    @property
    def drain_s(self) -> float:
        """How long exchanges may go on in a worker that has a successor."""
        ...

    def keep(self, reports: tuple[browser.Report, ...]) -> None:
        """Keep what browsers reported to a worker."""
        ...

    async def begin(self, member: Member) -> None:
        """Have a new worker serve.  Raises: `WorkerGoneError`, `RefusedError`."""
        ...


@dataclass(slots=True, eq=False)
class Slot:
    """A place for a worker."""

    index: int
    current: Member | None = None
    vacant: asyncio.Event = field(default_factory=asyncio.Event)  # a worker is wanted: nobody is here, or to succeed who is
    early_deaths: int = 0  # in a row
    delay_s: float = 0.0  # before the next is started
    keeper: "asyncio.Task[None] | None" = None

    def died(self, served_s: float) -> None:
        """Wait longer and longer where one after the other dies young: at once, then 0.1 s, doubled up to 5 s."""
        self.early_deaths = self.early_deaths + 1 if served_s < YOUNG_S else 1
        self.delay_s = min(MAX_DELAY_S, FIRST_DELAY_S * 2.0 ** (self.early_deaths - 2)) if self.early_deaths > 1 else 0.0


class Roster:
    """All slots, and all workers that live: in a slot, starting or draining."""

    def __init__(self, employer: Employer, report: Callable[[Event], None], counters: Counters) -> None:
        """`counters`: where everything that workers count is added up."""
        self._employer = employer
        self._report = report
        self._counters = counters
        self._one_successor = asyncio.Lock()  # at a time: starting costs
        self._changed = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self.slots: list[Slot] = []
        self.members: set[Member] = set()
        self.is_ending = False

    async def fill(self, count: int) -> None:
        """Start the first workers, all at once, and keep their slots occupied.

        Raises: `WorkerGoneError`, `RefusedError`, `OSError`.
        """
        self.slots = [Slot(index) for index in range(count)]
        await asyncio.gather(*map(self._occupy, self.slots))
        for slot in self.slots:
            self._keep(slot)
        self._watching = spawn(self._watch(), name="watch workers")

    def is_current(self, slot: Slot) -> bool:
        """Whether a worker is in the slot and has all that it has to have."""
        return slot.current is not None and slot.current.revision == self._employer.revision

    async def each(self, do: Callable[[Member], Awaitable[T]]) -> list[tuple[Member, T | BaseException]]:
        """Do something with the worker in every slot, with all at once.  Returns what came of it."""
        members = [slot.current for slot in self.slots if slot.current is not None]
        outcomes = await asyncio.gather(*map(do, members), return_exceptions=True)
        return list(zip(members, outcomes, strict=True))

    def replace(self, member: Member, why: object) -> None:
        """Find a successor for a worker."""
        slot = self._slot_of(member)
        if slot is not None and not self.is_ending:
            self._say(member, LogLevel.WARNING, "replaced", f"is to be replaced: {why}")
            slot.vacant.set()

    def resize(self, count: int) -> None:
        """Have another number of slots.

        When there are fewer, those who stay take over the sockets of those who go: by successors, before the others drain.
        """
        fresh = [Slot(index) for index in range(len(self.slots), count)]
        dismissed = self.slots[count:]
        self.slots = [*self.slots[:count], *fresh]
        for slot in fresh:
            self._keep(slot)
        for slot in fresh or self.slots:
            slot.vacant.set()
        if dismissed:
            spawn(self._dismiss(dismissed), name="dismiss workers")

    async def settled(self) -> None:
        """Wait until every slot has the worker that it should have."""
        while any(slot.vacant.is_set() for slot in self.slots):
            self._changed.clear()
            await self._changed.wait()

    def end(self) -> None:
        """Replace nobody any more."""
        self.is_ending = True
        for slot in self.slots:
            if slot.keeper is not None:
                slot.keeper.cancel()
        if self._watching is not None:
            self._watching.cancel()

    async def gone(self) -> None:
        """Wait until no worker lives."""
        while self.members:
            self._changed.clear()
            await self._changed.wait()

    def _keep(self, slot: Slot) -> None:
        slot.keeper = spawn(self._keep_occupied(slot), name=f"worker {slot.index}")

    async def _keep_occupied(self, slot: Slot) -> None:
        """Start a worker in the slot whenever one is wanted."""
        while True:
            await slot.vacant.wait()
            delay_s, slot.delay_s = slot.delay_s, 0.0
            await asyncio.sleep(delay_s)
            try:
                if slot.current is None:
                    await self._occupy(slot)
                else:
                    async with self._one_successor:
                        await self._occupy(slot)
            except (WorkerGoneError, RefusedError, OSError) as exc:  # OSError: no process, or no descriptor, is to be had
                slot.died(served_s=0.0)
                message = f"no worker could be started in slot {slot.index}: {exc}; the next is started in {slot.delay_s:g} s"
                values: dict[str, Value] = {"slot": slot.index, "pid": 0, "state": "failed", "generation": 0}
                self._report(Event(LogLevel.ERROR, "xoproxy.worker", "worker", message, values))

    async def _occupy(self, slot: Slot) -> None:
        """Start a worker; once it serves it takes the slot, and who was there before drains.

        Raises: `WorkerGoneError`, `RefusedError`, `OSError`.
        """
        member = Member(slot.index, self._reported, self._ended)
        self.members.add(member)
        self._say(member, LogLevel.INFO, "started", "was started")
        try:
            await self._employer.begin(member)
        except BaseException:
            member.kill()
            raise
        predecessor, slot.current = slot.current, member
        self._say(member, LogLevel.INFO, "ready", f"serves by generation {member.number}")
        if predecessor is not None:
            self._drain(predecessor)
        if self.is_current(slot):
            slot.vacant.clear()
        else:  # a reload went by meanwhile
            slot.vacant.set()
        if member.is_leaving:
            self._let_go(member)
        self._changed.set()

    def _drain(self, member: Member) -> None:
        timeout_s = self._employer.drain_s
        self._say(member, LogLevel.INFO, "draining", f"has {timeout_s:g} s to finish; another serves in its place")
        member.drain(timeout_s, has_successor=True)

    async def _dismiss(self, slots: list[Slot]) -> None:
        await self.settled()
        for slot in slots:
            if slot.keeper is not None:
                slot.keeper.cancel()
            if slot.current is not None and not self.is_ending:
                self._drain(slot.current)

    def _slot_of(self, member: Member) -> Slot | None:
        return next((slot for slot in self.slots if slot.current is member), None)

    def _reported(self, member: Member, report: Report) -> None:
        if isinstance(report, Totals):
            self._counters.add(report.counts)
        elif isinstance(report, Leaving):
            member.is_leaving = True
            self._let_go(member)
        elif isinstance(report, Reported):
            self._employer.keep(reports_of(report))

    def _let_go(self, member: Member) -> None:
        self.replace(member, "it was told to end")

    def _ended(self, member: Member) -> None:
        self.members.discard(member)
        self._changed.set()
        slot = self._slot_of(member)
        if member.state is WorkerState.DRAINING and member.exit_code == 0:
            self._say(member, LogLevel.INFO, "ended", "ended")
        elif member.state is not WorkerState.STARTING:
            self._say(member, LogLevel.ERROR, "died", f"died: {member.ending()}")
        if slot is not None:
            slot.current = None
            if not self.is_ending:
                slot.died(time.monotonic() - member.served_from)
                slot.vacant.set()

    async def _watch(self) -> None:
        """Kill workers whose loop does not turn any more.  A clock of ticks: time that we did not run does not count."""
        while True:
            await asyncio.sleep(TICK_S)
            for member in tuple(self.members):
                member.silent_ticks += 1
                if member.state is WorkerState.SERVING and member.silent_ticks > MAX_SILENT_TICKS:
                    self._say(member, LogLevel.ERROR, "silent", f"said nothing for {MAX_SILENT_TICKS * TICK_S:g} s, is killed")
                    member.kill()

    def _say(self, member: Member, level: LogLevel, state: str, what: str) -> None:
        message = f"worker {member.slot} (process {member.pid}) {what}"
        values: dict[str, Value] = {"slot": member.slot, "pid": member.pid, "state": state, "generation": member.number}
        self._report(Event(level, "xoproxy.worker", "worker", message, values))
