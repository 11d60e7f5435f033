"""`show` tells what is served: the lines it shows are those that go out, and each key stands where it says."""

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from support.configs import HEAD, SOURCE, TODAY, compiled, compiled_options
from support.exchanges import exchange, request, response

from xoproxy.config import Overrides, compile_text
from xoproxy.config.presets import PRESETS
from xoproxy.insight.showing import as_json, as_text, show

REPORTING = "reporting: {endpoints: {own: /reports, far: https://reports.example/x}}\n"
FRONT_DOOR = """\
version: 1
upstreams:
  web: http://web:3000
  api: [http://api:5000, http://api-2:5000]
policies:
  page:
    coop: same-origin
    corp: same-origin
  api:
    cors:
      allow_origins:
        - https://app.example.com
        - "http://localhost:*"
      allow_methods: [GET, PUT]
      allow_credentials: true
      max_age: 10m
routes:
  - match: {host: api.example.com, path: /v1/**, methods: [GET, PUT]}
    upstream: api
    policy: api
  - match: {path: /oauth/**}
    upstream: web
    policy: [page, {coop: same-origin-allow-popups}]
  - upstream: web
    policy: [isolated, {corp: off}]
"""
FRONT_DOOR_SHOWN = """\
xoproxy.yaml, route by route

routes[0]                                                  xoproxy.yaml:18
  match     host: api.example.com                          xoproxy.yaml:18
            path: /v1/**                                   xoproxy.yaml:18
            methods: [GET, PUT]                            xoproxy.yaml:18
  upstream  api: http://api:5000, http://api-2:5000        xoproxy.yaml:19
  policy    api                                            xoproxy.yaml:20
  keys      cors.allow_origins:                            xoproxy.yaml:12
              - https://app.example.com                    xoproxy.yaml:12
              - http://localhost:*                         xoproxy.yaml:13
            cors.allow_methods: [GET, PUT]                 xoproxy.yaml:14
            cors.allow_credentials: true                   xoproxy.yaml:15
            cors.max_age: 10m                              xoproxy.yaml:16
  sends     Vary: Origin
  cors      granted: https://app.example.com, http://localhost:*
              Access-Control-Allow-Origin: <the origin>
              Access-Control-Allow-Credentials: true
            their preflights: 204, answered here
              Access-Control-Allow-Origin: <the origin>
              Access-Control-Allow-Methods: GET, PUT
              Access-Control-Allow-Credentials: true
              Access-Control-Max-Age: 600
            others: no CORS field; their preflights: 403
  removes   Access-Control-*
"""


# What a policy can send; the rest of a response is the application's.
NAMED = (
    b"Access-Control-",
    b"Cross-Origin-",
    b"Document-",
    b"Origin-Agent",
    b"Permissions",
    b"Integrity",
    b"Timing",
    b"Vary",
    b"X-A",
    b"Link",
    b"Reporting",
)


def shown(text: str, **environ: str) -> dict[str, Any]:
    """Return the JSON document for a text."""
    document: dict[str, Any] = json.loads(as_json(show(compiled(text, environ=environ))))
    return document


def route(text: str, index: int = 0, **environ: str) -> dict[str, Any]:
    found: dict[str, Any] = shown(HEAD + REPORTING + text, **environ)["routes"][index]
    return found


def text_of(text: str, width: int = 100, **environ: str) -> str:
    return as_text(show(compiled(text, environ=environ)), width)


def test_text_shows_a_route_as_people_read_it() -> None:
    """Trailing parts of the block are told by the other tests: here is the shape."""
    first = "\n\n".join(text_of(FRONT_DOOR, 80).split("\n\n")[:2])

    assert re.sub(r" {2,}", "  ", first).startswith(re.sub(r" {2,}", "  ", FRONT_DOOR_SHOWN))


