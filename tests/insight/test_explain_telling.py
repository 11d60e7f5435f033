"""What an explanation says besides its verdict: routes and why not the others, whose each field is, what was removed, notes."""

import json

import pytest
from support.configs import compiled, compiled_options

from xoproxy.browser.model import WireResponse
from xoproxy.config import Overrides
from xoproxy.insight.explaining import Asked, Explanation, explain, explain_server, read_question
from xoproxy.insight.explaining.answering import UnansweredError
from xoproxy.insight.explaining.as_json import as_json, document
from xoproxy.insight.explaining.placing import Into, flow, scalar
from xoproxy.insight.explaining.telling import told

TEXT = """\
version: 1
upstream: http://web:3000
policies:
  api:
    corp: same-site
    cors: {allow_origins: ["https://*.example.com", https://b.example], expose_headers: [X-Total-Count], max_age: 10m}
routes:
  - match: {host: "*.example.org", path: /a/*, methods: [PUT], destinations: [document], headers: {X-Client: "mobile-*"}}
  - match: {path: /v1/**}
    policy: api
  - match: {path: /page}
    policy: [isolated, {headers: {set: {X-Frame-Options: DENY}, remove: [Server]}}]
"""
EMPTY = compiled("version: 1\nupstream: http://a:1\n")


def explained(method: str, url: str, text: str = TEXT, **words: object) -> Explanation:
    loaded = compiled(text)
    return explain(loaded, read_question(Asked(method, url, **words), loaded))  # type: ignore[arg-type]


def one(method: str, url: str, **words: object) -> dict[str, object]:
    """Return what JSON says of the last exchange in Chrome."""
    explanation = explained(method, url, browsers="chrome", **words)
    exchange: dict[str, object] = document(explanation)["browsers"][0]["exchanges"][-1]
    return exchange


def test_what_the_environment_filled_in_is_told_as_the_file_writes_it() -> None:
    """Of `headers` only; and the verdict is still by the value itself: who sends it takes the route."""
    text = """\
version: 1
upstream: http://web:3000
routes:
  - match: {headers: {X-Key: '${SECRET}'}}
    policy: {headers: {set: {X-Key: '${SECRET}'}, add: {X-Two: ['${SECRET}', plain]}}}
  - policy: {corp: same-site}
"""
    loaded = compiled(text, environ={"SECRET": "hunter2"})
    without, having = (
        explain(loaded, read_question(Asked("GET", "http://h/", headers=headers), loaded))
        for headers in ((), ("X-Key: hunter2",))
    )
    fields = having.opinions[0].exchanges[-1].fields

    assert [(field.name, field.value) for field in fields if field.name.startswith("X-")] == [
        ("X-Key", "${SECRET}"),
        ("X-Two", "${SECRET}"),
        ("X-Two", "plain"),
    ]
    assert "hunter2" not in as_json(without) + told(without)
    assert "X-Key: (absent) is not X-Key: ${SECRET}" in told(without)


def test_each_condition_that_a_route_before_misses_is_told_with_its_line() -> None:
    routing = one("GET", "https://api.example.com/v1/x", origin="https://b.example")["routing"]
    assert isinstance(routing, dict)
    (skipped,) = routing["skipped"]

    assert (routing["route"], routing["policy"], routing["upstream"]) == ("routes[1]", "api", "http://web:3000")
    assert routing["place"]["line"] == 9
    assert [(each["condition"], each["got"], each["wanted"], each["place"]["line"]) for each in skipped["misses"]] == [
        ("host", "api.example.com", "*.example.org", 8),
        ("path", "/v1/x", "/a/*", 8),
        ("methods", "GET", "PUT", 8),
        ("destinations", "empty", "document", 8),
        ("headers", "X-Client: (absent)", "X-Client: mobile-*", 8),
    ]


