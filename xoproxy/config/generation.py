"""One loaded, validated and compiled configuration."""

from xoproxy.config.settings import Settings
from xoproxy.policy.routes import RouteTable
from xoproxy.slotted import dataclass


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Generation:
    """An immutable configuration.  A reload makes a new one and swaps the reference; exchanges in flight keep theirs."""

    number: int  # 1 at start-up, counted up by each reload that took effect
    source: str  # path of the file, or "options"
    digest: str  # SHA-256 of the text and the options, in hexadecimal
    settings: Settings
    routes: RouteTable
