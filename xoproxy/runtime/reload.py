"""Put a changed configuration into force, or say why not.

Rule 1: a configuration that does not validate changes nothing; the one in force stays, whatever went wrong.
Rule 2: "unchanged" is an outcome, not an error.
Rule 3: reloads run one after the other, whoever asked (a watched file, SIGHUP, the admin endpoint), and none ends the process.
"""

import asyncio
import errno
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from xoproxy.config import Loaded
from xoproxy.config.generation import Generation
from xoproxy.config.problems import ConfigInvalid, Problem, Severity
from xoproxy.config.settings import LogLevel
from xoproxy.runtime.listening.sockets import ListenError
from xoproxy.telemetry.events import Event, Value
from xoproxy.telemetry.reloads import Outcome, Report, Trigger

SETTLE_S: Final = 0.02  # a file that reads the same after this long is taken as saved
MAX_SETTLE_READS: Final = 25
MAX_LOGGED_PROBLEMS: Final = 20
_NO_DESCRIPTOR: Final = frozenset({errno.EMFILE, errno.ENFILE})


class Source(Protocol):
    """Where configurations come from.  Both methods block, and raise `ConfigInvalid`."""

    def read(self) -> str:
        """Return the text as it is now."""
        ...

    def compile(self, text: str, number: int) -> Loaded:
        """Return the text as generation `number`."""
        ...


Content = str | tuple[Problem, ...]  # what a source gave: its text, or why there is none
Adopt = Callable[[Generation, str], Awaitable[tuple[str, ...]]]


class Reloader:
    """Reloads from `source`; `adopt` puts a generation, made of a text, into force and returns what of it needs a restart."""

    def __init__(
        self, source: Source, text: str, generation: Generation, adopt: Adopt, report: Callable[[Event], None]
    ) -> None:
        """`text` is what `generation`, the one in force, was made of."""
        self._source = source
        self._text: str = text
        self._adopt = adopt
        self._report = report
        self._rejected: Content | None = None  # what was refused last, while it is what the source still gives
        self._lock = asyncio.Lock()
        self.generation = generation
        self.last: Report | None = None

    async def reload(self, trigger: Trigger) -> Report:
        """Read the source; put what it gives into force if it is new and valid.  Never raises."""
        async with self._lock:
            try:
                report = await self._reload(trigger)
            except ListenError as exc:
                report = self._failed(trigger, str(exc))
            except Exception as exc:  # noqa: BLE001  rule 3: not even our own fault may end reloading
                report = self._failed(trigger, f"{type(exc).__name__}: {exc}")
            if report.outcome is not Outcome.UNCHANGED or trigger is not Trigger.WATCH or self._was_rejected():
                self.last = report
            return report

    async def look(self) -> None:
        """Reload because the source may have changed."""
        await self.reload(Trigger.WATCH)

    def _was_rejected(self) -> bool:
        return self.last is not None and self.last.outcome is Outcome.REJECTED

    async def _reload(self, trigger: Trigger) -> Report:
        content = await self._read(trigger)
        if content == self._text:
            return self._unchanged(trigger)
        if content == self._rejected and self.last is not None:
            return self._repeat(self.last, trigger)
        if not isinstance(content, str):
            return self._reject(trigger, content, content)
        try:
            loaded = await asyncio.to_thread(self._source.compile, content, self.generation.number + 1)
        except ConfigInvalid as invalid:
            return self._reject(trigger, content, invalid.problems)
        notes = await self._adopt(loaded.generation, content)
        self._text, self._rejected, self.generation = content, None, loaded.generation
        return await self._applied(trigger, loaded, notes)

    async def _read(self, trigger: Trigger) -> Content:
        """Read the source.  What a watcher saw may be half of a save: wait until it reads the same twice.

        Who asks by signal or request has saved, and is not kept waiting.
        """
        content = await self._read_once(trigger)
        if trigger is Trigger.WATCH:
            for _ in range(MAX_SETTLE_READS):
                if content in (self._text, self._rejected):
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
                return self._text  # that says nothing about the file, and it is looked at again soon
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

    def _repeat(self, last: Report, trigger: Trigger) -> Report:
        """Refuse what was refused before: the same problems, and not one line more in the log."""
        return self._new_report(Outcome.REJECTED, trigger, problems=last.problems)

    def _reject(self, trigger: Trigger, content: Content, problems: tuple[Problem, ...]) -> Report:
        self._rejected = content
        message = (
            f"the configuration was rejected ({len(problems)} problems); generation {self.generation.number} stays in force"
        )
        self._say(LogLevel.ERROR, message, trigger, "rejected")
        self._list(problems)
        return self._new_report(Outcome.REJECTED, trigger, problems=problems)

    async def _applied(self, trigger: Trigger, loaded: Loaded, notes: tuple[str, ...]) -> Report:
        self._say(
            LogLevel.INFO, f"generation {self.generation.number} of {self.generation.source} is in force", trigger, "applied"
        )
        for note in notes:
            self._report(Event(LogLevel.WARNING, "xoproxy.reload", "restart-needed", note))
        found = await self._lint(loaded)
        self._list(found)
        return self._new_report(Outcome.APPLIED, trigger, found, notes)

    async def _lint(self, loaded: Loaded) -> tuple[Problem, ...]:
        """Return what is doubtful in a configuration that is in force by now: no fault in finding that out is the file's."""
        try:
            return await asyncio.to_thread(_find, loaded)
        except Exception as exc:  # noqa: BLE001  see above
            message = f"linting failed: {type(exc).__name__}: {exc}"
            self._report(Event(LogLevel.ERROR, "xoproxy.reload", "lint", message))
            return loaded.warnings

    def _failed(self, trigger: Trigger, why: str) -> Report:
        """Tell what is wrong with the machine or with us: a note, because the configuration has no place to point at."""
        message = f"the reload failed: {why}; generation {self.generation.number} stays in force"
        self._say(LogLevel.ERROR, message, trigger, "rejected")
        return self._new_report(Outcome.REJECTED, trigger, notes=(message,))

    def _new_report(
        self, outcome: Outcome, trigger: Trigger, problems: tuple[Problem, ...] = (), notes: tuple[str, ...] = ()
    ) -> Report:
        return Report(outcome, trigger, time.time(), self.generation.number, problems, notes)

    def _list(self, problems: tuple[Problem, ...]) -> None:
        for problem in problems[:MAX_LOGGED_PROBLEMS]:
            level = LogLevel.ERROR if problem.severity is Severity.ERROR else LogLevel.WARNING
            self._report(Event(level, "xoproxy.reload", "problem", str(problem)))

    def _say(self, level: LogLevel, message: str, trigger: Trigger, outcome: str) -> None:
        values: dict[str, Value] = {"outcome": outcome, "trigger": trigger.value, "generation": self.generation.number}
        self._report(Event(level, "xoproxy.reload", "reload", message, values))


def _find(loaded: Loaded) -> tuple[Problem, ...]:
    from xoproxy.config.lint import lint  # noqa: PLC0415  a start needs none of it, and it takes ten milliseconds

    return lint(loaded)
