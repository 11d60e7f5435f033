"""The policy file as it should be next: it loads, it is changed where it must be, and it widens nothing unsaid."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.configs import SOURCE, TODAY, compiled
from support.deciding import EDITOR, ENDPOINTS, NOW, group, traffic
from support.patching import dumped

from xoproxy.config import Loaded, Overrides, Text, Texts, compile_texts
from xoproxy.insight.deciding import decide
from xoproxy.insight.deciding.suggesting import Suggestion, suggest
from xoproxy.policy.model import Cors
from xoproxy.reports.model import Group

FILE = f"""\
version: 1
upstream: http://web:3000
policies:
  page:
    report_to: isolation
    observe:                     # on trial since spring
      coop: same-origin
      coep: require-corp
routes:
  - match: {{host: docs.app.example}}
    policy: untouched
  - policy: page                 # the editor, the login
{ENDPOINTS}"""
FRAME = group("coep", "navigation", EDITOR, "https://docs.app.example/help")
IMAGE = group("coep", "corp", EDITOR, "https://cdn.example/p.svg", "image")
OWN_IMAGE = group("coep", "corp", EDITOR, "https://docs.app.example/p.svg", "image")
LOGIN = group("coop", "navigation-from-response", "https://app.example/login", "https://idp.example/")
VIDEO = group("coep", "navigation", EDITOR, "https://video.example/")


def compile_(texts: Texts) -> Loaded:
    return compile_texts(texts, Overrides(), environ={}, today=TODAY, number=1)


def suggested(text: str, *groups: Group, loads: int = 5, enforce: bool = False) -> Suggestion:
    texts = Texts(SOURCE, (Text(SOURCE, text),))
    loaded = compile_(texts)
    outlook = decide(loaded, groups, traffic(loaded, loads), 0.0, NOW)
    return suggest(loaded, texts, outlook, compile_, enforce=enforce)


def replaced(*pairs: tuple[str, str], text: str = FILE) -> str:
    for before, after in pairs:
        assert text.count(before) == 1
        text = text.replace(before, after)
    return text


MENDED_FRAME = ("policy: untouched", "policy: [untouched, {corp: same-site, coep: require-corp}]")
EXCEPTION = (
    "  - policy: page  ",
    "  - match: {path: /login}\n    policy: [page, {observe: {coop: same-origin-allow-popups}}]\n  - policy: page  ",
)
OBSERVE = """\
    observe:                     # on trial since spring
      coop: same-origin
      coep: require-corp
"""


@pytest.mark.parametrize(
    ("groups", "pairs"),
    [
        pytest.param([], [], id="nothing-reported"),
        pytest.param([FRAME], [MENDED_FRAME], id="frame"),
        pytest.param([IMAGE], [("coep: require-corp", "coep: credentialless")], id="image-of-a-third-party"),
        pytest.param([OWN_IMAGE], [("policy: untouched", "policy: [untouched, {corp: same-site}]")], id="own-image"),
        pytest.param([OWN_IMAGE, FRAME], [MENDED_FRAME], id="image-and-frame-of-one-route"),
        pytest.param([LOGIN], [EXCEPTION], id="login"),
        pytest.param(
            [FRAME, IMAGE, LOGIN], [MENDED_FRAME, EXCEPTION, ("coep: require-corp", "coep: credentialless")], id="all"
        ),
    ],
)
def test_the_file_is_changed_where_it_must_be(groups: list[Group], pairs: list[tuple[str, str]]) -> None:
    """Comments stay; what was changed is told with what it gives away."""
    ordered = sorted(pairs, key=lambda pair: pair is MENDED_FRAME)  # which writes a second "coep: require-corp"
    suggestion = suggested(FILE, *groups)

    assert suggestion.texts.parts[0].text == replaced(*ordered)
    assert bool(suggestion.done) == bool(groups)
    assert not suggestion.remaining
    assert all("careful: " in line for line in suggestion.done)


def test_what_the_file_cannot_mend_remains() -> None:
    suggestion = suggested(FILE, VIDEO)

    assert suggestion.texts.parts[0].text == FILE
    (line,) = suggestion.remaining
    assert "https://video.example" in line
    assert "another plan: try document_isolation" in line


@pytest.mark.parametrize(
    ("groups", "pairs"),
    [
        pytest.param(
            [],
            [
                (OBSERVE, ""),
                ("report_to: isolation\n", "report_to: isolation\n    coop: same-origin\n    coep: require-corp\n"),
            ],
            id="all-is-safe",
        ),
        pytest.param(
            [LOGIN],
            [
                (OBSERVE, ""),
                ("report_to: isolation\n", "report_to: isolation\n    coop: same-origin\n    coep: require-corp\n"),
                (
                    EXCEPTION[0],
                    EXCEPTION[1].replace("{observe: {coop: same-origin-allow-popups}}", "{coop: same-origin-allow-popups}"),
                ),
            ],
            id="with-an-exception",
        ),
    ],
)
def test_what_is_safe_is_enforced_if_asked(groups: list[Group], pairs: list[tuple[str, str]]) -> None:
    assert suggested(FILE, *groups, enforce=True).texts.parts[0].text == replaced(*pairs)


@pytest.mark.parametrize(
    ("groups", "loads", "reason"),
    [
        pytest.param([IMAGE], 5, "to be tried first", id="another-value"),
        pytest.param([VIDEO], 5, "left in the way", id="not-mended"),
        pytest.param([], 0, "no page was loaded", id="no-traffic"),
    ],
)
def test_what_is_not_safe_stays_on_trial(groups: list[Group], loads: int, reason: str) -> None:
    suggestion = suggested(FILE, *groups, loads=loads, enforce=True)

    assert "coep" in compiled(suggestion.texts.parts[0].text).routes[1].policy.observe_coep.place.path  # type: ignore[union-attr]
    assert any("coep is not enforced yet" in line and reason in line for line in suggestion.remaining)


def test_words_that_another_route_uses_are_moved_when_that_one_is_ready_too() -> None:
    text = replaced(("policy: untouched", "policy: page"))
    ready = suggested(text, enforce=True)
    not_ready = suggested(
        text, group("coop", "navigation-from-response", "https://docs.app.example/a*b", "https://x.example/"), enforce=True
    )

    assert compiled(ready.texts.parts[0].text).routes[0].route.policy.coop is not None
    assert compiled(not_ready.texts.parts[0].text).routes[1].route.policy.coop is None


def test_a_file_without_routes_gets_some() -> None:
    text = f"""\
