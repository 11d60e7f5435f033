"""Entries that end: in force up to and including their last day, as if not there from the next."""

from datetime import date

import pytest
from support.configs import HEAD, NO_OPTIONS, SOURCE
from support.exchanges import exact, exchange, request, response, table_of

from xoproxy.config import Loaded, compile_text
from xoproxy.policy.cors import CorsOutcome
from xoproxy.policy.model import Cors, WebSocketOrigins

ORIGINS = """
policy:
  cors:
    allow_origins: [https://a.example, {origin: https://b.example, expires: 2026-11-21, reason: moves}]
    allow_origin_regexes: [{regex: 'https://c\\.example', expires: 2027-02-28}]
  websocket_origins: [{origin: https://d.example, expires: 2026-12-31}]
"""


def on(day: str, text: str) -> Loaded:
    return compile_text(HEAD + text, SOURCE, NO_OPTIONS, environ={}, today=date.fromisoformat(day), number=1)


@pytest.mark.parametrize(
    ("day", "origins", "regexes", "sockets", "warnings", "ends"),
    [
        pytest.param("2026-11-20", "ab", "c", "d", 0, "2026-11-22", id="the-day-before"),
        pytest.param("2026-11-21", "ab", "c", "d", 0, "2026-11-22", id="the-last-day"),
        pytest.param("2026-11-22", "a", "c", "d", 1, "2027-01-01", id="the-day-after"),
        pytest.param("2026-12-31", "a", "c", "d", 1, "2027-01-01", id="the-last-day-of-the-next"),
        pytest.param("2027-01-01", "a", "c", "", 2, "2027-03-01", id="two-are-over"),
        pytest.param("2027-03-01", "a", "", "", 3, None, id="all-are-over"),
    ],
)
def test_an_entry_holds_up_to_its_last_day(
    day: str, origins: str, regexes: str, sockets: str, warnings: int, ends: str | None
) -> None:
    """What is over is told of; and the next day on which something ends is known."""
    loaded = on(day, ORIGINS)
    policy = loaded.routes[0].route.policy

    assert policy.cors == Cors(
        tuple(exact(f"https://{name}.example") for name in origins),
        allow_origin_regexes=tuple(rf"https://{name}\.example" for name in regexes),
    )
    assert policy.websocket_origins == WebSocketOrigins(tuple(exact(f"https://{name}.example") for name in sockets))
    assert [warning.id for warning in loaded.warnings] == ["XO303"] * warnings
    assert loaded.ends == (date.fromisoformat(ends) if ends else None)


def test_a_list_whose_only_origin_is_over_grants_nobody() -> None:
    """It is not as if the key were absent: the backend's own fields do not come back."""
    loaded = on("2026-11-21", "policy: {cors: {allow_origins: [{origin: https://a.example, expires: 2026-11-20}]}}\n")
    table = table_of(loaded.routes[0].route.policy)
    backend = response(200, b"Access-Control-Allow-Origin: *")

    seen = exchange(table, request(b"GET", b"/", b"Origin: https://a.example"), backend)

    assert (seen.outcome, seen.cors()) == (CorsOutcome.REFUSED, [])


def test_a_websocket_list_whose_only_origin_is_over_lets_in_nobody() -> None:
    loaded = on("2026-11-21", "policy: {websocket_origins: [{origin: https://a.example, expires: 2026-11-20}]}\n")

    assert loaded.routes[0].route.policy.websocket_origins == WebSocketOrigins()


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param("https://a.example", id="alone"),
        pytest.param("{origin: https://a.example}", id="mapping"),
        pytest.param("{origin: https://a.example, reason: for ever}", id="reason"),
        pytest.param("{origin: https://a.example, expires: 9999-12-31}", id="the-end-of-days"),
    ],
)
def test_an_entry_without_an_end_does_not_end(entry: str) -> None:
    for text in (f"[{entry}]", entry):
        loaded = on("2026-11-21", f"policy: {{cors: {{allow_origins: {text}}}}}\n")

        assert loaded.routes[0].route.policy.cors == Cors((exact("https://a.example"),))
        assert (loaded.ends, loaded.warnings) == (None, ())


def test_a_dangerous_key_that_is_past_still_works() -> None:
    """It is told of, and ends nothing."""
    key = "dangerously_allow_insecure_origins: {reason: x, expires: 2026-11-20}"
    loaded = on("2026-11-21", f"policy: {{cors: {{allow_origins: ['http://a.example'], {key}}}}}\n")

    assert loaded.routes[0].route.policy.cors == Cors((exact("http://a.example"),), insecure_by_regex=True)
    assert (loaded.ends, [warning.id for warning in loaded.warnings]) == (None, ["XO303"])


def test_null_may_be_an_entry_with_an_end() -> None:
    key = "dangerously_allow_null_origin: {reason: x}"
    loaded = on("2026-11-21", f"policy: {{cors: {{allow_origins: [{{origin: 'null', expires: 2027-01-31}}], {key}}}}}\n")

    assert loaded.routes[0].route.policy.cors == Cors((), allow_null_origin=True)
    assert loaded.ends == date(2027, 2, 1)


def test_a_list_that_many_routes_use_is_held_once() -> None:
    """Composed with other keys or not: ten thousand origins in a thousand routes are still ten thousand."""
    routes = "routes: [{policy: api}, {policy: [api, {coop: same-origin}]}, {policy: [api, {cors: {max_age: 10}}]}]\n"
    loaded = on("2026-11-21", "policies: {api: {cors: {allow_origins: [https://a.example, https://b.example]}}}\n" + routes)
    lists = {id(route.route.policy.cors.allow_origins) for route in loaded.routes if isinstance(route.route.policy.cors, Cors)}

    assert (len(loaded.routes), len(lists)) == (3, 1)
