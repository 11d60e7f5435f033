"""What a gateway removes, keeps and adds.  (RFC 9110 §7.6)"""

import pytest
from support.exchanges import head_of, lines_of, response

from xoproxy.semantics.forwarded import Hop
from xoproxy.semantics.forwarding import interim_for_client, is_idempotent, may_switch, may_upgrade, request_for_upstream
from xoproxy.semantics.heads import RequestHead, read_request_head, read_response_head

STRANGER = Hop(b"192.0.2.7", b"http")
PROXY = Hop(b"10.0.0.2", b"http", lambda address: address == b"10.0.0.2")
HOST = b"Host: a.example"
ADDED = [b"X-Forwarded-For: 192.0.2.7", b"X-Forwarded-Proto: http", b"X-Forwarded-Host: a.example", b"Via: 1.1 xoproxy"]


def read(*lines: bytes, start: bytes = b"GET /x HTTP/1.1") -> RequestHead:
    head = read_request_head(head_of(start, *lines))
    assert isinstance(head, RequestHead), head
    return head


def forwarded(*lines: bytes, start: bytes = b"GET /x HTTP/1.1", hop: Hop = STRANGER) -> list[bytes]:
    """Return the field lines that go to the upstream; the start line must be as it came, but for the version."""
    block = request_for_upstream(read(*lines, start=start), hop, b"default.example:5000")
    assert block.partition(b"\r\n")[0] == start[:-1] + b"1"
    return lines_of(block)


def named(lines: list[bytes], name: bytes) -> list[bytes]:
    """Return the values of the lines called `name`."""
    return [line.partition(b":")[2].strip() for line in lines if line.partition(b":")[0].lower() == name.lower()]


def test_end_to_end_fields_go_on_byte_for_byte() -> None:
    """In order, in their case, doubled, odd bytes and all; ours come after them (RFC 9110 §5.3, rule 8)."""
    lines = [
        b"X-ODD:  caf\xc3\xa9 \xff\t",
        HOST,
        b"cookie: a=1",
        b"Cookie: b=2",
        b"X-Empty:",
        b"Accept:text/html",
        b"Content-Length: 5",
        b"Expect: 100-continue",
        b"Origin: https://b.example",
        b"Trailer: X-Checksum",
        b"X_Under_Score: 1",
    ]

    assert forwarded(*lines, start=b"POST /x?y HTTP/1.1") == lines + ADDED


@pytest.mark.parametrize(
    "start", [b"GET / HTTP/1.1", b'chicken //a/../%2e?"<> HTTP/1.1', b"GET http://a.example/x HTTP/1.1", b"OPTIONS * HTTP/1.1"]
)
def test_methods_and_targets_go_on_byte_for_byte(start: bytes) -> None:
    """No decoding, no normalising: what the backend sees is what the client sent."""
    assert forwarded(HOST, start=start) == [HOST, *ADDED]


@pytest.mark.parametrize(
    "line",
    [
        b"Connection: keep-alive",
        b"connection: close",
        b"Connection:",
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: keep-alive",
        b"TE: trailers",
        b"Upgrade: websocket",
    ],
)
def test_fields_of_the_clients_connection_end_here(line: bytes) -> None:
    """RFC 9110 §7.6.1."""
    assert forwarded(b"A: 1", line, HOST, line, b"B: 2") == [b"A: 1", HOST, b"B: 2", *ADDED]


