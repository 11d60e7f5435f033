"""Other readers as oracles: whatever we accept, h11 and llhttp read as the same one message; what we write, we accept again.

Where they take more than we do, that is no matter: they may. Where we take what they do not, it would be a message that two
parties read in two ways.
"""

from typing import Any

import h11
import httptools
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from support.exchanges import head_of, lines_of
from support.wild_heads import request_blocks, response_blocks

from xoproxy.semantics.diagnosis import HeadFault
from xoproxy.semantics.forwarded import Hop
from xoproxy.semantics.forwarding import HOP_BY_HOP, interim_for_client, request_for_upstream
from xoproxy.semantics.heads import (
    Framing,
    RequestHead,
    ResponseHead,
    read_remains,
    read_request_head,
    read_response_head,
)

# The methods that llhttp knows and that are plain HTTP: all others it refuses, against RFC 9110 §9.1.
LLHTTP_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"M-SEARCH")
HOPS = st.sampled_from([Hop(b"192.0.2.7", b"http"), Hop(b"2001:db8::1", b"https", lambda _: True)])

Fields = list[tuple[bytes, bytes]]


def fields_of(block: bytes) -> Fields:
    """Split our own block, which our grammar accepted, into lower-case names and trimmed values."""
    pairs = (line.split(b":", 1) for line in lines_of(block))
    return [(name.lower(), value.strip(b" \t")) for name, value in pairs]


class Heard:
    """What llhttp says of one message."""

    def __init__(self) -> None:
        self.target = b""
        self.fields: Fields = []
        self.heads = 0
        self.messages = 0

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.heads += 1

    def on_message_complete(self) -> None:
        self.messages += 1


def llhttp_request(block: bytes) -> tuple[Any, Heard]:
    heard = Heard()
    parser = httptools.HttpRequestParser(heard)
    try:
        parser.feed_data(block)
    except httptools.HttpParserUpgrade as stopped:
        heard.fields += [] if stopped.args[0] == len(block) else [(b"left over", b"")]
    return parser, heard


@settings(max_examples=300)
@given(request_blocks())
def test_h11_reads_the_same_request(block: bytes) -> None:
    """Method, target, version, fields and framing; one request, and nothing left over."""
    head = read_request_head(block)
    event(type(head).__name__)
    assume(isinstance(head, RequestHead))
    assert isinstance(head, RequestHead)
    server = h11.Connection(h11.SERVER)
    server.receive_data(block)
    request = server.next_event()

    assert isinstance(request, h11.Request)
    assert (request.method, request.target, request.http_version) == (head.method, head.target, b"1.%d" % head.minor)
    assert list(request.headers) == [
        (name, value.lower() if name == b"transfer-encoding" else value) for name, value in fields_of(block)
    ]
    follows = server.next_event()
    assert isinstance(follows, h11.EndOfMessage) is (head.framing is Framing.NONE)
    assert server.trailing_data[0] == b""


@settings(max_examples=300)
@given(request_blocks())
def test_llhttp_reads_the_same_request(block: bytes) -> None:
    """The reader in Node and in uvicorn: a frequent backend, and the strictest common one."""
    head = read_request_head(block)
    assume(isinstance(head, RequestHead) and head.method in LLHTTP_METHODS)
    assert isinstance(head, RequestHead)

    parser, heard = llhttp_request(block)

    assert (parser.get_method(), heard.target, parser.get_http_version()) == (head.method, head.target, f"1.{head.minor}")
    assert heard.fields == fields_of(block)
    assert heard.heads == 1
    if head.upgrade is None:  # with one llhttp ends the message at its head, content or not: so none goes on with content
        assert heard.messages == (1 if head.framing is Framing.NONE else 0)


