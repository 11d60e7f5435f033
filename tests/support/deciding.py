"""Reports and traffic for tests of decisions."""

from typing import Final

from xoproxy.config import Loaded
from xoproxy.insight.deciding import Outlook, decide, route_key
from xoproxy.insight.deciding.outlook import Blocker, Observation
from xoproxy.reports.model import Group, Traffic

NOW: Final = 2_000.0
EDITOR: Final = "https://app.example/editor"
ENDPOINTS: Final = "reporting: {endpoints: {isolation: /.well-known/xoproxy/reports}}\n"
PAGE: Final = (
    "version: 1\nupstream: http://web:3000\npolicy:\n  report_to: isolation\n  observe: {{{observe}}}\n"
    + ENDPOINTS.replace("{", "{{").replace("}", "}}")
)


def group(
    type: str,  # noqa: A002
    kind: str,
    document: str,
    blocked: str,
    destination: str = "",
    disposition: str = "report",
    *,
    count: int = 1,
    last_seen: float = 1_000.0,
) -> Group:
    """Return a group that was last seen at a time."""
    return Group(type, kind, disposition, document, blocked, destination, count, last_seen, last_seen)


def traffic(loaded: Loaded, pages: int, observed_since: float = 0.0) -> dict[str, Traffic]:
    """Return so many page loads of each route."""
    return {route_key(draft.route): Traffic(pages, observed_since) for draft in loaded.routes}


def only(outlook: Outlook, key: str) -> Observation:
    """Return the observation of a key that only one route observes."""
    (found,) = (each for each in outlook.observations if each.key == key)
    return found


def decided(loaded: Loaded, reported: Group, key: str = "coep") -> Blocker:
    """Return the one blocker that one group makes."""
    found = only(decide(loaded, [reported], {}, 0.0, NOW), key)
    return found.pages[0].blockers[0]


def fix_kinds(blocker: Blocker) -> list[str]:
    """Return the kinds of a blocker's fixes, in their order."""
    return [fix.remedy.value for fix in blocker.fixes]
