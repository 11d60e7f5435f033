"""What a connection remembers of the heads that it read."""

import pytest

from xoproxy.dataplane.heads import MAX_REMEMBERED_BYTES, HeadBuffer
from xoproxy.semantics.diagnosis import HeadFault
from xoproxy.semantics.field_lines import REQUEST_FIELDS, request_reader
from xoproxy.semantics.heads import RequestHead


def block(line: bytes = b"GET / HTTP/1.1", size: int = 100) -> bytes:
    """Return a head of a size."""
    start = line + b"\r\nHost: a.example\r\nX: "
    return start + b"x" * (size - len(start) - 4) + b"\r\n\r\n"


@pytest.mark.parametrize(("size", "remembered"), [(MAX_REMEMBERED_BYTES, True), (MAX_REMEMBERED_BYTES + 1, False)])
def test_heads_of_a_usual_size_are_remembered(size: int, remembered: bool) -> None:
    """A client cannot make an idle connection hold more than that."""
    heads = HeadBuffer()

    first, second = heads.read(block(size=size), REQUEST_FIELDS), heads.read(block(size=size), REQUEST_FIELDS)

    assert isinstance(first, RequestHead)
    assert isinstance(second, RequestHead)
    assert (first.fields is second.fields) == remembered


def test_what_is_refused_is_not_remembered() -> None:
    """Nor does it do away with what is."""
    heads = HeadBuffer()
    first = heads.read(block(), REQUEST_FIELDS)

    assert isinstance(heads.read(block(b"GET  / HTTP/1.1"), REQUEST_FIELDS), HeadFault)
    assert isinstance(heads.read(block(b"G@T / HTTP/1.1"), REQUEST_FIELDS), HeadFault)

    second = heads.read(b"HEAD /other" + block().removeprefix(b"GET /"), REQUEST_FIELDS)
    assert isinstance(first, RequestHead)
    assert isinstance(second, RequestHead)
    assert (second.method, second.target) == (b"HEAD", b"/other")
    assert second.fields is first.fields


def test_another_reader_reads_anew() -> None:
    """What one does not know, another does: a reload may ask for other fields."""
    heads = HeadBuffer()
    first, second = heads.read(block(), REQUEST_FIELDS), heads.read(block(), request_reader((b"x",)))

    assert isinstance(first, RequestHead)
    assert isinstance(second, RequestHead)
    assert [(field.name, second.tail[start:end]) for field, start, end in second.fields if field.name == b"x"] == [
        (b"x", block().split(b"\r\n")[2] + b"\r\n")
    ]
    assert first.values(b"x") == []
