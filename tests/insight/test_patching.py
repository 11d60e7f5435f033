"""Changes are made in the text of a policy file as a person would: what need not change stays, byte for byte."""

import pytest
from support.configs import SOURCE

from xoproxy.config import Text, Texts
from xoproxy.config.nodes import Plain
from xoproxy.config.problems import Mark, Place
from xoproxy.insight.explaining.placing import Into, Placement
from xoproxy.insight.patching import Patched, patch


def change(path: str, into: Into, value: Plain = "", source: str = SOURCE) -> Placement:
    return Placement(Place(Mark(source, 1, 1), path), into, value, "")


def patched(text: str, *changes: Placement) -> Patched:
    return patch(Texts(SOURCE, (Text(SOURCE, text),)), changes)


BLOCK = """\
version: 1   # the format
policies:
  # what pages have
  page:
    report_to: 'isolation'   # where to
    observe:
      coop: same-origin
      coep: "require-corp"   # on trial

  asset: {corp: same-site}  # for all
routes:
  # the API
  - match: {path: /api/**}
    policy:
      - untouched
      - {corp: same-origin}
  # everything else
  - policy: page


reporting: {endpoints: {isolation: /r}}
"""


@pytest.mark.parametrize(
    ("changes", "before", "after"),
    [
        pytest.param(
            [change("policies.page.observe.coep", Into.REPLACE, "credentialless")],
            'coep: "require-corp"   # on trial',
            "coep: credentialless   # on trial",
            id="a-value",
        ),
        pytest.param(
            [change("policies.page", Into.INSERT, {"corp": "same-site"})],
            '      coep: "require-corp"   # on trial\n',
            '      coep: "require-corp"   # on trial\n    corp: same-site\n',
            id="a-key-into-a-block",
        ),
        pytest.param(
            [change("policies.asset", Into.INSERT, {"coep": "require-corp", "cors": {"allow_origins": ["*"]}})],
            "{corp: same-site}  # for all",
            '{corp: same-site, coep: require-corp, cors: {allow_origins: ["*"]}}  # for all',
            id="keys-into-brackets",
        ),
        pytest.param(
            [change("routes[1].policy", Into.REPLACE, ["page", {"corp": "same-site"}])],
            "  - policy: page\n",
            "  - policy: [page, {corp: same-site}]\n",
            id="a-list-for-a-name",
        ),
        pytest.param(
            [change("routes[0].policy", Into.APPEND, [{"corp": "same-site"}])],
            "      - {corp: same-origin}\n",
            "      - {corp: same-origin}\n      - {corp: same-site}\n",
            id="a-member-onto-a-block",
        ),
        pytest.param(
            [change("routes[1]", Into.BEFORE, [{"match": {"path": "/login"}, "policy": ["page"]}])],
            "  # everything else\n",
            "  - match: {path: /login}\n    policy: [page]\n  # everything else\n",
            id="a-route-before-another-and-its-comment",
        ),
        pytest.param(
            [change("policies.page.observe.coop", Into.REMOVE)], "      coop: same-origin\n", "", id="a-key-out-of-a-block"
        ),
        pytest.param(
            [
                change("policies.page.observe.coop", Into.REMOVE),
                change("policies.page.observe.coep", Into.REMOVE),
                change("policies.page", Into.INSERT, {"coop": "same-origin"}),
            ],
            '    observe:\n      coop: same-origin\n      coep: "require-corp"   # on trial\n',
            "    coop: same-origin\n",
            id="all-keys-and-what-they-were-in",
        ),
        pytest.param(
            [change("routes[0].policy[1].corp", Into.REMOVE)],
            "\n      - {corp: same-origin}",
            "",
            id="the-only-key-of-a-member",
        ),
        pytest.param(
            [change("", Into.INSERT, {"admin": "off"})],
            "isolation: /r}}\n",
            "isolation: /r}}\nadmin: off\n",
            id="a-key-into-the-file",
        ),
        pytest.param(
            [change("policies.page.observe", Into.REPLACE, {"coop": "same-origin"})],
            'observe:\n      coop: same-origin\n      coep: "require-corp"   # on trial\n',
            "observe: {coop: same-origin}   # on trial\n",
            id="a-block-for-a-value",
        ),
        pytest.param(
            [change("policies.page", Into.INSERT, {"observe": {"coop": "unsafe-none", "document_isolation": "none"}})],
            'coop: same-origin\n      coep: "require-corp"   # on trial\n',
            'coop: unsafe-none\n      coep: "require-corp"   # on trial\n      document_isolation: none\n',
            id="keys-that-are-there-in-part",
        ),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_only_what_says_something_else_is_written_anew(
    changes: list[Placement], before: str, after: str, line_end: str
) -> None:
    assert BLOCK.count(before) == 1
    result = patched(BLOCK.replace("\n", line_end), *changes)

    assert not result.by_hand
    assert result.texts.parts[0].text == BLOCK.replace(before, after).replace("\n", line_end)


@pytest.mark.parametrize(
    ("text", "made", "after"),
    [
        ("{a: {b: 1, c: 2}}", change("a.b", Into.REMOVE), "{a: {c: 2}}"),
        ("{a: {b: 1, c: 2}}", change("a.c", Into.REMOVE), "{a: {b: 1}}"),
        ("{a: {b: 1}, d: 3}", change("a.b", Into.REMOVE), "{d: 3}"),
        ("{a: [b, c]}", change("a", Into.APPEND, ["d"]), "{a: [b, c, d]}"),
        ("{a: [b, c, ]}", change("a", Into.APPEND, ["d"]), "{a: [b, c, d ]}"),
        ("{a: []}", change("a", Into.APPEND, ["d"]), "{a: [d]}"),
        ("{a: {}}", change("a", Into.INSERT, {"b": "off"}), "{a: {b: off}}"),
        ("{a: [b, c]}", change("a[1]", Into.BEFORE, ["x", "z"]), "{a: [b, x, z, c]}"),
        ("a:\n- b\n- c", change("a", Into.APPEND, ["d"]), "a:\n- b\n- c\n- d"),
        ("a:\n  - {b: 1}", change("a[0]", Into.INSERT, {"c": "2"}), 'a:\n  - {b: 1, c: "2"}'),
        ("a:\n  - b: 1\n    c: 2\n", change("a[0].b", Into.REMOVE), "a:\n  - c: 2\n"),
        ("a:\n  - b: 1\n    c: 2", change("a[0]", Into.INSERT, {"d": "x"}), "a:\n  - b: 1\n    c: 2\n    d: x"),
        ("a:\nb: 1\n", change("a", Into.REPLACE, "x"), "a: x\nb: 1\n"),
        ("a: |\n  text\nb: 1\n", change("", Into.INSERT, {"c": "x"}), "a: |\n  text\nb: 1\nc: x\n"),
        ("b: 1\na: |\n  text\n", change("a", Into.REPLACE, "x"), "b: 1\na: x\n"),
    ],
)
def test_every_style_is_kept(text: str, made: Placement, after: str) -> None:
    result = patched(text, made)

    assert (result.by_hand, result.texts.parts[0].text) == ((), after)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        pytest.param("a: &x {b: 1}\nc: *x\n", change("a.b", Into.REPLACE, "2"), id="anchor"),
        pytest.param("a: &x {b: 1}\nc: *x\n", change("c", Into.INSERT, {"d": "2"}), id="alias"),
        pytest.param("a: {b: &x 1}\nc: *x\n", change("a.b", Into.REPLACE, "2"), id="anchor-of-the-value"),
        pytest.param("a: 1\n", change("b", Into.REPLACE, "2"), id="no-such-key"),
        pytest.param("a: 1\n", change("a.b", Into.REMOVE), id="no-such-mapping"),
        pytest.param("a: 1\n", change("a", Into.REMOVE), id="nothing-would-be-left"),
        pytest.param("a:\n  -\n    b: 1\n  - c\n", change("a[0]", Into.BEFORE, [{"x": "y"}]), id="dash-on-a-line-of-its-own"),
        pytest.param("a: 1\n", change("a", Into.REPLACE, "2", source="preset isolated"), id="not-in-the-file"),
    ],
)
def test_what_cannot_be_made_in_the_text_is_told_and_left(text: str, made: Placement) -> None:
    result = patched(text, made)

    assert [each for each, why in result.by_hand if why] == [made]
    assert result.texts.parts[0].text == text


def test_each_file_of_a_directory_gets_its_own_changes() -> None:
    """Routes of several files are numbered through."""
    texts = Texts(
        "d", (Text("d/1.yaml", "routes:\n  - policy: a\n  - policy: b\n"), Text("d/2.yaml", "x: 1\nroutes:\n  - policy: c\n"))
    )
    changes = [
        change("routes[1].policy", Into.REPLACE, "B", "d/1.yaml"),
        change("routes[2].policy", Into.REPLACE, "C", "d/2.yaml"),
        change("x", Into.REPLACE, "z", "d/2.yaml"),
    ]
    result = patch(texts, changes)

    assert not result.by_hand
    assert [part.text for part in result.texts.parts] == [
        "routes:\n  - policy: a\n  - policy: B\n",
        "x: z\nroutes:\n  - policy: C\n",
    ]
