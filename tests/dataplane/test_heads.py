"""What a connection remembers of the heads that it read."""

import pytest

from xoproxy.dataplane.heads import MAX_REMEMBERED_BYTES, HeadBuffer
from xoproxy.semantics.diagnosis import HeadFault
from xoproxy.semantics.heads import RequestHead


def block(line: bytes = b"GET / HTTP/1.1", size: int = 100) -> bytes:
    """Return a head of a size."""
    start = line + b"\r\nHost: a.example\r\nX: "
    return start + b"x" * (size - len(start) - 4) + b"\r\n\r\n"


@pytest.mark.parametrize(("size", "remembered"), [(MAX_REMEMBERED_BYTES, True), (MAX_REMEMBERED_BYTES + 1, False)])
def test_heads_of_a_usual_size_are_remembered(size: int, remembered: bool) -> None:
    """A client cannot make an idle connection hold more than that."""
    heads = HeadBuffer()

    first, second = heads.read(block(size=size)), heads.read(block(size=size))

    assert isinstance(first, RequestHead)
    assert isinstance(second, RequestHead)
    assert (first.fields is second.fields) == remembered


def test_what_is_refused_is_not_remembered() -> None:
    """Nor does it do away with what is."""
    heads = HeadBuffer()
    first = heads.read(block())

    assert isinstance(heads.read(block(b"GET  / HTTP/1.1")), HeadFault)
    assert isinstance(heads.read(block(b"G@T / HTTP/1.1")), HeadFault)

    second = heads.read(b"HEAD /other" + block().removeprefix(b"GET /"))
    assert isinstance(first, RequestHead)
    assert isinstance(second, RequestHead)
    assert (second.method, second.target) == (b"HEAD", b"/other")
    assert second.fields is first.fields
