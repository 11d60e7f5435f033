"""Policies and upstreams that no route uses."""

import pytest
from support.configs import HEAD, checked
from support.lints import lints

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


def test_single_upstream_is_used() -> None:
    assert lints("") == []