@pytest.mark.parametrize(
    ("connection", "gone"),
    [
        pytest.param([b"X-Hop"], {b"X-Hop: 1", b"x-hop:2"}, id="one"),
        pytest.param([b"keep-alive,x-HOP ,\tX-Other"], {b"X-Hop: 1", b"x-hop:2", b"X-Other: 4"}, id="list"),
        pytest.param([b"x-other", b"x-hop"], {b"X-Hop: 1", b"x-hop:2", b"X-Other: 4"}, id="two-lines"),
        pytest.param([b",,"], set(), id="empty-members"),
        pytest.param([b"X-Ho"], set(), id="whole-names-only"),
        pytest.param([b"x.hop, x-.*, .*"], set(), id="names-are-no-patterns"),
        pytest.param([b"x-hop: 1"], set(), id="no-token"),
        pytest.param([b"x-hop:1, x-hop-not:"], set(), id="with-colon"),
    ],
)
def test_fields_that_connection_names_end_here(connection: list[bytes], gone: set[bytes]) -> None:
    """All lines of that name, whatever the case; a connection option is a token (RFC 9110 §7.6.1)."""
    lines = [b"X-Hop: 1", b"x-hop:2", b"X-Hop-Not: 3", b"X-Other: 4"]

    found = forwarded(HOST, *lines, *(b"Connection: " + value for value in connection))

    assert found == [HOST, *(line for line in lines if line not in gone), *ADDED]


@pytest.mark.parametrize(
    "option",
    [b"Host", b"host", b"Content-Length", b"Cache-Control", b"Authorization", b"Origin", b"Cookie", b"date",
     b"host:a", b"host:a.example", b"content-length:5", b"origin:https", b"cookie:a"],
)  # fmt: skip
def test_connection_cannot_take_end_to_end_fields_away(option: bytes) -> None:
    """Such a message would mean something else behind us (RFC 9110 §7.6.1, "intended for all recipients")."""
    lines = [
        b"Host:a.example:80",
        b"Content-Length:5",
        b"Cache-Control: no-store",
        b"Authorization: Basic x",
        b"Origin:https://b.example",
        b"Cookie:a:b",
        b"Date: x",
    ]

    found = forwarded(b"Connection: " + option, *lines, start=b"POST / HTTP/1.1")

    assert found[: len(lines)] == lines


@pytest.mark.parametrize("name", [b"X-Forwarded-For", b"X-Forwarded-Proto", b"X-Forwarded-Host", b"Via", b"Transfer-Encoding"])
def test_connection_cannot_take_ours_away(name: bytes) -> None:
    """What we add is added after what is named was taken out."""
    lines = forwarded(HOST, b"Connection: " + name, b"Transfer-Encoding: chunked", start=b"POST / HTTP/1.1")

    assert all(line in lines for line in ADDED)
    assert named(lines, b"Transfer-Encoding") == [b"chunked"]


def test_framing_is_written_anew() -> None:
    """Transfer-Encoding is of one connection; we decode nothing, so ours says the same (RFC 9112 §6.1)."""
    lines = forwarded(b"transfer-ENCODING:  Chunked ", HOST, start=b"POST / HTTP/1.1")

    assert lines == [HOST, *ADDED, b"Transfer-Encoding: chunked"]


@pytest.mark.parametrize(
    "line",
    [
        b"X-Forwarded-For: 127.0.0.1",
        b"x-forwarded-proto: https",
        b"X-FORWARDED-HOST: admin.internal",
        b"Forwarded: for=127.0.0.1;host=admin.internal",
    ],
)
def test_a_stranger_cannot_say_who_it_is(line: bytes) -> None:
    """What a client says of itself is replaced, every line of it."""
    assert forwarded(line, HOST, line) == [HOST, *ADDED]


@pytest.mark.parametrize(
    ("sent", "for_", "proto", "host"),
    [
        pytest.param((), b"10.0.0.2", [b"http"], [b"a.example"], id="nothing"),
        pytest.param((b"X-Forwarded-For: 192.0.2.7",), b"192.0.2.7, 10.0.0.2", [b"http"], [b"a.example"], id="list"),
        pytest.param(
            (b"X-Forwarded-For: a,b", b"x-forwarded-for:c"), b"a,b, c, 10.0.0.2", [b"http"], [b"a.example"], id="lists"
        ),
        pytest.param((b"X-Forwarded-Proto: https",), b"10.0.0.2", [b"https"], [b"a.example"], id="scheme-stays"),
        pytest.param((b"X-Forwarded-Host: b.example",), b"10.0.0.2", [b"http"], [b"b.example"], id="host-stays"),
    ],
)
def test_a_trusted_proxys_words_stay(sent: tuple[bytes, ...], for_: bytes, proto: list[bytes], host: list[bytes]) -> None:
    """Its list of addresses goes on with its own; what it says of scheme and host is kept, and not said twice."""
    lines = forwarded(HOST, b"Forwarded: for=x", *sent, hop=PROXY)

    assert named(lines, b"X-Forwarded-For") == [for_]
    assert named(lines, b"X-Forwarded-Proto") == proto
    assert named(lines, b"X-Forwarded-Host") == host
    assert named(lines, b"Forwarded") == [b"for=x", b"for=10.0.0.2"]  # the list goes on
    assert named(lines, b"Via") == [b"1.1 xoproxy"]