def test_a_preflight_is_routed_as_what_it_asks_for() -> None:
    """By its Access-Control-Request-Method, and by fields that the request may yet have."""
    explanation = explained("PUT", "https://x.example.org/a/b", origin="https://b.example", headers=("X-Client: mobile-1",))
    routing = explanation.opinions[0].exchanges[0].routing
    assert routing is not None
    missed = {miss.condition for skipped in routing.skipped for miss in skipped.misses}

    assert "methods" not in missed
    assert "headers" not in missed


def test_no_route_is_told_and_answered_by_the_policy_at_the_top() -> None:
    text = told(explained("GET", "https://api.example.com/other", origin="https://b.example"))

    assert "xoproxy answers 404 itself: no route matches this request" in text
    assert "no route matches: xoproxy answers 404 by the policy at the top of the file" in text
    assert "there is no route for this; write one, with a policy that allows it" in text
    assert "- match: {host: api.example.com, path: /other}" in text


def test_every_field_has_who_set_it_and_where() -> None:
    exchange = one(
        "GET",
        "https://api.example.com/v1/x",
        origin="https://b.example",
        backend_headers=("Vary: Accept", "X-Total-Count: 5", "Access-Control-Allow-Origin: *", "Connection: x", "X: y"),
    )
    response = exchange["response"]
    assert isinstance(response, dict)
    fields = {each["name"]: each for each in response["headers"]}
    parts = {name: [(part["key"], part["line"]) for part in each["parts"]] for name, each in fields.items()}

    assert fields["X-Total-Count"]["by"] == "backend"
    assert fields["Vary"]["value"] == "Accept, Origin"
    assert parts["Cross-Origin-Resource-Policy"] == [("corp", 5)]
    assert parts["Access-Control-Allow-Origin"][0] == ("cors.allow_origins[1]", 6)
    assert parts["Access-Control-Expose-Headers"] == [("cors.expose_headers", 6)]
    assert [(each["name"], each["value"]) for each in exchange["removed"]] == [("Access-Control-Allow-Origin", "*")]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("origin", "key", "line"),
    [
        ("https://a.example", "cors.allow_origins[0]", 5),
        ("https://x.b.example", "cors.allow_origins[1]", 5),
        ("https://pr-7.preview.example", "cors.allow_origin_regexes[1]", 6),
        ("null", "cors.dangerously_allow_null_origin", 7),
    ],
)
def test_the_entry_that_grants_an_origin_is_the_one_that_is_named(origin: str, key: str, line: int) -> None:
    text = (
        "version: 1\nupstream: http://a:1\npolicy:\n  cors:\n    allow_origins: [https://a.example, 'https://*.b.example']\n"
        "    allow_origin_regexes: ['https://x\\.example', 'https://pr-[0-9]+\\.preview\\.example']\n"
        "    dangerously_allow_null_origin: {reason: x}\n"
    )
    explanation = explained("GET", "https://y.example/", text, origin=origin)
    field = next(each for each in explanation.opinions[0].exchanges[0].fields if each.name == "Access-Control-Allow-Origin")

    assert (field.parts[0].key, field.parts[0].place.mark.line) == (key, line)


def test_what_belongs_to_no_route_has_the_places_of_the_policy_at_the_top() -> None:
    text = "version: 1\nupstream: http://a:1\npolicy: {corp: same-site}\nroutes: [{match: {path: /x}}]\n"
    field = explained("GET", "https://a.example/", text).opinions[0].exchanges[0].fields[-1]

    assert (field.name, field.parts[0].key, field.parts[0].place.mark.line) == ("Cross-Origin-Resource-Policy", "corp", 3)


def test_fields_of_presets_edits_and_of_xoproxy_itself_say_so() -> None:
    text = told(explained("GET", "https://api.example.com/page", mode="navigate", backend_headers=("Server: x",)))

    assert "Cross-Origin-Opener-Policy: same-origin                       preset isolated coop" in text
    assert "X-Frame-Options: DENY" in text
    assert "headers.set.X-Frame-Options" in text
    assert "Server: x                                                     xoproxy.yaml:12:74 headers.remove.Server" in text
    assert "application/problem+json                        by xoproxy" in told(explained("GET", "https://api.example.com/no"))


