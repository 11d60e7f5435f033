"""What an explanation is: values that are told as text and as JSON."""

from xoproxy.browser.model import Engine, Verdict, WireRequest, WireResponse
from xoproxy.insight.explaining.placing import Placement
from xoproxy.insight.explaining.question import Question
from xoproxy.insight.explaining.routing import Routing
from xoproxy.insight.explaining.sources import SourcedField
from xoproxy.slotted import dataclass


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request of a browser and what it got.

    `routing` None: another server answered, or xoproxy itself before it looked at routes.  `refusal`: why xoproxy answered
    itself, if it refused.  `met_backend`: the backend was asked; a preflight that xoproxy answers never meets it.
    """

    request: WireRequest
    response: WireResponse
    routing: Routing | None
    fields: tuple[SourcedField, ...]
    removed: tuple[SourcedField, ...] = ()
    outcome: str = "none"  # of the CORS protocol, as the access log says it
    refusal: str = ""
    met_backend: bool = True


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one browser concludes.

    `console`: what Chrome writes into its console, for whoever searches for it; empty where that is not known.
    """

    engine: Engine
    verdict: Verdict
    exchanges: tuple[Exchange, ...]
    console: str = ""
    isolated: Verdict | None = None
    opener: Verdict | None = None

    @property
    def refusal(self) -> str:
        """Why xoproxy refused the request itself, in words; empty if it did not."""
        return self.exchanges[-1].refusal if self.exchanges else ""

    @property
    def allowed(self) -> bool:
        """Whether the browser allows it, and xoproxy did not refuse it."""
        return self.verdict.allowed and not self.refusal


@dataclass(frozen=True, slots=True)
class Remedy:
    """Changes of the file that turn the verdict of `engines`, none of them superfluous.

    `dangers`: what else they allow, or cost.  `alone`: how the same is had for this route only, where other routes change too.
    """

    engines: tuple[Engine, ...]
    placements: tuple[Placement, ...]
    dangers: tuple[str, ...] = ()
    alone: Placement | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to a question.

    `source`: the policy file, None where a server was asked as it is; the remedies are then what xoproxy would need in front of
    it.  `isolating`: what would make the page that is navigated to cross-origin isolated.  `keeping`: what would leave a
    window that is opened with it its opener.  `beyond`: what no field of any
    response changes.  `refusals`: why the loader would refuse changes that were thought of.  `notes`: what was assumed.
    """

    question: Question
    source: str | None
    opinions: tuple[Opinion, ...]
    remedies: tuple[Remedy, ...] = ()
    isolating: tuple[Remedy, ...] = ()
    keeping: tuple[Remedy, ...] = ()
    beyond: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether it is allowed in every browser that was asked about."""
        return all(opinion.allowed for opinion in self.opinions)
