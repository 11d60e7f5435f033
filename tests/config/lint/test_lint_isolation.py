"""Isolation that is not, and what it breaks: each fault, and what is nearly one."""

import pytest
from support.configs import checked
from support.lints import lints, lints_of_policy

REPORTING = "reporting: {endpoints: {r: upstream}}\n"
ISOLATED = "coop: same-origin\ncoep: require-corp\n"


@pytest.mark.parametrize("coep", ["require-corp", "credentialless", "auto"])
@pytest.mark.parametrize(
    "coop", ["", "coop: off\n", "coop: unsafe-none\n", "coop: same-origin-allow-popups\n", "coop: noopener-allow-popups\n"]
)
def test_coep_needs_coop_same_origin_to_isolate(coop: str, coep: str) -> None:
    """HTML, "cross-origin isolated": no other opener policy does."""
    assert lints_of_policy(f"{coop}coep: {coep}") == ["XO306"]


@pytest.mark.parametrize(
    ("policy", "match"),
    [
        pytest.param(ISOLATED, "{}", id="both"),
        pytest.param("coep: off", "{}", id="off"),
        pytest.param("coep: unsafe-none", "{}", id="unsafe-none"),
        pytest.param("observe: {coep: require-corp}\nreport_to: reports", "{}", id="observed"),
        pytest.param("coep: require-corp\ncorp: cross-origin", "{}", id="frame-for-all"),
        pytest.param("coop: off\ncoep: require-corp\ncorp: same-site", "{}", id="frame-of-the-site"),
        pytest.param("coep: require-corp", "{destinations: [iframe, worker]}", id="no-top-level-document"),
        pytest.param("coep: require-corp\ndocument_isolation: isolate-and-require-corp", "{}", id="isolated-by-itself"),
    ],
)
def test_coep_with_coop_or_without_need_of_it_is_right(policy: str, match: str) -> None:
    assert lints_of_policy(policy, match) == []


def test_coep_without_coop_where_documents_come_too() -> None:
    assert lints_of_policy("coep: require-corp", "{destinations: [document, iframe]}") == ["XO306"]


def test_frames_do_not_excuse_popups() -> None:
    """Who writes an opener policy for popups has pages in mind."""
    assert lints_of_policy("coop: same-origin-allow-popups\ncoep: require-corp\ncorp: cross-origin") == ["XO306"]


@pytest.mark.parametrize(
    "text",
    [
        "policy: [isolated, {coep: off}]\n",
        "policy: [isolated-auto, {coep: unsafe-none}]\n",
        "policy: {permissions_policy: {cross-origin-isolated: [self]}}\n",
        'policy: {coop: same-origin, permissions_policy: {cross-origin-isolated: "*"}}\n',
    ],
)
def test_isolation_that_is_meant_and_missed(text: str) -> None:
    assert lints(text) == ["XO307"]


@pytest.mark.parametrize(
    "text",
    [
        "policy: {coop: same-origin}\n",
        "policy: [isolated, {coep: off, observe: {coep: {value: require-corp, report_to: r}}}]\n" + REPORTING,
        "policy: [isolated, {permissions_policy: {cross-origin-isolated: [self]}}]\n",
        "policy: {permissions_policy: {cross-origin-isolated: none}}\n",
        "policy: {permissions_policy: {camera: none}}\n",
        "policy: [isolated, {coop: off, coep: off, corp: off}]\n",
        "policy: {document_isolation: isolate-and-credentialless, permissions_policy: {cross-origin-isolated: [self]}}\n",
    ],
)
def test_isolation_that_nobody_means_is_not_missed(text: str) -> None:
    assert lints(text) == []


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        (ISOLATED + "permissions_policy: {cross-origin-isolated: none}", ["XO335"]),
        (ISOLATED + 'permissions_policy: {cross-origin-isolated: ["https://w.example"]}', ["XO335"]),
        (ISOLATED + 'permissions_policy: {cross-origin-isolated: [self, "https://w.example"]}', []),
        (ISOLATED + 'permissions_policy: {cross-origin-isolated: "*"}', []),
        (ISOLATED + "permissions_policy: {camera: none}", []),
        (ISOLATED + "origin_agent_cluster: false", ["XO334"]),
        (ISOLATED + "origin_agent_cluster: true", []),
        ("document_isolation: isolate-and-require-corp\norigin_agent_cluster: false", ["XO334"]),
        ("origin_agent_cluster: false", []),
    ],
)
def test_what_takes_isolation_back(policy: str, found: list[str]) -> None:
    assert lints_of_policy(policy) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("policy: {coop: same-origin, coep: credentialless}\n", ["XO308"]),
        ("policy: [isolated, {coep: credentialless}]\n", ["XO308"]),
        ("policy: isolated-credentialless\n", []),
        ("policy: {coop: same-origin, coep: auto}\n", []),
        ("policy: {coep: credentialless, corp: cross-origin}\n", []),
        (
            "policy: {coop: same-origin, coep: credentialless, observe: {coep: {value: require-corp, report_to: r}}}\n"
            + REPORTING,
            [],
        ),
    ],
)
def test_credentialless_alone_forgets_safari(text: str, found: list[str]) -> None:
    assert lints(text) == found


@pytest.mark.parametrize(
    "match",
    [
        "{path: /oauth/callback}",
        "{path: /oauth/**}",
        "{path: /OAuth2/*}",
        "{path: /api/auth/**}",
        "{path: /sign-in}",
        "{path: /user_login}",
        "{path: /checkout/pay}",
        "{path: /auth.html}",
        "{host: login.example.com}",
        "{host: '*.sso.example.com'}",
    ],
)
def test_login_and_payment_paths_are_no_place_for_coop_same_origin(match: str) -> None:
    assert lints_of_policy("coop: same-origin", match) == ["XO309"]
    assert lints_of_policy("coop: same-origin-allow-popups", match) == []
    assert lints_of_policy("observe: {coop: same-origin}\nreport_to: reports", match) == []


@pytest.mark.parametrize(
    "match", ["{path: /author/**}", "{path: /payload}", "{path: /blogin}", "{path: /**}", "{host: app.login.example.com}", "{}"]
)
def test_words_that_only_contain_login_are_no_login(match: str) -> None:
    assert lints_of_policy("coop: same-origin", match) == []


def test_value_of_a_preset_is_told_where_the_preset_is_named() -> None:
    """Nobody can change a preset."""
    (problem,) = checked("version: 1\nupstream: http://a:1\nroutes:\n- policy: [isolated, {coop: off}]\n")

    assert (problem.id, problem.line, problem.column, problem.path) == ("XO306", 4, 11, "routes[0].policy")
