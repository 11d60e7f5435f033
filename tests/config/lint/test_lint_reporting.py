"""Trials and reports that tell nothing, tell it twice, or tell nobody."""

import pytest
from support.lints import lints, lints_of_policy

FAR = "reporting: {endpoints: {far: https://reports.example/in, own: upstream}}\n"


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        ("coop: same-origin\nobserve: {coop: same-origin}", ["XO312"]),
        ("coop: same-origin\nobserve: {coop: same-origin-allow-popups}", []),
        (
            "document_isolation: isolate-and-credentialless\nobserve: {document_isolation: isolate-and-credentialless}",
            ["XO312"],
        ),
        ("document_isolation: isolate-and-credentialless\nobserve: {document_isolation: isolate-and-require-corp}", []),
        ("permissions_policy: {camera: none}\nobserve: {permissions_policy: {camera: none}}", ["XO312"]),
        ("permissions_policy: {camera: none}\nobserve: {permissions_policy: {camera: [self]}}", []),
        (
            "integrity_policy: {blocked_destinations: [script]}\nobserve: {integrity_policy: {blocked_destinations: [script]}}",
            ["XO312"],
        ),
        (
            "integrity_policy: {blocked_destinations: [script]}\nobserve: {integrity_policy: {blocked_destinations: [style]}}",
            [],
        ),
        ("observe: {coop: unsafe-none}", ["XO313"]),
        ("observe: {coep: unsafe-none}", ["XO313"]),
        ("observe: {document_isolation: none}", ["XO313"]),
        ("coop: off\nobserve: {coop: same-origin}", []),
    ],
)
def test_what_is_observed(policy: str, found: list[str]) -> None:
    """With somebody who is told."""
    assert lints_of_policy(f"{policy}\nreport_to: reports") == found


@pytest.mark.parametrize(
    "observed", ["coop: same-origin", "coep: require-corp", "document_isolation: isolate-and-require-corp"]
)
def test_trial_that_nobody_hears_of(observed: str) -> None:
    key, _, value = observed.partition(": ")

    assert lints_of_policy(f"observe: {{{observed}}}") == ["XO314"]
    assert lints_of_policy(f"observe: {{{key}: {{value: {value}, report_to: reports}}}}") == []


def test_trial_of_nothing_is_told_once() -> None:
    assert lints_of_policy("observe: {coep: unsafe-none}") == ["XO313"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("policy: isolated\n", ["XO315"]),
        ("policy: [isolated, {report_to: far}]\n", ["XO315"]),
        ("policy: {coop: {value: same-origin, report_to: far}, observe: {coep: {value: require-corp, report_to: own}}}\n", []),
        ("routes: [{policy: [isolated, {report_to: own}]}]\npolicy: {coop: {value: same-origin, report_to: far}}\n", []),
    ],
)
def test_endpoint_that_nothing_reports_to(text: str, found: list[str]) -> None:
    """The policy for answers that belong to no route counts."""
    assert lints(FAR + text) == found


def test_endpoint_of_a_policy_that_no_route_uses_is_told_once() -> None:
    reporting = "reporting: {endpoints: {far: upstream}}\n"

    assert lints(reporting + "policies: {page: {coop: {value: same-origin, report_to: far}}}\npolicy: untouched\n") == ["XO331"]


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        ("corp: same-origin\nreport_to: reports", ["XO316"]),
        ("cors: {allow_origins: '*'}\nreport_to: reports", ["XO316"]),
        ("coop: off\nreport_to: reports", ["XO316"]),
        ("coop: unsafe-none\nreport_to: reports", []),
        ("coep: {value: require-corp, report_to: reports}\ncoop: same-origin", []),
    ],
)
def test_report_to_wants_something_to_report(policy: str, found: list[str]) -> None:
    assert lints_of_policy(policy) == found


def test_report_to_of_a_part_is_judged_by_all_that_is_made_of_it() -> None:
    parts = "reporting: {endpoints: {r: upstream}}\npolicies: {base: {report_to: r}, page: [base, {coop: same-origin}]}\n"

    assert lints(parts + "routes: [{match: {path: /a}, policy: base}, {policy: page}]\n") == []
    assert lints(parts + "routes: [{match: {path: /a}, policy: base}, {policy: [base, {corp: same-site}]}]\n") == [
        "XO316",
        "XO331",
    ]


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        ('headers: {set: {Content-Security-Policy: "default-src x; report-to csp"}}', ["XO329"]),
        ('headers: {add: {content-security-policy-report-only: ["report-to csp"]}}', ["XO329"]),
        ('headers: {set: {Content-Security-Policy: "default-src x; REPORT-TO reports"}}', ["XO329"]),
        ('headers: {set: {Content-Security-Policy: "report-to reports"}}\ncoop: {value: same-origin, report_to: reports}', []),
        ('headers: {set: {Content-Security-Policy: "report-uri /csp"}}', []),
        ('headers: {set: {X-Note: "report-to csp"}}', []),
    ],
)
def test_csp_reports_where_something_else_does(policy: str, found: list[str]) -> None:
    assert lints_of_policy(policy) == found


def test_csp_may_report_to_what_the_application_declares() -> None:
    csp = 'policy: {headers: {set: {Content-Security-Policy: "report-to csp"}}}\n'

    assert lints(csp + "reporting: {endpoints: {csp: upstream}}\n") == []
