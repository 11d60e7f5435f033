"""A report's line in the log: flat, constant keys, and short whatever a stranger says."""

import json

from hypothesis import given
from hypothesis import strategies as st

from xoproxy.config.settings import LogFormat
from xoproxy.reports.model import Report
from xoproxy.reports.telling import as_event
from xoproxy.telemetry.events import render_event
from xoproxy.telemetry.sink import PIPE_BUF

TEXTS = st.text(max_size=3000) | st.text(st.sampled_from('"\\\U0001f600a'), min_size=500, max_size=3000)
REPORTS = st.builds(Report, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)
KEYS = ["type", "kind", "disposition", "document", "blocked", "destination", "agent"]


def test_what_a_report_says_is_told() -> None:
    report = Report("coep", "corp", "report", "https://a.example/", "https://cdn.example/x", "image", "Chrome 156")
    line = json.loads(render_event(as_event(report), 0.0, LogFormat.JSON))

    assert {key: line[key] for key in ("level", "logger", "event", "message")} == {
        "level": "info",
        "logger": "xoproxy.report",
        "event": "report",
        "message": "a browser would block something",
    }
    assert [line[key] for key in KEYS] == [getattr(report, key) for key in KEYS]


@given(REPORTS, st.sampled_from(LogFormat))
def test_line_is_whole_in_a_pipe_whatever_a_report_says(report: Report, form: LogFormat) -> None:
    """Other processes write to it too: what is longer could be cut in two by theirs."""
    line = render_event(as_event(report), 0.0, form)

    assert len(line) < PIPE_BUF
    assert line.isascii()
    assert "\n" not in line
    assert list(as_event(report).values) == KEYS
