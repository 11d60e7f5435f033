"""Whatever a client sends: what the backend gets is what h11 and llhttp read there, request by request, and never more.

The whole data plane runs, without sockets: see `support.memory`.  `--hypothesis-profile=long` runs thousands of examples.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import event, example, given, target
from hypothesis import strategies as st
from support.differences import llhttp_differs
from support.fuzzing import fuzzed
from support.memory import FIN, Event, MemoryProxy, MemoryTransport, Origin
from support.readers import Read, h11_requests, h11_responses, llhttp_requests, llhttp_response
from support.wild_streams import BAD_REQUESTS, GOOD_REQUESTS, bytes_of, cut, request_streams

Key = tuple[bytes, bytes, bytes]
REFUSED = (400, 431, 501, 505)


def answer_to(request: Read) -> bytes:
    """Return the content that answers this request and no other."""
    return b"%b %b %b" % (request.method, request.target, hashlib.sha1(request.body).hexdigest().encode())


class Answering(Origin):
    """Answers each request, as h11 reads it, by what it was; keeps every byte that came, by connection."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[bytearray] = []
        self.requests: list[Read] = []
        self.faults: list[str] = []

    def accept(self) -> Callable[[bytes], None]:
        received = bytearray()
        self.received.append(received)
        number = len(self.received) - 1
        answered = 0

        def heard(data: bytes) -> None:
            nonlocal answered
            received.extend(data)
            seen = h11_requests(bytes(received))
            if seen.fault:
                self.faults.append(seen.fault)
            for request in seen.messages[answered:]:
                answered += 1
                self.requests.append(request)
                body = answer_to(request)
                head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
                self.transports[number].feed(head if request.method == b"HEAD" else head + body)

        return heard


@dataclass
class Outcome:
    """What came of a stream, without what may differ when it comes in other pieces."""

    forwarded: list[tuple[Key, list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]]
    answers: list[tuple[int, bytes, list[tuple[bytes, bytes]]]]
    ended: Event | None


def run(pieces: Sequence[bytes], *, settled: bool = False) -> tuple[Outcome, Answering, bytes, list[bytes]]:
    """Send a stream in these pieces, then end it.  `settled`: each piece only when nothing is left to do for the one before."""
    origin = Answering()
    proxy = MemoryProxy(origin)
    try:
        client = proxy.connect()
        _send(proxy, client, pieces, settled=settled)
        proxy.loop.settle()
        client.feed(FIN)
        proxy.loop.settle()
        methods = [record.method for record in proxy.records if record.status]
        stream = bytes(client.written)
        fates = [(record.status, record.error) for record in proxy.records]
    finally:
        proxy.close()
    read = h11_responses(stream, methods, fin=client.ended is FIN)
    assert read.fault == "", (read.fault, stream)
    assert read.begun is None
    assert read.rest == b""
    assert len(read.messages) == len(methods), fates
    answers = [_answer(message) for message in read.messages]
    forwarded = [(request.request, request.fields, request.trailers) for request in origin.requests]
    return Outcome(forwarded, answers, client.ended), origin, stream, methods


def _send(proxy: MemoryProxy, client: MemoryTransport, pieces: Sequence[bytes], *, settled: bool) -> None:
    if not settled:
        client.feed(*pieces)
        return
    for piece in pieces:
        client.feed(piece)
        proxy.loop.settle()


def _answer(message: Read) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """A head with several faults is refused for the one that is seen first: which, depends on how much is here."""
    if message.status in REFUSED:
        return 400, b"", []
    lasting = [(name, value) for name, value in message.fields if name.lower() not in (b"date", b"connection")]
    return message.status, message.body, lasting


