"""Compare two configurations by what they decide, not by their text.

A *change* is something that the new one decides otherwise.  It is *wider* if someone gains what was refused before: an origin
may read, a page may be framed, a check is given up or left to the backend.  A *region* is a set of requests that are decided
alike.
"""

from xoproxy.insight.comparing.changes import Change, Comparison, Difference, Direction
from xoproxy.insight.comparing.generations import compare

__all__ = ["Change", "Comparison", "Difference", "Direction", "compare"]
