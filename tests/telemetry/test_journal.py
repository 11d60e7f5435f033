"""Records, events and what libraries log end in one output and one format."""

import contextlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builds import pure_only
from support.records import exchange_record

from xoproxy.config.settings import LogFormat, LogLevel, LogSettings
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.events import Event, render_event
from xoproxy.telemetry.journal import Journal, capture_logging
from xoproxy.telemetry.records import ExchangeRecord, Trace
from xoproxy.telemetry.sink import PIPE_BUF

Written = Callable[[], list[str]]
LEVELS = list(LogLevel)


@pytest.fixture
def journal() -> Iterator[tuple[Journal, Written]]:
    """A journal with default settings, and what ends it and returns all its lines."""
    reading, writing = os.pipe()
    journal = Journal(writing, LogSettings(), Counters())

    def written() -> list[str]:
        journal.close()
        os.close(writing)
        with os.fdopen(reading) as file:
            return file.read().splitlines()

    yield journal, written
    for fd in (reading, writing):
        with contextlib.suppress(OSError):
            os.close(fd)


def event(level: LogLevel = LogLevel.INFO) -> Event:
    """Make an event with a value of each type."""
    return Event(level, "xoproxy.reload", "reload", 'all "fine"', {"outcome": "a b", "generation": 2, "tls": True})


def test_event_in_json() -> None:
    assert json.loads(render_event(event(), 1_800_000_000.5, LogFormat.JSON)) == {
        "time": "2027-01-15T08:00:00.500Z",
        "level": "info",
        "logger": "xoproxy.reload",
        "event": "reload",
        "message": 'all "fine"',
        "outcome": "a b",
        "generation": 2,
        "tls": True,
    }


def test_event_in_text() -> None:
    assert render_event(event(), 1_800_000_000.5, LogFormat.TEXT) == (
        '2027-01-15T08:00:00.500Z info reload message="all \\"fine\\"" outcome="a b" generation=2 tls=true'
    )


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_below_the_level_is_written(journal: tuple[Journal, Written], level: LogLevel) -> None:
    """Exchanges are of level info, and are counted even if they are not written."""
    book, written = journal
    book.configure(LogSettings(level=level))
    for each in LEVELS:
        book.event(event(each))
    book.exchanges([exchange_record("", 0.0, status=200)])

    lines = [json.loads(line) for line in written()]

    allowed = [each.value for each in LEVELS[LEVELS.index(level) :]]
    assert [line["level"] for line in lines if line["event"] == "reload"] == allowed
    assert [line["event"] for line in lines if line["event"] == "exchange"] == (["exchange"] if "info" in allowed else [])
    assert book.counters.as_dict()["status"] == {"2xx": 1}


NOTABLE = [
    pytest.param({"status": 500}, id="5xx"),
    pytest.param({"status": 0}, id="no-answer"),
    pytest.param({"status": 403, "error": "http_request_denied"}, id="refused-by-us"),
    pytest.param({"status": 200, "error": "client_disconnected"}, id="cut-off"),
    pytest.param({"status": 200, "cors": "refused", "reason": "origin"}, id="cors-refused"),
    pytest.param({"status": 204, "cors": "preflight-refused", "reason": "method"}, id="preflight-refused"),
]


@pytest.mark.parametrize("values", NOTABLE)
def test_what_went_wrong_or_was_refused_always_has_a_line(journal: tuple[Journal, Written], values: dict[str, Any]) -> None:
    book, written = journal
    book.configure(LogSettings(sample=0.0))
    book.exchanges([exchange_record("", 0.0, status=200, cors="granted")])
    book.exchanges([exchange_record("", 0.0, status=404)])
    book.exchanges([exchange_record(**values)])
    book.event(event())

    shown = [json.loads(line) for line in written()]

    assert [line["event"] for line in shown] == ["exchange", "reload"]
    assert shown[0] | values == shown[0]
    assert sum(book.counters.as_dict()["status"].values()) == 3


@pure_only
@given(st.lists(st.floats(0, 1, exclude_max=True), max_size=20), st.floats(0, 1))
def test_sampling_writes_as_many_lines_as_chance_says(chances: list[float], sample: float) -> None:
    """100% needs no chance, 0% leaves none; all are counted."""
    lines: list[str] = []
    book = Journal(-1, LogSettings(sample=sample), Counters())
    book.close()
    book._write = lines.extend  # type: ignore[method-assign]
    drawn = iter(chances)
    book._chance = lambda: next(drawn)  # type: ignore[method-assign]
    for number in range(len(chances)):
        book.exchanges([exchange_record("", 0.0, status=200, generation=number)])

    expected = [number for number, chance in enumerate(chances) if sample == 1.0 or chance < sample]
    assert [json.loads(line)["generation"] for line in lines] == expected
    assert book.counters.as_dict()["status"].get("2xx", 0) == len(chances)


