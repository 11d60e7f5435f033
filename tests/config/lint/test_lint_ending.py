"""What ends within two weeks is told beforehand: dangerous keys, origins, routes."""

import pytest
from support.lints import lints, lints_of_policy


@pytest.mark.parametrize(
    ("day", "found"),
    [
        ("2026-11-21", ["XO325"]),  # today
        ("2026-12-05", ["XO325"]),
        ("2026-12-06", []),
        ("2027-01-31", []),
    ],
)
def test_end_is_told_two_weeks_before(day: str, found: list[str]) -> None:
    route = f"routes:\n- {{match: {{path: /a}}, policy: {{corp: same-site}}, expires: {day}, reason: moving}}\n- {{}}\n"
    entry = f"{{origin: https://a.example, expires: {day}, reason: old}}"
    escape = f"dangerously_allow_null_origin: {{reason: frames, expires: {day}}}"

    assert lints(route) == found
    assert lints_of_policy(f"cors: {{allow_origins: [{entry}]}}") == found
    assert lints_of_policy(f"websocket_origins: [https://b.example, {entry}]") == found
    assert lints_of_policy(f"cors: {{allow_origins: [https://a.example], {escape}}}") == found


def test_what_ended_is_told_by_another_name() -> None:
    entry = "{origin: https://a.example, expires: 2026-11-20, reason: old}"

    assert lints_of_policy(f"cors: {{allow_origins: [https://b.example, {entry}]}}") == ["XO303"]


def test_day_of_the_environment_is_left_alone() -> None:
    assert lints_of_policy("cors: {allow_origins: [{origin: https://a.example, expires: '${DAY:-2026-11-30}'}]}") == []
