"""A head that repeats the field lines of the one before it is what it would be if it had been read by itself."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from support.builds import attributes_of
from support.wild_heads import GOOD_STARTS, request_blocks

from xoproxy.semantics.forwarded import Hop
from xoproxy.semantics.forwarding import request_for_upstream
from xoproxy.semantics.heads import RequestHead, read_repeated_head, read_request_head

DIRECT = Hop(b"192.0.2.7", b"http")
PROXIED = Hop(b"2001:db8::1", b"https", lambda _: True)
STARTS = (*GOOD_STARTS, b"GET /a?b HTTP/1.1", b"POST /x HTTP/1.1", b"CONNECT a:1 HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET /")
LINES = st.sampled_from(STARTS) | st.binary(max_size=24)

FIRST = b"GET / HTTP/1.1\r\nHost: a.example\r\nOrigin: https://o.example\r\nConnection: x\r\nX: 1\r\n\r\n"


def seen(head: RequestHead) -> dict[str, object]:
    """Return all that is known of a head, but for what is only remembered."""
    return {name: getattr(head, name) for name in attributes_of(RequestHead) if name != "forwarded"}


def as_if_alone(block: bytes, before: RequestHead) -> RequestHead | None:
    """Read a head after another one: it is what it is by itself, or not taken for a repeated one.  Returns it, or None."""
    alone, after = read_request_head(block), read_repeated_head(block, before)
    if after is not None:
        assert isinstance(alone, RequestHead)
        assert seen(after) == seen(alone)
    return after


@given(request_blocks(), LINES)
@example(FIRST, b"")
@example(FIRST, b"GET /")
@example(FIRST, b"GET / HTTP/1.1")
@example(FIRST, b"GET / HTTP/1.1\r\nX: 2")
def test_request_line_decides_as_it_does_alone(block: bytes, line: bytes) -> None:
    """Whatever stands before the same field lines: a request line of any kind, half of one, more fields, nonsense."""
    before = read_request_head(block)
    assume(isinstance(before, RequestHead))
    assert isinstance(before, RequestHead)

    as_if_alone(line + before.tail, before)
    as_if_alone(line.removesuffix(b" HTTP/1.1") + before.tail, before)


@given(request_blocks(), request_blocks())
def test_other_field_lines_are_read(first: bytes, second: bytes) -> None:
    before = read_request_head(first)
    assume(isinstance(before, RequestHead))
    assert isinstance(before, RequestHead)

    as_if_alone(second, before)


@given(request_blocks(), st.lists(st.sampled_from([DIRECT, PROXIED]), min_size=1, max_size=4))
def test_what_goes_to_the_upstream_does_not_depend_on_what_is_remembered(block: bytes, hops: list[Hop]) -> None:
    """Nor on who asked, through which hop, before."""
    head = read_request_head(block)
    assume(isinstance(head, RequestHead))
    assert isinstance(head, RequestHead)
    for number, hop in enumerate(hops):
        block = b"GET /%d" % number + head.tail
        again = as_if_alone(block, head)
        alone = read_request_head(block)
        if again is None or not isinstance(alone, RequestHead):
            return
        host = b"default%d.example" % number

        assert request_for_upstream(again, hop, host) == request_for_upstream(alone, hop, host)

        head = again


@pytest.mark.parametrize("minor", [b"0", b"1"])
def test_edits_of_one_request_do_not_reach_the_next(minor: bytes) -> None:
    """What one request has put in or taken out is not remembered, the field lines are."""
    block = b"GET / HTTP/1." + minor + b"\r\nHost: a.example\r\nX: 1\r\n\r\n"
    head = read_request_head(block)
    assert isinstance(head, RequestHead)
    place = head.tail.index(b"X: 1")
    plain = request_for_upstream(head, DIRECT, b"d.example")

    edited = request_for_upstream(head, DIRECT, b"d.example", (((place, place + 6),), b"Y: 2\r\n"))
    put = request_for_upstream(head, DIRECT, b"d.example", ((), b"Y: 2\r\n"))
    again = as_if_alone(block, head)

    assert again is not None
    assert b"X: 1" not in edited
    assert b"Y: 2\r\n" in edited
    assert put == plain.removesuffix(b"\r\n") + b"Y: 2\r\n\r\n"
    assert request_for_upstream(again, DIRECT, b"d.example") == plain


def test_repeated_head_is_not_read_again() -> None:
    """Its fields are those that were read before: the very same list."""
    head = read_request_head(FIRST)
    assert isinstance(head, RequestHead)

    again = as_if_alone(FIRST.replace(b"GET / ", b"PUT /other?x "), head)

    assert again is not None
    assert again.fields is head.fields
