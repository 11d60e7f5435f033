"""A decision as JSON, for programs: the admin endpoint's, the dashboard's, `xoproxy reports --json`.

Keys are only ever added; docs/reports.md lists them.  Times are Unix times.
"""

from typing import Any, Final

from xoproxy.insight.deciding.outlook import Blocker, Fix, Observation, Other, Outlook, Page
from xoproxy.insight.explaining.as_json import place_object, placement_object
from xoproxy.insight.explaining.placing import Placement

Json = dict[str, Any]

MAX_ALSO: Final = 20  # names of routes that a change changes too


def as_json(outlook: Outlook) -> Json:
    """Return the decision as what `json` can write."""
    return {
        "since": outlook.since,
        "now": outlook.now,
        "safe": outlook.safe,
        "observed": [_observation(each) for each in outlook.observations],
        "others": [_other(each) for each in outlook.others],
        "more_others": outlook.more,
    }


def _observation(observation: Observation) -> Json:
    return {
        "route": observation.route,
        "match": observation.match,
        "policy": observation.policy,
        "key": observation.key,
        "value": observation.value,
        "header": observation.field,
        "place": place_object(observation.place),
        "verdict": observation.verdict.value,
        "why": observation.why,
        "page_loads": observation.loads,
        "observed_since": observation.observed_since,
        "reports": observation.reports,
        "pages": [_page(page) for page in observation.pages],
        "more_pages": observation.more,
        "enforcing": [_change(placement) for placement in observation.enforcing],
    }


def _page(page: Page) -> Json:
    return {
        "url": page.url,
        "reports": page.reports,
        "last_seen": page.last_seen,
        "blockers": [_blocker(blocker) for blocker in page.blockers],
        "more_blockers": page.more,
    }


def _blocker(blocker: Blocker) -> Json:
    return {
        "type": blocker.type,
        "kind": blocker.kind,
        "what": blocker.what,
        "destination": blocker.destination,
        "words": blocker.words,
        "whose": blocker.whose.value,
        "route": blocker.route or None,
        "mended": blocker.mended,
        "harmless": blocker.harmless or None,
        "reports": blocker.reports,
        "first_seen": blocker.first_seen,
        "last_seen": blocker.last_seen,
        "agents": dict(blocker.agents),
        "fixes": [_fix(fix) for fix in blocker.fixes],
    }


def _fix(fix: Fix) -> Json:
    return {
        "kind": fix.remedy.value,
        "words": fix.words,
        "changes": [_change(placement) for placement in fix.placements],
        "careful": list(fix.dangers),
        "alternative": fix.is_alternative,
    }


def _change(placement: Placement) -> Json:
    more = max(0, len(placement.also) - MAX_ALSO)
    return {**placement_object(placement), "also": list(placement.also[:MAX_ALSO]), "more_also": more}


def _other(other: Other) -> Json:
    return {
        "type": other.type,
        "kind": other.kind,
        "disposition": other.disposition,
        "document": other.document,
        "blocked": other.blocked,
        "destination": other.destination,
        "route": other.route or None,
        "reports": other.reports,
        "last_seen": other.last_seen,
    }
