"""`xoproxy test` and `xoproxy diff`: what they print, how they end, and what they make of what cannot be."""

import io
import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from xoproxy.cli import main

ISOLATED = "version: 1\nupstream: http://127.0.0.1:1\npolicy: isolated\n"
OPEN = ISOLATED.replace("isolated", "[isolated, {cors: {allow_origins: [https://app.example.com]}}]")
PASSING = """
config: policy.yaml
tests:
  - name: the page is isolated
    page: https://www.example.com/
    browser: [chrome, safari]
    expect: {cross_origin_isolated: true}
"""
FAILING = """
  - name: the app reads it
    from: https://app.example.com
    request: {url: https://www.example.com/}
    expect: allowed
"""


@pytest.fixture(autouse=True)
def _a_place_with_a_policy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in tuple(os.environ):
        if name.startswith("XOPROXY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    Path("policy.yaml").write_text(ISOLATED)
    Path("open.yaml").write_text(OPEN)
    Path("passing.yaml").write_text(PASSING)
    Path("failing.yaml").write_text(PASSING + FAILING.lstrip("\n"))
    Path("broken.yaml").write_text("version: 1\nupstraem: x\n")


def test_tests_that_pass_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "passing.yaml"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "passing.yaml: 1 test, 2 cases, all passed",
        "  touched: 1 of 1 route",
    ]


def test_a_test_that_fails_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """With its place, what was expected, the step that decides, and the change that would turn it."""
    assert main(["test", "failing.yaml"]) == 1
    out = capsys.readouterr().out

    first, second, *_ = out.splitlines()
    assert first == "failing.yaml:8:5: the app reads it [https://app.example.com, chrome]"
    assert second.startswith("  expected allowed, and it is blocked: CORS check: ")
    assert "    decided by: CORS check, https://fetch.spec.whatwg.org/#cors-check\n" in out
    assert "policy: [isolated, {cors: {allow_origins: [https://app.example.com]}}]" in out
    assert "failing.yaml: 2 tests, 3 cases, 1 failed\n" in out


def test_another_policy_file_can_be_tested(capsys: pytest.CaptureFixture[str]) -> None:
    """The option goes before what the tests name."""
    assert main(["test", "-c", "open.yaml", "failing.yaml"]) == 0


def test_several_files_are_told_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "passing.yaml", "failing.yaml"]) == 1
    out = capsys.readouterr().out

    assert "passing.yaml: 1 test, 2 cases, all passed" in out
    assert "failing.yaml: 2 tests, 3 cases, 1 failed" in out


def test_what_no_test_touches_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("policy.yaml").write_text(
        "version: 1\nupstream: http://a:1\nroutes:\n"
        "  - match: {path: /api/**}\n    policy: {corp: same-site}\n  - policy: isolated\n"
    )

    assert main(["test", "passing.yaml"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  touched: 1 of 2 routes, 0 of 1 policy key",
        "  no test touches routes[0] (policy.yaml:4)",
        "  no test touches corp (policy.yaml:5)",
    ]


def test_results_can_be_collected_as_junit(capsys: pytest.CaptureFixture[str]) -> None:
    """One suite for each file, one case for each page and browser, the account of it in the failure."""
    assert main(["test", "failing.yaml", "--junit", "out.xml"]) == 1
    (suite,) = ET.parse("out.xml").getroot().iter("testsuite")
    failures = [case.find("failure") for case in suite.iter("testcase")]

    assert (suite.get("tests"), suite.get("failures"), len(failures)) == ("3", "1", 3)
    assert failures[:2] == [None, None]
    assert failures[2] is not None
    assert "CORS check" in (failures[2].text or "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["missing.yaml"], "missing.yaml: XO001 error: ", id="no-such-file"),
        pytest.param(["broken.yaml"], "broken.yaml:1:1: XO013 error: version: ", id="a-policy-file"),
        pytest.param(["-c", "broken.yaml", "passing.yaml"], "broken.yaml:2:1: XO013 error: upstraem: ", id="broken-policy"),
        pytest.param(["-c", "missing.yaml", "passing.yaml"], "missing.yaml: XO001 error: ", id="no-such-policy"),
    ],
)
def test_what_is_invalid_is_told_with_its_place(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, no traceback, and the other files are run all the same."""
    assert main(["test", *arguments]) == 2
    printed = capsys.readouterr()

    assert said in printed.err
    assert printed.out == ""


def test_tests_without_a_policy_file_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    Path("passing.yaml").write_text(PASSING.replace("config: policy.yaml\n", ""))

    assert main(["test", "passing.yaml"]) == 2
    assert "write config: FILE at the top of the tests, or give -c FILE" in capsys.readouterr().err


def test_the_default_policy_file_is_tested_where_nothing_else_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config").mkdir()
    Path("config/xoproxy.yaml").write_text(ISOLATED)
    Path("passing.yaml").write_text(PASSING.replace("config: policy.yaml\n", ""))

    assert main(["test", "passing.yaml"]) == 0


def test_a_report_that_cannot_be_written_is_a_failure_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "passing.yaml", "--junit", "no/such/place.xml"]) == 3
    assert "no/such/place.xml cannot be written: no such file or directory" in capsys.readouterr().err.lower()


def test_a_difference_that_widens_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "policy.yaml", "open.yaml"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "everything",
        "  + WIDER cors.allow_origins: https://app.example.com may read",
        "  - cors: the backend's own CORS fields no longer count",
        "1 wider, 1 narrower",
    ]


def test_widening_can_be_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "--allow-widening", "policy.yaml", "open.yaml"]) == 0
    assert "WIDER" in capsys.readouterr().out


def test_what_only_narrows_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    Path("two.yaml").write_text(OPEN.replace("app.example.com", "app.example.com, https://b.example"))

    assert main(["diff", "two.yaml", "open.yaml"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "everything",
        "  - cors.allow_origins: https://b.example: may read no longer",
        "1 narrower",
    ]


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_what_the_environment_filled_in_is_told_as_the_file_writes_it(
    option: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The output is kept by whatever runs the command before a change goes out."""
    monkeypatch.setenv("KEY", "hunter2")
    routes = "routes: [{match: {headers: {X-Key: '${KEY}'}}, policy: {corp: same-%s}}, {}]\n"
    Path("old.yaml").write_text("version: 1\nupstream: http://app:5000\n" + routes % "origin")
    Path("new.yaml").write_text("version: 1\nupstream: http://app:5000\n" + routes % "site")
    main(["diff", "old.yaml", "new.yaml", *option])
    told = capsys.readouterr().out

    assert "X-Key: ${KEY}" in told
    assert "hunter2" not in told


def test_one_of_the_two_may_come_by_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As from `git show`."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(OPEN.encode())))

    assert main(["diff", "--json", "-", "policy.yaml"]) == 1
    assert json.loads(capsys.readouterr().out)["widens"] is True


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["broken.yaml", "policy.yaml"], "broken.yaml:2:1: XO013", id="old"),
        pytest.param(["policy.yaml", "missing.yaml"], "missing.yaml: XO001", id="new"),
        pytest.param(["-", "-"], "only one of the two can be standard input", id="both-from-standard-input"),
    ],
)
def test_what_cannot_be_compared_is_told(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", *arguments]) == 2
    assert said in capsys.readouterr().err
