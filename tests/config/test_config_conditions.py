"""What a route may ask of request fields, and routes that end."""

from datetime import date

import pytest
from support.configs import compiled, problems_of

from xoproxy.config import Overrides, compile_text
from xoproxy.config.conditions import DESTINATIONS
from xoproxy.policy.routes import Match

HEAD = "version: 1\nupstream: http://web:80\n"
DAY = date(2026, 11, 21)


def match_of(text: str) -> Match:
    return compiled(f"{HEAD}routes: [{{match: {text}}}]\n").generation.routes.routes[0].match


def refused(text: str) -> list[str]:
    return [
        f"{problem.id} {problem.path}: {problem.message}" for problem in problems_of(f"{HEAD}routes: [{{match: {text}}}]\n")
    ]


def test_destinations_are_those_of_fetch() -> None:
    """Every destination type (Fetch §2.2.5), the empty string as Fetch Metadata writes it."""
    named = "audio audioworklet document embed empty font frame iframe image json manifest object paintworklet report script"
    rest = "serviceworker sharedworker style text track video webidentity worker xslt"

    assert " ".join(DESTINATIONS) == f"{named} {rest}"
    assert match_of(f"{{destinations: [{', '.join(DESTINATIONS)}]}}").destinations == {name.encode() for name in DESTINATIONS}


def test_one_destination_needs_no_list() -> None:
    assert match_of("{destinations: worker}") == Match(destinations=frozenset({b"worker"}))


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        pytest.param("Document", "write document", id="case"),
        pytest.param("service-worker", "write serviceworker", id="hyphen"),
        pytest.param("shared_worker", "write sharedworker", id="underscore"),
        pytest.param("fetch", "write empty", id="fetch"),
        pytest.param("xhr", "write empty", id="xhr"),
        pytest.param("img", "write image", id="element"),
        pytest.param("page", "write document", id="page"),
        pytest.param("css", "write style", id="css"),
        pytest.param("javascript", "write script", id="language"),
        pytest.param("iframes", "write iframe", id="slip"),
        pytest.param("zzz", "write one of audio, audioworklet, document", id="nothing-like-it"),
    ],
)
def test_what_is_no_destination_is_refused_with_the_one_that_is_meant(said: str, hint: str) -> None:
    (problem,) = refused(f"{{destinations: [{said}]}}")

    assert problem.startswith(f'XO218 routes[0].match.destinations[0]: "{said}" is not a destination of requests; {hint}')


def test_fields_keep_their_case_and_order() -> None:
    match = match_of('{headers: {X-Client: "mobile-*", accept: "text/html*", Cookie: "*beta=1*", Authorization: "Bearer *"}}')
    names = ("X-Client", "accept", "Cookie", "Authorization")

    assert match.headers == tuple(zip(names, ("mobile-*", "text/html*", "*beta=1*", "Bearer *"), strict=True))
    assert match.fields == names


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        pytest.param("Host: a", "XO219 Host", "own under `match`; write host", id="host"),
        pytest.param("sec-fetch-dest: a", "XO219 sec-fetch-dest", "own under `match`; write destinations", id="destination"),
        pytest.param(
            "Access-Control-Request-Method: PUT", "XO219 Access-Control-Request-Method", "`match`; write methods", id="method"
        ),
        pytest.param(
            "Access-Control-Request-Headers: x",
            "XO219 Access-Control-Request-Headers",
            "name the field that the request will have",
            id="asked-names",
        ),
        pytest.param(
            "Connection: close", "XO219 Connection", "about the connection, not the request; remove it", id="connection"
        ),
        pytest.param("Transfer-Encoding: chunked", "XO219 Transfer-Encoding", "the connection, not the request", id="framing"),
        pytest.param('"X Y": a', 'XO112 "X Y"', '"X Y" is not a field name', id="no-name"),
        pytest.param("X-A: é", "XO117 X-A", "write one line of ASCII without spaces around it", id="no-value"),
        pytest.param('X-A: "*********"', "XO117 X-A", "has too many wildcards; use 8 at most", id="wildcards"),
        pytest.param("X-A:", "XO012 X-A", "the value is empty", id="empty"),
        pytest.param("X-A: [a, b]", "XO011 X-A", "one value is wanted here, not a list", id="list"),
        pytest.param("X-A: a, x-a: b", "XO118 x-a", "stands here already in another case; keep one of the two", id="twice"),
    ],
)
def test_fields_that_no_route_is_chosen_by_are_refused(text: str, at: str, said: str) -> None:
    (problem,) = problems_of(f"{HEAD}routes: [{{match: {{headers: {{{text}}}}}}}]\n")
    code, _, name = at.partition(" ")

    assert (problem.id, problem.path) == (code, f"routes[0].match.headers.{name}")
    assert said in problem.message


ENDING = (
    HEAD
    + "policies: {p: {corp: same-site}}\n"
    + "routes:\n  - {match: {path: /a}, policy: p, expires: 2026-11-21, reason: moved}\n  - {}\n"
)


@pytest.mark.parametrize(
    ("today", "names", "ends", "warnings"),
    [
        pytest.param(date(2026, 11, 1), ["routes[0]", "routes[1]"], date(2026, 11, 22), [], id="before"),
        pytest.param(date(2026, 11, 21), ["routes[0]", "routes[1]"], date(2026, 11, 22), [], id="on-its-last-day"),
        pytest.param(
            date(2026, 11, 22),
            ["routes[1]"],
            None,
            ["XO303 routes[0].expires: this route ended on 2026-11-21 and is left out; remove it, or set a new date"],
            id="the-day-after",
        ),
    ],
)
def test_a_route_holds_up_to_its_last_day(today: date, names: list[str], ends: date | None, warnings: list[str]) -> None:
    """The day after it is as if it were not there; what it names counts as used, for it may come back."""
    loaded = compile_text(ENDING, "x.yaml", Overrides(), environ={}, today=today, number=1)

    assert [route.name for route in loaded.generation.routes.routes] == names
    assert loaded.ends == ends
    assert [f"{problem.id} {problem.path}: {problem.message}" for problem in loaded.warnings] == warnings


def test_the_next_end_is_the_earliest_to_come() -> None:
    days = ("2026-11-20", "2027-03-01", "2027-01-31")
    text = HEAD + "routes:\n" + "".join(f"  - {{match: {{path: /{day}}}, expires: {day}}}\n" for day in days)
    loaded = compile_text(text, "x.yaml", Overrides(), environ={}, today=DAY, number=1)

    assert loaded.ends == date(2027, 2, 1)


def test_a_route_that_ended_hides_no_mistakes_in_it_and_takes_no_requests() -> None:
    text = f"{HEAD}routes:\n  - {{expires: 2020-01-01}}\n  - {{policy: isolated}}\n"
    loaded = compile_text(text, "x.yaml", Overrides(), environ={}, today=DAY, number=1)

    assert [problem.id for problem in loaded.warnings] == ["XO303"]
    assert [problem.id for problem in problems_of(f"{HEAD}routes: [{{expires: 2020-01-01, polcy: a}}]\n")] == ["XO303", "XO013"]


def test_routes_without_a_policy_of_their_own_share_one() -> None:
    routes = compiled(
        f"{HEAD}policies: {{p: {{corp: same-site}}}}\nroutes: [{{match: {{path: /a}}, policy: p}}, {{policy: p}}]\n"
    )
    first, second = routes.generation.routes.routes

    assert first.policy is second.policy
