"""A case that fails is explained as the command `explain` explains it; where other servers had a part, step by step."""

from datetime import date

import pytest

from xoproxy.config import Loaded, Overrides, compile_text
from xoproxy.insight.testing import Result, read_tests, run_cases
from xoproxy.insight.testing.explaining import explained

TODAY = date(2026, 1, 1)


def loaded() -> Loaded:
    text = "version: 1\nupstream: http://a:1\npolicy: [isolated, {websocket_origins: same-origin}]\n"
    return compile_text(text, "policy.yaml", Overrides(), environ={}, today=TODAY, number=1)


def account(body: str) -> tuple[Result, str]:
    text = "tests:\n  - name: it\n" + "".join(f"    {line}\n" for line in body.strip().splitlines())
    (result,) = run_cases(loaded(), read_tests(text, "tests.yaml", {}, TODAY).cases)
    return result, explained(loaded(), result)


@pytest.mark.parametrize(
    ("body", "first", "further"),
    [
        pytest.param(
            "page: http://10.0.0.1/\nexpect: {cross_origin_isolated: true}",
            "allowed in Chrome: GET http://10.0.0.1/ as a page",
            "serve it by https",
            id="page",
        ),
        pytest.param(
            "from: https://app.example\nrequest: {method: PUT, url: https://www.example/x, headers: {X-A: b}}\nexpect: allowed",
            "blocked in Chrome: PUT https://www.example/x by script of https://app.example",
            "Access-Control-Request-Headers: x-a",
            id="request",
        ),
        pytest.param(
            "from: https://app.example\nwebsocket: wss://www.example/live\nexpect: allowed",
            "blocked in Chrome: a WebSocket to wss://www.example/live for a page of https://app.example",
            "websocket_origins",
            id="websocket",
        ),
        pytest.param(
            "page: https://www.example/\npopup: https://www.example/x\nexpect: {opener: severed}",
            "allowed in Chrome: GET https://www.example/x as a page, opened by a page of https://www.example",
            "a window opened with it keeps its opener",
            id="popup",
        ),
    ],
)
def test_what_is_behind_the_policy_is_explained(body: str, first: str, further: str) -> None:
    """Verdict first, then why, and nothing about a backend that was not asked: the test says what it answers."""
    result, text = account(body)

    assert result.failures
    assert text.splitlines()[0] == first
    assert further in text
    assert "--live" not in text


def test_where_other_servers_had_a_part_each_step_is_told() -> None:
    """What went over the wire, and the step that fails."""
    _, text = account(
        "page: https://www.example/\nembed: script\nrequest: {url: https://cdn.example.net/a.js}\n"
        "upstream: {status: 404, headers: {X-Served-By: cdn}}\nexpect: allowed"
    )
    lines = text.splitlines()

    assert lines[0] == "GET https://cdn.example.net/a.js"
    assert "404" in lines
    assert "    X-Served-By: cdn" in lines
    assert any(line.startswith("FAILS  ") and "https://fetch.spec.whatwg.org/" in line for line in lines)


def test_a_preflight_that_other_servers_answer_is_called_so() -> None:
    _, text = account("page: https://www.example/\nrequest: {method: DELETE, url: https://api.example.net/x}\nexpect: allowed")

    assert text.splitlines()[0] == "OPTIONS https://api.example.net/x, the preflight"
