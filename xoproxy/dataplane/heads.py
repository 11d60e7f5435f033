"""Cut request heads out of what a client sends, and read them."""

from typing import Final

from xoproxy.semantics import grammar
from xoproxy.semantics.diagnosis import HeadFault
from xoproxy.semantics.field_lines import FieldReader
from xoproxy.semantics.heads import RequestHead, read_repeated_head, read_request_head

_TOO_LARGE: Final = HeadFault(431, "the request head is larger than limits.request_head")
_TLS_HELLO: Final = b"\x16\x03"  # the record header of a handshake (RFC 8446 §5.1)
_NOT_TLS: Final = HeadFault(400, "this is TLS, and the port speaks plain HTTP")
MAX_REMEMBERED_BYTES: Final = 2048  # browsers' heads have some 600 bytes, and cookies
_BARE_LINE_FEED: Final = HeadFault(400, "a line feed without a carriage return")


class HeadBuffer:
    """What came of heads, or was sent ahead of an answer.  `pending` may be taken and put by whoever reads bodies."""

    __slots__ = ("_last", "_reader", "_searched", "pending")

    def __init__(self) -> None:
        self.pending = b""
        self._last: RequestHead | None = None  # what was read last, if it is of a usual size
        self._reader: FieldReader | None = None  # by whom
        self._searched = 0  # no head ends before this place in `pending`

    @property
    def is_new(self) -> bool:
        """Whether no part of the present head was looked at yet."""
        return not self._searched

    def next(self, limit: int) -> bytes | HeadFault | None:
        """Cut the next head off; None if it is not whole, a fault if it never can be.  `limit`: of a head, in bytes.

        The end is looked for from where the last look ended: a head that drips costs no more than one that comes at once.
        """
        if not self._searched and self.pending[:1] == b"\r":
            self.pending = grammar.EMPTY_LINES.sub(b"", self.pending, count=1)  # tolerated (RFC 9112 §2.2)
        pending = self.pending
        if pending in (b"", b"\r"):
            return None
        end = pending.find(grammar.HEAD_END, self._searched)
        size = end + 4 if end >= 0 else len(pending)
        if size > limit:
            return _TOO_LARGE
        if end < 0:
            if not self._searched and pending[:2] == _TLS_HELLO:
                return _NOT_TLS
            if grammar.LENIENT_HEAD_END.search(pending, max(0, self._searched - 1)):
                return _BARE_LINE_FEED
            self._searched = max(1, size - 3)
            return None
        self.pending = pending[size:]
        self._searched = 0
        return pending[:size]

    def read(self, block: bytes, reader: FieldReader) -> RequestHead | HeadFault:
        """Read a head that was cut off.  What it has in common with the one before it is not read again."""
        last = self._last
        repeated = read_repeated_head(block, last) if last is not None and self._reader is reader else None
        head = repeated or read_request_head(block, reader)
        if isinstance(head, RequestHead) and len(block) <= MAX_REMEMBERED_BYTES:
            self._last, self._reader = head, reader
        return head