def check(stream: bytes, outcome: Outcome, origin: Answering, sent: bytes, methods: list[bytes]) -> None:
    """The claims, for a stream that came in one piece."""
    keys = [key for key, _, _ in outcome.forwarded]
    wire = [bytes(received) for received in origin.received]
    assert origin.faults == []

    # Both readers see in what the backend received the same requests: those that were answered.
    for received in wire:
        _check_llhttp(received)
    answered = [read.request for received in wire for read in h11_requests(received).messages]
    assert sorted(answered) == sorted(keys)

    # They are what both readers see in what the client sent, from the first on, without a gap.
    theirs = [read.request for read in h11_requests(stream).messages if not _is_preflight(read)]
    assert keys == theirs[: len(keys)]

    # Each answer is to its request; what was not forwarded got an answer of our own, and only the last may be a refusal.
    passed = [answer for answer in outcome.answers if answer[0] == 200]
    assert [body for _, body, _ in passed] == [b"" if read.method == b"HEAD" else answer_to(read) for read in origin.requests]
    statuses = [status for status, _, _ in outcome.answers]
    assert all(status in (200, 204, 403) for status in statuses[:-1])
    assert all(status in (200, 204, 403, *REFUSED) for status in statuses)
    if b"HEAD" not in methods:
        seen = h11_responses(sent, methods, fin=True).messages
        assert [read.response for read in llhttp_response(sent).messages] == [read.response for read in seen]


def _is_preflight(read: Read) -> bool:
    names = {name.lower() for name, _ in read.fields}
    return read.method == b"OPTIONS" and {b"origin", b"access-control-request-method"} <= names


def _check_llhttp(received: bytes) -> None:
    """llhttp reads the same, up to a request that stands in the table of differences."""
    ours, theirs = h11_requests(received).messages, llhttp_requests(received).messages
    count = next((at for at, read in enumerate(ours) if llhttp_differs(read, received)), len(ours))
    assert [read.request for read in theirs[:count]] == [read.request for read in ours[:count]]
    assert [read.trailers for read in theirs[:count]] == [read.trailers for read in ours[:count]]
    assert len(theirs) == count or count < len(ours)


@fuzzed(400)
@given(request_streams())
@example(b"".join(GOOD_REQUESTS))
def test_the_backend_gets_the_requests_that_others_read_and_no_more(stream: bytes) -> None:
    """No stream makes the backend see a request that strict readers do not see in it, or an answer to another request."""
    outcome, origin, sent, methods = run([stream])
    if outcome.answers:
        event(f"the last is a {outcome.answers[-1][0]}")
    event(f"{min(len(outcome.forwarded), 3)} forwarded")
    target(float(len(outcome.forwarded)))

    check(stream, outcome, origin, sent, methods)


@fuzzed(200)
@given(request_streams(), st.lists(st.integers(0, 2000), max_size=6), st.booleans())
def test_a_stream_in_other_pieces_has_the_same_outcome(stream: bytes, places: list[int], settled: bool) -> None:
    """Whether they come one after the other at once, or each after all is done for the one before."""
    whole = run([stream])[0]

    assert run(cut(stream, places), settled=settled)[0] == whole


CORPUS = [pytest.param(stream, id=f"{index}") for index, stream in enumerate((*GOOD_REQUESTS, *BAD_REQUESTS))]
MARKER = b"GET /marker HTTP/1.1\r\nHost: a.example\r\n\r\n"


@pytest.mark.parametrize("stream", CORPUS)
def test_a_stream_cut_at_any_byte_has_the_same_outcome(stream: bytes) -> None:
    """In two pieces, at every place, and byte by byte; a request follows it."""
    stream += MARKER
    whole, origin, sent, methods = run([stream])

    check(stream, whole, origin, sent, methods)
    assert run(bytes_of(stream))[0] == whole
    assert run(bytes_of(stream), settled=True)[0] == whole
    for at in range(1, len(stream)):
        assert run([stream[:at], stream[at:]], settled=True)[0] == whole, (stream[:at], stream[at:])


def test_pipelined_requests_are_all_answered() -> None:
    """That the comparison has teeth: of the good ones all are forwarded but the preflight, up to the one that closes."""
    stream = b"".join(request for request in GOOD_REQUESTS if b"close" not in request and b"/bare" not in request)
    outcome = run([stream])[0]

    assert len(outcome.answers) == len(GOOD_REQUESTS) - 2
    assert len(outcome.forwarded) == len(outcome.answers) - 1
    assert re.search(rb"/smuggled", b"".join(key[1] for key, _, _ in outcome.forwarded)) is None
