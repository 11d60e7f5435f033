"""What browsers send becomes reports of one shape; what anybody else sends does no harm."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoproxy.reports.model import Report
from xoproxy.reports.reading import MAX_DETAIL_CHARS, MAX_REPORTS, Unreadable, read_delivery
from xoproxy.reports.texts import MAX_URL_CHARS, MAX_WORD_CHARS

CHROME = b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36"
PAGE = "https://app.example/page"


def read(
    content: object, *, kind: bytes = b"application/reports+json", queries: bool = False
) -> tuple[Report, ...] | Unreadable:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return read_delivery(kind, body, CHROME, keep_queries=queries)


def one(content: object, *, kind: bytes = b"application/reports+json", queries: bool = False) -> Report:
    reports = read(content, kind=kind, queries=queries)
    assert isinstance(reports, tuple), reports
    assert len(reports) == 1
    return reports[0]


def report(kind: str, body: object, url: object = PAGE) -> dict[str, Any]:
    """A report as Chromium puts it into a delivery."""
    return {"age": 1500, "body": body, "type": kind, "url": url, "user_agent": CHROME.decode()}


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        pytest.param(
            report(
                "coep",
                {"type": "corp", "blockedURL": "https://cdn.example/a.png", "destination": "image", "disposition": "reporting"},
            ),
            ("coep", "corp", "report", PAGE, "https://cdn.example/a.png", "image"),
            id="coep-corp",
        ),
        pytest.param(
            report(
                "coep", {"type": "worker initialization", "blockedURL": "https://app.example/w.js", "disposition": "enforce"}
            ),
            ("coep", "worker initialization", "enforce", PAGE, "https://app.example/w.js", ""),
            id="coep-worker",
        ),
        pytest.param(
            report(
                "dip",
                {"type": "corp", "blockedURL": "https://cdn.example/a.js", "destination": "script", "disposition": "enforce"},
            ),
            ("dip", "corp", "enforce", PAGE, "https://cdn.example/a.js", "script"),
            id="dip",
        ),
        pytest.param(
            report(
                "coop",
                {
                    "disposition": "reporting",
                    "effectivePolicy": "same-origin-plus-coep",
                    "nextResponseURL": "https://id.example/login",
                    "type": "navigation-from-response",
                },
            ),
            ("coop", "navigation-from-response", "report", PAGE, "https://id.example/login", ""),
            id="coop-navigation-from",
        ),
        pytest.param(
            report(
                "coop",
                {
                    "disposition": "enforce",
                    "previousResponseURL": "",
                    "referrer": "https://shop.example/",
                    "type": "navigation-to-response",
                },
            ),
            ("coop", "navigation-to-response", "enforce", PAGE, "https://shop.example/", ""),
            id="coop-previous-page-of-another-origin",
        ),
        pytest.param(
            report(
                "coop",
                {
                    "disposition": "reporting",
                    "initialPopupURL": "https://id.example/start?state=1",
                    "openeeURL": "",
                    "property": "closed",
                    "type": "access-from-coop-page-to-openee",
                },
            ),
            ("coop", "access-from-coop-page-to-openee", "report", PAGE, "https://id.example/start", ""),
            id="coop-popup-of-another-origin",
        ),
        pytest.param(
            report("coop", {"openedWindowURL": "https://app.example/popup", "type": "access-to-opener"}),
            ("coop", "access-to-opener", "", PAGE, "https://app.example/popup", ""),
            id="coop-in-the-standard's-words",
        ),
        pytest.param(
            report(
                "csp-violation",
                {
                    "blockedURL": "inline",
                    "disposition": "report",
                    "documentURL": "https://app.example/other?token=1",
                    "effectiveDirective": "script-src-elem",
                    "originalPolicy": "script-src 'self'",
                },
            ),
            ("csp-violation", "script-src-elem", "report", "https://app.example/other", "inline", ""),
            id="csp",
        ),
        pytest.param(
            report("permissions-policy-violation", {"policyId": "camera", "disposition": "enforce", "message": "no"}),
            ("permissions-policy-violation", "", "enforce", PAGE, "", "camera"),
            id="permissions-policy-from-chromium",
        ),
        pytest.param(
            report("permissions-policy-violation", {"featureId": "camera", "disposition": "report"}),
            ("permissions-policy-violation", "", "report", PAGE, "", "camera"),
            id="permissions-policy-as-written",
        ),
        pytest.param(
            report(
                "integrity-violation",
                {"documentURL": PAGE, "blockedURL": "https://cdn.example/a.js", "destination": "script", "reportOnly": True},
            ),
            ("integrity-violation", "", "report", PAGE, "https://cdn.example/a.js", "script"),
            id="integrity-policy",
        ),
        pytest.param(
            report("deprecation", {"id": "UnloadHandler", "message": "Unload event listeners are deprecated", "lineNumber": 1}),
            ("deprecation", "UnloadHandler", "", PAGE, "", ""),
            id="deprecation",
        ),
        pytest.param(
            report("intervention", {"id": "HeavyAd", "message": "removed"}),
            ("intervention", "HeavyAd", "", PAGE, "", ""),
            id="intervention",
        ),
        pytest.param(report("crash", {"reason": "oom"}), ("crash", "oom", "", PAGE, "", ""), id="crash"),
        pytest.param(
            report(
                "network-error", {"type": "tcp.refused", "referrer": PAGE, "phase": "connection"}, "https://api.example/a?b"
            ),
            ("network-error", "tcp.refused", "", PAGE, "https://api.example/a", ""),
            id="network-error",
        ),
        pytest.param(report("of-tomorrow", {"x": 1}), ("of-tomorrow", "", "", PAGE, "", ""), id="unknown-type"),
        pytest.param(report("coep", None), ("coep", "", "", PAGE, "", ""), id="no-body"),
    ],
)
def test_each_type_of_report_says_what_happened_to_what_on_which_page(sent: object, key: tuple[str, ...]) -> None:
    """Bodies are as Chromium's reporters write them; a list and a lone object are read alike."""
    assert one([sent]).key == key
    assert one(sent).key == key


