"""From reports to a decision: what is safe to enforce, what stands in the way, whose it is, and what mends it."""

import pytest
from support.configs import compiled
from support.deciding import EDITOR, ENDPOINTS, NOW, PAGE, decided, fix_kinds, group, only, traffic

from xoproxy.insight.deciding import Verdict, as_json, as_text, decide, doubt_of, route_key
from xoproxy.insight.deciding.decide import MAX_BLOCKERS, MAX_PAGES
from xoproxy.insight.deciding.outlook import Remedy, Whose
from xoproxy.reports.model import Traffic

FILE = f"""\
version: 1
upstream: http://web:3000
policies:
  page:
    report_to: isolation
    observe: {{coop: same-origin, coep: require-corp}}
  enforcing: {{coep: require-corp}}
routes:
  - match: {{host: docs.app.example}}
    policy: untouched
  - match: {{host: static.app.example}}
    policy: {{corp: same-origin}}
  - match: {{host: media.other-site.example}}
    policy: untouched
  - match: {{host: app.example, path: /old/**}}
    policy: enforcing
  - match: {{host: app.example}}
    policy: page
{ENDPOINTS}"""
LOADED = compiled(FILE)


def test_traffic_without_a_report_is_safe() -> None:
    outlook = decide(LOADED, (), traffic(LOADED, 40), 0.0, NOW)

    assert [(each.key, each.verdict, each.loads) for each in outlook.observations] == [
        ("coop", Verdict.SAFE, 40),
        ("coep", Verdict.SAFE, 40),
    ]
    assert outlook.safe
    assert [[placement.place.path for placement in each.enforcing] for each in outlook.observations] == [
        ["policies.page", "policies.page.observe.coop"],
        ["policies.page", "policies.page.observe.coep"],
    ]


def test_silence_without_traffic_proves_nothing() -> None:
    outlook = decide(LOADED, (), traffic(LOADED, 0), 0.0, NOW)

    assert {each.verdict for each in outlook.observations} == {Verdict.NO_TRAFFIC}
    assert {each.verdict for each in decide(LOADED, (), {}, 0.0, NOW).observations} == {Verdict.NO_TRAFFIC}
    assert not outlook.safe


def test_nothing_is_safe_while_reports_may_be_missing() -> None:
    """What was reported stands in the way all the same."""
    report = group("coep", "corp", EDITOR, "https://cdn.example.net/a.png", "image")
    outlook = decide(LOADED, (report,), traffic(LOADED, 40), 0.0, NOW, "the store is away")

    coop, coep = outlook.observations
    assert (coop.verdict, coop.why, coop.enforcing) == (Verdict.UNKNOWN, "the store is away", ())
    assert coep.verdict is Verdict.BLOCKED
    assert not outlook.safe


@pytest.mark.parametrize(
    ("error", "read", "total", "doubt"),
    [
        pytest.param("", 7, 7, "", id="all-there-is"),
        pytest.param("the disk is full", 7, 7, "the store has a problem: the disk is full", id="broken-store"),
        pytest.param("", 1000, 1001, "only 1,000 of 1,001 groups", id="too-many"),
    ],
)
def test_it_is_told_why_reports_may_be_missing(error: str, read: int, total: int, doubt: str) -> None:
    told = doubt_of(error, read, total)

    assert doubt in told
    assert bool(told) == bool(doubt)


def test_nothing_observed_is_not_safe() -> None:
    outlook = decide(compiled("version: 1\nupstream: http://web:3000\npolicy: isolated\n"), (), {}, 0.0, NOW)

    assert not outlook.safe
    assert as_text(as_json(outlook)).startswith("nothing is observed")