POLICIES = [
    *(f"policy: {name}\n" for name in PRESETS),
    "policy: {coop: {value: same-origin, report_to: far}, coep: auto, report_to: own, observe: {coep: credentialless}}\n",
    "policy: {document_isolation: isolate-and-credentialless, origin_agent_cluster: true}\n",
    "policy: {timing_allow_origin: [https://a.example]}\n",
    "policy: {permissions_policy: {camera: none, fullscreen: '*'}, integrity_policy: {blocked_destinations: [script]}}\n",
    "policy: {headers: {set: {X-A: a}, add: {Link: [b, c]}, remove: [Server]}, resource_isolation: true}\n",
    "policy: {cors: {allow_origins: '*', expose_headers: [X-A], allow_methods: '*'}}\n",
]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    ("agent", "passed_over"),
    [(b"Chrome/142.0.0.0 Safari/537.36", "to other browsers"), (b"Version/18.4 Safari/605.1.15", "to browsers that have")],
)
def test_lines_that_are_shown_are_those_that_go_out(policy: str, agent: bytes, passed_over: str) -> None:
    """For a request without Origin, in the order in which they go out."""
    sends = [line["line"] for line in route(policy)["sends"] if not line["when"].startswith(passed_over)]
    table = compiled(HEAD + REPORTING + policy).generation.routes
    seen = exchange(table, request(b"GET", b"/", b"User-Agent: Mozilla/5.0 " + agent), response(200))

    assert sorted(sends) == sorted(line.decode() for line in (*seen.decided, *seen.others) if line.startswith(NAMED))


@pytest.mark.parametrize(
    ("policy", "line", "keys"),
    [
        (
            "{coop: same-origin, report_to: own}",
            'Cross-Origin-Opener-Policy: same-origin; report-to="own"',
            ["coop", "report_to"],
        ),
        ("{coep: auto}", "Vary: User-Agent", ["coep"]),
        ("{headers: {set: {X-A: a}}}", "X-A: a", ["headers.set.X-A"]),
        ("public-asset", "Access-Control-Allow-Origin: *", ["cors.allow_origins"]),
    ],
)
def test_line_names_the_keys_that_it_comes_from(policy: str, line: str, keys: list[str]) -> None:
    assert [sent["keys"] for sent in route(f"policy: {policy}\n")["sends"] if sent["line"] == line] == [keys]


def test_auto_is_shown_for_both_kinds_of_browsers() -> None:
    told = {line["line"]: line["when"] for line in route("policy: {coep: auto}\n")["sends"]}

    assert told["Cross-Origin-Embedder-Policy: credentialless"].startswith("to browsers that have credentialless")
    assert told["Cross-Origin-Embedder-Policy: require-corp"] == "to other browsers"


@pytest.mark.parametrize(
    ("policy", "removes", "leaves_cors"),
    [
        ("untouched", [], True),
        ("{coop: off}", ["Cross-Origin-Opener-Policy", "Cross-Origin-Opener-Policy-Report-Only"], True),
        ("{corp: off, cors: off}", ["Cross-Origin-Resource-Policy", "Access-Control-*"], False),
        ("{headers: {remove: [X-Powered-By]}}", ["X-Powered-By"], True),
        ("public-asset", ["Access-Control-*"], False),
    ],
)
def test_fields_that_are_removed_and_left(policy: str, removes: list[str], leaves_cors: bool) -> None:
    """A field is sent, removed or left, and a policy of nothing leaves all."""
    found = route(f"policy: {policy}\n")
    sent = {line["line"].partition(":")[0] for line in found["sends"]}

    assert found["removes"] == removes
    assert ("Access-Control-*" in found["leaves"]) is leaves_cors
    assert not set(found["leaves"]) & (set(removes) | sent)
    if policy == "untouched":
        assert len(found["leaves"]) == 14


