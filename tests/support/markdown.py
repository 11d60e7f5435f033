"""Read our own Markdown as far as tests need it: fenced blocks, headings, tables, links.  No parser: we decide how we write."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))

ENDPOINT = "reporting: {endpoints: {isolation: upstream}}\n"

_FENCE = re.compile(r"^```(\w*)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block.  `wrapper` is the second word after the fence: which part of a file a fragment is."""

    document: str
    line: int
    language: str
    wrapper: str
    text: str

    @property
    def name(self) -> str:
        """Return how test output names the block."""
        return f"{self.document}:{self.line}"


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it, up to the next heading of any level."""

    heading: str
    level: int
    text: str


def blocks(document: Path, language: str) -> list[Block]:
    """Return a document's blocks of one language."""
    text = document.read_text("utf-8")
    found: list[Block] = []
    for fence in _FENCE.finditer(text):
        if fence[1] == language:
            line = text.count("\n", 0, fence.start()) + 1
            found.append(Block(document.name, line, language, fence[2] or "", fence[3]))
    return found


def all_blocks(language: str) -> list[Block]:
    """Return the blocks of one language in all documents."""
    return [block for document in DOCUMENTS for block in blocks(document, language)]


def whole_file(block: Block) -> str:
    """Return the policy file that a block of YAML is, or is a part of."""
    match block.wrapper:
        case "":
            return block.text
        case "top":
            has_upstream = re.search(r"\bupstream:", block.text)
            return block.text + "version: 1\n" + ("" if has_upstream else "upstream: http://app:5000\n")
        case "policy":
            endpoint = ENDPOINT if "report_to" in block.text else ""
            return f"policy:\n{indent(block.text, '  ')}version: 1\nupstream: http://app:5000\n{endpoint}"
    raise AssertionError(f"{block.name}: nothing is known of 'yaml {block.wrapper}'")


def without_blocks(document: Path) -> str:
    """Return a document's text between the fenced blocks."""
    return _FENCE.sub("", document.read_text("utf-8"))


def sections(document: Path) -> list[Section]:
    """Return a document's sections in order; what looks like a heading within a fenced block is none."""
    text = document.read_text("utf-8")
    fenced = [fence.span() for fence in _FENCE.finditer(text)]
    marks = [mark for mark in _HEADING.finditer(text) if not any(start < mark.start() < end for start, end in fenced)]
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [Section(mark[2], len(mark[1]), text[mark.end() : end]) for mark, end in zip(marks, ends, strict=True)]


def section(document: Path, heading: str) -> Section:
    """Return the one section with this heading."""
    (found,) = (part for part in sections(document) if part.heading == heading)
    return found


def rows(text: str) -> list[list[str]]:
    """Return the cells of all table rows in a text, heads and rules left out."""
    lines = text.splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for before, line in itertools.pairwise(lines)
        if line.startswith("|") and not line.startswith("|---") and before.startswith("|")
    ]


def code(cell: str) -> list[str]:
    """Return what stands between back-quotes."""
    return re.findall(r"`([^`]+)`", cell)


def links(document: Path) -> Iterator[str]:
    """Yield the targets of a document's links."""
    yield from _LINK.findall(without_blocks(document))


def anchor(heading: str) -> str:
    """Return the anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
