"""Two policy files are compared by what they decide for requests, whatever their text is."""

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoproxy.browser.model import Fields, WireRequest
from xoproxy.config import Generation, Overrides, compile_text
from xoproxy.insight.comparing import Change, Comparison, Difference, Direction, compare
from xoproxy.insight.comparing.telling import as_json, as_lines, as_text, summary
from xoproxy.insight.proxied import Proxied

WIDER, NARROWER, CHANGED = Direction.WIDER, Direction.NARROWER, Direction.CHANGED


def generation(text: str) -> Generation:
    whole = text if "version:" in text else f"version: 1\nupstream: http://app:1\n{text}"
    return compile_text(whole, "x.yaml", Overrides(), environ={}, today=date(2026, 1, 1), number=1).generation


def compared(old: str, new: str) -> Comparison:
    return compare(generation(old), generation(new))


def told(comparison: Comparison) -> list[tuple[tuple[str, ...], list[tuple[str, Direction]]]]:
    return [(each.regions, [(change.key, change.direction) for change in each.changes]) for each in comparison.differences]


API = "{cors: {allow_origins: [https://a.example]}}"
MORE = "{cors: {allow_origins: [https://a.example, https://b.example]}}"
GAIN = [("cors.allow_origins", WIDER)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("policy: isolated", "policy: isolated", [], id="the-same"),
        pytest.param(
            "policy: isolated",
            "policies: {page: {coop: same-origin, corp: same-origin, coep: require-corp}}\nroutes: [{policy: page}]",
            [],
            id="written-otherwise",
        ),
        pytest.param(f"policy: {API}", f"policy: {MORE}", [(("everything",), GAIN)], id="everything"),
        pytest.param(
            f"routes: [{{match: {{path: /api/**}}, policy: {API}}}, {{policy: untouched}}]",
            f"routes: [{{match: {{path: /api/**}}, policy: {MORE}}}, {{policy: untouched}}]",
            [(("/api/**",), GAIN)],
            id="one-path",
        ),
        pytest.param(
            f"routes: [{{match: {{path: '/é/100%/[\"]/**'}}, policy: {API}}}, {{policy: untouched}}]",
            f"routes: [{{match: {{path: '/é/100%/[\"]/**'}}, policy: {MORE}}}, {{policy: untouched}}]",
            [(('/é/100%/["]/**',), GAIN)],
            id="a-path-that-requests-encode",
        ),
        pytest.param(
            f"routes: [{{match: {{host: a.example, path: /api/**}}, policy: {API}}}, {{policy: untouched}}]",
            f"routes: [{{match: {{host: a.example, path: /api/**}}, policy: {MORE}}}, {{policy: untouched}}]",
            [(("a.example/api/**",), GAIN)],
            id="one-host-and-path",
        ),
        pytest.param(
            f"routes: [{{match: {{methods: [PUT]}}, policy: {API}}}, {{policy: untouched}}]",
            f"routes: [{{match: {{methods: [PUT]}}, policy: {MORE}}}, {{policy: untouched}}]",
            [(("PUT everything",), GAIN)],
            id="one-method",
        ),
        pytest.param(
            f"routes: [{{match: {{host: '*.a.example'}}, policy: {API}}}]",
            f"routes: [{{match: {{host: '*.a.example'}}, policy: {MORE}}}]",
            [(("*.a.example",), GAIN)],
            id="a-wildcard-host",
        ),
        pytest.param(
            f"routes: [{{match: {{destinations: [iframe]}}, policy: {API}}}, {{policy: untouched}}]",
            f"routes: [{{match: {{destinations: [iframe]}}, policy: {MORE}}}, {{policy: untouched}}]",
            [(("everything with Sec-Fetch-Dest: iframe",), GAIN)],
            id="a-destination",
        ),
        pytest.param(
            f"routes: [{{match: {{headers: {{X-Client: 'mobile-*'}}}}, policy: {API}}}, {{policy: untouched}}]",
            f"routes: [{{match: {{headers: {{X-Client: 'mobile-*'}}}}, policy: {MORE}}}, {{policy: untouched}}]",
            [(("everything with X-Client: mobile-*",), GAIN)],
            id="a-field",
        ),
        pytest.param(
            f"policy: {API}\nroutes: [{{match: {{host: a.example}}}}, {{match: {{path: /x}}, policy: {MORE}}}, {{}}]",
            f"policy: {API}\nroutes: [{{match: {{path: /x}}, policy: {MORE}}}, {{match: {{host: a.example}}}}, {{}}]",
            [(("a.example/x",), GAIN)],
            id="routes-in-another-order",
        ),
        pytest.param(
            f"policy: {API}\nroutes: [{{match: {{destinations: iframe}}}}, {{match: {{headers: {{X-A: b}}}}, policy: {MORE}}}]",
            f"policy: {API}\nroutes: [{{match: {{headers: {{X-A: b}}}}, policy: {MORE}}}, {{match: {{destinations: iframe}}}}]",
            [(("everything with Sec-Fetch-Dest: iframe with X-A: b",), GAIN)],
            id="what-two-routes-ask-for-at-once",
        ),
        pytest.param(
            "routes: [{match: {path: /a}}]",
            "routes: [{match: {path: /a}}, {match: {path: /b}}]",
            [(("/b",), [("routes", WIDER)])],
            id="a-path-that-got-404",
        ),
        pytest.param(
            "routes: [{match: {path: /a}}, {match: {path: /b}}]",
            "routes: [{match: {path: /a}}]",
            [(("/b",), [("routes", NARROWER)])],
            id="a-path-that-gets-404",
        ),
        pytest.param(
            "version: 1\nupstream: http://a:1", "version: 1\nupstream: http://b:1", [(("everything",), [("upstream", CHANGED)])]
        ),
    ],
)
def test_a_difference_names_the_requests_that_it_holds_for(
    old: str, new: str, expected: list[tuple[tuple[str, ...], list[tuple[str, Direction]]]]
) -> None:
    """As few names as say the same."""
    assert told(compared(old, new)) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("", "trusted_proxies: [10.0.0.0/8]", [("trusted_proxies", WIDER)], id="trust"),
        pytest.param("trusted_proxies: [10.0.0.0/8]", "", [("trusted_proxies", NARROWER)], id="no-trust"),
        pytest.param("", "limits: {paths: lenient}", [("limits.paths", WIDER), ("limits", CHANGED)], id="lenient"),
        pytest.param("limits: {paths: lenient}", "", [("limits.paths", NARROWER), ("limits", CHANGED)], id="strict"),
        pytest.param("", "timeouts: {idle: 5s}", [("timeouts", CHANGED)], id="a-timeout"),
    ],
)
def test_what_holds_for_all_requests_is_told_once(old: str, new: str, expected: list[tuple[str, Direction]]) -> None:
    assert [(change.key, change.direction) for change in compared(old, new).settings] == expected


