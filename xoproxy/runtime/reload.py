"""Put a changed configuration into force, or say why not.

Rule 1: a configuration that does not validate changes nothing; the one in force stays, whatever went wrong.
Rule 2: "unchanged" is an outcome, not an error.
Rule 3: reloads run one after the other, whoever asked (a watched file, SIGHUP, the admin endpoint), and none ends the process.
"""

import asyncio
import errno
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Final

from xoproxy.config import Texts
from xoproxy.config.generation import Generation
from xoproxy.config.problems import ConfigInvalid, Problem, Severity
from xoproxy.config.settings import LogLevel
from xoproxy.runtime import calendar
from xoproxy.runtime.apart import CompilerGoneError
from xoproxy.runtime.compiling import Compiled, Source, compiling
from xoproxy.runtime.listening.sockets import ListenError
from xoproxy.runtime.review import Review
from xoproxy.runtime.source import Edition
from xoproxy.telemetry.events import Event, Value
from xoproxy.telemetry.reloads import Outcome, Report, Trigger

SETTLE_S: Final = 0.02  # a file that reads the same after this long is taken as saved
MAX_SETTLE_READS: Final = 25
MAX_LOGGED_PROBLEMS: Final = 20
MAX_REMEMBERED: Final = 50  # reloads; some hours of a busy day
MAX_LOGGED_CHANGES: Final = 20  # those by which somebody gains come first
_NO_DESCRIPTOR: Final = frozenset({errno.EMFILE, errno.ENFILE})


Content = Texts | tuple[Problem, ...]  # what a source gave: its texts, or why there are none
Adopt = Callable[[Edition], Awaitable[tuple[str, ...]]]


