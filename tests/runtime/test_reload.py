"""A reload puts what is new and valid into force, and changes nothing otherwise."""

import asyncio
import errno
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from xoproxy.config import FROM_OPTIONS, ConfigInvalid, Generation, Loaded, Overrides, Text, Texts, compile_texts, read_text
from xoproxy.config.lint import lint
from xoproxy.config.settings import LogLevel
from xoproxy.runtime.in_force import InForce
from xoproxy.runtime.reload import MAX_LOGGED_CHANGES, MAX_LOGGED_PROBLEMS, MAX_REMEMBERED, Reloader
from xoproxy.runtime.source import ConfigSource, Edition
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.reloads import Outcome, Trigger

DAY = date(2026, 1, 1)
FIRST = "version: 1\nupstream: http://first:80\n"
SECOND = "version: 1\nupstream: http://second:80\n"
BROKEN = "version: 1\nupstraem: http://second:80\n"
DOUBTFUL = "version: 1\nupstream: http://second:80\nroutes: [{policy: untouched}, {policy: isolated}]\n"
ALL = [trigger for trigger in Trigger if trigger is not Trigger.DATE]


def of(text: str) -> Texts:
    """Return the texts of one file."""
    return Texts("x.yaml", (Text("x.yaml", text),))


@dataclass
class Script:
    """A source that gives one text after the other, the last for ever."""

    texts: list[str | ConfigInvalid]
    reads: int = 0
    environ: dict[str, str] = field(default_factory=dict)

    def read(self) -> Texts:
        self.reads += 1
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        if isinstance(text, ConfigInvalid):
            raise text
        return of(text)

    def compile(self, texts: Texts, number: int, today: date) -> Loaded:
        return compile_texts(texts, Overrides(), environ=self.environ, today=today, number=number)


@dataclass
class Bench:
    """A reloader whose generation 1 is FIRST, and what it did."""

    script: Script
    events: list[Event] = field(default_factory=list)
    adopted: list[Generation] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    today: date = DAY
    first: str = FIRST

    def __post_init__(self) -> None:
        edition = Edition.of(self.script.compile(of(self.first), 1, DAY), of(self.first))
        self.reloader = Reloader(self.script, edition, self._adopt, self.events.append, lambda: self.today)

    async def _adopt(self, edition: Edition) -> tuple[str, ...]:
        self.adopted.append(edition.generation)
        return self.notes

    def logged(self) -> list[tuple[str, str]]:
        """Return what was logged, but for what is decided otherwise."""
        return [(event.name, str(event.values.get("outcome", ""))) for event in self.events if event.name != "change"]

    def changes(self) -> list[tuple[LogLevel, str]]:
        return [(event.level, event.message) for event in self.events if event.name == "change"]


def missing() -> ConfigInvalid:
    """Return what reading a file that is gone raises."""
    with pytest.raises(ConfigInvalid) as caught:
        read_text(Path("/no/such/file"))
    return caught.value


@pytest.mark.parametrize("trigger", ALL)
async def test_new_and_valid_text_is_put_into_force(trigger: Trigger) -> None:
    bench = Bench(Script([SECOND]))
    report = await bench.reloader.reload(trigger)

    assert (report.outcome, report.trigger, report.generation) == (Outcome.APPLIED, trigger, 2)
    assert [generation.number for generation in bench.adopted] == [2]
    assert bench.reloader.generation is bench.adopted[0]
    assert bench.reloader.last == report
    assert bench.logged() == [("reload", "applied")]


@pytest.mark.parametrize("trigger", ALL)
async def test_same_text_is_unchanged(trigger: Trigger) -> None:
    """A watcher that looked for nothing is not worth remembering; who asked is told."""
    bench = Bench(Script([FIRST]))
    report = await bench.reloader.reload(trigger)

    assert (report.outcome, report.generation) == (Outcome.UNCHANGED, 1)
    assert bench.reloader.last == (None if trigger is Trigger.WATCH else report)
    assert not bench.adopted
    assert not bench.events


@pytest.mark.parametrize("trigger", ALL)
@pytest.mark.parametrize("content", [BROKEN, "", "version: [", missing()], ids=["unknown-key", "empty", "no-yaml", "missing"])
async def test_what_is_not_valid_changes_nothing_and_is_said_once(content: str | ConfigInvalid, trigger: Trigger) -> None:
    bench = Bench(Script([content]))
    report = await bench.reloader.reload(trigger)
    logged = bench.logged()
    again = await bench.reloader.reload(trigger)

    assert (report.outcome, report.generation) == (Outcome.REJECTED, 1)
    assert report.problems
    assert again.problems == report.problems
    assert again.outcome is Outcome.REJECTED
    assert not bench.adopted
    assert logged == bench.logged() == [("reload", "rejected")] + [("problem", "")] * len(report.problems)
    assert {event.level for event in bench.events} == {LogLevel.ERROR}