def test_report_uri_is_read_like_the_reporting_api() -> None:
    """Firefox and Safari still use it; some send the whole directive, and none says how long ago it was."""
    sent = {
        "csp-report": {
            "blocked-uri": "https://cdn.example/a.js?v=1",
            "disposition": "enforce",
            "document-uri": "https://app.example/page#there",
            "line-number": 7,
            "referrer": "",
            "source-file": "https://app.example/app.js?key=secret",
            "violated-directive": "script-src 'self'",
        }
    }
    read_report = one(sent, kind=b"Application/CSP-Report; charset=utf-8")

    assert read_report.key == ("csp-violation", "script-src", "enforce", PAGE, "https://cdn.example/a.js", "")
    assert json.loads(read_report.detail) == {"lineNumber": 7, "sourceFile": "https://app.example/app.js"}
    assert read_report.age_s == 0.0


def test_what_else_a_body_says_is_kept_as_detail() -> None:
    """Numbers and truth values as they are; no nested values, nothing empty, nothing that already has its place."""
    body = {
        "type": "access-from-coop-page-to-openee",
        "property": "postMessage",
        "lineNumber": 3,
        "ratio": 0.5,
        "is_top_level": True,
        "nested": {"a": 1},
        "nothing": None,
        "empty": "",
        "sourceFile": "https://user:pass@app.example/popup.js?key=1",
        "message": "see https://app.example/login?token=abc for more",
    }
    told = one(report("coop", body))

    assert json.loads(told.detail) == {
        "property": "postMessage",
        "lineNumber": 3,
        "ratio": 0.5,
        "is_top_level": True,
        "sourceFile": "https://app.example/popup.js",
        "message": "see https://app.example/login for more",
    }
    assert told.age_s == 1.5
    assert told.agent == "Chrome 146"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://User:Secret@App.Example:8443/A/b?c=d#e", "https://app.example:8443/A/b"),
        ("HTTPS:\\\\user@app.example\\a?b", "https://app.example/a"),
        ("https://app.example?x", "https://app.example"),
        ("https://a@b@app.example/", "https://app.example/"),
        ("wss://app.example/live?token=1", "wss://app.example/live"),
        ("data:text/html,<script>alert(1)</script>", "data:"),
        ("blob:https://app.example/0b2c", "blob:"),
        ("javascript:alert(1)", "javascript:"),
        ("file:///home/somebody/page.html", "file:"),
        ("moz-extension://6f1c/content.js", "moz-extension:"),
        ("about:srcdoc", "about:srcdoc"),
        ("inline", "inline"),
        ("/relative?x#y", "/relative"),
        ("https://app.example/\x00\x1b[31m\u202egpj.exe", "https://app.example/\ufffd\ufffd[31m\ufffdgpj.exe"),
        ("https://app.example/\ud800", "https://app.example/\ufffd"),
        ("https://app.example/<script>alert('x')</script>", "https://app.example/<script>alert('x')</script>"),
        ("https://app.example/" + "a" * 2000, "https://app.example/" + "a" * (MAX_URL_CHARS - 23) + "..."),
        ("https://" + "u" * 5000 + ":secret@app.example/", "https://app.example/"),
    ],
)
def test_urls_lose_what_may_be_secret(url: str, kept: str) -> None:
    """User information, query and fragment go, of other schemes all; markup stays for whoever shows it to escape."""
    assert one(report("coep", {"blockedURL": url})).blocked == kept