def test_more_routes_than_can_be_crossed_are_compared_each_for_its_own() -> None:
    """And it is said that not every combination was tried."""

    def many(policy: str) -> str:
        routes = "".join(f"  - {{match: {{host: h{n}.example, path: /p{n}/**}}, policy: {API}}}\n" for n in range(299))
        return f"routes:\n{routes}  - {{match: {{host: last.example, path: /last}}, policy: {policy}}}\n"

    comparison = compared(many(API), many(MORE))

    assert comparison.is_sampled
    assert told(comparison) == [(("last.example/last",), GAIN)]
    assert "not for every combination" in as_text(comparison)


COMPARISON = Comparison(
    (Difference(("/api/**",), (Change("corp", NARROWER, "a -> b"), Change("cors.allow_origins", WIDER, "x may read"))),),
    (Change("trusted_proxies", WIDER, "10.0.0.0/8 believed"),),
)


def test_a_comparison_is_told_with_what_is_wider_first() -> None:
    """For people, for logs, for programs."""
    assert as_text(COMPARISON).splitlines() == [
        "all requests",
        "  + WIDER trusted_proxies: 10.0.0.0/8 believed",
        "/api/**",
        "  + WIDER cors.allow_origins: x may read",
        "  - corp: a -> b",
        "2 wider, 1 narrower",
    ]
    assert as_lines(COMPARISON) == [
        (WIDER, "all requests: trusted_proxies: 10.0.0.0/8 believed"),
        (WIDER, "/api/**: cors.allow_origins: x may read"),
        (NARROWER, "/api/**: corp: a -> b"),
    ]
    assert json.loads(as_json(COMPARISON)) == {
        "widens": True,
        "sampled": False,
        "settings": [{"key": "trusted_proxies", "direction": "wider", "text": "10.0.0.0/8 believed"}],
        "differences": [
            {
                "requests": ["/api/**"],
                "changes": [
                    {"key": "corp", "direction": "narrower", "text": "a -> b"},
                    {"key": "cors.allow_origins", "direction": "wider", "text": "x may read"},
                ],
            }
        ],
    }
    assert summary(Comparison()) == "nothing is decided differently"


