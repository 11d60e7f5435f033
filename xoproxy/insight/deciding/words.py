"""The sentences of a decision: what was reported, and why a verdict is what it is."""

from collections.abc import Collection
from typing import Final

from xoproxy.insight.deciding.observed import Trial
from xoproxy.insight.deciding.outlook import Verdict
from xoproxy.insight.deciding.trying import NAVIGATION, WORKER
from xoproxy.reports.model import Group

_CREDENTIALLESS: Final = frozenset({"credentialless", "isolate-and-credentialless"})
_DIRECTIONS: Final = {
    "navigation-from-response": "a window that the page opens goes to another origin",
    "navigation-to-response": "a window comes to the page from another origin",
    "access-from-coop-page-to-openee": "the page uses a window that it opened",
    "access-to-coop-page-from-openee": "a window that the page opened uses the page",
    "access-from-coop-page-to-opener": "the page uses the window that opened it",
    "access-to-coop-page-from-opener": "the window that opened the page uses it",
    "access-from-coop-page-to-other": "the page uses a window of another origin",
    "access-to-coop-page-from-other": "a window of another origin uses the page",
}


def what_of(group: Group, kind: str, destination: str, kinds: Collection[str]) -> str:
    """Return what would be blocked, in words."""
    match group.type:
        case "coop":
            told = [words for each, words in _DIRECTIONS.items() if each in kinds]
            return "; ".join(told) or "a window of another origin would be cut off from the page"
        case "permissions-policy-violation" | "potential-permissions-policy-violation":
            return f"the page uses the feature {destination or kind or 'that is not told'}"
        case "integrity-violation":
            return f"the page loads a {destination or 'resource'} without integrity metadata"
        case _ if kind == NAVIGATION:
            return "the page shows another page in a frame, which has no embedder policy"
        case _ if kind == WORKER:
            return "the page starts a worker, whose script has no embedder policy"
        case _:
            return f"the page embeds {_article(destination or 'resource')} whose response does not allow it"


def harmless(trial: Trial, kind: str, route: str) -> str:
    """Return why something that the policy lets pass does not stand in the way; empty if it does, for it was reported."""
    if kind in (NAVIGATION, WORKER):
        return "it has the policy together with its page, once that is enforced" if route == trial.draft.route.name else ""
    if trial.text in _CREDENTIALLESS:
        return "it is reported because cookies are sent as long as the value is only observed; enforced, it is had without"
    return ""


def doubt_of(error: str, read: int, total: int) -> str:
    """Return why reports may be missing from a decision: what is wrong with the store, or how few groups were read."""
    if error:
        return f"there may be reports that are not seen now: the store has a problem: {error}"
    return f"only {read:,} of {_count(total, 'group')} of reports were looked at" if read < total else ""


def why(trial: Trial, verdict: Verdict, loads: int, reports: int, pages: int) -> str:
    """Return what a verdict rests on, in words."""
    match verdict:
        case Verdict.BLOCKED:
            return f"{_count(reports, 'report')} on {_count(pages, 'page')}, of {_count(loads, 'page load')}"
        case Verdict.SAFE:
            return f"{_count(loads, 'page load')} by browsers that report, and nothing in the way"
        case Verdict.UNKNOWN:
            return f"no browser reports what {trial.kind.field} would block; try it on a test system"
        case Verdict.NO_TRAFFIC if not trial.is_heard:
            return "its reports do not come here: report_to names no endpoint whose URL is a path"
        case Verdict.NO_TRAFFIC:
            return "no page was loaded by a browser that reports (Chromium, by https)"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
