"""Every command that the documents show can be given as it stands there."""

import os
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from support.markdown import DOCUMENTS, ROOT, Block, all_blocks, without_blocks

from xoproxy.cli import demo, main
from xoproxy.cli.parser import make_parser

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
VARIABLES = re.compile(r"XOPROXY_[A-Z_]+")


def commands(block: Block) -> list[list[str]]:
    """Return the words of each command of a shell block."""
    lines = block.text.replace("\\\n", " ").splitlines()
    found = (command.partition(" > ")[0] for line in lines for command in re.split(r" (?:&&|\|) ", line))
    return [shlex.split(command, comments=True) for command in found]


def shown() -> list[object]:
    """Return the commands in blocks, and those of xoproxy between back-quotes."""
    found = [command for block in all_blocks("sh") for command in commands(block)]
    for document in DOCUMENTS:
        found += [shlex.split(text) for text in re.findall(r"`(xoproxy [^`]+)`", without_blocks(document))]
    return [pytest.param(command, id=" ".join(command)[:60]) for command in found]


@pytest.mark.parametrize("command", shown())
def test_command_can_be_given(command: list[str]) -> None:
    """Commands, options and files are there; `curl` is run by another test."""
    match command:
        case ["xoproxy", *arguments]:
            assert accepted(arguments)
        case ["pip", "install", target]:
            extras = re.fullmatch(r"(?:\.|xoproxy)(?:\[(\w+)\])?", target)
            assert extras is not None
            assert extras[1] is None or extras[1] in PROJECT["optional-dependencies"]
        case ["docker", "compose", *options, "up"]:
            name = options[1] if options[:1] == ["-f"] else "docker-compose.yml"
            assert "xoproxy" in yaml.safe_load((ROOT / name).read_text("utf-8"))["services"]
        case ["pytest"] | ["curl", *_]:
            pass
        case ["git", "show", reference]:
            assert (ROOT / reference.rpartition(":")[2]).is_file()
        case _:
            raise AssertionError(command)


def accepted(arguments: list[str]) -> bool:
    """Whether the command line is one, and the file it names is there."""
    try:
        args = make_parser(demo.add_arguments).parse_args(arguments)
    except SystemExit as end:
        return end.code == 0  # --help
    config = getattr(args, "config", None)
    return config in (None, "FILE") or (ROOT / config).is_file()


def test_a_mistaken_command_is_noticed() -> None:
    """The test above can fail."""
    assert not accepted(["run", "--polcy", "isolated"])
    assert not accepted(["run", "-c", "config/none.yaml"])


def test_variables_are_those_of_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "--help"])
    known = set(VARIABLES.findall(capsys.readouterr().out))

    for document in DOCUMENTS:
        assert set(VARIABLES.findall(document.read_text("utf-8"))) <= known


def test_the_shipped_file_is_checked_as_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`xoproxy check -c config/xoproxy.yaml`, and `--strict`."""
    monkeypatch.chdir(ROOT)
    for name in [name for name in os.environ if name.startswith("XOPROXY_")]:
        monkeypatch.delenv(name)

    assert main(["check", "-c", "config/xoproxy.yaml", "--strict"]) == 0
    assert "no problems" in capsys.readouterr().out


def test_a_problem_is_told_as_problems_md_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line at the top of docs/problems.md, to the column."""
    (block,) = (block for block in all_blocks("text") if block.document == "problems.md")
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()
    Path("config/xoproxy.yaml").write_text(
        "version: 1\nupstream: http://app:5000\nroutes:\n"
        "  - match: {path: /a}\n  - match: {path: /b}\n"
        "  - policy:\n      cors:\n        allow_origins:\n          - https://a.example/\n"
    )

    assert main(["check", "-c", "config/xoproxy.yaml"]) == 2
    assert capsys.readouterr().out.splitlines()[0] == block.text.strip()