def test_via_goes_on() -> None:
    """Via is a list that each gateway adds to, with the version it received (RFC 9110 §7.6.3)."""
    assert named(forwarded(HOST, b"Via: 2 edge"), b"Via") == [b"2 edge", b"1.1 xoproxy"]
    assert named(forwarded(HOST, start=b"GET / HTTP/1.0"), b"Via") == [b"1.0 xoproxy"]
    assert named(forwarded(HOST, start=b"GET / HTTP/1.0", hop=PROXY), b"Via") == [b"1.0 xoproxy"]


def test_http_1_0_goes_on_as_1_1() -> None:
    """Each hop speaks its own version (RFC 9110 §2.5); Expect means nothing in HTTP/1.0 (RFC 9110 §10.1.1)."""
    lines = forwarded(
        b"A: 1",
        b"Expect: 100-continue",
        b"Connection: keep-alive",
        HOST,
        b"Content-Length: 1",
        start=b"POST /x HTTP/1.0",
    )

    assert lines == [b"A: 1", HOST, b"Content-Length: 1", *ADDED[:3], b"Via: 1.0 xoproxy"]


@pytest.mark.parametrize("hop", [STRANGER, PROXY])
def test_a_request_without_host_gets_the_upstreams(hop: Hop) -> None:
    """HTTP/1.1 must have one (RFC 9112 §3.2); what the client did not say is not said for it."""
    lines = forwarded(b"A: 1", start=b"GET /x HTTP/1.0", hop=hop)

    assert named(lines, b"Host") == [b"default.example:5000"]
    assert named(lines, b"X-Forwarded-Host") == []


