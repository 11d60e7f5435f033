"""The chunked coding, strictly, three ways: whole, byte by byte, and with bytes behind it.  (RFC 9112 §7.1)"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoproxy.semantics.chunked import MAX_LINE_BYTES, MAX_TRAILER_BYTES, ChunkedReader

SIZES = st.lists(st.integers(1, 30), min_size=1)
# Whatever follows a body on the connection: nothing, another request, rubbish.
BEHIND = (b"", b"GET / HTTP/1.1\r\n\r\n", b"\r\n", b"0\r\n\r\n")


def pieces_of(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


def fed(pieces: list[bytes]) -> tuple[ChunkedReader, int, bytes]:
    """Feed pieces until the reader is done or at fault; return it, how much it took and the content."""
    reader, taken, content = ChunkedReader(), 0, list[bytes]()
    for piece in pieces:
        if reader.done or reader.fault is not None:
            break
        taken += reader.feed(piece, content)
    return reader, taken, b"".join(content)


@pytest.mark.parametrize(
    ("body", "content"),
    [
        pytest.param(b"0\r\n\r\n", b"", id="empty"),
        pytest.param(b"5\r\nhello\r\n0\r\n\r\n", b"hello", id="one"),
        pytest.param(b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", b"abc", id="two"),
        pytest.param(b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789", id="hexadecimal"),
        pytest.param(b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789", id="hexadecimal-upper-case"),
        pytest.param(b"0005\r\nhello\r\n00000\r\n\r\n", b"hello", id="leading-zeros"),
        pytest.param(b"000000000000005\r\nhello\r\n0\r\n\r\n", b"hello", id="15-digits"),
        pytest.param(b"5;a\r\nhello\r\n0;b=c\r\n\r\n", b"hello", id="extensions"),
        pytest.param(b'5;a="b;\t c";d\r\nhello\r\n0\r\n\r\n', b"hello", id="quoted-extension"),
        pytest.param(b"5; a = b;\tc\r\nhello\r\n0\r\n\r\n", b"hello", id="extensions-with-white-space"),
        pytest.param(b'5;a="\\"\\\\;\xe9";b\r\nhello\r\n0\r\n\r\n', b"hello", id="quoted-pairs"),
        pytest.param(b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n", id="line-ends-as-data"),
        pytest.param(b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n", id="an-end-as-data"),
        pytest.param(b"0\r\nA: b\r\nC:\r\n\r\n", b"", id="trailers"),
        pytest.param(b"3\r\n\x00\xff\n\r\n0\r\nX-Sum: \xff \r\n\r\n", b"\x00\xff\n", id="any-bytes"),
        pytest.param(b"0;" + b"x" * (MAX_LINE_BYTES - 4) + b"\r\n\r\n", b"", id="longest-line"),
        pytest.param(b"0\r\n" + (b"A: " + b"x" * 1019 + b"\r\n") * 16 + b"\r\n", b"", id="longest-trailers"),
    ],
)
def test_a_body_is_read_to_its_end_and_not_further(body: bytes, content: bytes) -> None:
    """Whole, in pieces of any size, and with whatever comes behind it on the connection."""
    for behind in BEHIND:
        for size in (len(body) + len(behind), 1, 2, 3, 7):
            reader, taken, found = fed(pieces_of(body + behind, size))

            assert (reader.done, reader.fault) == (True, None)
            assert (taken, found, reader.content_bytes) == (len(body), content, len(content))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\r\n", id="no-size"),
        pytest.param(b"g\r\n", id="no-hexadecimal"),
        pytest.param(b"0x5\r\nhello\r\n", id="prefix"),
        pytest.param(b"+5\r\nhello\r\n", id="plus"),
        pytest.param(b"-5\r\nhello\r\n", id="minus"),
        pytest.param(b"5_0\r\n", id="underscore"),
        pytest.param(b" 5\r\nhello\r\n", id="space-before"),
        pytest.param(b"5 \r\nhello\r\n", id="space-after"),
        pytest.param(b"5 ;a\r\nhello\r\n", id="space-before-extension"),
        pytest.param(b"\t5\r\nhello\r\n", id="tab"),
        pytest.param(b"5\nhello\r\n", id="bare-lf-after-size"),
        pytest.param(b"5\r\r\nhello\r\n", id="double-cr"),
        pytest.param(b"5;a\nb\r\nhello\r\n", id="bare-lf-in-extension"),
        pytest.param(b"5;a\rb\r\nhello\r\n", id="bare-cr-in-extension"),
        pytest.param(b"5;\0\r\nhello\r\n", id="nul-in-extension"),
        pytest.param(b"5;\r\nhello\r\n", id="empty-extension"),
        pytest.param(b"5;;a\r\nhello\r\n", id="empty-extension-first"),
        pytest.param(b"5;=b\r\nhello\r\n", id="extension-without-name"),
        pytest.param(b"5;a=\r\nhello\r\n", id="extension-without-value"),
        pytest.param(b"5;a b\r\nhello\r\n", id="extension-of-two-words"),
        pytest.param(b"5;\xe9\r\nhello\r\n", id="latin-1-extension"),
        pytest.param(b"5;a ;b\r\nhello\r\n", id="space-before-second-extension"),
        pytest.param(b'5;a="b\r\nhello\r\n', id="open-quotes"),
        pytest.param(b'5;a="\\"\r\nhello\r\n', id="quotes-closed-by-a-pair"),
        pytest.param(b"5,5\r\nhello\r\n", id="comma"),
        pytest.param(b"5\xb2\r\n", id="latin-1-digit"),
        pytest.param(b"0000000000000005\r\nhello\r\n0\r\n\r\n", id="16-digits"),
        pytest.param(b"FFFFFFFFFFFFFFFFF\r\n", id="over-64-bits"),
        pytest.param(b"5\r\nhello!\r\n0\r\n\r\n", id="data-too-long"),
        pytest.param(b"5\r\nhello\n0\r\n\r\n", id="bare-lf-after-data"),
        pytest.param(b"5\r\nhello\r0\r\n\r\n", id="bare-cr-after-data"),
        pytest.param(b"5\r\nhello0\r\n\r\n", id="nothing-after-data"),
        pytest.param(b"5\r\nhell\r\n0\r\n\r\n", id="data-too-short"),
        pytest.param(b"0\r\n\n", id="bare-lf-at-the-end"),
        pytest.param(b"0\r\nA: b\n\r\n", id="bare-lf-in-trailers"),
        pytest.param(b"0\r\nA : b\r\n\r\n", id="trailer-space-before-colon"),
        pytest.param(b"0\r\n b\r\n\r\n", id="trailer-fold"),
        pytest.param(b"0\r\nA: b\r\n c\r\n\r\n", id="trailer-obs-fold"),
        pytest.param(b"0\r\nA\r\n\r\n", id="trailer-without-colon"),
        pytest.param(b"0\r\n: b\r\n\r\n", id="trailer-without-name"),
        pytest.param(b"0\r\nA: \0\r\n\r\n", id="trailer-nul"),
        pytest.param(b"0\r\nGET / HTTP/1.1\r\n\r\n", id="a-request-for-trailers"),
        pytest.param(b"0;" + b"x" * (MAX_LINE_BYTES - 3) + b"\r\n\r\n", id="line-too-long"),
        pytest.param(b"0\r\nA: " + b"x" * MAX_LINE_BYTES + b"\r\n\r\n", id="trailer-line-too-long"),
        pytest.param(b"0\r\n" + (b"A: " + b"x" * 1019 + b"\r\n") * 16 + b"B:\r\n\r\n", id="trailers-too-long"),
        pytest.param(b"0" * (MAX_LINE_BYTES + 1), id="a-size-without-end"),
    ],
)
def test_what_another_recipient_could_read_otherwise_is_refused(body: bytes) -> None:
    """However it arrives: the verdict does not depend on where the pieces end (RFC 9112 §7.1, §11.2)."""
    for size in (len(body), 1, 2, 3, 7):
        reader, _, _ = fed(pieces_of(body, size))

        assert reader.fault
        assert not reader.done


@pytest.mark.parametrize(
    "name",
    [b"Transfer-Encoding", b"content-length", b"HOST", b"Connection", b"Trailer", b"TE", b"Upgrade", b"Content-Encoding",
     b"Content-Type", b"Content-Range", b"Authorization", b"Set-Cookie", b"Cookie", b"Vary", b"Expect"],
)  # fmt: skip
def test_trailers_that_would_change_the_message_are_refused(name: bytes) -> None:
    """Framing, routing, authentication, content and caching are decided by the head (RFC 9110 §6.5.1)."""
    assert fed([b"0\r\n" + name + b": x\r\n\r\n"])[0].fault
    assert fed([b"0\r\nX-" + name + b": x\r\n\r\n"])[0].done


def test_a_body_that_breaks_off_is_not_done() -> None:
    """Every proper prefix waits for more; none of them is an end (rule 10)."""
    body = b"5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n"
    for end in range(len(body)):
        reader, taken, _ = fed([body[:end]])

        assert (reader.done, reader.fault, taken) == (False, None, end)


def test_content_is_counted_without_being_kept() -> None:
    """Who passes the coding on wants the count only."""
    reader = ChunkedReader()
    reader.feed(b"5\r\nhel")

    assert reader.content_bytes == 3


def test_a_large_chunk_is_not_held() -> None:
    """Only a line that has begun is held, never data."""
    reader = ChunkedReader()

    assert reader.feed(b"fffffffffffffff\r\n" + b"x" * 100_000) == 17 + 100_000
    assert reader.content_bytes == 100_000


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(1, 30), min_size=1), st.sampled_from(BEHIND)
)
def test_any_content_comes_through_any_split(chunks: list[bytes], sizes: list[int], behind: bytes) -> None:
    """Encode, split anywhere, read: the same content, and the reader stops where the body does."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    stream, pieces = body + behind, list[bytes]()
    while stream:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(stream[:size])
        stream = stream[size:]

    reader, taken, content = fed(pieces)

    assert (reader.done, reader.fault, taken) == (True, None, len(body))
    assert content == b"".join(chunks)


ALPHABET = [b"0", b"5", b"a", b"\r\n", b"\n", b"\r", b";", b" ", b"hello", b"A: b\r\n", b"Host: x\r\n", b"\0", b":"]


@given(st.lists(st.sampled_from(ALPHABET), max_size=14).map(b"".join))
def test_the_verdict_does_not_depend_on_the_split(stream: bytes) -> None:
    """Whole or byte by byte: done, at fault or waiting alike, and as far (h11's way of testing readers)."""
    whole, taken, content = fed([stream])
    single, taken_singly, content_singly = fed(pieces_of(stream, 1))

    assert (whole.done, bool(whole.fault)) == (single.done, bool(single.fault))
    if not whole.fault:
        assert (taken, content, whole.content_bytes) == (taken_singly, content_singly, single.content_bytes)


def test_bounds_are_what_they_say() -> None:
    """The tables above count on them."""
    assert (MAX_LINE_BYTES, MAX_TRAILER_BYTES) == (4096, 16 * 1024)