ENDING = FIRST + "routes: [{match: {path: /old/**}, expires: 2026-01-31}, {}]\n"


@pytest.mark.parametrize("trigger", list(Trigger))
async def test_what_ended_is_left_out_by_whatever_reload_comes_first(trigger: Trigger) -> None:
    """The same text means something else on another day; after that it is unchanged again."""
    bench = Bench(Script([ENDING]), first=ENDING)
    before = await bench.reloader.reload(trigger)
    bench.today = date(2026, 2, 1)
    report = await bench.reloader.reload(trigger)
    again = await bench.reloader.reload(trigger)

    assert (before.outcome, report.outcome, again.outcome) == (Outcome.UNCHANGED, Outcome.APPLIED, Outcome.UNCHANGED)
    assert report.trigger is trigger
    assert [problem.id for problem in report.problems] == ["XO303"]
    assert [len(generation.routes.routes) for generation in bench.adopted] == [1]
    assert bench.reloader.ends is None


async def test_the_day_comes_for_the_policy_in_force_though_the_file_is_broken_by_then() -> None:
    """And what is wrong with the file is not forgotten, nor said again."""
    bench = Bench(Script([BROKEN]), first=ENDING)
    rejected = await bench.reloader.reload(Trigger.WATCH)
    bench.today = date(2026, 2, 1)
    report = await bench.reloader.reload(Trigger.DATE)
    logged = bench.logged().count(("reload", "rejected"))
    again = await bench.reloader.reload(Trigger.ADMIN)

    assert (report.outcome, report.generation) == (Outcome.APPLIED, 2)
    assert (again.outcome, again.problems) == (Outcome.REJECTED, rejected.problems)
    assert bench.logged().count(("reload", "rejected")) == logged == 1


async def test_another_broken_text_is_said_again() -> None:
    bench = Bench(Script([BROKEN]))
    await bench.reloader.look()
    bench.script.texts = [BROKEN + "more: 1\n"]
    await bench.reloader.look()

    assert bench.logged().count(("reload", "rejected")) == 2


async def test_broken_text_that_is_taken_back_ends_the_complaint() -> None:
    bench = Bench(Script([BROKEN]))
    await bench.reloader.look()
    bench.script.texts = [FIRST]
    await bench.reloader.look()

    assert bench.reloader.last is not None
    assert bench.reloader.last.outcome is Outcome.UNCHANGED
    assert bench.logged()[-1] == ("reload", "unchanged")
    await bench.reloader.look()
    assert bench.logged()[-2:] != [("reload", "unchanged")] * 2


async def test_reloads_are_remembered_but_not_what_a_watcher_sees_again() -> None:
    """It looks every few seconds: one broken save must not push out all that was before."""
    bench = Bench(Script([SECOND]))
    for texts in ([SECOND], [BROKEN], [BROKEN], [FIRST]):
        bench.script.texts = list(texts)
        await bench.reloader.look()
        await bench.reloader.look()

    assert [(each.outcome, each.generation) for each in bench.reloader.reloads] == [
        (Outcome.APPLIED, 2),
        (Outcome.REJECTED, 2),
        (Outcome.APPLIED, 3),
    ]
    assert bench.reloader.counted == {"applied": 2, "rejected": 1}


async def test_remembered_reloads_are_bounded_and_who_asks_is_always_told() -> None:
    bench = Bench(Script([BROKEN]))
    for _ in range(MAX_REMEMBERED + 1):
        await bench.reloader.reload(Trigger.ADMIN)

    assert len(bench.reloader.reloads) == MAX_REMEMBERED


async def test_configuration_in_force_is_compiled_once_for_all_who_ask_and_again_after_a_reload() -> None:
    bench = Bench(Script([SECOND]))
    in_force = InForce(bench.script, lambda: bench.reloader.edition)
    first, same = await asyncio.gather(in_force.loaded(), in_force.loaded())
    await bench.reloader.reload(Trigger.ADMIN)
    second = await in_force.loaded()

    assert first is same
    assert (first.generation.number, second.generation.number) == (1, 2)
    assert second.generation.digest == bench.reloader.generation.digest
    assert [str(each) for each in second.generation.settings.upstreams[0].endpoints] == ["http://second"]


async def test_good_text_after_a_broken_one_is_put_into_force() -> None:
    bench = Bench(Script([BROKEN]))
    await bench.reloader.look()
    bench.script.texts = [SECOND]
    report = await bench.reloader.reload(Trigger.SIGNAL)

    assert (report.outcome, report.generation) == (Outcome.APPLIED, 2)


