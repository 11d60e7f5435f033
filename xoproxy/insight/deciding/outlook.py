"""What a decision is: values that are told as text and as JSON.

An *observation* is one field that one route has under `observe`.  A *blocker* is what would be blocked, on one page, if the
field were enforced.  A *fix* is a way to have it not blocked: a change of the policy file, or something to do elsewhere.
"""

from collections.abc import Mapping
from dataclasses import field
from enum import Enum

from xoproxy.config.problems import Place
from xoproxy.insight.deciding.exceptions import Excepted
from xoproxy.insight.explaining.edits import Edit
from xoproxy.insight.explaining.placing import Placement
from xoproxy.slotted import dataclass


class Verdict(Enum):
    """Whether an observed value may be enforced."""

    SAFE = "safe"  # pages were loaded in the period, and nothing was reported
    BLOCKED = "blocked"
    NO_TRAFFIC = "no traffic"  # nothing was reported, and nothing proves that it would have been
    UNKNOWN = "cannot be told"  # no browser reports what this field blocks


class Whose(Enum):
    """Who can do something about what is blocked."""

    OWN_ROUTE = "own route"  # the policy file serves it
    OWN_ORIGIN = "own other origin"  # of the page's site, and not behind the policy file
    THIRD_PARTY = "third party"
    UNKNOWN = "not told"  # browsers keep URLs of other origins from some reports


class Remedy(Enum):
    """What kind of fix it is."""

    CORP = "corp"
    COEP = "coep"
    CREDENTIALLESS = "credentialless"
    DOCUMENT_ISOLATION = "document_isolation"
    POPUP_EXCEPTION = "popup exception"
    POPUP_PAGE = "popup page"
    ASK_OWNER = "ask the owner"
    CROSSORIGIN = "crossorigin attribute"
    CREDENTIALLESS_FRAME = "credentialless frame"
    PROXY = "proxy it"
    PAGE = "change the page"


@dataclass(frozen=True, slots=True)
class NewRoute:
    """A route to put before another one: `value` is the entry, `yaml` how it is written.  `place`: of the route behind it."""

    place: Place
    before: str  # the name of that route, as "routes[2]"
    value: Mapping[str, object]
    yaml: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fix:
    """One way out.  No `placements`: the policy file cannot do it.  `dangers`: what else it allows, or costs."""

    remedy: Remedy
    words: str
    edits: tuple[Edit, ...] = ()
    excepted: Excepted | None = None
    placements: tuple[Placement, ...] = ()
    dangers: tuple[str, ...] = ()
    is_alternative: bool = False

    @property
    def in_file(self) -> bool:
        """Whether the policy file can do it."""
        return bool(self.placements)


@dataclass(frozen=True, slots=True)
class Blocker:
    """Something that was reported on one page, by however many reports.  `words`: what it is, in a sentence.

    `route`: the route that answers for it; empty if none.  `mended`: by the policy as it is now, once it is enforced, it would
    not be blocked.  `harmless`: why it does not stand in the way although it was reported, in words; empty if it does.
    """

    type: str
    kind: str
    what: str
    destination: str
    words: str
    whose: Whose
    reports: int
    first_seen: float
    last_seen: float
    route: str = ""
    mended: bool = False
    harmless: str = ""
    agents: Mapping[str, int] = field(default_factory=dict[str, int])
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A page with what would be blocked on it, most reports first.  `more`: blockers that are not listed."""

    url: str
    reports: int
    last_seen: float
    blockers: tuple[Blocker, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Observation:
    """One observed field of one route, and what came of it.  `more`: pages with reports that are not listed."""

    route: str
    place: Place  # of the observed value
    match: str  # the route's, in one line
    policy: str  # how the file names it
    key: str  # of the policy, as "coep"
    value: str
    field: str  # the response field that would be sent
    verdict: Verdict
    why: str
    loads: int  # pages loaded in the period, by browsers that report
    observed_since: float | None  # None: no page was loaded yet
    reports: int = 0
    pages: tuple[Page, ...] = ()
    more: int = 0
    enforcing: tuple[Placement, ...] = ()  # what of the file changes if the value is enforced


@dataclass(frozen=True, slots=True)
class Other:
    """What was reported besides: of fields that no route observes, or of pages that no route answers for."""

    type: str
    kind: str
    disposition: str
    document: str
    blocked: str
    destination: str
    route: str
    reports: int
    last_seen: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """The whole decision for a period.  `more`: others that are not listed."""

    since: float
    now: float
    observations: tuple[Observation, ...]
    others: tuple[Other, ...] = ()
    more: int = 0

    @property
    def safe(self) -> bool:
        """Whether everything that is observed is safe to enforce; not if nothing is observed."""
        return bool(self.observations) and all(each.verdict is Verdict.SAFE for each in self.observations)