def test_another_format_counts_from_the_next_line_on(journal: tuple[Journal, Written]) -> None:
    book, written = journal
    book.exchanges([exchange_record("", 0.0)])
    book.configure(LogSettings(format=LogFormat.TEXT))
    book.exchanges([exchange_record("", 0.0)])

    first, second = written()

    assert first.startswith("{")
    assert second.startswith("1970-01-01T00:00:00.000Z info exchange ")


def test_dropped_lines_are_told_as_an_event(journal: tuple[Journal, Written]) -> None:
    book, _ = journal

    shown = json.loads(book._dropped_notice(3))

    assert (shown["level"], shown["event"], shown["lines"]) == ("warning", "dropped", 3)


def test_what_libraries_log_ends_in_the_same_format(journal: tuple[Journal, Written]) -> None:
    """From level warning on, tracebacks on the same line; a record with wrong arguments harms nobody."""
    book, written = journal
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    handler = capture_logging(book)
    try:
        logging.getLogger("asyncio").warning("slow\n%s", "callback")
        logging.getLogger("asyncio").info("not this")
        try:
            int("a\nb")
        except ValueError:
            logging.getLogger("aiohttp.server").exception("failed")
        handler.handleError = lambda record: None  # type: ignore[method-assign]
        logging.getLogger("asyncio").warning("%d", "no number")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    handler.emit(logging.LogRecord("quiet", logging.DEBUG, "", 0, "below the level", None, None))

    lines = [json.loads(line) for line in written()]

    assert [(line["level"], line["logger"], line["message"]) for line in lines] == [
        ("warning", "asyncio", "slow\ncallback"),
        ("error", "aiohttp.server", "failed"),
    ]
    assert lines[1]["traceback"].endswith("ValueError: invalid literal for int() with base 10: 'a\\nb'")


def made_long(byte: bytes) -> ExchangeRecord:
    """Return a record with everything that a client can make long, and the longest of ours."""
    return exchange_record(
        "2001:db8:1111:2222:3333:4444:5555:6666",
        1_800_000_000.0,
        method=byte * 300,
        target=b"/" + byte * 9000,
        host=byte * 400,
        origin=byte * 4000,
        upstream="http://" + "u" * 253,
        route="routes[9999]",
        reason="r" * 200,
        request_id="i" * 128,
        trace=Trace("0af7651916cd43dd8448eb211c80319c"),
    )


@pytest.mark.parametrize("form", LogFormat)
@pytest.mark.parametrize(("byte", "kept"), [pytest.param(b"a", 2047, id="plain"), pytest.param(b"\xff", 255, id="escaped")])
def test_line_of_an_exchange_fits_into_one_write_where_several_processes_write(form: LogFormat, byte: bytes, kept: int) -> None:
    """What a client made too long is cut, more of it if it has to be escaped; the line is as valid as any other."""
    reading, writing = os.pipe()
    journal = Journal(writing, LogSettings(form), Counters(), is_shared=True)
    journal.exchanges([made_long(byte)])
    journal.exchanges([exchange_record("::1", 1_800_000_000.0, target=b"/" + b"b" * 1500)])
    journal.close()
    os.close(writing)
    with os.fdopen(reading) as file:
        long, usual = file.read().splitlines()

    assert len(long) < PIPE_BUF
    shown = json.loads(long)["target"] if form is LogFormat.JSON else long.encode().decode("unicode_escape")
    assert f"/{byte.decode('latin-1') * kept}..." in shown
    assert "b" * 1500 in usual


@pure_only
@pytest.mark.parametrize("form", LogFormat)
def test_fields_of_a_request_are_shortened_there_and_left_out_if_that_is_not_enough(form: LogFormat) -> None:
    """No line is longer than one write, whatever is logged."""
    names = tuple(f"x-{'n' * 60}-{number}" for number in range(9))
    lines: list[str] = []
    book = Journal(-1, LogSettings(form, request_fields=names), Counters(), is_shared=True)
    book.close()
    book._write = lines.extend  # type: ignore[method-assign]
    usual = exchange_record("::1", 0.0, method=b"GET", target=b"/", host=b"h")
    for record in (usual, made_long(b"\xff")):
        for fields in (tuple((name, b"\xff" * 64) for name in names[:3]), tuple((name, b"\xff" * 512) for name in names)):
            book.exchanges([record.changed(fields=fields)])

    assert all(len(line) < PIPE_BUF for line in lines)
    assert [line.count("x-nnnn") for line in lines] == [3, 0, 0, 0]
