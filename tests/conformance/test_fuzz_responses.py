"""Whatever an upstream sends: the client gets the message that h11 and llhttp read in it, or sees that something went wrong.

The whole data plane runs, without sockets: see `support.memory`.  After each answer the same client asks again, and another
client too: each gets its own answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st
from support.differences import llhttp_differs_on, odd_extension
from support.fuzzing import fuzzed
from support.memory import FIN, RESET, Event, MemoryProxy, MemoryTransport, Origin
from support.readers import Read, Stream, h11_requests, h11_responses, llhttp_response
from support.wild_streams import BAD_RESPONSES, GOOD_RESPONSES, bytes_of, cut, response_streams

HOST = b"Host: a.example\r\n"
ASKS = {
    "GET": b"GET /first HTTP/1.1\r\n" + HOST + b"\r\n",
    "HEAD": b"HEAD /first HTTP/1.1\r\n" + HOST + b"\r\n",
    "POST": b"POST /first HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nhi",
    "GET in 1.0": b"GET /first HTTP/1.0\r\n\r\n",
    "GET in 1.0, kept": b"GET /first HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n",
    "POST of half a body": b"POST /first HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nhi",
    "POST of half a chunk": b"POST /first HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhi",
}
# What may change on the way: the connection's own fields, and what the policy of these tests decides.
CHANGED = {
    b"connection", b"keep-alive", b"proxy-connection", b"upgrade", b"transfer-encoding", b"vary",
    b"cross-origin-resource-policy", b"date",
}  # fmt: skip


class Scripted(Origin):
    """Sends `script` once the first connection has brought the first bytes; all other requests get their target as answer."""

    def __init__(self, script: Sequence[bytes | Event]) -> None:
        super().__init__()
        self.script = script
        self.asked: list[bytes] = []

    def accept(self) -> Callable[[bytes], None]:
        number = len(self.transports)
        received = bytearray()
        known = 1 if number == 0 else 0
        started = number > 0

        def heard(data: bytes) -> None:
            nonlocal known, started
            received.extend(data)
            if not started and b"\r\n\r\n" in received:
                started = True
                self.transports[0].feed(*self.script)
            requests = h11_requests(bytes(received)).messages
            for request in requests[known:]:
                self.asked.append(request.target)
                self.transports[number].feed(marker(request.target))
            known = max(known, len(requests))

        return heard


def marker(target: bytes) -> bytes:
    """Return the answer that belongs to `target`."""
    return b"HTTP/1.1 200 OK\r\nX-For: %b\r\nContent-Length: %d\r\n\r\n%b" % (target, len(target), target)


@dataclass
class Outcome:
    """What the client saw of the first answer, and whether it saw its end."""

    ask: str
    first: Read | None  # whole, with a clean end
    begun: Read | None
    second: Read | None  # the same client's next answer
    ended: bool
    stream: bytes
    asked: list[bytes]
    upstream_ended: bool = False  # the proxy, or the upstream, ended the first connection

    @property
    def method(self) -> bytes:
        """What was asked for."""
        return ASKS[self.ask].partition(b" ")[0]

    @property
    def is_passed(self) -> bool:
        """Whether the upstream's answer came whole."""
        return self.first is not None and not self.is_own

    @property
    def is_own(self) -> bool:
        """Whether the answer is not the upstream's."""
        return self.first is not None and self.first.values(b"content-type") == [b"application/problem+json"]


def run(ask: str, script: Sequence[bytes | Event], *, settled: bool = False) -> Outcome:
    """Ask, let the upstream do this, then ask again, and once more as another client."""
    origin = Scripted([] if settled else script)
    proxy = MemoryProxy(origin)
    try:
        client = proxy.connect()
        client.feed(ASKS[ask])
        proxy.loop.settle()
        for piece in script if settled else ():
            origin.transports[0].feed(piece)
            proxy.loop.settle()
        if "half" not in ask:
            client.feed(ASKS["GET"].replace(b"/first", b"/second"))
        proxy.loop.settle()
        other = proxy.connect()
        other.feed(ASKS["GET"].replace(b"/first", b"/third"))
        proxy.loop.settle()
        outcome = _seen(ask, client)
        _check_other(bytes(other.written))
        outcome.upstream_ended = origin.transports[0].ended is not None
    finally:
        proxy.close()
    outcome.asked = origin.asked
    return outcome


def _seen(ask: str, client: MemoryTransport) -> Outcome:
    method = ASKS[ask].partition(b" ")[0]
    fin = client.half_closed or client.ended is FIN
    stream = bytes(client.written)
    read = h11_responses(stream, [method, b"GET"], fin=fin)
    assert read.fault == "" or not read.messages or client.ended is not None, (read.fault, stream)
    assert len(read.messages) < 2 or read.rest == b""
    messages: list[Read | None] = [*read.messages, None, None]
    if method != b"HEAD" and not odd_extension(stream):
        _check_llhttp(read, llhttp_response(stream), fin=fin)
    return Outcome(ask, messages[0], read.begun, messages[1], client.ended is not None or client.half_closed, stream, [])