class Reloader:
    """Reloads from `source`; `adopt` puts an edition into force and returns what of it needs a restart."""

    def __init__(
        self,
        source: Source,
        edition: Edition,
        adopt: Adopt,
        report: Callable[[Event], None],
        today: Callable[[], date] = calendar.today,
    ) -> None:
        """`edition` is the one in force."""
        self._source = source
        self._edition = edition
        self._adopt = adopt
        self._report = report
        self._today = today
        self._rejected: Content | None = None  # what was refused last, while it is what the source still gives
        self._rejected_for: tuple[Problem, ...] = ()
        self._lock = asyncio.Lock()
        self.adopted = asyncio.Event()  # set whenever another edition comes into force
        self.last: Report | None = None
        self.reloads: deque[Report] = deque(maxlen=MAX_REMEMBERED)  # each that `last` was, newest last
        self.counted: Counter[str] = Counter()  # outcomes of those; to be replaced by whoever counts them elsewhere

    @property
    def edition(self) -> Edition:
        """The edition in force."""
        return self._edition

    @property
    def generation(self) -> Generation:
        """The generation in force."""
        return self._edition.generation

    @property
    def ends(self) -> date | None:
        """The first day on which the texts in force mean something else."""
        return self._edition.ends

    async def reload(self, trigger: Trigger) -> Report:
        """Read the source; put what it gives into force if it is new and valid.  Never raises."""
        async with self._lock:
            try:
                report = await self._reload(trigger)
            except (ListenError, CompilerGoneError) as exc:
                report = self._failed(trigger, str(exc))
            except Exception as exc:  # noqa: BLE001  rule 3: not even our own fault may end reloading
                report = self._failed(trigger, f"{type(exc).__name__}: {exc}")
            if report.outcome is not Outcome.UNCHANGED or trigger is not Trigger.WATCH or self._was_rejected():
                if self.last is None or not _is_same_again(self.last, report):
                    self.reloads.append(report)
                    self.counted[report.outcome.value] += 1
                self.last = report
            return report

    async def look(self) -> None:
        """Reload because the source may have changed."""
        await self.reload(Trigger.WATCH)

    def _was_rejected(self) -> bool:
        return self.last is not None and self.last.outcome is Outcome.REJECTED

    async def _reload(self, trigger: Trigger) -> Report:
        today = self._today()
        # What ended has ended whatever the file says by now: perhaps it is being mended.
        content = self._edition.texts if trigger is Trigger.DATE else await self._read(trigger)
        if content == self._edition.texts and (self.ends is None or today < self.ends):
            return self._unchanged(trigger)
        if content == self._rejected:
            return self._new_report(Outcome.REJECTED, trigger, problems=self._rejected_for)  # and not one line more in the log
        if not isinstance(content, Texts):
            return self._reject(trigger, content, content)
        try:
            async with compiling(self._source, content, self.generation.number + 1, today, self._edition) as compiled:
                notes = await self._adopt(compiled.edition)
                self._edition = compiled.edition
                if trigger is not Trigger.DATE:
                    self._rejected = None
                self.adopted.set()
                return await self._applied(trigger, compiled, notes)
        except ConfigInvalid as invalid:
            return self._reject(trigger, content, invalid.problems)

    async def _read(self, trigger: Trigger) -> Content:
        """Read the source.  What a watcher saw may be half of a save: wait until it reads the same twice.

        Who asks by signal or request has saved, and is not kept waiting.
        """
        content = await self._read_once(trigger)
        if trigger is Trigger.WATCH:
            for _ in range(MAX_SETTLE_READS):
                if content in (self._edition.texts, self._rejected):
                    break
                await asyncio.sleep(SETTLE_S)
                before, content = content, await self._read_once(trigger)
                if content == before:
                    break
        return content

    async def _read_once(self, trigger: Trigger) -> Content:
        try:
            return await asyncio.to_thread(self._source.read)
        except ConfigInvalid as invalid:
            cause = invalid.__cause__
            if trigger is Trigger.WATCH and isinstance(cause, OSError) and cause.errno in _NO_DESCRIPTOR:
                return self._edition.texts  # that says nothing about the file, and it is looked at again soon
            return invalid.problems

    def _unchanged(self, trigger: Trigger) -> Report:
        if self._rejected is not None:
            self._say(
                LogLevel.INFO,
                f"the configuration is again the one in force, generation {self.generation.number}",
                trigger,
                "unchanged",
            )
        self._rejected = None
        return self._new_report(Outcome.UNCHANGED, trigger)

    def _reject(self, trigger: Trigger, content: Content, problems: tuple[Problem, ...]) -> Report:
        self._rejected, self._rejected_for = content, problems
        many = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        message = f"the configuration was rejected ({many}); generation {self.generation.number} stays in force"
        self._say(LogLevel.ERROR, message, trigger, "rejected")
        self._list(problems)
        return self._new_report(Outcome.REJECTED, trigger, problems=problems)

    async def _applied(self, trigger: Trigger, compiled: Compiled, notes: tuple[str, ...]) -> Report:
        """Tell that a configuration is in force, what it decides otherwise than that before, and what is doubtful in it."""
        self._say(
            LogLevel.INFO, f"generation {self.generation.number} of {self.generation.source} is in force", trigger, "applied"
        )
        for note in notes:
            self._report(Event(LogLevel.WARNING, "xoproxy.reload", "restart-needed", note))
        review = await _review(compiled)
        for fault in review.faults:
            self._report(Event(LogLevel.ERROR, "xoproxy.reload", "review", fault))
        for level, line in review.changes[: MAX_LOGGED_CHANGES + 1]:
            self._report(Event(level, "xoproxy.reload", "change", line))
        problems = compiled.warnings if review.problems is None else review.problems
        self._list(problems)
        return self._new_report(Outcome.APPLIED, trigger, problems, notes, tuple(line for _, line in review.changes))

    def _failed(self, trigger: Trigger, why: str) -> Report:
        """Tell what is wrong with the machine or with us: a note, because the configuration has no place to point at."""
        message = f"the reload failed: {why}; generation {self.generation.number} stays in force"
        self._say(LogLevel.ERROR, message, trigger, "rejected")
        return self._new_report(Outcome.REJECTED, trigger, notes=(message,))

    def _new_report(
        self,
        outcome: Outcome,
        trigger: Trigger,
        problems: tuple[Problem, ...] = (),
        notes: tuple[str, ...] = (),
        changes: tuple[str, ...] = (),
    ) -> Report:
        return Report(outcome, trigger, time.time(), self.generation.number, problems, notes, changes)

    def _list(self, problems: tuple[Problem, ...]) -> None:
        for problem in problems[:MAX_LOGGED_PROBLEMS]:
            level = LogLevel.ERROR if problem.severity is Severity.ERROR else LogLevel.WARNING
            self._report(Event(level, "xoproxy.reload", "problem", str(problem)))

    def _say(self, level: LogLevel, message: str, trigger: Trigger, outcome: str) -> None:
        values: dict[str, Value] = {"outcome": outcome, "trigger": trigger.value, "generation": self.generation.number}
        self._report(Event(level, "xoproxy.reload", "reload", message, values))


def _is_same_again(last: Report, report: Report) -> bool:
    """Whether a watcher saw what was rejected already: it looks every few seconds, and the file is still as it was."""
    is_rejected = last.outcome is report.outcome is Outcome.REJECTED
    return report.trigger is Trigger.WATCH and is_rejected and (last.problems, last.notes) == (report.problems, report.notes)


async def _review(compiled: Compiled) -> Review:
    """Look at a configuration that is in force by now.  If that fails, it is no fault of it."""
    try:
        return await compiled.review()
    except CompilerGoneError as exc:
        return Review(faults=[f"comparing and linting failed: {exc}"])