async def test_watched_file_is_read_until_it_stands_still() -> None:
    """A half that is valid by itself is the dangerous one: it would be in force for a moment."""
    bench = Bench(Script(["version: 1\n", "version: 1\nupstream: http://se", SECOND]))
    await bench.reloader.look()

    assert [generation.digest for generation in bench.adopted] == [bench.script.compile(of(SECOND), 2, DAY).generation.digest]
    assert bench.logged() == [("reload", "applied")]


async def test_file_that_never_stands_still_does_not_hold_up_for_ever() -> None:
    bench = Bench(Script([BROKEN + "# " * number for number in range(1000)]))
    await bench.reloader.look()

    assert bench.script.reads < 100


async def test_who_asks_is_not_kept_waiting_for_a_second_look() -> None:
    bench = Bench(Script([SECOND, FIRST]))
    report = await bench.reloader.reload(Trigger.ADMIN)

    assert bench.script.reads == 1
    assert report.outcome is Outcome.APPLIED


async def test_reloads_run_one_after_the_other() -> None:
    """Three triggers at once: one applies, the others find nothing new."""
    bench = Bench(Script([SECOND]))
    reports = await asyncio.gather(*(bench.reloader.reload(trigger) for trigger in ALL))

    assert sorted(report.outcome.value for report in reports) == ["applied", "unchanged", "unchanged"]
    assert [generation.number for generation in bench.adopted] == [2]


async def test_compiling_does_not_hold_up_the_loop() -> None:
    bench = Bench(Script([SECOND]))
    threads: list[threading.Thread] = []
    real: Callable[[Texts, int, date], Loaded] = bench.script.compile

    def compile_it(texts: Texts, number: int, today: date) -> Loaded:
        threads.append(threading.current_thread())
        return real(texts, number, today)

    bench.script.compile = compile_it  # type: ignore[method-assign]
    await bench.reloader.look()

    assert threads
    assert threads[0] is not threading.main_thread()


async def test_fault_of_our_own_is_reported_and_ends_nothing() -> None:
    bench = Bench(Script([SECOND]))
    real = bench.script.compile
    bench.script.compile = lambda texts, number, today: 1 // 0  # type: ignore[method-assign,assignment,return-value]
    report = await bench.reloader.reload(Trigger.SIGNAL)
    bench.script.compile = real  # type: ignore[method-assign]
    again = await bench.reloader.reload(Trigger.SIGNAL)

    assert report.outcome is Outcome.REJECTED
    assert report.notes == (
        "the reload failed: ZeroDivisionError: integer division or modulo by zero; generation 1 stays in force",
    )
    assert again.outcome is Outcome.APPLIED


async def test_what_needs_a_restart_is_noted_and_logged() -> None:
    bench = Bench(Script([SECOND]), notes=("the change of `admin` needs a restart",))
    report = await bench.reloader.look() or bench.reloader.last

    assert report is not None
    assert report.notes == bench.notes
    assert bench.logged() == [("reload", "applied"), ("restart-needed", "")]


async def test_warnings_are_logged_and_reported() -> None:
    bench = Bench(Script([DOUBTFUL]))
    report = await bench.reloader.reload(Trigger.ADMIN)

    assert report.outcome is Outcome.APPLIED
    assert len(report.problems) == 1
    assert [event.level for event in bench.events if event.name == "problem"] == [LogLevel.WARNING]


async def test_log_of_a_hopeless_file_is_bounded() -> None:
    bench = Bench(Script(["version: 1\n" + "".join(f"unknown{number}: 1\n" for number in range(50))]))
    report = await bench.reloader.reload(Trigger.ADMIN)

    assert len(report.problems) > 50
    assert bench.logged().count(("problem", "")) == MAX_LOGGED_PROBLEMS


