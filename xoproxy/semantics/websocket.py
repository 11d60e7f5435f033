"""Follow WebSocket frames as they pass, to know where one ends.  (RFC 6455 §5.2)

A tunnel passes bytes and never needs this, but for one thing: a close frame of our own may go in between two frames only.  What
does not look like WebSocket frames is no error here, it is just never at a boundary.
"""

from typing import Final

GOING_AWAY: Final = 1001  # "an endpoint is going away, such as a server going down" (RFC 6455 §7.4.1)
_CLOSE: Final = 0x8
_FIN: Final = 0x80
_MASKED: Final = 0x80


def close_frame(code: int, mask: bytes = b"") -> bytes:
    """Return a close frame with this status code.  `mask`: the four bytes of a client's masking key; a server has none.

    (RFC 6455 §5.3, §5.5.1)
    """
    payload = code.to_bytes(2, "big")
    if not mask:
        return bytes((_FIN | _CLOSE, len(payload))) + payload
    masked = bytes(octet ^ key for octet, key in zip(payload, mask, strict=False))
    return bytes((_FIN | _CLOSE, _MASKED | len(payload))) + mask + masked


class FrameFollower:
    """Follows one direction of a WebSocket.  `feed` it every byte that passes."""

    __slots__ = ("_header", "_left", "closing")

    def __init__(self) -> None:
        self._header = b""  # of a frame whose header is not whole
        self._left = 0  # bytes of the present frame's payload still to come
        self.closing = False  # a close frame has begun to pass

    @property
    def at_boundary(self) -> bool:
        """Whether the last frame is whole, and none has begun after it."""
        return not self._left and not self._header

    def feed(self, data: bytes) -> None:
        """Follow `data`."""
        at = 0
        if self._header:
            data, self._header = self._header + data, b""
        while at < len(data):
            if self._left:
                passed = min(self._left, len(data) - at)
                self._left -= passed
                at += passed
            else:
                at = self._take_header(data, at)

    def _take_header(self, data: bytes, at: int) -> int:
        """Read the frame header at `at`; return where it ends.  One that is not whole is kept for the next data."""
        size = len(data) - at
        length = data[at + 1] & 0x7F if size > 1 else 0
        extended = {126: 2, 127: 8}.get(length, 0)
        end = at + 2 + extended + (4 if size > 1 and data[at + 1] & _MASKED else 0)
        if size < 2 or end > len(data):
            self._header = data[at:]
            return len(data)
        self._left = int.from_bytes(data[at + 2 : at + 2 + extended], "big") if extended else length
        if data[at] & 0x0F == _CLOSE:
            self.closing = True
        return end