@settings(max_examples=300)
@given(response_blocks(), st.sampled_from([b"GET", b"HEAD"]))
def test_h11_reads_the_same_response(block: bytes, method: bytes) -> None:
    """Status, version, fields and framing."""
    head = read_response_head(block, method)
    event(type(head).__name__)
    assume(isinstance(head, ResponseHead))
    assert isinstance(head, ResponseHead)
    assume(head.status != 101)  # h11 wants to have proposed the protocol
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target=b"/", headers=[(b"Host", b"a")]))
    client.receive_data(block)
    seen = client.next_event()

    assert isinstance(seen, h11.InformationalResponse if head.is_interim else h11.Response)
    assert (seen.status_code, seen.http_version) == (head.status, b"1.%d" % head.minor)
    assert list(seen.headers) == [
        (name, value.lower() if name == b"transfer-encoding" else value) for name, value in fields_of(block)
    ]
    if not head.is_interim:
        client.send(h11.EndOfMessage())
        assert isinstance(client.next_event(), h11.EndOfMessage) is (head.framing is Framing.NONE)


@settings(max_examples=300)
@given(response_blocks())
def test_llhttp_reads_the_same_response(block: bytes) -> None:
    """Fields and framing of a response to GET."""
    head = read_response_head(block, b"GET")
    assume(isinstance(head, ResponseHead) and head.status != 101)
    assert isinstance(head, ResponseHead)
    heard = Heard()
    parser = httptools.HttpResponseParser(heard)

    parser.feed_data(block)

    assert (parser.get_status_code(), parser.get_http_version()) == (head.status, f"1.{head.minor}")
    assert heard.fields == fields_of(block)
    assert heard.messages == (1 if head.framing is Framing.NONE else 0)


@settings(max_examples=300)
@given(request_blocks(), HOPS)
def test_what_goes_to_an_upstream_is_a_request_again(block: bytes, hop: Hop) -> None:
    """In our own strict grammar, as HTTP/1.1, the same method, target, host, origin, framing and end-to-end fields."""
    head = read_request_head(block)
    assume(isinstance(head, RequestHead))
    assert isinstance(head, RequestHead)

    sent = read_request_head(request_for_upstream(head, hop, b"default.example"))

    assert isinstance(sent, RequestHead), sent
    assert (sent.method, sent.target, sent.minor) == (head.method, head.target, 1)
    assert sent.host == (head.host or b"default.example")
    assert (sent.framing, sent.content_length, sent.origin) == (head.framing, head.content_length, head.origin)
    named = [value for name, value in fields_of(block) if name == b"connection"]
    gone = {option.strip().lower() for value in named for option in value.split(b",")} - {b"host"}
    gone |= HOP_BY_HOP | {b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"via"}
    gone |= {b"expect"} if head.minor == 0 else set()
    kept = [line for line in lines_of(block) if line.partition(b":")[0].lower() not in gone]
    assert [line for line in lines_of(sent.block) if line in kept] == kept


@given(request_blocks(), HOPS)
def test_what_goes_to_an_upstream_is_one_request_to_others_too(block: bytes, hop: Hop) -> None:
    """h11 and llhttp agree that it is one request with this framing, so nothing can be hidden in it."""
    head = read_request_head(block)
    assume(isinstance(head, RequestHead) and head.method in LLHTTP_METHODS)
    assert isinstance(head, RequestHead)
    sent = request_for_upstream(head, hop, b"default.example")
    server = h11.Connection(h11.SERVER)
    server.receive_data(sent)

    parser, heard = llhttp_request(sent)

    assert isinstance(server.next_event(), h11.Request)
    assert (parser.get_method(), heard.target, heard.heads) == (head.method, head.target, 1)
    assert heard.fields == fields_of(sent)
    assert heard.messages == (1 if head.framing is Framing.NONE else 0)


@given(response_blocks(interim=True))
def test_what_goes_to_a_client_is_a_response_again(block: bytes) -> None:
    """Interim responses, which no policy rewrites."""
    head = read_response_head(block, b"GET")
    assume(isinstance(head, ResponseHead) and head.is_interim)
    assert isinstance(head, ResponseHead)

    again = read_response_head(interim_for_client(head), b"GET")

    assert isinstance(again, ResponseHead)
    assert (again.status, again.minor) == (head.status, 1)
    assert not {name for name, _ in fields_of(again.block)} & (HOP_BY_HOP - {b"te"})  # TE means nothing in a response


