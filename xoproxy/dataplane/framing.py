"""How a response's body goes to the client, whose version of HTTP may know no chunks.  (RFC 9112 §6.1, §7.1)"""

from enum import Enum
from typing import Final

from xoproxy.semantics.heads import LENGTH, NONE, Framing, RequestHead, ResponseHead

_CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"


class Passing(Enum):
    """What happens to the body's framing on its way."""

    AS_IT_CAME = "as it came"
    INTO_CHUNKS = "into chunks"  # the upstream ends it by closing, an HTTP/1.1 client gets chunks
    OUT_OF_CHUNKS = "out of chunks"  # an HTTP/1.0 client gets the content, until close


AS_IT_CAME: Final = Passing.AS_IT_CAME
INTO_CHUNKS: Final = Passing.INTO_CHUNKS
OUT_OF_CHUNKS: Final = Passing.OUT_OF_CHUNKS


def framing_for_client(request: RequestHead, response: ResponseHead) -> tuple[Passing, bytes, bool]:
    """Return how the body passes, the field lines that say so, and whether the client sees its end without a close."""
    if response.framing is NONE or response.framing is LENGTH:
        return AS_IT_CAME, b"", True
    comes_in_chunks = response.framing is Framing.CHUNKED
    if request.minor == 1:
        return AS_IT_CAME if comes_in_chunks else INTO_CHUNKS, _CHUNKED, True
    return OUT_OF_CHUNKS if comes_in_chunks else AS_IT_CAME, b"", False