version: 1
upstream: http://web:3000
policy: page
policies:
  page: {{report_to: isolation, observe: {{coop: same-origin}}}}
{ENDPOINTS}"""
    after = suggested(text, LOGIN).texts.parts[0].text

    assert [(draft.route.match.path, draft.route.policy_name) for draft in compiled(after).routes] == [
        ("/login", "page + {observe}"),
        (None, "page"),
    ]


def test_what_cannot_be_patched_is_told_and_nothing_is_changed_by_half() -> None:
    text = FILE.replace("policy: untouched", "policy: &docs {corp: same-origin}").replace(
        "routes:\n", "routes:\n  - match: {host: x.example}\n    policy: &p untouched\n"
    )
    text = text.replace("    policy: &p untouched\n", "    policy: untouched\n")
    suggestion = suggested(text, OWN_IMAGE, LOGIN)

    assert suggestion.texts.parts[0].text == text
    assert len(suggestion.by_hand) == 2


observed = st.fixed_dictionaries(
    {},
    optional={
        "coop": st.sampled_from(["same-origin", "same-origin-allow-popups", {"value": "same-origin", "report_to": "other"}]),
        "coep": st.sampled_from(
            ["require-corp", "credentialless", "auto", {"value": "require-corp", "report_to": "isolation"}]
        ),
        "document_isolation": st.sampled_from(["isolate-and-require-corp", "isolate-and-credentialless"]),
        "permissions_policy": st.just({"camera": "none"}),
        "integrity_policy": st.just({"blocked_destinations": ["script"]}),
    },
).filter(bool)
keys = st.fixed_dictionaries(
    {},
    optional={
        "observe": observed,
        "corp": st.sampled_from(["same-origin", "same-site", "off"]),
        "coep": st.sampled_from(["require-corp", "credentialless", "off"]),
        "coop": st.sampled_from(["same-origin-allow-popups", "off"]),
        "upstream_fields": st.sampled_from(["fill", "passthrough"]),
        "report_to": st.just("isolation"),
    },
).filter(bool)
reference = st.one_of(
    st.sampled_from(["page", "asset", "untouched"]),
    keys,
    st.lists(st.one_of(st.sampled_from(["page", "asset"]), keys), min_size=1, max_size=3),
)
matches = st.fixed_dictionaries(
    {},
    optional={
        "host": st.sampled_from(["app.example", "docs.app.example", "*.example"]),
        "path": st.sampled_from(["/login", "/a/**", "/p.svg"]),
    },
)
files = st.fixed_dictionaries(
    {
        "version": st.just("1"),
        "upstream": st.just("http://web:3000"),
        "policies": st.fixed_dictionaries({"page": keys, "asset": keys}),
        "reporting": st.just({"endpoints": {"isolation": "/r", "other": "/r"}}),
    },
    optional={
        "policy": reference,
        "routes": st.lists(st.fixed_dictionaries({"policy": reference}, optional={"match": matches}), min_size=1, max_size=4),
    },
)
urls = st.sampled_from(
    [
        "https://app.example/login",
        "https://app.example/a/b",
        "https://docs.app.example/p.svg",
        "https://cdn.example/p.svg",
        EDITOR,
        "",
    ]
)
reported = st.builds(
    group,
    st.sampled_from(["coep", "coep", "coop", "dip", "permissions-policy-violation", "integrity-violation"]),
    st.sampled_from(
        ["corp", "navigation", "worker initialization", "navigation-from-response", "access-to-coop-page-from-opener"]
    ),
    urls,
    urls,
    st.sampled_from(["", "image", "iframe", "script"]),
)


@settings(
    max_examples=150,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    file=files,
    groups=st.lists(reported, max_size=6),
    style=st.sampled_from([False, True, None]),
    enforce=st.booleans(),
)
def test_whatever_is_suggested_loads_and_means_what_it_says(
    file: dict[str, Any], groups: list[Group], style: bool | None, enforce: bool
) -> None:
    """Or it is told, and nothing is changed: where parts of composed policies hide each other, words cannot always be moved."""
    text = dumped(file, flow=style)
    before = compiled(text)
    suggestion = suggested(text, *groups, enforce=enforce)

    assert not (suggestion.by_hand and suggestion.done)
    after = compiled(suggestion.texts.parts[0].text)
    assert not any(isinstance(draft.route.policy.cors, Cors) for draft in after.routes)
    assert len(after.routes) >= len(before.routes)
    if suggestion.texts.parts[0].text == text:
        assert not suggestion.done
