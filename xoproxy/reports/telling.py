"""A report as a line of the log.

Rule: what browsers say is short in it, so that a line stays below what a pipe takes at once, whatever was escaped.
"""

from typing import Final

from xoproxy.config.settings import LogLevel
from xoproxy.reports.model import Report
from xoproxy.telemetry.events import Event

MAX_URL_CHARS: Final = 400
MAX_WORD_CHARS: Final = 64
_ESCAPED: Final = 12  # characters of a line that one which is not ASCII can take

_MESSAGES: Final = {"enforce": "a browser blocked something", "report": "a browser would block something"}


def as_event(report: Report) -> Event:
    """Return the event of a report that was taken."""
    return Event(
        LogLevel.INFO,
        "xoproxy.report",
        "report",
        _MESSAGES.get(report.disposition, "a browser reports something"),
        {
            "type": _short(report.type, MAX_WORD_CHARS),
            "kind": _short(report.kind, MAX_WORD_CHARS),
            "disposition": _short(report.disposition, MAX_WORD_CHARS),
            "document": _short(report.document, MAX_URL_CHARS),
            "blocked": _short(report.blocked, MAX_URL_CHARS),
            "destination": _short(report.destination, MAX_WORD_CHARS),
            "agent": _short(report.agent, MAX_WORD_CHARS),
        },
    )


def _short(text: str, most: int) -> str:
    if not text[:most].isascii():
        most //= _ESCAPED
    return text if len(text) <= most else text[:most] + "..."
