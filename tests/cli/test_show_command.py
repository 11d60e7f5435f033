"""`xoproxy show` and `xoproxy schema`, as they are typed: what they print, and that bad input is a message and exit code 2."""

import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from xoproxy.cli import main

GOOD = "version: 1\nupstream: http://127.0.0.1:1\npolicy: isolated\n"


@pytest.fixture(autouse=True)
def _empty_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration in the environment or in the working directory."""
    for name in tuple(os.environ):
        if name.startswith("XOPROXY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_policy_is_shown_with_its_places(capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.yaml").write_text(GOOD)

    assert main(["show", "-c", "x.yaml"]) == 0
    output = capsys.readouterr()
    assert "x.yaml, route by route\n" in output.out
    assert "Cross-Origin-Embedder-Policy: require-corp" in output.out
    assert "preset isolated" in output.out
    assert output.err == ""


def test_policy_is_shown_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.yaml").write_text(GOOD)

    assert main(["show", "-c", "x.yaml", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["source"] == "x.yaml"
    assert document["routes"][0]["upstream"]["place"]["line"] == 2


def test_file_is_found_as_run_finds_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.yaml").write_text(GOOD)
    monkeypatch.setenv("XOPROXY_CONFIG", "x.yaml")

    assert main(["show"]) == 0
    assert "x.yaml, route by route" in capsys.readouterr().out


@pytest.mark.parametrize("columns", ["20", "80", "1000"])
def test_width_is_that_of_the_terminal(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("x.yaml").write_text(GOOD)
    monkeypatch.setenv("COLUMNS", columns)

    assert main(["show", "-c", "x.yaml"]) == 0
    longest = max(map(len, capsys.readouterr().out.splitlines()))
    assert longest <= 60 if columns == "20" else longest <= int(columns)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 1\nupstream: http://a:1\npolicy: isolatd\n", "x.yaml:3:9: XO119 error: "),
        ("version: 1\n\tx", "XO005"),
        (None, "there is no such file"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_file_that_is_no_policy_is_exit_code_2(
    text: str | None, said: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        Path("x.yaml").write_text(text)

    assert main(["show", "-c", "x.yaml", *options]) == 2
    output = capsys.readouterr()
    assert said in output.err
    assert output.out == ""


def test_no_file_at_all_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show"]) == 2
    assert capsys.readouterr().err.startswith("xoproxy: error: no configuration: ")


def test_schema_is_printed_and_takes_a_good_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)

    assert Draft202012Validator(schema).is_valid({"version": 1, "upstream": "http://app:5000", "policy": "isolated"})
    assert not Draft202012Validator(schema).is_valid({"version": 1, "polcy": "isolated"})


def test_schema_of_policy_tests_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--tests"]) == 0
    schema = json.loads(capsys.readouterr().out)

    assert schema["title"] == "xoproxy policy tests"
    assert not Draft202012Validator(schema).is_valid({"version": 1, "upstream": "http://app:5000"})


@pytest.mark.parametrize("arguments", [["schema", "file"], ["show", "file"], ["show", "--format", "json"]])
def test_words_that_mean_nothing_are_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "unrecognized arguments" in capsys.readouterr().err
