"""Other readers as oracles of whole messages: head as we forward it, body as we pass it on, trailers and all.

What whole connections carry is compared in `tests/conformance`; here it is one message and the pure floor.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.differences import DIFFERENCES, INTERIM_CLOSE, Difference, llhttp_differs_on, odd_extension
from support.exchanges import request, response, table_of
from support.fuzzing import fuzzed
from support.generations import READABLE
from support.readers import Read, h11_requests, h11_responses, llhttp_requests, llhttp_response
from support.wild_streams import PIECES, cut

from xoproxy.dataplane.bodies import LAST_CHUNK, chunk
from xoproxy.semantics.chunked import ChunkedReader
from xoproxy.semantics.forwarding import Hop, request_for_upstream
from xoproxy.semantics.heads import Framing, RequestHead, read_request_head

HOP = Hop(b"192.0.2.7", b"http")
PLAN = table_of(READABLE).decide(request(), b"http", b"shop.example").plan
EXTENSIONS = (b"", b"", b"", b";a", b";a=b", b';a="b;c"', b"; a = b", b";a;b=1;c", b';a="\xe9"')
TRAILERS = (b"", b"", b"X-Sum: 1\r\n", b"x-a:\t\r\nX-B: caf\xe9\r\n")

contents = st.lists(st.one_of(st.binary(min_size=1, max_size=20), st.sampled_from(PIECES)), max_size=4)


@st.composite
def chunked_bodies(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Return a valid chunked body and its content."""
    content = draw(contents)
    spell = st.sampled_from([b"%x", b"%X", b"0%x", b"%013x"])
    lines = [(draw(spell) % len(piece)) + draw(st.sampled_from(EXTENSIONS)) + b"\r\n" + piece + b"\r\n" for piece in content]
    end = draw(st.sampled_from([b"0", b"000"])) + draw(st.sampled_from(EXTENSIONS)) + b"\r\n" + draw(st.sampled_from(TRAILERS))
    return b"".join(lines) + end + b"\r\n", b"".join(content)


def read_in_pieces(body: bytes, places: list[int]) -> tuple[ChunkedReader, bytes, list[bytes]]:
    """Feed a body in pieces; return the reader, the bytes that it took, and the content."""
    reader = ChunkedReader()
    content: list[bytes] = []
    taken = b""
    for piece in cut(body, places):
        taken += piece[: reader.feed(piece, content)]
    return reader, taken, content


@fuzzed(300)
@given(chunked_bodies(), st.lists(st.integers(0, 500), max_size=6))
def test_a_chunked_request_is_one_message_to_others_too(body: tuple[bytes, bytes], places: list[int]) -> None:
    """The same content and trailers, and nothing left over, in whatever pieces we read it."""
    head = request(b"POST", b"/", b"Transfer-Encoding: chunked", b"Connection: x", b"X: y")
    raw, wanted = body
    reader, taken, content = read_in_pieces(raw + b"GET", places)
    sent = request_for_upstream(head, HOP, b"default.example") + taken
    read = h11_requests(sent)

    assert (reader.done, reader.fault, taken, b"".join(content)) == (True, None, raw, wanted)
    assert [one.body for one in read.messages] == [wanted]
    assert (read.rest, read.fault, read.begun) == (b"", "", None)
    if not odd_extension(raw):
        assert [one.request for one in llhttp_requests(sent).messages] == [(b"POST", b"/", wanted)]
        assert llhttp_requests(sent).messages[0].trailers == read.messages[0].trailers


@fuzzed(300)
@given(chunked_bodies(), st.lists(st.integers(0, 500), max_size=6))
def test_a_chunked_response_is_one_message_to_others_too(body: tuple[bytes, bytes], places: list[int]) -> None:
    """As it came, and out of its chunks, as an HTTP/1.0 client gets it."""
    raw, wanted = body
    head = response(200, b"Transfer-Encoding: chunked", b"Connection: x", b"X: y")
    _, taken, content = read_in_pieces(raw, places)
    as_it_came = PLAN.apply(head, b"Transfer-Encoding: chunked\r\n") + taken
    out_of_chunks = PLAN.apply(head, b"Connection: close\r\n") + b"".join(content)

    _check_response(as_it_came, wanted, llhttp=not odd_extension(raw), fin=False)
    _check_response(out_of_chunks, wanted, llhttp=True, fin=True)


@fuzzed(300)
@given(contents)
def test_a_body_until_close_is_one_message_in_chunks(pieces: list[bytes]) -> None:
    """What we put into chunks, others take out of them."""
    head = response(200, b"Connection: close")
    sent = PLAN.apply(head, b"Transfer-Encoding: chunked\r\n") + b"".join(map(chunk, pieces)) + LAST_CHUNK

    assert head.framing is Framing.UNTIL_CLOSE
    _check_response(sent, b"".join(pieces), llhttp=True, fin=False)


def _check_response(sent: bytes, content: bytes, *, llhttp: bool, fin: bool) -> None:
    read = h11_responses(sent, [b"GET"], fin=fin)
    assert [one.response for one in read.messages] == [(200, content)]
    assert (read.rest, read.fault, read.begun) == (b"", "", None)
    if llhttp:
        heard = llhttp_response(sent)
        assert heard.fault == ""
        assert [one.response for one in ([heard.begun] if fin else heard.messages) if one is not None] == [(200, content)]


def test_a_response_and_what_follows_it_are_told_apart() -> None:
    """That the comparison has teeth: a byte more is seen."""
    reader, taken, _ = read_in_pieces(b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", [])

    assert (reader.done, taken) == (True, b"0\r\n\r\n")
    assert h11_responses(b"HTTP/1.1 204 x\r\n\r\n!", [b"GET"], fin=False).rest == b"!"


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.name)
def test_each_row_of_the_table_of_differences_is_one(difference: Difference) -> None:
    """We take it, h11 reads it as we do, and llhttp still does not; when it does the row has to go."""
    end = difference.shown.index(b"\r\n\r\n") + 4
    head = read_request_head(difference.shown[:end])
    assert isinstance(head, RequestHead)
    sent = request_for_upstream(head, HOP, b"default.example") + difference.shown[end:]
    read = h11_requests(sent)

    assert len(read.messages) == 1
    assert read.fault == ""
    assert difference.applies(read.messages[0], sent)
    assert llhttp_requests(sent).messages == []
    assert llhttp_requests(sent).fault != ""


def test_llhttp_reads_nothing_after_an_interim_response_that_closes() -> None:
    """The row for answers: h11 reads on, as we do."""
    assert llhttp_differs_on(INTERIM_CLOSE)
    assert not llhttp_differs_on(INTERIM_CLOSE.replace(b"103", b"200"))
    assert [one.response for one in h11_responses(INTERIM_CLOSE, [b"GET"], fin=False).messages] == [(200, b"ok")]
    assert llhttp_response(INTERIM_CLOSE).messages == []


def test_no_row_applies_to_what_both_read_alike() -> None:
    sent = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\n;\r\n0\r\n\r\n"
    (read,) = h11_requests(sent).messages

    assert not any(difference.applies(read, sent) for difference in DIFFERENCES)
    assert [one.request for one in llhttp_requests(sent).messages] == [read.request]
    assert not any(difference.applies(Read(method=b"GET"), b"") for difference in DIFFERENCES)
