"""Say why a head is outside the grammar.  (RFC 9112 §2.2, §3, §5)

Never on the way of a good message: the patterns of `grammar` decide, this module only finds the words and the status.
"""

import re
from typing import Final

from xoproxy.semantics import grammar
from xoproxy.slotted import dataclass


@dataclass(frozen=True, slots=True)
class HeadFault:
    """A head that was refused: the status to answer, and the reason in words for the person who sent it."""

    status: int
    reason: str


_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_BARE_CR: Final = re.compile(rb"\r(?!\n)")
_VERSION: Final = re.compile(rb"[^ ]+ [^ ]+ HTTP/([0-9])\.([0-9])")
_NAMED: Final = re.compile(grammar.TOKEN + rb"*+(.)?")


def diagnose_request(block: bytes) -> HeadFault:
    """Explain why `block`, a whole head, is no request head.  400, or 505 for another major version."""
    start_line, _, rest = block.partition(b"\r\n")
    version = _VERSION.fullmatch(start_line)
    if version is not None and version[1] != b"1":
        return HeadFault(505, "the HTTP version is not 1.0 or 1.1")
    reason = _line_ends(block) or _request_line(start_line) or _field_section(rest)
    return HeadFault(400, reason or "the request line is not 'method SP target SP HTTP/1.x'")


def diagnose_response(block: bytes) -> HeadFault:
    """Explain why `block`, a whole head, is no response head.  Always 502: the fault is the upstream's."""
    _, _, rest = block.partition(b"\r\n")
    reason = _line_ends(block) or _field_section(rest)
    return HeadFault(502, reason or "the status line is not 'HTTP/1.x SP status'")


def _request_line(line: bytes) -> str | None:
    """Name what is wrong with a request line, if it is one of the usual mistakes."""
    if line.startswith(b"PROXY "):
        return "a PROXY protocol header, which this listener does not expect from this peer"
    target = line.split(b" ")[1:2]
    if target and b"#" in target[0]:
        return "the request target has a fragment"
    if target and not target[0].isascii():
        return "the request target has bytes that are not ASCII: they are percent-encoded there"
    return None


def _line_ends(block: bytes) -> str | None:
    if _BARE_LF.search(block):
        return "a line feed without a carriage return"
    if _BARE_CR.search(block):
        return "a carriage return without a line feed"
    if b"\0" in block:
        return "a NUL byte"
    return None


def _field_section(section: bytes) -> str | None:
    """Name the first field line that is outside the grammar, by its fault, never by its value."""
    for number, line in enumerate(section.split(b"\r\n")[:-2], start=1):
        if grammar.FIELD_LINE.fullmatch(line):
            continue
        if line[:1] in (b" ", b"\t"):
            return f"field line {number} continues the line before (obsolete line folding)"
        stop = _NAMED.match(line)
        if stop is not None and stop[1] in (b" ", b"\t"):
            return f"field line {number} has white space before the colon"
        if stop is not None and stop[1] == b":" and stop.start(1) > 0:
            return f"field line {number} has a control byte in its value"
        return f"field line {number} has no valid field name"
    return None