POLICIES = ("untouched", "isolated", "isolated-auto", "public-asset", API, MORE, "{cors: off}", "{corp: same-site}")
HOSTS = ("a.example", "*.a.example", "b.example")
PATHS = ("/x", "/x/**", "/x/*/y", "/**/y")

MATCHES = st.builds(
    lambda host, path, method: ", ".join(part for part in (host, path, method) if part),
    st.sampled_from(("", *(f"host: '{host}'" for host in HOSTS))),
    st.sampled_from(("", *(f"path: '{path}'" for path in PATHS))),
    st.sampled_from(("", "methods: [PUT]", "methods: [GET, PUT]", "destinations: [image]", "headers: {X-A: b}")),
)
FILES = st.lists(st.tuples(MATCHES, st.sampled_from(POLICIES)), min_size=1, max_size=4).map(
    lambda routes: "routes:\n" + "".join(f"  - {{match: {{{match}}}, policy: {policy}}}\n" for match, policy in routes)
)


def said(generation_: Generation, asked: WireRequest) -> tuple[int, Fields]:
    """Return what is answered, but for Vary: it says by what an answer was decided, not how."""
    response = Proxied(generation_).answer(asked).response
    return response.status, tuple(line for line in response.fields if line[0] != b"Vary")


@given(
    FILES,
    FILES,
    st.sampled_from(("a.example", "s.a.example", "c.example")),
    st.sampled_from(("/x", "/x/1/y", "/z", "/")),
    st.integers(1, 3),
)
def test_what_is_answered_otherwise_is_never_left_out(old: str, new: str, host: str, path: str, length: int) -> None:
    """If any request is answered otherwise, there is a difference; and if nobody gains, no origin reads what it did not."""
    before, after = generation(old), generation(new)
    comparison = compare(before, after)

    for method in (b"GET", b"PUT", b"POST"):
        fields = ((b"Origin", b"https://b.example"), (b"Sec-Fetch-Dest", b"image"), (b"X-A", b"b"))
        asked = WireRequest(method, f"https://{host}{path}", fields[:length])
        was, will = said(before, asked), said(after, asked)
        if was != will:
            assert comparison.changes
        if b"Access-Control-Allow-Origin" in dict(will[1]).keys() - dict(was[1]).keys():
            assert comparison.widens


def test_what_is_collected_is_told_once_and_not_of_every_route_that_loses_it() -> None:
    text = "routes: [{{match: {{path: /reports}}, policy: isolated}}, {{policy: isolated}}]\nreporting: {{{}}}\n"
    old, new = text.format("endpoints: {a: upstream}"), text.format("endpoints: {a: /reports}")
    other = text.format("endpoints: {a: /reports}, store: postgresql://u:secret@h/d")

    assert compared(old, new) == Comparison(
        (), (Change("reporting.endpoints", WIDER, "/reports collects reports"),), is_sampled=False
    )
    assert [(each.key, each.direction) for each in compared(new, old).settings] == [("reporting.endpoints", NARROWER)]
    assert compared(new, other).settings == (Change("reporting", CHANGED, "changed"),)
