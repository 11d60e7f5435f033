"""Serve by several worker processes: the engine of a supervisor.

Rule 1: a reload is two steps.  First all workers load the texts; if one refuses, nothing was changed anywhere.  Then all put it
into force, which cannot be refused.
Rule 2: a worker that dies, does not answer, or cannot be brought to what the generation says is replaced.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from xoproxy.config.generation import Generation
from xoproxy.reports.model import Report
from xoproxy.runtime.engine import Bound
from xoproxy.runtime.listening.certificates import check_certificates
from xoproxy.runtime.listening.sockets import ListenError, check_upstream_trust
from xoproxy.runtime.source import ConfigSource, Edition
from xoproxy.runtime.tracing import check_tracing
from xoproxy.runtime.workers.member import Member, Portion, RefusedError, Task, WorkerGoneError
from xoproxy.runtime.workers.processors import worker_count
from xoproxy.runtime.workers.roster import Roster
from xoproxy.runtime.workers.shares import Share, Shares
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.recent import Shown, Wanted, merged
from xoproxy.telemetry.workers import WorkerState, WorkerView

SETTLE_S: Final = 30.0  # how long a reload waits for successors before it tells that there are none yet


class WorkerPool:
    """Serves by workers that it starts."""

    def __init__(
        self,
        edition: Edition,
        source: ConfigSource,
        report: Callable[[Event], None],
        counters: Counters | None = None,
        *,
        keep: Callable[[tuple[Report, ...]], None] | None = None,
    ) -> None:
        """`source`: how texts are compiled; `counters`: where to add up what workers count.  Nothing is started yet.

        `keep` takes what browsers reported.
        """
        self.revision = 1
        self.counters = counters or Counters()
        self._edition = edition
        self._source = source
        self._shares = Shares()
        self._roster = Roster(self, report, self.counters)
        self._is_adopting = False
        self._keep = keep

    @property
    def generation(self) -> Generation:
        """The generation in force."""
        return self._edition.generation

    @property
    def bound(self) -> list[Bound]:
        """What is listened on."""
        return self._shares.bound

    @property
    def connections(self) -> int:
        """How many clients are connected; up to a second old."""
        return sum(member.totals.connections for member in self._roster.members)

    @property
    def workers(self) -> tuple[WorkerView, ...]:
        """All workers, those that drain too."""
        return tuple(member.view for member in sorted(self._roster.members, key=lambda member: (member.slot, member.pid)))

    @property
    def is_serving(self) -> bool:
        """Whether there is a worker in every slot, and all serve by the generation in force."""
        slots = self._roster.slots
        if self._roster.is_ending or not slots:
            return False
        return all(slot.current is not None and (self._is_adopting or self._roster.is_current(slot)) for slot in slots)

    @property
    def drain_s(self) -> float:
        """How long exchanges may go on in a worker that has a successor."""
        return self.generation.settings.timeouts.drain_s

    async def recall(self, wanted: Wanted) -> list[Shown]:
        """Return the last decisions that are wanted, of all workers, the newest first."""
        outcomes = await self._roster.each(lambda member: member.recall(wanted))
        return merged((outcome for _, outcome in outcomes if not isinstance(outcome, BaseException)), wanted.limit)

    async def open(self) -> None:
        """Open the sockets, start the workers.  Raises: `ListenError`; then none is left."""
        settings = self.generation.settings
        check_upstream_trust(settings.upstreams)
        check_tracing(settings.tracing)
        count = worker_count(settings.workers)
        self._shares.open_all(settings.listeners, count)
        try:
            await self._roster.fill(count)
        except (WorkerGoneError, RefusedError, OSError) as exc:
            self.abort()
            await self._roster.gone()
            raise ListenError(f"no worker could be started: {exc}") from exc

    def keep(self, reports: tuple[Report, ...]) -> None:
        """Hand on what browsers reported to a worker."""
        if self._keep is not None:
            self._keep(reports)

    async def begin(self, member: Member) -> None:
        """Have a new worker serve.  Raises: `WorkerGoneError`, `RefusedError`."""
        await member.begin(self._source, self._task(), self._portion(member, self._shares.held))

    async def adopt(self, edition: Edition) -> list[str]:
        """Have all workers serve by another edition.  Returns what of it could not be.

        Raises: `ListenError`; then nothing was changed.
        """
        generation = edition.generation
        check_upstream_trust(generation.settings.upstreams)
        check_tracing(generation.settings.tracing)
        check_certificates(set(generation.settings.listeners) - set(self.generation.settings.listeners))
        self._refuse_if_ending([])
        listeners = generation.settings.listeners
        opened, unopened = self._shares.open_new(listeners, len(self._roster.slots))
        self._is_adopting = True
        try:
            await self._load(edition, opened)
            self._refuse_if_ending(opened)
            self._edition = edition
            problems = await self._put_into_force(opened)
            if self._shares.close_others(listeners) and unopened:  # perhaps that was in the way
                opened, unopened = self._shares.open_new(tuple(unopened), len(self._roster.slots))
                problems += await self._put_into_force(opened)
        finally:
            self._is_adopting = False
        problems += unopened.values()
        notes = [
            f"{problem} (everything else is in force; the next reload that is asked for tries again)"
            for problem in dict.fromkeys(problems)
        ]
        return [*notes, *self._resize(), *await self._settle()]

    def _refuse_if_ending(self, opened: list[Share]) -> None:
        """Change nothing once the workers drain: nobody would accept from new sockets, nor end new workers."""
        if self._roster.is_ending:
            for share in opened:
                share.close()
            raise ListenError("the process is ending")

    async def try_again(self) -> list[str]:
        """Have all workers read their certificates again; open what could not be opened.  Returns why, for each that cannot."""
        if self._roster.is_ending:
            return []
        opened, unopened = self._shares.open_new(self.generation.settings.listeners, len(self._roster.slots))
        problems = list(unopened.values())
        if opened:
            problems += await self._put_into_force(opened)
        for member, outcome in await self._roster.each(lambda member: member.renew()):
            if isinstance(outcome, BaseException):
                self._roster.replace(member, outcome)
            else:
                problems += outcome
        return list(dict.fromkeys(problems))

    async def drain(self, timeout_s: float) -> None:
        """Have all workers end.  Returns when they have; those that do not are killed."""
        self._shares.close()
        self._roster.end()
        for member in tuple(self._roster.members):
            member.drain(timeout_s, has_successor=False)
        await self._roster.gone()

    def abort(self) -> None:
        """Have all workers end now."""
        self._shares.close()
        self._roster.end()
        for member in tuple(self._roster.members):
            if member.state is WorkerState.STARTING:
                member.kill()
            else:
                member.abort()

    async def _load(self, edition: Edition, opened: list[Share]) -> None:
        """Have all workers load an edition.  Raises: `ListenError` if one refuses; `opened` is closed then."""
        outcomes = await self._roster.each(lambda member: member.load(edition))
        refusal = next((outcome for _, outcome in outcomes if isinstance(outcome, RefusedError)), None)
        if refusal is not None:
            for share in opened:
                share.close()
            raise ListenError(f"a worker refused it: {refusal}")

    async def _put_into_force(self, opened: list[Share]) -> list[str]:
        """Have all workers serve by what they loaded, on `opened` too.  Returns what they could not listen on."""
        self._shares.held += opened
        self.revision += 1
        task = self._task()
        problems: list[str] = []
        for member, outcome in await self._roster.each(lambda member: member.adopt(task, self._portion(member, opened))):
            if isinstance(outcome, BaseException):
                self._roster.replace(member, outcome)
                continue
            problems += outcome.problems
            if outcome.is_stale:
                self._roster.replace(member, "the change needs a new process")
        return problems

    def _task(self) -> Task:
        listeners = self.generation.settings.listeners
        return Task(self.revision, self._edition, self._shares.indexes(listeners))

    def _portion(self, member: Member, shares: list[Share]) -> Portion:
        return [(str(share.listener.address), share.of(member.slot, len(self._roster.slots))) for share in shares]

    def _resize(self) -> list[str]:
        """Have as many workers as the generation says.  Returns what stands in the way."""
        wanted, count = worker_count(self.generation.settings.workers), len(self._roster.slots)
        if wanted == count or self._roster.is_ending:
            return []
        if wanted == 1:
            return ["the change of `workers` to 1 needs a restart; everything else is in force"]
        problems = self._shares.grow(wanted)
        if not problems:
            self._roster.resize(wanted)
        return [f"{problem} (the number of workers stays {count})" for problem in problems]

    async def _settle(self) -> list[str]:
        """Wait until every worker that had to be replaced is.  Returns which are not."""
        try:
            await asyncio.wait_for(self._roster.settled(), SETTLE_S)
        except TimeoutError:
            late = [str(slot.index) for slot in self._roster.slots if slot.vacant.is_set()]
            return [f"no worker serves by generation {self.generation.number} yet in slot {', '.join(late)}"]
        return []