@pytest.mark.parametrize(
    ("cors", "shown_cors"),
    [
        (
            "{allow_origins: [https://a.example], allow_headers: '*', expose_headers: '*', refuse: reject}",
            {
                "origins": ["https://a.example"],
                "lines": [
                    "Access-Control-Allow-Origin: <the origin>",
                    "Access-Control-Expose-Headers: <the names in the response>",
                ],
                "preflight_lines": [
                    "Access-Control-Allow-Origin: <the origin>",
                    "Access-Control-Allow-Methods: GET, HEAD, POST",
                    "Access-Control-Allow-Headers: <the names asked for>",
                ],
                "refuse": "reject",
            },
        ),
        (
            "{allow_origins: '*', preflight: forward}",
            {"origins": ["*"], "lines": [], "preflight_lines": [], "refuse": "omit"},
        ),
        (
            (
                "{allow_origins: ['null'], allow_origin_regexes: ['https://pr-[0-9]+\\.example\\.com'], "
                "dangerously_allow_null_origin: {reason: x}, allow_methods: '*', legacy_private_network: true}"
            ),
            {
                "origins": ["/https://pr-[0-9]+\\.example\\.com/", "null"],
                "lines": ["Access-Control-Allow-Origin: <the origin>"],
                "preflight_lines": [
                    "Access-Control-Allow-Origin: <the origin>",
                    "Access-Control-Allow-Methods: *",
                    "Access-Control-Allow-Private-Network: true",
                ],
                "refuse": "omit",
            },
        ),
    ],
)
def test_cors_is_shown_as_a_rule(cors: str, shown_cors: dict[str, Any]) -> None:
    assert route(f"policy:\n  cors: {cors}\n")["cors"] == shown_cors


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (
            "{cors: {allow_origins: 'https://a.example'}}",
            ["granted: https://a.example", "others: no CORS field; their preflights: 403"],
        ),
        ("{cors: {allow_origins: 'https://a.example', refuse: reject}}", ["others: 403; their preflights: 403"]),
        ("{cors: {allow_origins: '*'}}", ["granted: every origin", "their preflights: 204, answered here"]),
        (
            "{cors: {allow_origins: 'https://a.example', preflight: forward}}",
            ["preflights: the application answers", "others: no CORS field"],
        ),
        ("{coop: same-origin, upstream_fields: fill}", ["keeps     what the application sends and browsers would heed"]),
        ("{coop: same-origin, upstream_fields: passthrough}", ["keeps     what the application sends (upstream_fields"]),
        (
            "{cors: {allow_origins: 'https://a.example'}, upstream_fields: passthrough}",
            ["others: what the application says; their preflights: 403"],
        ),
        (
            "{cors: {allow_origins: 'https://a.example'}, upstream_fields: fill}",
            ["others: no CORS field; their preflights: 403", "removes   Access-Control-*"],
        ),
        ("{cors: off, upstream_fields: passthrough}", ["removes   Access-Control-*"]),
        ("{websocket_origins: same-origin}", ["websocket_origins.allow_origins: same-origin"]),
        ("{permissions_policy: {camera: none, fullscreen: '*'}}", ["permissions_policy.camera: none", 'fullscreen: "*"']),
        ("{coop: {value: same-origin, report_to: own}}", ["coop: {value: same-origin, report_to: own}"]),
        ("{headers: {remove: [Server]}}", ["headers.remove.Server "]),
        (
            "{cors: {allow_origins: 'http://a.example', dangerously_allow_insecure_origins: {reason: a lab}}}",
            ["{reason: a lab}"],
        ),
        ("{permissions_policy: {value: {camera: self}, report_to: own}}", ["permissions_policy: {report_to: own}"]),
        ("{coop: off}", ["removes   Cross-Origin-Opener-Policy[-Report-Only]"]),
        ("{headers: {set: {X-A: 'a: b'}}}", ['headers.set.X-A: "a: b"', "X-A: a: b"]),
    ],
)
def test_text_says_what_a_key_means(policy: str, said: list[str]) -> None:
    text = text_of(f"{HEAD}{REPORTING}policy: {policy}\n")

    assert [part for part in said if part not in text] == []


def test_what_passes_through_is_not_removed() -> None:
    """docs/policy-file.md, "The application's own fields": by `passthrough` even an origin that is refused gets them."""
    text = text_of(f"{HEAD}policy: {{cors: {{allow_origins: 'https://a.example'}}, upstream_fields: passthrough}}\n")

    assert "removes" not in text


def test_every_key_stands_where_it_is_said_to_stand() -> None:
    """The text at line and column begins the value."""
    lines = FRONT_DOOR.splitlines()
    for found in shown(FRONT_DOOR)["routes"]:
        for part in (*found["match"], *found["policy"]["keys"]):
            place = part["place"]
            if place["line"] and isinstance(part["value"], str):
                rest = lines[place["line"] - 1][place["column"] - 1 :]
                assert rest.lstrip('"').startswith(part["value"])


