"""Follow a body on its way through: how much of what arrived belongs to it, and whether it has ended.  (RFC 9112 §6, §7)

A body with a length is counted, a chunked one is checked, one until close just passes.  Nothing is copied or kept.
"""

from typing import Final

from xoproxy.semantics.chunked import ChunkedReader
from xoproxy.semantics.heads import NONE, Framing, RequestHead, ResponseHead

LAST_CHUNK: Final = b"0\r\n\r\n"


class BodyPass:
    """One message body.  `feed` it what arrives until `done`; `fault` says why it is broken."""

    __slots__ = ("_chunked", "_left", "_until_close", "content_bytes", "done")

    def __init__(self, framing: Framing, content_length: int) -> None:
        self._chunked = ChunkedReader() if framing is Framing.CHUNKED else None
        self._until_close = framing is Framing.UNTIL_CLOSE
        self._left = content_length
        self.content_bytes = 0
        self.done = framing is Framing.NONE

    @property
    def fault(self) -> str | None:
        """Why this is no body of its framing."""
        return self._chunked.fault if self._chunked is not None else None

    def feed(self, data: bytes, content: list[bytes] | None = None) -> int:
        """Take `data`; return how many of its bytes belong to this body.  Decoded content is appended to `content`."""
        if self._chunked is not None:
            taken = self._chunked.feed(data, content)
            self.content_bytes = self._chunked.content_bytes
            self.done = self._chunked.done
            return taken
        taken = len(data) if self._until_close else min(self._left, len(data))
        self._left -= taken
        self.content_bytes += taken
        if not self._until_close and not self._left:
            self.done = True
        if content is not None:
            content.append(data[:taken])
        return taken

    def end_of_stream(self) -> bool:
        """The sender closed: whether that ends the body properly."""
        if self._until_close:
            self.done = True
        return self.done


# The body that is not there; shared, for nothing in it changes.
NO_BODY: Final = BodyPass(Framing.NONE, 0)


def body_of(head: RequestHead | ResponseHead) -> BodyPass:
    """Return the body that follows this head."""
    return NO_BODY if head.framing is NONE else BodyPass(head.framing, head.content_length)


def chunk(data: bytes) -> bytes:
    """Return `data`, not empty, as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)