@given(st.one_of(st.binary(max_size=400), request_blocks(), response_blocks()))
def test_no_bytes_raise(block: bytes) -> None:
    """A head or a fault, for anything that a peer can send."""
    request, response = read_request_head(block), read_response_head(block, b"GET")

    assert isinstance(request, RequestHead | HeadFault)
    assert isinstance(response, ResponseHead | HeadFault)
    assert isinstance(read_remains(block), RequestHead)
    if isinstance(request, HeadFault):
        assert request.status in (400, 501, 505)
    if isinstance(response, HeadFault):
        assert response.status == 502


MEGABYTE = 1_000_000
START = b"GET / HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"A" * MEGABYTE, id="method"),
        pytest.param(b"GET /" + b"a" * MEGABYTE, id="target"),
        pytest.param(b"GET http://" + b"a" * MEGABYTE + b" HTTP/1.1\r\n\r\n", id="authority"),
        pytest.param(START + b"A" * MEGABYTE + b"\r\n\r\n", id="name-without-colon"),
        pytest.param(START + b"A:" + b" " * MEGABYTE + b"\0\r\n\r\n", id="spaces-then-nul"),
        pytest.param(START + b"Origin:" + b" \t" * (MEGABYTE // 2) + b"\r\n\r\n", id="white-space-value"),
        pytest.param(START + b"A: b\r\n" * (MEGABYTE // 6) + b"\0\r\n\r\n", id="many-lines-then-nul"),
        pytest.param(START + b"A: b\r\n" * (MEGABYTE // 6) + b"\r\n", id="many-lines"),
        pytest.param(START + b"\r\n" * (MEGABYTE // 2), id="empty-lines"),
        pytest.param(START + b"\n" * MEGABYTE, id="line-feeds"),
        pytest.param(START + b"\r" * MEGABYTE, id="carriage-returns"),
        pytest.param(START + b" \r\n" * (MEGABYTE // 3) + b"\r\n", id="folds"),
        pytest.param(START + b"Access-Control-Request-Method" * (MEGABYTE // 29) + b"\r\n\r\n", id="almost-known-name"),
        pytest.param(START + b"Transfer-Encoding: " + b"chunked," * (MEGABYTE // 8) + b"\r\n\r\n", id="codings"),
        pytest.param(START + b"Connection: " + b"," * MEGABYTE + b"\r\n\r\n", id="commas"),
        pytest.param(START + b"Content-Length: " + b"9" * MEGABYTE + b"\r\n\r\n", id="digits"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: " + b"a" * MEGABYTE + b"!:\r\n\r\n", id="host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: [" + b":" * MEGABYTE + b"\r\n\r\n", id="host-brackets"),
        pytest.param(b"HTTP/1.1 200 " + b"a" * MEGABYTE + b"\0\r\n\r\n", id="reason"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"Vary: a\r\n" * (MEGABYTE // 9) + b"\r\n", id="known-lines"),
    ],
)
def test_a_megabyte_of_anything_is_read_in_one_pass(block: bytes) -> None:
    """Matching is linear: a quadratic step in a megabyte would not end while anybody waits."""
    assert read_request_head(block) is not None
    assert read_response_head(block, b"GET") is not None
    assert read_remains(block) is not None


def test_the_oracles_refuse_what_we_refuse_for_smuggling() -> None:
    """That the comparison has teeth: h11 reads the classic as ambiguous as we do, or differently from others."""
    block = head_of(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5", b"Content-Length: 6")
    server = h11.Connection(h11.SERVER)
    server.receive_data(block)

    assert isinstance(read_request_head(block), HeadFault)
    with pytest.raises(h11.RemoteProtocolError):
        server.next_event()