def test_preset_and_option_are_places() -> None:
    document = json.loads(as_json(show(compiled_options(Overrides(upstream="http://app:5000", policy="isolated")))))
    (only,) = document["routes"]

    assert {part["place"]["source"] for part in only["policy"]["keys"]} == {"preset isolated"}
    assert only["upstream"]["place"] == {"source": "--upstream", "line": 0, "column": 0, "path": "upstream"}
    assert only["policy"]["place"]["source"] == "--policy"
    assert document["source"] == "options"


def test_answers_without_a_route_have_the_policy_at_the_top() -> None:
    text = HEAD + "policy: {corp: same-site}\nroutes: [{match: {path: /a}, policy: untouched}]\n"
    document = shown(text)

    assert document["unmatched"]["sends"][0]["line"] == "Cross-Origin-Resource-Policy: same-site"
    assert document["routes"][0]["sends"] == []
    assert "no route: answers of xoproxy's own" in text_of(text)


def test_fields_by_which_routes_are_chosen_are_in_vary_from_there_on() -> None:
    text = HEAD + "routes: [{match: {path: /a}}, {match: {destinations: [document], headers: {X-A: b}}}, {policy: untouched}]\n"
    lines = [[line["line"] for line in found["sends"]] for found in shown(text)["routes"]]

    assert lines == [[], ["Vary: Sec-Fetch-Dest, X-A"], ["Vary: Sec-Fetch-Dest, X-A"]]
    assert route("routes: [{match: {headers: {X-A: b}}}]\n")["match"][0]["value"] == {"X-A": "b"}


def test_what_the_environment_gave_to_headers_is_shown_as_the_file_writes_it() -> None:
    """All else is no secret: it is sent to whoever asks."""
    text = (
        f"{HEAD}policy:\n  headers: {{set: {{X-A: 'Bearer ${{TOKEN}}', X-B: plain}}, add: {{Link: ['${{TOKEN}}', b]}}}}\n"
        "  cors: {allow_origins: '${ORIGIN}'}\n"
    )
    environ = {"TOKEN": "s3cret", "ORIGIN": "https://app.example"}
    document = as_json(show(compiled(text, environ=environ)))
    lines = text_of(text, **environ)

    assert "s3cret" not in document + lines
    for told in ("X-A: Bearer ${TOKEN}", "X-B: plain", "Link: ${TOKEN}", "Link: b", "https://app.example"):
        assert told in lines


def test_document_has_the_members_that_are_documented() -> None:
    """In every route, whatever it has: a program need not ask."""
    document = shown(FRONT_DOOR)

    assert list(document) == ["source", "digest", "routes", "unmatched"]
    for found in (*document["routes"], document["unmatched"]):
        assert list(found) == [
            "name", "place", "match", "upstream", "policy", "sends", "cors", "removes", "leaves", "upstream_fields",
        ]  # fmt: skip
        assert list(found["policy"]) == ["name", "place", "keys"]
    assert document["unmatched"]["upstream"] is document["unmatched"]["place"] is None
    assert document["source"] == SOURCE


@pytest.mark.parametrize("width", [1, 40, 60, 80, 100, 300])
def test_terminal_may_have_any_width(width: int) -> None:
    """Text is wrapped where it can be: a line that is longer is one word, or a key with its place."""
    for before, line in pairwise(["", *text_of(FRONT_DOOR, width).splitlines()]):
        is_row = re.search(r"  (?:xoproxy\.yaml:[0-9]+|preset \S+)$", line)
        assert len(line) <= max(width, 40) or is_row or len(line.split()) <= 2, before


def test_no_value_steers_a_terminal() -> None:
    shown_name = as_text(show(compile_text(HEAD, "\x1b[31m/a.yaml", Overrides(), environ={}, today=TODAY, number=1)), 80)

    assert "\x1b" not in shown_name
    assert "  a.yaml:2" in shown_name
