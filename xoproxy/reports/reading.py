"""Read a delivery: the content of one POST of a browser becomes reports, all of one shape.  (Reporting API; CSP Level 3 §5)

Rule 1: nothing here raises, whatever comes.  What is no report is left out; a member of a wrong type is taken as absent.
Rule 2: types that are not known are kept: browsers invent some each year.
Rule 3: what is kept of a report is bounded, and stripped of what may be secret (`texts`).

Where Chromium's words differ from the standards', both are read: COOP's `openeeURL` and `openedWindowURL`, `policyId` and
`featureId`, the disposition `reporting` and `report`.  COEP, COOP and DIP come from Chromium only; DIP's type is `dip`.
"""

import json
import math
from collections.abc import Mapping
from typing import Final, cast

from xoproxy.reports.agents import agent_name
from xoproxy.reports.model import Report
from xoproxy.reports.texts import MAX_TEXT_CHARS, plain_text, plain_url, plain_word
from xoproxy.slotted import dataclass

REPORTS: Final = b"application/reports+json"
CSP_REPORT: Final = b"application/csp-report"  # `report-uri`, which all browsers still know
MAX_REPORTS: Final = 100  # of one delivery: what Chromium sends at once; further ones are left out
MAX_AGE_S: Final = 86400.0  # Chromium gives up after a quarter of an hour; who says more could change the past
MAX_DETAIL_CHARS: Final = 1024
MAX_DETAIL_MEMBERS: Final = 24

_Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A delivery in which there is no report.  `detail`: why, in words for whoever sent it."""

    detail: str


def read_delivery(content_type: bytes, body: bytes, agent: bytes, *, keep_queries: bool) -> tuple[Report, ...] | Unreadable:
    """Return the reports of a delivery.  `agent`: the value of its User-Agent field, empty if there was none."""
    media_type = content_type.partition(b";")[0].strip().lower()
    if media_type not in {REPORTS, CSP_REPORT}:
        return Unreadable("the media type is neither application/reports+json nor application/csp-report")
    try:
        document: object = json.loads(body.decode("utf-8-sig", "replace"), parse_constant=_no_number)
    except RecursionError:
        return Unreadable("the content is nested too deeply")
    except ValueError as exc:  # JSONDecodeError, and a number of more than 4300 digits
        return Unreadable(f"the content is not JSON: {plain_text(str(exc), keep_queries=False)}")
    reports = _Reader(agent_name(agent), keep_queries=keep_queries).read(_items(document, media_type))
    return reports or Unreadable(_expected(media_type))


def _no_number(name: str) -> None:
    """Read NaN and Infinity, which are no JSON, as null: the rest of the delivery may be good."""


def _items(document: object, media_type: bytes) -> list[object]:
    """Return what should be reports, in the shape of the Reporting API."""
    if media_type == REPORTS:
        return cast("list[object]", document) if isinstance(document, list) else [document]
    if not isinstance(document, dict):
        return []
    body = cast("_Body", document).get("csp-report")
    return [{"type": "csp-violation", "body": _modern(cast("_Body", body))}] if isinstance(body, dict) else []


def _expected(media_type: bytes) -> str:
    if media_type == REPORTS:
        return 'there is no report in the content: it should be a list of objects, each with a "type", a "url" and a "body"'
    return 'there is no report in the content: it should be an object with a member "csp-report", which is an object'


# What `report-uri` calls the members of a body, and what the Reporting API does.
_MODERN: Final = {
    "document-uri": "documentURL",
    "blocked-uri": "blockedURL",
    "effective-directive": "effectiveDirective",
    "violated-directive": "violatedDirective",
    "original-policy": "originalPolicy",
    "source-file": "sourceFile",
    "script-sample": "sample",
    "status-code": "statusCode",
    "line-number": "lineNumber",
    "column-number": "columnNumber",
}


def _modern(body: _Body) -> _Body:
    return {_MODERN.get(name, name): value for name, value in body.items()}


# The other side of an opener relation, the most telling first: what follows, what went before, and how a popup began, which is
# the URL that the page itself opened.  Browsers leave URLs of other origins empty; then the referrer may tell the origin.
_OTHER_SIDE: Final = (
    "nextResponseURL",
    "previousResponseURL",
    "initialPopupURL",
    "openedWindowInitialURL",
    "openeeURL",
    "openedWindowURL",
    "openerURL",
    "otherDocumentURL",
    "otherURL",
    "referrer",
)
_FEATURES: Final = frozenset(
    {
        "permissions-policy-violation",
        "potential-permissions-policy-violation",
        "document-policy-violation",
    }
)


@dataclass(frozen=True, slots=True)
class _Members:
    """Which members of a body say what, the first of them that is a text and not empty."""

    kind: tuple[str, ...] = ("type", "id", "reason")
    document: tuple[str, ...] = ("documentURL",)  # else the report's own `url`
    blocked: tuple[str, ...] = ("blockedURL", "subresource_url")  # the latter: csp-hash
    destination: tuple[str, ...] = ("destination",)


_ANY: Final = _Members()
_FEATURE: Final = _Members(kind=(), destination=("featureId", "policyId"))
_OF_TYPE: Final = {
    "coop": _Members(blocked=_OTHER_SIDE),
    "csp-violation": _Members(kind=("effectiveDirective", "violatedDirective")),
    **dict.fromkeys(_FEATURES, _FEATURE),
}
_DISPOSITIONS: Final = {"enforce": "enforce", "report": "report", "reporting": "report"}


class _Reader:
    """Reads the reports of one delivery."""

    def __init__(self, agent: str, *, keep_queries: bool) -> None:
        self._agent = agent
        self._keep_queries = keep_queries

    def read(self, items: list[object]) -> tuple[Report, ...]:
        """Return what of `items` is a report, up to `MAX_REPORTS`."""
        reports: list[Report] = []
        for item in items:
            if isinstance(item, dict) and (report := self._report(cast("_Body", item))) is not None:
                reports.append(report)
                if len(reports) == MAX_REPORTS:
                    break
        return tuple(reports)

    def _report(self, item: _Body) -> Report | None:
        kind_of_report = plain_word(_text(item, "type"))
        if not kind_of_report:
            return None
        value = item.get("body")
        body: _Body = cast("_Body", value) if isinstance(value, dict) else {}
        members = _OF_TYPE.get(kind_of_report, _ANY)
        document = self._url(_first(body, members.document) or _text(item, "url"))
        blocked = self._url(_first(body, members.blocked))
        if kind_of_report == "network-error":  # its `url` is what could not be fetched
            document, blocked = self._url(_text(body, "referrer")), document
        kind = _first(body, members.kind)
        if kind_of_report == "csp-violation":
            kind = kind.partition(" ")[0]  # old browsers' violated directive has its value with it
        return Report(
            kind_of_report,
            plain_word(kind),
            _disposition(body),
            document,
            blocked,
            plain_word(_first(body, members.destination)),
            self._agent or agent_name(_text(item, "user_agent").encode("ascii", "replace")),
            self._detail(body, members),
            _age_s(item),
        )

    def _url(self, text: str) -> str:
        return plain_url(text, keep_queries=self._keep_queries)

    def _detail(self, body: _Body, members: _Members) -> str:
        """Return what else the body says: its texts, numbers and truth values, as many as fit."""
        told = {*members.kind, *members.document, *members.destination, "blockedURL", "disposition", "reportOnly"}
        parts: list[str] = []
        room = MAX_DETAIL_CHARS - len("{}")
        for name, value in body.items():
            if name in told or len(parts) == MAX_DETAIL_MEMBERS or (text := self._value(name, value)) is None:
                continue
            part = f"{json.dumps(plain_word(name), ensure_ascii=False)}:{text}"
            if len(part) < room:  # and a comma
                parts.append(part)
                room -= len(part) + 1
        return f"{{{','.join(parts)}}}"

    def _value(self, name: str, value: object) -> str | None:
        """Return a member's value as JSON; None if there is nothing to keep."""
        match value:
            case bool():
                return json.dumps(value)
            case int() if -(10**15) < value < 10**15:
                return str(value)
            case float() if math.isfinite(value):
                return repr(value)
            case str() if value:
                return json.dumps(self._detail_text(name, value), ensure_ascii=False)
            case _:
                return None

    def _detail_text(self, name: str, value: str) -> str:
        if name.lower().endswith(("url", "uri", "file", "referrer")):
            return self._url(value)[:MAX_TEXT_CHARS]
        return plain_text(value, keep_queries=self._keep_queries)


def _text(members: _Body, name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) else ""


def _first(members: _Body, names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := _text(members, name))), "")


def _disposition(body: _Body) -> str:
    """Return `enforce`, `report` or nothing: metrics count by it, so strangers may not invent one."""
    only = body.get("reportOnly")  # Integrity-Policy
    if isinstance(only, bool):
        return "report" if only else "enforce"
    return _DISPOSITIONS.get(_text(body, "disposition"), "")


def _age_s(item: _Body) -> float:
    """Return how long ago it happened; browsers say it in milliseconds."""
    age = item.get("age")
    if isinstance(age, bool) or not isinstance(age, int | float) or not age > 0:
        return 0.0
    return min(age, MAX_AGE_S * 1000) / 1000
