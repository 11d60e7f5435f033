"""docs/explain.md and the README show what `xoproxy explain` prints, and name all that it takes and tells."""

import os
import re
import shlex
from pathlib import Path

import pytest
from support.configs import compiled
from support.markdown import ROOT

from xoproxy.cli import demo, main
from xoproxy.cli.parser import make_parser
from xoproxy.insight.explaining import Asked, explain, read_question
from xoproxy.insight.explaining.as_json import document

MANUAL = (ROOT / "docs/explain.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
SHOWN = re.compile(r"```sh\n(xoproxy explain [^`]*)```\n\n```text\n(.*?)```", re.DOTALL)
ELISION = "..."  # the output goes on


def policy_file(text: str) -> str:
    """Return the policy file that a document's examples are about: its first whole one with named policies."""
    return next(block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "\npolicies:" in block)


def examples() -> list[object]:
    found = [
        (name, text, shown) for name, text in (("explain.md", MANUAL), ("README.md", README)) for shown in SHOWN.findall(text)
    ]
    return [pytest.param(policy_file(text), *shown, id=f"{name}: {shown[0][:50].strip()}") for name, text, shown in found]


@pytest.mark.parametrize(("policy", "command", "output"), examples())
def test_the_output_is_what_the_command_prints(
    policy: str, command: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a whole, or as its beginning where the block ends in dots, or the text around it says that more follows (README)."""
    for name in [name for name in os.environ if name.startswith("XOPROXY_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()
    Path("config/xoproxy.yaml").write_text(policy)
    main(shlex.split(command.replace("\\\n", " "))[1:])
    printed = capsys.readouterr().out

    if output.endswith(f"{ELISION}\n"):
        assert printed.startswith(output.removesuffix(f"{ELISION}\n"))
    elif policy in README:
        assert printed.startswith(output)
    else:
        assert printed == output


def test_the_manual_has_enough_examples() -> None:
    """The test above can fail."""
    assert len(SHOWN.findall(MANUAL)) >= 4
    assert len(SHOWN.findall(README)) == 1


def test_every_option_is_in_the_manual() -> None:
    explain_parser = make_parser(demo.add_arguments)._subparsers._group_actions[0].choices["explain"]  # type: ignore[union-attr,index]
    options = {option for action in explain_parser._actions for option in action.option_strings if option.startswith("--")}

    assert options - {"--help", "--config"} == set(re.findall(r"`(--[a-z-]+)", MANUAL))


def keys_of(value: object) -> set[str]:
    """Return all keys of the document; what stands under `value` is the policy file's."""
    if isinstance(value, dict):
        return set(value).union(*(keys_of(below) for key, below in value.items() if key != "value"))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


def test_every_key_of_the_json_is_in_the_manual() -> None:
    loaded = compiled(policy_file(MANUAL))
    asked = [
        Asked("PATCH", "https://cdn.example.com/", "https://a.example"),
        Asked("GET", "https://www.example.com/", "https://a.example", mode="navigate"),
    ]
    keys: set[str] = set().union(*(keys_of(document(explain(loaded, read_question(each, loaded)))) for each in asked))
    table = MANUAL.partition("## `--json`")[2]

    assert keys <= set(re.findall(r"`([a-z_]+)(?:\[\])?`", table))