def test_queries_are_kept_if_the_file_says_so() -> None:
    """Fragment and user information still go: no server is ever sent the one, and the other is a password."""
    sent = report("coep", {"blockedURL": "https://a:b@cdn.example/a.png?v=1&w=2#c"}, "https://app.example/?p=1#here")
    kept = one(sent, queries=True)

    assert (kept.document, kept.blocked) == ("https://app.example/?p=1", "https://cdn.example/a.png?v=1&w=2")


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (CHROME, "Chrome 146"),
        (CHROME.replace(b"Chrome/", b"HeadlessChrome/"), "Chrome 146"),
        (CHROME + b" Edg/145.0.1.2", "Edge 145"),
        (CHROME + b" OPR/120.0.0.0", "Opera 120"),
        (b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140"),
        (b"Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15", "Safari 26"),
        (b"Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1", "Safari 18"),
        (
            b"Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/146.0.1 Mobile/15E148 Safari/604.1",
            "Chrome 146",
        ),
        (b"curl/8.1", "other"),
        (b"Chrome/99999999", "Chrome 9999"),
        (b"\xff\x00", "other"),
        (b"", "Chrome 146"),  # then what the report itself says
    ],
)
def test_agents_are_few(agent: bytes, name: str) -> None:
    """A family and a major version: more would make a group's agents many, and people recognisable."""
    reports = read_delivery(b"application/reports+json", json.dumps([report("coep", {})]).encode(), agent, keep_queries=False)

    assert [one.agent for one in reports] == [name]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        (b"text/plain", b"[]", "the media type is neither application/reports+json nor application/csp-report"),
        (b"", b"[]", "the media type is neither"),
        (b"application/reports+json", b"", "the content is not JSON: Expecting value"),
        (b"application/reports+json", b"\xff\xfe", "the content is not JSON"),
        (b"application/reports+json", b"[" * 200_000, "the content is nested too deeply"),
        (b"application/reports+json", b'{"a":' * 100_000, "the content is nested too deeply"),
        (b"application/reports+json", b"[" + b"1" * 5000 + b"]", "the content is not JSON: Exceeds the limit"),
        (b"application/reports+json", b"[]", "there is no report in the content: it should be a list"),
        (b"application/reports+json", b'[1, "a", null, {}, {"type": ""}, {"type": 1}, []]', "there is no report"),
        (b"application/reports+json", b"NaN", "there is no report"),
        (
            b"application/csp-report",
            b"[]",
            'there is no report in the content: it should be an object with a member "csp-report"',
        ),
        (b"application/csp-report", b'{"csp-report": []}', "there is no report in the content: it should be an object"),
    ],
)
def test_a_delivery_without_a_report_says_why(kind: bytes, body: bytes, why: str) -> None:
    """In words for whoever sent it, who is not told of our insides."""
    answer = read(body, kind=kind)

    assert isinstance(answer, Unreadable)
    assert answer.detail.startswith(why)
    assert len(answer.detail) < 400


