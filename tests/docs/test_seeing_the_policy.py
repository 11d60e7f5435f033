"""What the document says of `show` is what `show` prints."""

import json
from pathlib import Path

import pytest
from support.configs import compiled
from support.markdown import ROOT, blocks, code, rows, section

from xoproxy.insight.showing import as_json, as_text, show

DOCUMENT = ROOT / "docs/seeing-the-policy.md"


def test_text_that_is_shown_is_that_of_the_file_before_it() -> None:
    """Up to the dots."""
    (text,) = blocks(DOCUMENT, "text")
    printed = as_text(show(compiled(blocks(DOCUMENT, "yaml")[0].text)), 100)

    assert printed.startswith(text.text.removesuffix("...\n"))


def test_members_of_the_json_document_are_those_that_are_listed() -> None:
    document = json.loads(as_json(show(compiled(blocks(DOCUMENT, "yaml")[0].text))))
    listed = [name for row in rows(section(DOCUMENT, "As JSON").text) for name in code(row[0])]
    members = [*document, *document["routes"][0]]

    assert sorted(listed) == sorted(members)


@pytest.mark.parametrize("document", [ROOT / "README.md", ROOT / "docs/policy-file.md"])
def test_document_is_found(document: Path) -> None:
    assert "seeing-the-policy.md" in document.read_text("utf-8")
