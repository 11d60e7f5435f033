"""docs/reports.md shows what `xoproxy reports` and `xoproxy suggest` print, and names all that they take and tell."""

import re

import pytest
from support.configs import TODAY
from support.deciding import group
from support.markdown import ROOT

from xoproxy.cli import demo
from xoproxy.cli.parser import make_parser
from xoproxy.cli.suggest import differences, told_lines
from xoproxy.config import Loaded, Overrides, Text, Texts, compile_texts
from xoproxy.insight.deciding import as_json, as_text, decide, route_key
from xoproxy.insight.deciding.suggesting import suggest
from xoproxy.reports.model import Group, Traffic

MANUAL = (ROOT / "docs/reports.md").read_text("utf-8")
PART = MANUAL.partition("## From reports to a decision")[2]
SOURCE = "config/xoproxy.yaml"
POLICY = next(block for block in re.findall(r"```yaml\n(.*?)```", PART, re.DOTALL))
TEXTS = Texts(SOURCE, (Text(SOURCE, POLICY),))
EDITOR, LOGIN, HELP = "https://www.example.com/editor", "https://www.example.com/login", "https://docs.example.com/help"
AUTHORIZE = "https://login.example.net/authorize"


def reported(type: str, kind: str, document: str, blocked: str, destination: str, count: int) -> Group:  # noqa: A002
    return group(type, kind, document, blocked, destination, count=count)


GROUPS = [
    reported("coep", "corp", EDITOR, HELP, "iframe", 212),
    reported("coep", "navigation", EDITOR, HELP, "", 212),
    reported("coep", "corp", EDITOR, "https://img.example.org/chart.svg", "image", 190),
    reported("coop", "navigation-from-response", LOGIN, AUTHORIZE, "", 31),
    reported("coop", "access-to-coop-page-from-openee", LOGIN, AUTHORIZE, "", 30),
    reported("deprecation", "", EDITOR, "", "", 4),
]


def compiled(texts: Texts) -> Loaded:
    return compile_texts(texts, Overrides(), environ={}, today=TODAY, number=1)


LOADED = compiled(TEXTS)
OUTLOOK = decide(LOADED, GROUPS, {route_key(LOADED.routes[1].route): Traffic(1204, 0.0)}, 0.0, 2000.0)
SUGGESTION = suggest(LOADED, TEXTS, OUTLOOK, compiled, enforce=False)


@pytest.mark.parametrize(
    ("language", "printed"),
    [
        pytest.param("text", as_text(as_json(OUTLOOK)), id="reports"),
        pytest.param("diff", "".join(differences(TEXTS, SUGGESTION.texts)), id="suggest"),
        pytest.param("text", "\n".join(told_lines(SUGGESTION)) + "\n", id="suggest-standard-error"),
    ],
)
def test_the_output_is_what_the_commands_print(language: str, printed: str) -> None:
    assert f"```{language}\n{printed}```\n" in PART


def test_every_option_is_in_the_manual() -> None:
    commands = make_parser(demo.add_arguments)._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    options = {
        option
        for name in ("reports", "suggest")
        for action in commands[name]._actions  # type: ignore[index]
        for option in action.option_strings
        if option.startswith("--")
    }

    assert options - {"--help", "--config"} <= set(re.findall(r"(--[a-z-]+)", PART))


def keys_of(value: object) -> set[str]:
    """Return all keys of the document; what stands under `value` is the policy file's, under `agents` a browser's name."""
    if isinstance(value, dict):
        return set(value).union(*(keys_of(below) for key, below in value.items() if key not in ("value", "agents")))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


def test_every_key_of_the_json_is_in_the_manual() -> None:
    table = PART.partition("### `--json`")[2]

    assert keys_of(as_json(OUTLOOK)) <= set(re.findall(r"`([a-z_]+)(?:\[\])?`", table))
