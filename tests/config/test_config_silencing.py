"""Comments that silence a warning: where they speak, what they must say, and that nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.configs import TODAY, checked, problems_of

from xoproxy.config import Overrides, Text, Texts, compile_texts
from xoproxy.config.lint import lint
from xoproxy.config.nodes import comments

TOP = "version: 1\nupstream: http://app:5000\n"
PAGE = "policy:\n  coop: same-origin\n  coep: credentialless{}\n"  # XO308 in line 5


def found(text: str) -> list[tuple[str, int]]:
    return [(problem.id, problem.line) for problem in checked(TOP + text)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PAGE.format("  # xoproxy: allow XO308 a kiosk"), id="behind"),
        pytest.param(
            PAGE.format("#").replace("#", "").replace("  coep", "  # xoproxy: allow XO308 a kiosk\n  coep"), id="above"
        ),
        pytest.param(
            PAGE.format("").replace("  coep", "  # xoproxy: allow XO308 a kiosk\n\n  # more\n  coep"), id="further-above"
        ),
        pytest.param(PAGE.format("").replace("policy:", "policy:  # xoproxy: allow XO308 a kiosk"), id="head-of-the-block"),
        pytest.param("# xoproxy: allow XO308 a kiosk\n" + PAGE.format(""), id="above-the-head-of-the-block"),
        pytest.param(PAGE.format("  #xoproxy:allow XO308 a kiosk"), id="tight"),
        pytest.param(PAGE.format("  # xoproxy: allow XO308: a kiosk"), id="colon"),
        pytest.param(PAGE.format("  # xoproxy: allow XO308 -- a kiosk"), id="dashes"),
        pytest.param(PAGE.format("  # xoproxy:  allow  XO308   a kiosk  "), id="spaces"),
        pytest.param(PAGE.format("  # xoproxy: allow XO308 a kiosk").replace("\n", "\r\n"), id="crlf"),
        pytest.param(
            'policy: {coop: same-origin, coep: "credentialless"} # xoproxy: allow XO308 "#" it is\n', id="quotes-and-hashes"
        ),
    ],
)
def test_comment_silences_where_it_stands(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param(
            "# xoproxy: allow XO308 a kiosk\nadmin: off\n" + PAGE.format(""), [("XO368", 3), ("XO308", 7)], id="another-line"
        ),
        pytest.param(PAGE.format("") + "  # xoproxy: allow XO308 a kiosk\n", [("XO308", 5), ("XO368", 6)], id="below"),
        pytest.param(PAGE.format("  # xoproxy: allow XO309 a kiosk"), [("XO308", 5), ("XO368", 5)], id="another-id"),
        pytest.param(PAGE.format("  # xoproxy: allow XO308, XO309 a kiosk"), [("XO368", 5)], id="one-of-two"),
        pytest.param(PAGE.format("  # xoproxy: allow XO308"), [("XO308", 5), ("XO366", 5)], id="no-reason"),
        pytest.param(PAGE.format("  # xoproxy: allow XO308 --"), [("XO308", 5), ("XO366", 5)], id="a-dash-is-no-reason"),
        pytest.param(PAGE.format("  # xoproxy: allow XO399 a kiosk"), [("XO308", 5), ("XO367", 5)], id="unknown"),
        pytest.param(PAGE.format("  # xoproxy: allow XO103 a kiosk"), [("XO308", 5), ("XO367", 5)], id="an-error"),
        pytest.param(PAGE.format("  # xoproxy: allow XO368 a kiosk"), [("XO308", 5), ("XO367", 5)], id="of-comments"),
        pytest.param(PAGE.format("  # xoproxy: ignore XO308 a kiosk"), [("XO308", 5), ("XO367", 5)], id="another-word"),
        pytest.param(PAGE.format("  # xoproxy: allow 308 a kiosk"), [("XO308", 5), ("XO367", 5)], id="no-id"),
        pytest.param(PAGE.format("  # xoproxy: allow XO3081 a kiosk"), [("XO308", 5), ("XO367", 5)], id="longer-id"),
        pytest.param(PAGE.format("  # XOPROXY: Allow xo308 a kiosk"), [("XO308", 5), ("XO367", 5)], id="case"),
        pytest.param(PAGE.format("  # noqa: XO308 a kiosk"), [("XO308", 5)], id="of-another-program"),
        pytest.param(PAGE.format("  # see xoproxy: allow XO308"), [("XO308", 5)], id="prose"),
        pytest.param("# xoproxy: the front door\n" + PAGE.format(""), [("XO308", 6)], id="a-heading"),
    ],
)
def test_comment_that_does_not_silence_is_told(text: str, left: list[tuple[str, int]]) -> None:
    assert found(text) == left


@pytest.mark.parametrize(
    "value",
    [
        "'# xoproxy: allow XO308 a kiosk'",
        '"x # xoproxy: allow XO308 a kiosk"',
        "x#xoproxy:allow",
        "|\n        # xoproxy: allow XO308 a kiosk\n        x",
        '"x\n        # xoproxy: allow XO308 a kiosk"',
    ],
)
def test_hash_within_a_value_is_no_comment(value: str) -> None:
    text = f"version: 1\nkey: {value}\nother: x\n"

    assert list(comments(text, "x")) == []


def test_block_scalar_ends_before_a_comment() -> None:
    (comment,) = comments("a: |\n    text\n  # behind\nb: 1 \n", "x")

    assert (comment.text, comment.mark.line, comment.mark.column, comment.line) == ("# behind", 3, 3, 4)


def test_comment_at_the_end_speaks_for_nothing() -> None:
    behind, last = comments("a: 1 # one\n# two\n", "x")

    assert (behind.line, last.line) == (1, 0)


def test_comment_in_a_flow_mapping_is_one() -> None:
    (comment,) = comments("a: {b: 1, # why\n  c: 2}\n", "x")

    assert (comment.mark.line, comment.mark.column, comment.line) == (1, 11, 1)


def test_block_ends_with_its_last_line() -> None:
    """What comes after it is told again."""
    comment = "# xoproxy: allow XO308 a kiosk"
    text = f"routes:\n- match: {{path: /a}}\n  policy:   {comment}\n    coep: credentialless\n    coop: same-origin\n"
    again = "- policy: {coep: credentialless, coop: same-origin}\n"

    assert found(text + again) == [("XO308", 8)]


def test_value_that_begins_in_the_line_is_no_block() -> None:
    text = "policy: {coop: same-origin,  # xoproxy: allow XO308 a kiosk\n  coep: credentialless}\n"

    assert found(text) == [("XO368", 3), ("XO308", 4)]


def test_block_may_be_a_list() -> None:
    comment = "# xoproxy: allow XO320 generated"
    text = f"policy:\n  cors:\n    allow_origins:  {comment}\n      - https://a.example\n      - https://a.example\n"

    assert found(text) == []


def test_comment_speaks_for_its_own_file() -> None:
    """Of a directory: line 3 of the other file is not meant."""
    first = "version: 1\nupstream: http://app:5000\npolicies: {a: {coop: same-origin, coep: credentialless}}\n"
    second = "\n# xoproxy: allow XO308 a kiosk\nroutes: [{policy: [a, {coep: credentialless}]}]\n"
    texts = Texts("conf.d", (Text("conf.d/a.yaml", first), Text("conf.d/b.yaml", second)))
    both = Texts("conf.d", (*texts.parts[:1], Text("conf.d/b.yaml", second.replace("[a, {coep: credentialless}]", "a"))))

    assert [problem.id for problem in lint(compile_texts(texts, Overrides(), environ={}, today=TODAY, number=1))] == []
    assert [
        (problem.id, problem.source, problem.line)
        for problem in lint(compile_texts(both, Overrides(), environ={}, today=TODAY, number=1))
    ] == [("XO308", "conf.d/a.yaml", 3), ("XO368", "conf.d/b.yaml", 2)]


def test_alias_is_silenced_where_its_anchor_stands() -> None:
    anchor = "policies:\n  a: &page {coop: same-origin, coep: credentialless}  # xoproxy: allow XO308 a kiosk\n"

    assert found(anchor + "  b:\n    - *page\npolicy: [a, b]\n") == []


def test_warning_is_silenced_in_a_file_with_errors_too() -> None:
    """What is left to be mended are the errors; whether the comment is needed is told when there are none."""
    text = TOP + "policy: {cors: {allow_origins: '*', max_age: 3h}} # xoproxy: allow XO302 for Firefox\nnonsense: 1\n"

    assert [problem.id for problem in problems_of(text)] == ["XO013"]


def test_warning_of_reading_is_silenced_as_those_of_linting() -> None:
    assert found("policy: {cors: {allow_origins: '*', max_age: 3h}} # xoproxy: allow XO302 for Firefox\n") == []


@given(st.text("#xoproxy: alwXO308\n'\"{}[]-|", max_size=60))
def test_no_text_breaks_the_search_for_comments(text: str) -> None:
    """Comments are looked for only in what was read; whatever that is, none is lost and nothing is raised."""
    problems_of(f"version: 1\nupstream: http://app:5000\npolicy: isolated\n# xoproxy: {text}")