@pytest.mark.parametrize(
    ("last_seen", "since", "observed_since", "verdict"),
    [
        pytest.param(500.0, 0.0, 400.0, Verdict.BLOCKED, id="in-the-trial"),
        pytest.param(500.0, 0.0, 600.0, Verdict.SAFE, id="before-the-policy-was-as-it-is"),
        pytest.param(500.0, 501.0, 400.0, Verdict.SAFE, id="before-the-period"),
        pytest.param(500.0, 500.0, 500.0, Verdict.BLOCKED, id="at-their-very-beginning"),
    ],
)
def test_a_report_counts_from_the_later_of_period_and_trial(
    last_seen: float, since: float, observed_since: float, verdict: Verdict
) -> None:
    reported = group("coep", "corp", EDITOR, "https://cdn.example/p.svg", "image", last_seen=last_seen)
    seen = {route_key(LOADED.routes[4].route): Traffic(7, observed_since)}

    assert only(decide(LOADED, [reported], seen, since, NOW), "coep").verdict is verdict


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        pytest.param({"disposition": "enforce"}, False, id="of-an-enforced-policy"),
        pytest.param({"type": "csp-violation"}, False, id="of-another-field"),
        pytest.param({"type": "surprise"}, False, id="of-an-unknown-type"),
        pytest.param({"document": "https://app.example/old/page"}, False, id="on-a-route-that-observes-nothing"),
        pytest.param({"document": "https://nobody.example/"}, False, id="of-no-route"),
        pytest.param({"document": ""}, False, id="of-no-document"),
        pytest.param({"document": "https://[::1/\x00 \ud800"}, False, id="of-junk"),
        pytest.param({}, True, id="of-the-trial"),
    ],
)
def test_only_reports_of_what_is_observed_decide(changes: dict[str, str], counts: bool) -> None:
    """All others are listed."""
    said = {"type": "coep", "kind": "corp", "document": EDITOR, "blocked": "https://cdn.example/p", "destination": "image"}
    reported = group(**{**said, **changes})
    outlook = decide(LOADED, [reported], traffic(LOADED, 1), 0.0, NOW)

    assert (only(outlook, "coep").verdict is Verdict.BLOCKED) == counts
    assert len(outlook.others) == (not counts)


@pytest.mark.parametrize(
    ("blocked", "whose", "route"),
    [
        ("https://app.example/p.svg", Whose.OWN_ROUTE, "routes[4]"),
        ("https://app.example:8443/p.svg", Whose.OWN_ROUTE, "routes[4]"),
        ("https://docs.app.example/p.svg", Whose.OWN_ROUTE, "routes[0]"),
        ("https://media.other-site.example/p.svg", Whose.OWN_ROUTE, "routes[2]"),
        ("https://cdn.app.example/p.svg", Whose.OWN_ORIGIN, ""),
        ("https://cdn.example/p.svg", Whose.THIRD_PARTY, ""),
        ("inline", Whose.UNKNOWN, ""),
        ("", Whose.UNKNOWN, ""),
        ("data:image/svg+xml,x", Whose.UNKNOWN, ""),
    ],
)
def test_whose_something_is(blocked: str, whose: Whose, route: str) -> None:
    blocker = decided(LOADED, group("coep", "corp", EDITOR, blocked, "image"))

    assert (blocker.whose, blocker.route) == (whose, route)


@pytest.mark.parametrize(
    ("kind", "blocked", "destination", "fixes"),
    [
        pytest.param("corp", "https://docs.app.example/p.svg", "image", ["corp", "credentialless"], id="own-image"),
        pytest.param(
            "corp",
            "https://cdn.app.example/p.svg",
            "image",
            ["ask the owner", "crossorigin attribute", "credentialless", "proxy it"],
            id="image-of-an-own-other-origin",
        ),
        pytest.param(
            "corp",
            "https://cdn.example/app.js",
            "script",
            ["ask the owner", "crossorigin attribute", "credentialless", "proxy it"],
            id="script-of-a-third-party",
        ),
        pytest.param(
            "navigation", "https://docs.app.example/help", "", ["coep", "document_isolation"], id="frame-of-an-own-route"
        ),
        pytest.param(
            "navigation",
            "https://video.example/embed",
            "",
            ["ask the owner", "credentialless frame", "document_isolation"],
            id="frame-of-a-third-party",
        ),
        pytest.param("worker initialization", "https://app.example/old/w.js", "", [], id="worker-that-has-it-already"),
        pytest.param("corp", "inline", "", [], id="what-is-no-url"),
    ],
)
def test_what_mends_what_an_embedder_policy_would_block(kind: str, blocked: str, destination: str, fixes: list[str]) -> None:
    """In the order in which to try."""
    blocker = decided(LOADED, group("coep", kind, EDITOR, blocked, destination))

    assert fix_kinds(blocker) == fixes
    assert all(fix.placements for fix in blocker.fixes if fix.remedy.value in ("corp", "coep", "credentialless"))


