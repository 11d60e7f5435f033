"""Policies and upstreams that no route uses."""

import pytest
from support.configs import HEAD, checked, compiled
from support.lints import lints

from xoproxy.config import Overrides
from xoproxy.config.lint import lint

PAGES = "policies: {page: {coop: same-origin}, parts: [page, {corp: same-site}]}\n"


@pytest.mark.parametrize(
    ("text", "unused"),
    [
        (PAGES, ["page", "parts"]),
        (PAGES + "policy: page\n", ["parts"]),
        (PAGES + "policy: parts\n", []),
        (PAGES + "policy: [untouched, page]\n", ["parts"]),
        (PAGES + "routes: [{match: {path: /a}, policy: parts}]\n", []),
        (PAGES + "policy: parts\nroutes: [{policy: untouched}]\n", []),  # for answers that belong to no route
    ],
)
def test_policy_is_used_by_a_route_or_by_a_policy_that_is(text: str, unused: list[str]) -> None:
    found = checked(HEAD + text)

    assert [(problem.id, problem.path) for problem in found] == [("XO331", f"policies.{name}") for name in unused]


def test_policy_that_the_environment_names_is_used() -> None:
    assert checked(HEAD + "policies: {page: {coop: same-origin}}\npolicy: ${POLICY}\n", environ={"POLICY": "page"}) == ()


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("upstream: http://a:1\nroutes: [{upstream: b}]\nupstreams: {b: http://b:1}\n", ["upstream"]),
        ("upstream: b\nroutes: [{upstream: b}]\nupstreams: {b: http://b:1, c: http://c:1}\n", ["upstreams.c"]),
        ("upstream: c\nroutes: [{match: {path: /a}, upstream: b}, {}]\nupstreams: {b: http://b:1, c: http://c:1}\n", []),
    ],
)
def test_upstream_is_used_by_a_route(text: str, places: list[str]) -> None:
    found = checked("version: 1\n" + text)

    assert [(problem.id, problem.path) for problem in found] == [("XO332", place) for place in places]


FILE = (
    "version: 1\nupstream: web\nupstreams: {web: http://web:1, api: http://api:1}\npolicies: {page: {coop: same-origin}}\n"
    "policy: page\nreporting: {endpoints: {r: upstream}}\nroutes: [{match: {path: /api/**}, upstream: api}, {}]\n"
)


@pytest.mark.parametrize(
    ("overrides", "found"),
    [
        (Overrides(), ["XO315"]),
        (Overrides(policy="isolated"), []),
        (Overrides(upstream="http://other:1"), ["XO315"]),
        (Overrides(policy="isolated", upstream="http://other:1"), []),
    ],
)
def test_what_an_option_replaces_is_not_unused(overrides: Overrides, found: list[str]) -> None:
    """The file is right without the option."""
    assert [problem.id for problem in lint(compiled(FILE, overrides))] == found


def test_option_that_no_route_heeds_is_told() -> None:
    text = "version: 1\nupstreams: {web: http://web:1}\nroutes: [{upstream: web}]\n"
    (problem,) = lint(compiled(text, Overrides(upstream="http://other:1")))

    assert (problem.id, problem.source, problem.line) == ("XO332", "--upstream", 0)


def test_single_upstream_is_used() -> None:
    assert lints("") == []
