"""Comments that silence a warning in place: ``# xoproxy: allow XO309 the login redirects``.

Rule 1: such a comment names what it silences and says why; one that does not is itself a finding, and silences nothing.
Rule 2: it speaks for its own line, or for the next that says something if it stands alone; and for all below a key there whose
value begins on a later line, as comments at the head of a block do elsewhere (shellcheck).
Rule 3: errors are never silenced, and neither is what there is to say about these comments.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from xoproxy.config.nodes import Mapping, Node, Scalar, comments
from xoproxy.config.problems import Id, Place, Problem, Severity, problem_at, quoted
from xoproxy.slotted import dataclass

_MEANT: Final = re.compile(r"#\s*xoproxy\s*:\s*(?:(?:allow|ignore|disable|silence|noqa)\b|.*\bXO[0-9])", re.IGNORECASE)
_ALLOWANCE: Final = re.compile(r"#\s*xoproxy:\s*allow\s+(XO[0-9]{3}(?:\s*,\s*XO[0-9]{3})*)(?!\w|,)[\s:\u2014-]*(.*)")
_SPELLING: Final = "write # xoproxy: allow XO309 and why"
# What there is to say about the comments themselves.
_OF_COMMENTS: Final = frozenset({Id.UNREASONED_ALLOWANCE, Id.UNKNOWN_ALLOWANCE, Id.UNUSED_ALLOWANCE})
_SILENCEABLE: Final = {kind.code: kind for kind in Id if kind.severity is Severity.WARNING and kind not in _OF_COMMENTS}


@dataclass(frozen=True, slots=True)
class Allowance:
    """A comment in force: the warnings `codes` are not told about the lines from `first` to `last`."""

    place: Place
    codes: tuple[str, ...]
    first: int
    last: int


def read_allowances(text: str, source: str, root: Mapping) -> tuple[tuple[Allowance, ...], tuple[Problem, ...]]:
    """Return the comments in force of a text, whose tree is `root`, and what is wrong with others."""
    if "xoproxy" not in text.lower():  # scanning takes as long as reading did
        return (), ()
    allowances: list[Allowance] = []
    problems: list[Problem] = []
    for comment in comments(text, source):
        if _MEANT.match(comment.text) is None:
            continue
        place = Place(comment.mark)
        read = _ALLOWANCE.fullmatch(comment.text.rstrip())
        if read is None:
            problems.append(problem_at(place, Id.UNKNOWN_ALLOWANCE, f"{quoted(comment.text)} names no warning; {_SPELLING}"))
            continue
        codes = tuple(dict.fromkeys(re.split(r"\s*,\s*", read[1])))
        faults = list(_faults(place, codes, read[2]))
        problems += faults
        if not faults:
            last = max(comment.line, *_ends_of_blocks(root, comment.line))
            allowances.append(Allowance(place, codes, comment.line, last))
    return tuple(allowances), tuple(problems)


def _faults(place: Place, codes: tuple[str, ...], reason: str) -> Iterator[Problem]:
    for code in codes:
        if code not in _SILENCEABLE:
            known = any(kind.code == code for kind in Id)
            why = "is an error, and errors cannot be silenced; mend it" if known else "is no warning of this xoproxy"
            yield problem_at(place, Id.UNKNOWN_ALLOWANCE, f"{code} {why}")
    if not reason:
        listed = ", ".join(codes)
        message = f"without a reason nothing is silenced; write # xoproxy: allow {listed} and why, for whoever reads this next"
        yield problem_at(place, Id.UNREASONED_ALLOWANCE, message)


def _ends_of_blocks(node: Node, line: int) -> Iterator[int]:
    """Yield the last line of each value whose key stands in this line, and which begins below it; at least a 0."""
    yield 0
    if isinstance(node, Scalar):
        return
    for key, value in node.entries if isinstance(node, Mapping) else ((None, item) for item in node.items):
        if key is not None and key.mark.line == line and value.mark.line > line:
            yield max(_lines(value))
        else:
            yield from _ends_of_blocks(value, line)


def _lines(node: Node) -> Iterator[int]:
    """Yield the lines of a node and all below it; an alias counts where its anchor is, which is above."""
    yield node.mark.line
    if isinstance(node, Mapping):
        for _, value in node.entries:
            yield from _lines(value)
    elif not isinstance(node, Scalar):
        for item in node.items:
            yield from _lines(item)


Used = frozenset[tuple[Allowance, str]]  # comments, and which of their codes silenced something


def silence(problems: Iterable[Problem], allowances: Iterable[Allowance]) -> tuple[tuple[Problem, ...], Used]:
    """Return the problems that remain, and what silenced the others."""
    by_code: dict[tuple[str, str], list[Allowance]] = {}
    for allowance in allowances:
        for code in allowance.codes:
            by_code.setdefault((allowance.place.mark.source, code), []).append(allowance)
    kept: list[Problem] = []
    used: set[tuple[Allowance, str]] = set()
    for problem in problems:
        covering = [
            allowance
            for allowance in by_code.get((problem.source, problem.id), ())
            if allowance.first <= problem.line <= allowance.last
        ]
        used.update((allowance, problem.id) for allowance in covering)
        if not covering:
            kept.append(problem)
    return tuple(kept), frozenset(used)


def unused(allowances: Iterable[Allowance], used: Used) -> Iterator[Problem]:
    """Yield a finding for each comment of which something silences nothing."""
    for allowance in allowances:
        idle = [code for code in allowance.codes if (allowance, code) not in used]
        if idle:
            what = "the comment" if len(idle) == len(allowance.codes) else ", ".join(idle)
            message = f"there is no {' and no '.join(idle)} here to be silenced; remove {what}"
            yield problem_at(allowance.place, Id.UNUSED_ALLOWANCE, message)
