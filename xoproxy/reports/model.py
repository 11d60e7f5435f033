"""Reports and what is kept of them: values only."""

from collections.abc import Mapping
from dataclasses import field

from xoproxy.slotted import dataclass

MAX_AGENTS = 8  # of one group; further ones count as "other"


@dataclass(frozen=True, slots=True)
class Report:
    """One report of a browser, normalised: whatever the type, what happened to what on which page.

    Every text is printable, bounded in length, and without user information, query and fragment where it is a URL (unless the
    file keeps queries).
    """

    type: str  # as the Reporting API names it: "coep", "coop", "csp-violation" ...; unknown ones are kept as they came
    kind: str  # what of it: COEP and COOP `type` ("corp", "navigation", "access-to-coop-page-from-opener" ...), CSP's directive
    disposition: str  # "enforce", or "report" for what a Report-Only policy would have blocked; "" where the type has none
    document: str  # URL of the page
    blocked: str  # URL of what is blocked, or a keyword as "inline"; "" where the type has none
    destination: str  # "image", "iframe" ... where the browser says it; a feature's name for permissions policies; else ""
    agent: str = ""  # browser family and major version, as "Chrome 156"; "" where that cannot be told
    detail: str = "{}"  # what else the body says, as JSON text of bounded length
    age_s: float = 0.0  # how long before its delivery it happened

    @property
    def key(self) -> tuple[str, str, str, str, str, str]:
        """What a group has in common."""
        return self.type, self.kind, self.disposition, self.document, self.blocked, self.destination


@dataclass(frozen=True, slots=True)
class Group:
    """All reports of one `Report.key`.  Times are Unix times of what happened; `detail` is of the last report."""

    type: str
    kind: str
    disposition: str
    document: str
    blocked: str
    destination: str
    count: int
    first_seen: float
    last_seen: float
    agents: Mapping[str, int] = field(default_factory=dict[str, int])  # of most `MAX_AGENTS`, others as "other"
    detail: str = "{}"


@dataclass(frozen=True, slots=True)
class Query:
    """Which groups are wanted: those last seen since then, most reports first.  `type` empty: of every type."""

    since: float = 0.0
    type: str = ""
    limit: int = 1000
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """Groups of a query, and how many there are in all."""

    groups: tuple[Group, ...]
    total: int
    reports: int  # that all of them count


@dataclass(frozen=True, slots=True)
class Traffic:
    """Page loads of one observed route: how many since a time, and since when it is observed as it is now."""

    pages: int
    observed_since: float


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """How the store does.  `error`: why it cannot be written or read now, in words; empty if it can."""

    name: str  # "memory", the file's path, or PostgreSQL's host and database, never a password
    error: str = ""
    stored: int = 0  # reports, since the process started
    dropped: int = 0  # reports that could not be kept, since the process started
    errors: int = 0  # failed attempts to write or read
    waiting: int = 0  # groups that are not written yet