def test_what_script_cannot_read_is_noted() -> None:
    lines = ("X-Total-Count: 5", "X-Other: 1", "Server: x", "Set-Cookie: a=b", "Content-Type: text/html")
    notes = explained("GET", "https://api.example.com/v1/x", origin="https://b.example", backend_headers=lines).notes

    assert [note for note in notes if "script cannot read" in note] == [
        "script cannot read X-Other: cors.expose_headers of the route does not name it"
    ]


def test_browsers_that_differ_are_told_apart() -> None:
    """Safari has no credentialless."""
    text = "version: 1\nupstream: http://a:1\npolicy: isolated-credentialless\n"
    said = told(explained("GET", "https://a.example/", text, mode="navigate")).splitlines()

    assert said[0] == "allowed in Chrome, Firefox and Safari: GET https://a.example/ as a page"
    assert said[1] == "in Chrome and Firefox the page is cross-origin isolated (SharedArrayBuffer)"
    assert said[2].startswith("in Safari the page is not cross-origin isolated")
    assert "step by step in Safari" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param({"origin": "https://b.example"}, "GET {} by script of https://b.example", id="fetch"),
        pytest.param(
            {"origin": "https://b.example", "credentials": "include"},
            "GET {} by script of https://b.example, with credentials",
            id="credentials",
        ),
        pytest.param({"origin": "null"}, "GET {} by script of the opaque origin null", id="null"),
        pytest.param({"destination": "font"}, "GET {} as font of a page of https://a.example", id="font"),
        pytest.param({"mode": "navigate"}, "GET {} as a page", id="page"),
        pytest.param({"mode": "navigate", "origin": "https://b.example"}, "GET {} as a page, opened by a page of", id="popup"),
        pytest.param({"destination": "iframe", "origin": "https://b.example"}, "{} in an iframe of a page of", id="iframe"),
        pytest.param({"destination": "frame", "origin": "https://b.example"}, "{} in a frame of a page of", id="frame"),
    ],
)
def test_the_first_line_is_the_verdict_in_one_sentence(words: dict[str, str], said: str) -> None:
    url = "https://a.example/v1/x"

    assert said.format(url) in told(explained("GET", url, **words)).splitlines()[0]


def test_a_websocket_is_told_as_one() -> None:
    assert "a WebSocket to wss://a.example/v1/x for a page of https://a.example" in told(
        explained("GET", "https://a.example/v1/x", mode="websocket")
    )


def test_many_routes_are_told_by_the_nearest() -> None:
    routes = "".join(f"  - match: {{host: h{number}.example}}\n" for number in range(20))
    text = f"version: 1\nupstream: http://a:1\nroutes:\n{routes}  - policy: untouched\n"
    said = told(explained("GET", "https://a.example/", text))

    assert said.count("not routes[") == 8
    assert "not 12 more routes" in said


def test_a_change_of_what_other_routes_use_says_so_and_how_to_change_one_route_only() -> None:
    text = (
        "version: 1\nupstream: http://a:1\npolicies: {page: {corp: same-origin}}\n"
        "routes:\n  - {match: {path: /a}, policy: page}\n  - {match: {path: /b}, policy: page}\n"
    )
    explanation = explained("GET", "https://a.example/b", text, origin="https://c.example", destination="image")
    (remedy,) = explanation.remedies

    assert remedy.placements[0].also == ("routes[0]",)
    assert remedy.alone is not None
    assert (remedy.alone.place.mark.line, remedy.alone.yaml) == (6, "policy: [page, {corp: cross-origin}]")
    assert "this changes routes[0] too; for this route alone:" in told(explanation)