@pytest.mark.parametrize(
    ("document", "blocked", "yaml"),
    [
        pytest.param(EDITOR, "https://docs.app.example/p.svg", "policy: [untouched, {corp: same-site}]", id="one-site"),
        pytest.param(
            EDITOR, "https://media.other-site.example/p.svg", "policy: [untouched, {corp: cross-origin}]", id="two-sites"
        ),
        pytest.param(EDITOR, "https://static.app.example/p.svg", "corp: same-site", id="too-narrow-so-far"),
    ],
)
def test_a_resource_gets_the_narrowest_policy_that_does(document: str, blocked: str, yaml: str) -> None:
    fix = decided(LOADED, group("coep", "corp", document, blocked, "image")).fixes[0]

    assert (fix.remedy, [placement.yaml for placement in fix.placements]) == (Remedy.CORP, [yaml])
    assert fix.dangers  # whoever may embed it then is named


def test_a_frame_is_one_blocker_though_it_is_reported_twice() -> None:
    frame = "https://docs.app.example/help"
    found = only(
        decide(
            LOADED,
            [group("coep", "corp", EDITOR, frame, "iframe", count=2), group("coep", "navigation", EDITOR, frame, count=3)],
            {},
            0.0,
            NOW,
        ),
        "coep",
    )

    (blocker,) = found.pages[0].blockers
    assert (blocker.reports, blocker.kind) == (5, "navigation")
    assert [placement.yaml for placement in blocker.fixes[0].placements] == [
        "policy: [untouched, {corp: same-site, coep: require-corp}]"
    ]


@pytest.mark.parametrize(("kind", "path"), [("navigation", "/frame"), ("worker initialization", "/w.js")])
def test_what_gets_the_policy_with_its_page_does_not_stand_in_the_way(kind: str, path: str) -> None:
    """Under observation the frames and workers of the route itself have no embedder policy yet; enforced, they have."""
    reported = group("coep", kind, EDITOR, f"https://app.example{path}")
    found = only(decide(LOADED, [reported], traffic(LOADED, 3), 0.0, NOW), "coep")

    assert found.verdict is Verdict.SAFE
    assert found.pages[0].blockers[0].mended


@pytest.mark.parametrize(
    ("value", "kind", "destination", "verdict"),
    [
        ("credentialless", "corp", "image", Verdict.SAFE),
        ("credentialless", "corp", "iframe", Verdict.BLOCKED),
        ("credentialless", "navigation", "", Verdict.BLOCKED),
        ("auto", "corp", "image", Verdict.BLOCKED),  # Safari gets require-corp
        ("require-corp", "corp", "image", Verdict.BLOCKED),
    ],
)
def test_what_is_reported_for_its_cookies_loads_without(value: str, kind: str, destination: str, verdict: Verdict) -> None:
    """While `credentialless` is observed Chromium sends cookies, and reports what would not get any if it were enforced."""
    loaded = compiled(PAGE.format(observe=f"coep: {value}"))
    reported = group("coep", kind, EDITOR, "https://cdn.example/p", destination)

    assert only(decide(loaded, [reported], traffic(loaded, 3), 0.0, NOW), "coep").verdict is verdict


def test_one_thing_in_the_way_is_enough() -> None:
    harmless = group("coep", "navigation", EDITOR, "https://app.example/frame", count=9)
    grave = group("coep", "corp", EDITOR, "https://cdn.example/p", "image")
    found = only(decide(LOADED, [harmless, grave], traffic(LOADED, 3), 0.0, NOW), "coep")

    assert found.verdict is Verdict.BLOCKED
    assert [bool(blocker.harmless) for blocker in found.pages[0].blockers] == [True, False]


def test_what_the_file_mends_by_now_still_counts_until_it_is_no_longer_reported() -> None:
    """The report may come from a redirect, which the file does not tell of."""
    loaded = compiled(FILE.replace("policy: {corp: same-origin}", "policy: {corp: same-site}"))
    found = only(
        decide(loaded, [group("coep", "corp", EDITOR, "https://static.app.example/p", "image")], traffic(loaded, 3), 0, NOW),
        "coep",
    )

    assert found.verdict is Verdict.BLOCKED
    assert (found.pages[0].blockers[0].mended, found.pages[0].blockers[0].fixes) == (True, ())