def _check_llhttp(ours: Stream, theirs: Stream, *, fin: bool) -> None:
    """A client with llhttp reads the same messages; one until close it cannot end, for nobody tells it."""
    whole = [read.response for read in theirs.messages]
    if fin and theirs.begun is not None and len(whole) < len(ours.messages):
        whole.append(theirs.begun.response)
    assert whole == [read.response for read in ours.messages]


def _check_other(stream: bytes) -> None:
    read = h11_responses(stream, [b"GET"], fin=False)
    assert [message.response for message in read.messages] == [(200, b"/third")]
    assert read.rest == b""


def check(outcome: Outcome, stream: bytes, end: Event | None) -> None:
    """The claims: `stream` is what the upstream sent before `end`."""
    first = outcome.first
    if first is not None and not outcome.is_own:
        theirs = h11_responses(stream, [outcome.method], fin=end is FIN)
        assert theirs.messages, (theirs.fault, stream)
        _check_same(outcome, first, theirs.messages[0])
        assert not theirs.rest or outcome.upstream_ended  # what came too much is nobody's answer
        if outcome.method != b"HEAD" and not llhttp_differs_on(stream):
            llhttp = llhttp_response(stream)
            read = (*llhttp.messages, llhttp.begun)[0]
            assert read is not None
            assert read.response == first.response
    if outcome.is_own:
        assert first is not None
        assert first.status == 502
    if end is not None:
        assert outcome.ended or first is not None  # nobody waits for ever
    if first is not None and not outcome.ended and "half" not in outcome.ask:
        assert outcome.second is not None
        assert outcome.second.response == (200, b"/second")
    assert outcome.asked == [b"/third"] if outcome.second is None else [b"/second", b"/third"]


def _check_same(outcome: Outcome, first: Read, theirs: Read) -> None:
    assert first.response == theirs.response
    assert first.interim == ([] if "1.0" in outcome.ask else theirs.interim)
    named = {option.strip().lower() for value in theirs.values(b"connection") for option in value.split(b",")}
    gone = CHANGED | named | ({b"content-length"} if theirs.status == 204 else set())  # RFC 9110 §8.6
    kept = [(name, value) for name, value in theirs.fields if name.lower() not in gone]
    assert [(name, value) for name, value in first.fields if name.lower() not in gone] == kept


ENDS = st.sampled_from([None, FIN, RESET])


@fuzzed(400)
@given(response_streams(), ENDS, st.sampled_from(sorted(ASKS)))
@example(GOOD_RESPONSES[0], None, "GET")
def test_the_client_gets_the_message_that_others_read_or_none(stream: bytes, end: Event | None, ask: str) -> None:
    """A clean message is the upstream's; all else is a 502, or a message that visibly breaks off."""
    outcome = run(ask, [stream] if end is None else [stream, end])
    event("502" if outcome.is_own else "whole" if outcome.first else "aborted" if outcome.ended else "waiting")

    check(outcome, stream, end)


@fuzzed(200)
@given(response_streams(), ENDS, st.sampled_from(sorted(ASKS)), st.lists(st.integers(0, 2000), max_size=6), st.booleans())
def test_an_answer_in_other_pieces_is_no_less_safe(
    stream: bytes, end: Event | None, ask: str, places: list[int], settled: bool
) -> None:
    """What a fault becomes, a 502 or an abort, depends on how much was sent on by then; what is clean is the same message."""
    pieces = cut(stream, places)
    outcome = run(ask, pieces if end is None else [*pieces, end], settled=settled)

    check(outcome, stream, end)


CORPUS = [pytest.param(stream, id=f"{index}") for index, stream in enumerate((*GOOD_RESPONSES, *BAD_RESPONSES))]


@pytest.mark.parametrize("ask", ["GET", "GET in 1.0, kept"])
@pytest.mark.parametrize("stream", CORPUS)
def test_an_answer_cut_at_any_byte_is_the_same_answer(stream: bytes, ask: str) -> None:
    """A good one whole, a bad one never; byte by byte too."""
    whole = run(ask, [stream, FIN])
    check(whole, stream, FIN)
    for pieces in (bytes_of(stream), *([stream[:at], stream[at:]] for at in range(1, len(stream)))):
        outcome = run(ask, [*pieces, FIN], settled=True)
        check(outcome, stream, FIN)
        assert outcome.is_passed is whole.is_passed


@pytest.mark.parametrize("ask", sorted(ASKS))
@pytest.mark.parametrize("stream", GOOD_RESPONSES)
def test_a_good_answer_passes(stream: bytes, ask: str) -> None:
    """That the comparison has teeth."""
    outcome = run(ask, [stream, FIN])

    assert outcome.first is not None
    assert not outcome.is_own