def test_options_have_no_line_and_the_file_to_write_is_shown() -> None:
    loaded = compiled_options(Overrides(upstream="http://a:1", policy="isolated"))
    asked = Asked("GET", "http://localhost:8080/", "https://c.example")
    explanation = explain(loaded, read_question(asked, loaded))
    (remedy,) = explanation.remedies

    assert not remedy.placements[0].in_file
    assert remedy.placements[0].yaml == "policy: [isolated, {cors: {allow_origins: [https://c.example]}}]"
    assert "--policy has no line to change; in a policy file write" in told(explanation)


def test_a_popup_that_loses_its_opener_is_given_it_back() -> None:
    """OAuth under isolation: the most asked question about COOP."""
    text = (
        "version: 1\nupstream: http://a:1\nroutes:\n"
        "  - {match: {host: www.example.com}, policy: isolated}\n  - {match: {host: login.example.com}, policy: untouched}\n"
    )
    explanation = explained("GET", "https://login.example.com/", text, mode="navigate", page="https://www.example.com/app")

    assert explanation.opinions[0].opener is not None
    assert not explanation.opinions[0].opener.allowed
    assert [each.yaml for each in explanation.keeping[0].placements] == ["policy: [isolated, {coop: same-origin-allow-popups}]"]
    assert "a window opened with it loses its opener" in told(explanation)


def test_local_network_access_is_what_no_header_can_grant() -> None:
    explanation = explained("GET", "http://localhost:8080/v1/x", origin="https://b.example", browsers="chrome")

    assert any("no header can grant this" in text for text in explanation.beyond)
    assert "no field changes this" in told(explanation)


def test_a_page_by_http_on_the_local_network_is_never_isolated() -> None:
    explanation = explained("GET", "http://192.168.1.5/page", mode="navigate")

    assert any("no header can mend this, serve it by https" in text for text in explanation.beyond)
    assert explanation.isolating == ()


def test_a_refused_change_is_told_with_the_reason_of_the_loader() -> None:
    text = "version: 1\nupstream: http://a:1\npolicy: {cors: {allow_origins: [https://b.example], allow_credentials: true}}\n"
    said = told(explained("GET", "https://a.example/", text, origin="null"))

    assert "no change of the policy file turns this" in said
    assert "not possible: XO124: any sandboxed frame has the origin null" in said


def test_what_has_ended_is_noted_where_something_is_blocked() -> None:
    """An origin or route that ended is as if it were not there, which nobody sees in the file."""
    ended = "{origin: https://old.example, expires: 2026-01-31, reason: moved}"
    text = f"version: 1\nupstream: http://a:1\npolicy: {{cors: {{allow_origins: [https://b.example, {ended}]}}}}\n"

    assert any("XO303" in note for note in explained("GET", "https://a.example/", text, origin="https://old.example").notes)
    assert not any("XO303" in note for note in explained("GET", "https://a.example/", text, origin="https://b.example").notes)


def test_an_entry_that_is_off_becomes_what_allows_and_one_laid_over_others_is_laid_over_again() -> None:
    """What lies under `cors: off` must not come back."""
    first = (
        "version: 1\nupstream: http://a:1\npolicies: {p: {cors: {allow_origins: [https://b.example], preflight: forward}}}\n"
    )
    alone = explained("GET", "https://a.example/", f"{first}policy: {{cors: off}}\n", origin="https://c.example")
    over = explained("GET", "https://a.example/", f"{first}policy: [p, {{cors: off}}]\n", origin="https://c.example")
    (replaced,), (appended,) = alone.remedies[0].placements, over.remedies[0].placements

    assert (replaced.place.path, replaced.into) == ("policy.cors", Into.REPLACE)
    assert (appended.place.path, appended.into) == ("policy", Into.APPEND)


def test_a_redirect_to_another_server_is_followed_there() -> None:
    explanation = explained(
        "GET",
        "https://api.example.com/v1/x",
        origin="https://b.example",
        backend_status="302",
        backend_headers=("Location: https://elsewhere.example/y",),
    )

    assert [each.request.url for each in explanation.opinions[0].exchanges] == [
        "https://api.example.com/v1/x",
        "https://elsewhere.example/y",
    ]
    assert explanation.opinions[0].exchanges[1].routing is None
    assert "https://elsewhere.example/y is another server's: no route names its host" in explanation.notes


