"""Problems as other programs read them: GitHub's workflow commands, and SARIF 2.1.0."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.configs import checked

from xoproxy.config.problems import Id, Mark, Place, Problem, problem_at
from xoproxy.config.render import as_github, as_json, as_sarif, as_text

CASES = Path(__file__).parent / "cases"
TEXTS = [path.read_bytes().decode("utf-8") for path in sorted(CASES.glob("*/*.yaml"))]
PROBLEMS = tuple(problem for text in TEXTS for problem in checked(text))  # of every kind


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    """Return the schema of an object that has no other properties."""
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


# What the standard requires of the objects that we write, and what it allows in them (SARIF 2.1.0, the section of each).
TEXT = {"type": "string", "minLength": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
MESSAGE = closed(["text"], text=TEXT)  # §3.11, §3.12
RULE = closed(  # §3.49
    ["id"],
    id=TEXT,
    name=TEXT,
    shortDescription=MESSAGE,
    help=MESSAGE,
    defaultConfiguration=closed([], level=LEVEL),
)
REGION = closed([], startLine={"type": "integer", "minimum": 1}, startColumn={"type": "integer", "minimum": 1})  # §3.30
ARTIFACT = closed(
    [], uri={"type": "string", "pattern": r"^(?:file:///)?(?:[A-Za-z0-9\-._~/!$&'()*+,;=:@]|%[0-9A-F]{2})+$"}
)  # §3.4
LOCATION = closed([], physicalLocation=closed(["artifactLocation"], artifactLocation=ARTIFACT, region=REGION))  # §3.28, §3.29
RESULT = closed(  # §3.27
    ["message"],
    ruleId=TEXT,
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    message=MESSAGE,
    locations={"type": "array", "items": LOCATION},
)
DRIVER = closed(  # §3.19
    ["name"], name=TEXT, semanticVersion=TEXT, rules={"type": "array", "items": RULE, "uniqueItems": True}
)
RUN = closed(  # §3.14
    ["tool", "results"],
    tool=closed(["driver"], driver=DRIVER),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results={"type": "array", "items": RESULT},
)
LOG = closed(
    ["version", "runs"], version={"const": "2.1.0"}, runs={"type": "array", "items": RUN}, **{"$schema": TEXT}
)  # §3.13


def sarif(problems: tuple[Problem, ...]) -> Any:
    """Return the one run of a log that is as the standard wants it."""
    log = json.loads(as_sarif(problems, "1.2.3"))
    jsonschema.validate(log, LOG)
    (run,) = log["runs"]
    return run


def test_every_problem_is_a_result_with_its_rule() -> None:
    run = sarif(PROBLEMS)
    rules = run["tool"]["driver"]["rules"]

    assert [result["ruleId"] for result in run["results"]] == [problem.id for problem in PROBLEMS]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert all(rules[result["ruleIndex"]]["defaultConfiguration"]["level"] == result["level"] for result in run["results"])
    for result, problem in zip(run["results"], PROBLEMS, strict=True):
        assert problem.message in result["message"]["text"]
        assert ("locations" in result) is (problem.line > 0)


def test_every_identifier_is_a_rule_with_help() -> None:
    rules = sarif(())["tool"]["driver"]["rules"]

    assert [rule["id"] for rule in rules] == [kind.code for kind in Id]
    assert all(rule["id"] in rule["help"]["text"] and "docs/problems.md" in rule["help"]["text"] for rule in rules)
    assert len({rule["name"] for rule in rules}) == len(rules)
    assert all(re.fullmatch(r"(?:[A-Z][a-z0-9]*)+", rule["name"]) for rule in rules)


def problem(
    source: str = "config/xoproxy.yaml", line: int = 3, column: int = 7, message: str = "said", path: str = "a.b"
) -> Problem:
    return problem_at(Place(Mark(source, line, column), path), Id.COVERED_ORIGIN, message)


def test_result_says_where_in_code_points() -> None:
    run = sarif((problem(),))

    assert run["columnKind"] == "unicodeCodePoints"
    assert run["tool"]["driver"]["semanticVersion"] == "1.2.3"
    assert run["results"] == [
        {
            "ruleId": "XO320",
            "ruleIndex": [kind.code for kind in Id].index("XO320"),
            "level": "warning",
            "message": {"text": "a.b: said"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": "config/xoproxy.yaml"},
                        "region": {"startLine": 3, "startColumn": 7},
                    }
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    ("source", "uri"),
    [
        ("a b#c%.yaml", "a%20b%23c%25.yaml"),
        ("/etc/xoproxy/xoproxy.yaml", "file:///etc/xoproxy/xoproxy.yaml"),
        ("./conf.d/a.yaml", "conf.d/a.yaml"),
        ("ü.yaml", "%C3%BC.yaml"),
        ("\udcff.yaml", "%FF.yaml"),
    ],
)
def test_file_is_a_uri_reference(source: str, uri: str) -> None:
    """RFC 3986 §4.1; §3.4.3 of the standard."""
    (result,) = sarif((problem(source),))["results"]

    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_what_has_no_place_in_a_file_says_where_it_is() -> None:
    """An option, or a file that is not there."""
    (result,) = sarif((problem("--upstream", 0, 0),))["results"]

    assert "locations" not in result
    assert result["message"]["text"] == "--upstream: said"


@pytest.mark.parametrize(
    ("told", "command"),
    [
        (problem(), "::warning file=config/xoproxy.yaml,line=3,col=7,title=XO320::a.b: said\n"),
        (
            problem(message="100% of a, b: c"),
            "::warning file=config/xoproxy.yaml,line=3,col=7,title=XO320::a.b: 100%25 of a, b: c\n",
        ),
        (problem("a,b:c%d.yaml"), "::warning file=a%2Cb%3Ac%25d.yaml,line=3,col=7,title=XO320::a.b: said\n"),
        (problem("a\nb.yaml"), "::warning file=a%0Ab.yaml,line=3,col=7,title=XO320::a.b: said\n"),
        (problem("--upstream", 0, 0), "::warning title=XO320::--upstream: said\n"),
        (problem(path=""), "::warning file=config/xoproxy.yaml,line=3,col=7,title=XO320::said\n"),
    ],
)
def test_workflow_command_is_escaped(told: Problem, command: str) -> None:
    """As GitHub's toolkit reads it: in a property also the colon and the comma end something."""
    assert as_github([told]) == command


def test_command_is_one_line_for_each_problem() -> None:
    lines = as_github(PROBLEMS).splitlines()

    assert [line.partition(" ")[0] for line in lines] == [f"::{told.severity.value}" for told in PROBLEMS]


def test_text_counts_what_it_lists() -> None:
    error = problem_at(Place(Mark("--listen")), Id.ADDRESS, "said")

    assert as_text([problem()]) == "config/xoproxy.yaml:3:7: XO320 warning: a.b: said\n1 warning\n"
    assert as_text([error, problem(), problem()]).endswith("\n1 error, 2 warnings\n")
    assert [told["line"] for told in json.loads(as_json([error, problem()]))] == [0, 3]


def test_nothing_is_nothing() -> None:
    assert (as_text(()), as_github(()), json.loads(as_json(()))) == ("", "", [])
    assert sarif(())["results"] == []
