"""Read the chunked transfer coding strictly.  (RFC 9112 §7.1)

The reader counts and checks; it copies nothing, so that whoever passes the coding on can pass the bytes that came.  It is
stricter than the RFC asks of a recipient: no bare line feed, no white space around the size, at most 15 digits, and no trailer
field that could change the framing or the meaning of the message (RFC 9110 §6.5.1).
"""

import re
from enum import Enum
from typing import Final

from xoproxy.semantics.grammar import TOKEN, VALUE_BYTES

# Bounds on one size line with its extensions, and on all trailers together: nginx and Node bound both by their head buffers.
MAX_LINE_BYTES: Final = 4096
MAX_TRAILER_BYTES: Final = 16 * 1024

# chunk-ext (RFC 9112 §7.1.1): nobody acts on extensions, but some parsers refuse what is none, and what goes on must be read by
# all in the same way.  White space before a semicolon, which is lawful, has been a way to smuggle.
_QUOTED: Final = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[' + VALUE_BYTES + rb'])*"'
_EXTENSION: Final = rb";[ \t]*+" + TOKEN + rb"++(?:[ \t]*+=[ \t]*+(?:" + TOKEN + rb"++|" + _QUOTED + rb"))?"
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:" + _EXTENSION + rb")*\r\n")
_TRAILER: Final = re.compile(rb"(" + TOKEN + rb"++):[" + VALUE_BYTES + rb"]*+\r\n")
_FORBIDDEN_TRAILERS: Final = frozenset(
    (b"transfer-encoding", b"content-length", b"host", b"connection", b"trailer", b"te", b"upgrade", b"content-encoding",
     b"content-type", b"content-range", b"authorization", b"set-cookie", b"cookie", b"vary", b"expect")
)  # fmt: skip


class _State(Enum):
    SIZE = "size line"
    DATA = "data"
    DATA_END = "end of data"
    TRAILERS = "trailers"
    DONE = "done"


class ChunkedReader:
    """Follows one chunked body.  `feed` it what arrives until `done`; `fault` says why it is no chunked body."""

    __slots__ = ("_held", "_left", "_state", "_trailer_bytes", "content_bytes", "fault")

    def __init__(self) -> None:
        self._state = _State.SIZE
        self._left = 0  # bytes of data still to come in this chunk
        self._held = b""  # a line that has begun
        self._trailer_bytes = 0
        self.content_bytes = 0
        self.fault: str | None = None

    @property
    def done(self) -> bool:
        """Whether the body has ended, trailers included."""
        return self._state is _State.DONE

    def feed(self, data: bytes, content: list[bytes] | None = None) -> int:
        """Take `data`; return how many of its bytes belong to the body.  Content is appended to `content`, if given.

        Once `fault` is set nothing of this data may be passed on.
        """
        at = 0
        while at < len(data) and self.fault is None and self._state is not _State.DONE:
            if self._state is _State.DATA:
                end = min(len(data), at + self._left)
                if content is not None:
                    content.append(data[at:end])
                self._left -= end - at
                self.content_bytes += end - at
                at = end
                if not self._left:
                    self._state = _State.DATA_END
            else:
                at = self._take_line(data, at)
        return at

    def _take_line(self, data: bytes, at: int) -> int:
        found = data.find(b"\n", at)
        end = len(data) if found < 0 else found + 1
        line = self._held + data[at:end] if self._held else data[at:end]
        if found < 0:
            self._held = line
            if len(line) > MAX_LINE_BYTES:
                self.fault = "a line of the chunked coding is too long"
            elif self._state is _State.DATA_END and line != b"\r":
                self.fault = "chunk data is longer than its size"
        else:
            self._held = b""
            self._read_line(line)
        return end

    def _read_line(self, line: bytes) -> None:
        """Take one whole line, its line feed included."""
        if self._state is _State.SIZE:
            match = _SIZE.fullmatch(line) if len(line) <= MAX_LINE_BYTES else None
            if match is None:
                self.fault = "a chunk size is not a hexadecimal number, or its extension is malformed"
                return
            self._left = int(match[1], 16)
            self._state = _State.DATA if self._left else _State.TRAILERS
        elif self._state is _State.DATA_END:
            if line != b"\r\n":
                self.fault = "chunk data is longer than its size"
            self._state = _State.SIZE
        elif line == b"\r\n":
            self._state = _State.DONE
        else:
            self._read_trailer(line)

    def _read_trailer(self, line: bytes) -> None:
        self._trailer_bytes += len(line)
        match = _TRAILER.fullmatch(line)
        if len(line) > MAX_LINE_BYTES:
            self.fault = "a line of the chunked coding is too long"
        elif match is None or match[1].lower() in _FORBIDDEN_TRAILERS:
            self.fault = "a trailer field line is malformed or not allowed in trailers"
        elif self._trailer_bytes > MAX_TRAILER_BYTES:
            self.fault = "the trailers are too long"
