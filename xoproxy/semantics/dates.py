"""Dates as HTTP writes them.  (RFC 9110 §5.6.7)

The standard library writes them too, but in its package for e-mail: ten modules more at the start.
"""

from datetime import UTC, datetime
from typing import Final

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(seconds: int) -> bytes:
    """Return the IMF-fixdate of so many seconds since 1970.  Not by `strftime`, whose names are the locale's."""
    when = datetime.fromtimestamp(seconds, UTC)
    text = f"{_DAYS[when.weekday()]}, {when.day:02} {_MONTHS[when.month - 1]} {when:%Y %H:%M:%S} GMT"
    return text.encode("ascii")