def test_a_server_that_is_asked_as_it_is_gets_the_file_that_would_mend_it() -> None:
    def backend(*_: object) -> WireResponse:
        return WireResponse(200, ((b"Content-Type", b"text/plain"), (b"X-A", b"1")))

    asked = Asked("GET", "https://a.example/x", "https://b.example", headers=("Authorization: x",))
    explanation = explain_server(EMPTY, read_question(asked, None), backend)
    said = told(explanation)

    assert explanation.source is None
    assert "the fix: xoproxy in front of that server, with this policy file" in said
    assert "version: 1\n      upstream: https://a.example\n      policy:\n        cors:" in said
    assert "X-A: 1                                                        as it came" in said


def test_a_server_that_does_not_answer_is_a_network_error() -> None:
    def backend(*_: object) -> WireResponse:
        raise UnansweredError("no connection to a.example:443: connection refused")

    explanation = explain_server(EMPTY, read_question(Asked("GET", "https://a.example/", "https://b.example"), None), backend)
    said = told(explanation)

    assert "no connection to a.example:443: connection refused\n  decided by: HTTP-network fetch" in said
    assert "nothing that xoproxy could send in front of it turns this" in said


def test_json_has_the_keys_that_are_documented() -> None:
    explanation = explained("PATCH", "https://api.example.com/v1/x", origin="https://b.example")
    whole = json.loads(json.dumps(document(explanation)))

    assert list(whole) == [
        "allowed", "question", "source", "browsers", "fixes", "isolating", "keeping", "beyond", "refused", "notes",
    ]  # fmt: skip
    assert list(whole["fixes"][0]["changes"][0]) == ["source", "line", "column", "path", "do", "value", "yaml", "also"]
    assert whole["browsers"][0]["decided_by"]["address"] == "https://fetch.spec.whatwg.org/#cors-preflight-fetch"


def test_nothing_that_was_sent_can_steer_a_terminal() -> None:
    said = told(explained("GET", "https://api.example.com/v1/x", origin="https://b.example", backend_headers=("X: \u009b31m",)))

    assert "\u009b" not in said
    assert all(line.isprintable() for line in said.splitlines())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("same-origin", "same-origin"),
        ("https://a.example:8443", "https://a.example:8443"),
        ("https://[::1]", '"https://[::1]"'),
        ("*", '"*"'),
        ("no", '"no"'),
        ("off", "off"),
        ("true", "true"),
        ("1", '"1"'),
        ("a: b", '"a: b"'),
        ("", '""'),
        (["GET", {"a": "b"}], "[GET, {a: b}]"),
    ],
)
def test_values_are_written_as_yaml_that_means_them(value: object, text: str) -> None:
    assert flow(value) == text  # type: ignore[arg-type]
    assert scalar("yes") == '"yes"'


COLLECTING = "version: 1\nupstream: http://web:3000\nreporting: {endpoints: {a: /reports}}\n"


def test_path_where_reports_are_collected_is_told_as_such() -> None:
    """Without saying that a route should be written for it."""
    url, words = "https://app.example.com/reports", {"origin": "https://b.example", "browsers": "chrome"}
    delivery = explained("POST", url, COLLECTING, headers=("content-type: application/reports+json",), **words)
    looked_at = explained("GET", url, COLLECTING, **words)
    text = told(looked_at)

    assert {exchange["routing"]["collects"] for exchange in document(delivery)["browsers"][0]["exchanges"]} == {True}
    assert "allowed" in told(delivery).partition("\n")[0]
    assert "xoproxy collects reports there, for every host" in text
    assert "xoproxy answers 405 itself: reports are collected here: they come by POST" in text
    assert "there is no route for this" not in text