def test_what_is_no_report_does_not_spoil_the_others() -> None:
    """Neither does a number that JSON does not know, a byte that is not UTF-8, or a member of a wrong type."""
    good = json.dumps(report("coep", {"type": "corp"})).encode()
    odd = (
        b'{"type": "coep", "type": "dip", "url": 7, "age": NaN,'
        b' "body": {"type": ["x"], "blockedURL": {}, "n": Infinity, "s": "\xff"}}'
    )
    reports = read(b"[" + good + b", 1, " + odd + b', {"age": 1}]')

    assert isinstance(reports, tuple)
    assert [one.key for one in reports] == [("coep", "corp", "", PAGE, "", ""), ("dip", "", "", "", "", "")]
    assert reports[1].detail == '{"s":"\ufffd"}'


def test_a_delivery_has_a_bounded_number_of_reports() -> None:
    """What Chromium sends at once is read, further reports are left out."""
    assert len(read([report("coep", {})] * (MAX_REPORTS + 5))) == MAX_REPORTS  # type: ignore[arg-type]


@pytest.mark.parametrize("age", ["1e999", "1" + "0" * 400, "-5", "true", '"5"', "null"])
def test_an_age_cannot_change_the_past_or_the_future(age: str) -> None:
    """What is no age counts as now, and no report is more than a day old."""
    told = one(f'{{"type": "coep", "age": {age}}}'.encode())

    assert told.age_s in {0.0, 86400.0}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(["type", "body", "url", "age", "user_agent"])
members = st.sampled_from(["type", "blockedURL", "documentURL", "disposition", "destination", "referrer", "message", "sample"])
urls = st.builds(
    "{}://{}@host.example/{}?{}#{}".format, st.sampled_from(["https", "HTTP", "wss", "data"]), *[st.text(max_size=6)] * 4
)
bodies = st.dictionaries(members | st.text(max_size=70), json_values | urls | st.text(min_size=200), max_size=30)
items = st.fixed_dictionaries({"type": st.sampled_from(["coep", "coop", "csp-violation", "x"])}, optional={
    "body": bodies | json_values, "url": urls | json_values, "age": json_values, "user_agent": json_values,
})  # fmt: skip


def _holds(told: Report) -> None:
    texts = (*told.key, told.agent, told.detail)
    assert all(text.isprintable() for text in texts)
    assert all(len(word) <= MAX_WORD_CHARS for word in (told.type, told.kind, told.disposition, told.destination, told.agent))
    assert len(told.document) <= MAX_URL_CHARS
    assert len(told.blocked) <= MAX_URL_CHARS
    assert len(told.detail) <= MAX_DETAIL_CHARS
    assert isinstance(json.loads(told.detail), dict)
    assert told.disposition in {"", "enforce", "report"}
    assert 0.0 <= told.age_s <= 86400.0
    assert "#" not in told.document + told.blocked
    assert "?" not in told.document + told.blocked


@given(st.lists(items | json_values, max_size=4), st.binary(max_size=80))
def test_whatever_json_comes_reports_are_bounded_and_printable(content: list[object], agent: bytes) -> None:
    """Nothing raises, and what comes out may be stored, logged and counted by."""
    reports = read_delivery(b"application/reports+json", json.dumps(content).encode(), agent, keep_queries=False)

    for told in reports if isinstance(reports, tuple) else ():
        _holds(told)


@given(st.binary(max_size=300), st.sampled_from([b"application/reports+json", b"application/csp-report"]), st.booleans())
def test_whatever_bytes_come_nothing_raises(body: bytes, kind: bytes, queries: bool) -> None:
    """An answer is reports, at least one, or words."""
    answer = read_delivery(kind, body, body, keep_queries=queries)

    assert answer.detail if isinstance(answer, Unreadable) else answer


@given(
    secret=st.from_regex(r"S[a-z0-9]{6}T", fullmatch=True),
    where=st.sampled_from(["https://{}:x@h.example/", "https://h.example/?{}", "https://h.example/#{}", "data:,{}"]),
    member=st.sampled_from(["blockedURL", "documentURL", "sourceFile", "message", "referrer", "anything"]),
    around=st.text(max_size=20),
)
def test_no_secret_of_a_url_is_kept_anywhere(secret: str, where: str, member: str, around: str) -> None:
    """Whichever member holds the URL, alone or, for those of the web, in the middle of a text."""
    url = where.format(secret)
    text = f"{around} {url}" if member in {"message", "anything"} and url.startswith("http") else url
    told = one([report("csp-violation", {member: text}, url)])

    assert secret not in repr(told) or (member in {"message", "anything"} and url.startswith("data:"))