@pytest.mark.parametrize(
    ("kinds", "value", "remedy"),
    [
        (["navigation-from-response"], "same-origin-allow-popups", Remedy.POPUP_EXCEPTION),
        (
            ["access-from-coop-page-to-openee", "access-to-coop-page-from-openee"],
            "same-origin-allow-popups",
            Remedy.POPUP_EXCEPTION,
        ),
        (["navigation-to-response"], "unsafe-none", Remedy.POPUP_PAGE),
        (["access-to-coop-page-from-opener"], "unsafe-none", Remedy.POPUP_PAGE),
        (["navigation-from-response", "navigation-to-response"], "unsafe-none", Remedy.POPUP_PAGE),
        (["access-to-coop-page-from-other"], "unsafe-none", Remedy.POPUP_PAGE),
    ],
)
def test_a_path_that_needs_its_windows_is_excepted(kinds: list[str], value: str, remedy: Remedy) -> None:
    reported = [group("coop", kind, "https://app.example/login", "https://idp.example/") for kind in kinds]
    found = only(decide(LOADED, reported, {}, 0.0, NOW), "coop")

    (blocker,) = found.pages[0].blockers
    assert (blocker.fixes[0].remedy, blocker.fixes[0].placements[0].yaml) == (
        remedy,
        f"- match: {{host: app.example, path: /login}}\n  policy: [page, {{observe: {{coop: {value}}}}}]",
    )
    assert blocker.fixes[1].is_alternative


def test_a_route_of_that_very_path_is_changed_itself() -> None:
    loaded = compiled(FILE.replace("path: /old/**}\n    policy: enforcing", "path: /login}\n    policy: page"))
    reported = group("coop", "navigation-from-response", "https://app.example/login", "https://idp.example/")
    found = [each for each in decide(loaded, [reported], {}, 0.0, NOW).observations if each.pages]

    assert [placement.yaml for placement in found[0].pages[0].blockers[0].fixes[0].placements] == [
        "policy: [page, {observe: {coop: same-origin-allow-popups}}]"
    ]


def test_a_path_that_no_glob_says_gets_no_exception() -> None:
    reported = group("coop", "navigation-from-response", "https://app.example/a*b", "https://idp.example/")

    assert [fix.remedy for fix in decided(LOADED, reported, "coop").fixes] == [Remedy.DOCUMENT_ISOLATION]


@pytest.mark.parametrize(
    ("observe", "type_", "kind"),
    [
        ("permissions_policy: {camera: none}", "permissions-policy-violation", ""),
        ("integrity_policy: {blocked_destinations: [script]}", "integrity-violation", ""),
    ],
)
def test_other_observed_fields_have_their_verdict(observe: str, type_: str, kind: str) -> None:
    loaded = compiled(PAGE.format(observe=observe))
    outlook = decide(loaded, [group(type_, kind, EDITOR, "https://app.example/x.js", "script")], traffic(loaded, 2), 0.0, NOW)

    assert [each.verdict for each in outlook.observations] == [Verdict.BLOCKED]
    assert [fix.remedy for fix in outlook.observations[0].pages[0].blockers[0].fixes] == [Remedy.PAGE]
    assert decide(loaded, (), traffic(loaded, 2), 0.0, NOW).safe


def test_what_no_browser_reports_cannot_be_told() -> None:
    loaded = compiled(PAGE.format(observe="document_isolation: isolate-and-require-corp"))
    outlook = decide(loaded, (), traffic(loaded, 2), 0.0, NOW)

    assert [each.verdict for each in outlook.observations] == [Verdict.UNKNOWN]


@pytest.mark.parametrize("url", ["https://collector.example/r", "upstream"])
def test_what_is_reported_elsewhere_has_no_evidence_here(url: str) -> None:
    loaded = compiled(PAGE.format(observe="coep: require-corp").replace("/.well-known/xoproxy/reports", url))
    (found,) = decide(loaded, (), traffic(loaded, 2), 0.0, NOW).observations

    assert found.verdict is Verdict.NO_TRAFFIC
    assert "do not come here" in found.why


def test_what_is_listed_is_bounded_and_what_is_counted_is_not() -> None:
    many = [
        group("coep", "corp", f"https://app.example/p{page}", f"https://cdn.example/{n}.svg", "image")
        for page in range(MAX_PAGES + 3)
        for n in range(MAX_BLOCKERS + 2)
    ]
    found = only(decide(LOADED, many, traffic(LOADED, 1), 0.0, NOW), "coep")

    assert found.reports == len(many)
    assert (len(found.pages), found.more) == (MAX_PAGES, 3)
    assert (len(found.pages[0].blockers), found.pages[0].more) == (MAX_BLOCKERS, 2)
    assert "and 12 more\n  and 43 more pages\n" in as_text(as_json(decide(LOADED, many, {}, 0.0, NOW)))


def test_hosts_that_routes_tell_by_destination_are_asked_as_pages_are() -> None:
    loaded = compiled(FILE.replace("{host: app.example}", "{host: app.example, destinations: [iframe]}"))

    assert decided(loaded, group("coep", "corp", EDITOR, "https://cdn.example/p", "image")).fixes