@pytest.mark.parametrize(
    ("start", "upgrade", "lines", "goes_on"),
    [
        pytest.param(b"GET / HTTP/1.1", b"websocket", (), True, id="websocket"),
        pytest.param(b"POST / HTTP/1.1", b"odd/1.0, other", (), True, id="any-protocol"),
        pytest.param(b"GET / HTTP/1.0", b"websocket", (), False, id="from-1.0"),
        pytest.param(b"GET / HTTP/1.1", b"h2c", (), False, id="h2c"),
        pytest.param(b"GET / HTTP/1.1", b"H2C", (), False, id="h2c-upper-case"),
        pytest.param(b"GET / HTTP/1.1", b"websocket, h2c-14", (), False, id="h2c-draft-in-a-list"),
        pytest.param(b"POST / HTTP/1.1", b"websocket", (b"Content-Length: 1",), False, id="with-content"),
        pytest.param(b"POST / HTTP/1.1", b"websocket", (b"Transfer-Encoding: chunked",), False, id="with-chunks"),
        pytest.param(b"GET / HTTP/1.1", b"websocket", (b"Content-Length: 0",), True, id="empty-content"),
    ],
)
def test_upgrade(start: bytes, upgrade: bytes, lines: tuple[bytes, ...], goes_on: bool) -> None:
    """An Upgrade goes on unless it would hide requests from us (RFC 9110 §7.8; RFC 9113 §3.1 has no h2c)."""
    fields = (HOST, b"Upgrade: " + upgrade, b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: x", *lines)
    found = forwarded(*fields, start=start)

    assert may_upgrade(read(*fields, start=start)) is goes_on
    assert named(found, b"Upgrade") == ([upgrade] if goes_on else [])
    assert [value.lower() for value in named(found, b"Connection")] == ([b"upgrade"] if goes_on else [])
    assert named(found, b"HTTP2-Settings") == []


def test_upgrade_without_connection_goes_nowhere() -> None:
    """It belongs to someone before us."""
    assert not may_upgrade(read(HOST, b"Upgrade: websocket"))


@pytest.mark.parametrize(
    ("offered", "answered", "allowed"),
    [
        (b"websocket", b"websocket", True),
        (b"WebSocket", b"websocket", True),
        (b"a, websocket", b"websocket", True),
        (b"a, b", b"b, a", True),
        (b"websocket", b"other", False),
        (b"websocket", b"websocket, other", False),
        (b"websocket", b"", False),
        (b"websocket", b"h2c", False),
        (b"h2c", b"h2c", False),
    ],
)
def test_only_a_protocol_that_was_asked_for_may_be_switched_to(offered: bytes, answered: bytes, allowed: bool) -> None:
    """RFC 9110 §7.8."""
    head = read(HOST, b"Connection: upgrade", b"Upgrade: " + offered)

    assert may_switch(head, answered) is allowed
    assert not may_switch(read(HOST), answered)


@pytest.mark.parametrize(
    ("method", "idempotent"),
    [(b"GET", True), (b"HEAD", True), (b"OPTIONS", True), (b"PUT", True), (b"DELETE", True), (b"TRACE", True),
     (b"POST", False), (b"PATCH", False), (b"get", False), (b"chicken", False)],
)  # fmt: skip
def test_idempotent_methods(method: bytes, idempotent: bool) -> None:
    """RFC 9110 §9.2.2; methods are case-sensitive."""
    assert is_idempotent(method) is idempotent


def test_interim_responses_go_on_without_fields_of_the_connection() -> None:
    """Named fields are of the connection too (RFC 9110 §7.6.1); all else is as it came."""
    head = response(103, b"Link: </a>", b"Connection: x-hop", b"X-Hop: 1", b"Keep-Alive: x", b"LINK:  </b> ", b"Server: x")

    assert interim_for_client(head) == b"HTTP/1.1 103 Reason\r\nLink: </a>\r\nLINK:  </b> \r\nServer: x\r\n\r\n"


def test_interim_responses_have_no_length() -> None:
    """RFC 9110 §8.6."""
    assert interim_for_client(response(102, b"content-Length: 5")) == b"HTTP/1.1 102 Reason\r\n\r\n"


def test_interim_responses_tell_our_own_version() -> None:
    """RFC 9110 §6.2."""
    head = read_response_head(b"HTTP/1.0 100 Continue\r\n\r\n", b"POST")

    assert interim_for_client(head) == b"HTTP/1.1 100 Continue\r\n\r\n"  # type: ignore[arg-type]


def test_connection_options_are_looked_up_not_searched_for() -> None:
    """As many options as fit into a head, each distinct, and as many lines: one pass, or this does not end."""
    options = b",".join(b"x%d" % at for at in range(60_000))
    lines = [b"X%d: 1" % at for at in range(0, 60_000, 2)]

    found = forwarded(HOST, b"Connection: " + options, *lines, b"Y: 1")

    assert found == [HOST, b"Y: 1", *ADDED]


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("name", [b"X_Forwarded_For", b"X-Forwarded_Proto", b"x_forwarded-host"])
def test_an_underscore_does_not_make_a_second_forwarded_field(name: bytes, trusted: bool) -> None:
    """CGI's environment (RFC 3875 §4.1.18) has one name for both spellings, so a backend could believe the client's."""
    head = read_request_head(b"GET / HTTP/1.1\r\nHost: h\r\n" + name + b": spoofed\r\n\r\n")
    assert isinstance(head, RequestHead)

    assert b"spoofed" not in request_for_upstream(head, Hop(b"192.0.2.1", b"http", (lambda _: True) if trusted else None), b"u")