def test_file_is_a_source(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(FIRST)
    source = ConfigSource(file, Overrides(upstream="http://option:1"))
    generation = source.compile(source.read(), 3, DAY).generation

    assert (generation.number, generation.source) == (3, str(file))
    assert str(generation.settings.upstreams[0].endpoints[0]) == "http://option:1"


def test_options_alone_are_a_source() -> None:
    source = ConfigSource(None, Overrides(upstream="http://option:1"))
    generation = source.compile(source.read(), 1, DAY).generation

    assert (source.read(), generation.source) == (FROM_OPTIONS, "options")


@pytest.mark.parametrize(("number", "says_nothing"), [(errno.EMFILE, True), (errno.ENFILE, True), (errno.EIO, False)])
async def test_watched_file_that_no_descriptor_is_left_for_is_not_rejected(number: int, says_nothing: bool) -> None:
    """The process is out of descriptors: the file may be as good as ever."""
    unreadable = ConfigInvalid([])
    unreadable.__cause__ = OSError(number, "no")
    bench = Bench(Script([unreadable]))
    watched = await bench.reloader.reload(Trigger.WATCH)
    asked_for = await bench.reloader.reload(Trigger.SIGNAL)

    assert watched.outcome is (Outcome.UNCHANGED if says_nothing else Outcome.REJECTED)
    assert asked_for.outcome is Outcome.REJECTED


async def test_what_is_decided_otherwise_is_told_and_what_is_wider_is_a_warning() -> None:
    """As `xoproxy diff` tells it, in the log and in the report."""
    bench = Bench(Script([FIRST + "policy: {cors: {allow_origins: [https://a.example]}, corp: same-origin}\n"]))
    report = await bench.reloader.reload(Trigger.SIGNAL)

    assert bench.changes() == [
        (LogLevel.INFO, "1 wider, 2 narrower"),
        (LogLevel.WARNING, "wider: everything: cors.allow_origins: https://a.example may read"),
        (LogLevel.INFO, "narrower: everything: corp: the backend's own -> same-origin"),
        (LogLevel.INFO, "narrower: everything: cors: the backend's own CORS fields no longer count"),
    ]
    assert report.changes == tuple(message for _, message in bench.changes())


async def test_difference_names_no_value_that_the_environment_filled_in() -> None:
    """It goes to the log and to the admin endpoint; what a request must have is told as the file writes it."""
    text = "version: 1\nupstream: http://w:1\nroutes: [{match: {headers: {X-Key: '${A}'}}, policy: {corp: same-site}}, {}]\n"
    bench = Bench(Script([text.replace("same-site", "cross-origin")], environ={"A": "hunter2"}), first=text)
    report = await bench.reloader.reload(Trigger.ADMIN)

    assert [line for line in report.changes if "X-Key: ${A}: corp: same-site -> cross-origin" in line]
    assert "hunter2" not in str(report) + str(bench.events)


async def test_more_than_can_be_read_is_cut_off_in_the_log_and_whole_in_the_report() -> None:
    """A hundred routes that open."""
    routes = "".join(f"  - {{match: {{path: /p{n}}}, policy: {{corp: same-origin}}}}\n" for n in range(30))
    bench = Bench(Script([f"{FIRST}routes:\n{routes}"]))
    await bench.reloader.reload(Trigger.SIGNAL)
    bench.events.clear()
    origins = routes
    for n in range(30):
        origins = origins.replace(
            f"/p{n}}}, policy: {{corp: same-origin}}", f"/p{n}}}, policy: {{cors: {{allow_origins: [https://a{n}.example]}}}}"
        )
    bench.script.texts = [f"{FIRST}routes:\n{origins}"]
    report = await bench.reloader.reload(Trigger.SIGNAL)

    assert len(report.changes) == 1 + 30 * 3  # corp and origins are wider, the backend's own CORS no longer counts
    assert len(bench.changes()) == MAX_LOGGED_CHANGES + 1


async def test_comparing_that_fails_takes_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration is in force by then."""

    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("xoproxy.insight.comparing.compare", fail)
    bench = Bench(Script([SECOND]))
    report = await bench.reloader.reload(Trigger.SIGNAL)

    assert (report.outcome, report.generation, report.changes) == (Outcome.APPLIED, 2, ())
    assert [event.message for event in bench.events if event.name == "review"] == ["comparing failed: RuntimeError: broken"]


LINTED = "version: 1\nupstream: http://second:80\npolicy: {coop: same-origin, coep: credentialless}\n"


async def test_what_linting_finds_is_told_when_the_configuration_is_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a thread, so that nothing waits for it."""
    before: list[tuple[list[int], bool]] = []
    bench = Bench(Script([LINTED]))

    def find(loaded: Loaded) -> tuple[object, ...]:
        before.append(
            ([generation.number for generation in bench.adopted], threading.current_thread() is threading.main_thread())
        )
        return real(loaded)

    real = lint
    monkeypatch.setattr("xoproxy.config.lint.lint", find)
    report = await bench.reloader.reload(Trigger.SIGNAL)

    assert before == [([2], False)]
    assert [problem.id for problem in report.problems] == ["XO308"]
    assert [event.level for event in bench.events if event.name == "problem"] == [LogLevel.WARNING]


async def test_linting_that_fails_takes_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reading saw is told all the same."""

    def fail(loaded: Loaded) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("xoproxy.config.lint.lint", fail)
    bench = Bench(Script([DOUBTFUL]))
    report = await bench.reloader.reload(Trigger.SIGNAL)

    assert (report.outcome, report.generation) == (Outcome.APPLIED, 2)
    assert [problem.id for problem in report.problems] == ["XO304"]
    assert [event.message for event in bench.events if event.name == "review"] == ["linting failed: RuntimeError: broken"]
