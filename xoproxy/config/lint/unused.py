"""Policies and upstreams that no route uses."""

from collections.abc import Iterator
from typing import Final

from xoproxy.config.lint.view import View
from xoproxy.config.problems import Id, Problem, problem_at, quoted


def _policies(view: View) -> Iterator[Problem]:
    for name in view.loaded.unused_policies if not view.is_option("policy") else ():
        message = f"no route is made of {quoted(name)}; name it in a route, or remove it"
        yield problem_at(view.place("policies", name), Id.UNUSED_POLICY, message)


def _upstreams(view: View) -> Iterator[Problem]:
    used = {route.route.upstream for route in view.routes}
    for upstream in view.loaded.generation.settings.upstreams:
        if upstream.name in used:
            continue
        place = view.place("upstreams", upstream.name)
        if place.path == "upstreams" or not place.path:  # the one at the top, written as a URL
            place = view.place("upstream")
        elif view.is_option("upstream"):
            continue
        message = f"no request is forwarded to {quoted(upstream.name)}; name it in a route, or remove it"
        yield problem_at(place, Id.UNUSED_UPSTREAM, message)


CHECKS: Final = (_policies, _upstreams)
