"""What is a response head, how far its content extends, and what is refused.  (RFC 9110, RFC 9112 §4, §6.3)"""

import pytest

from xoproxy.semantics.diagnosis import HeadFault
from xoproxy.semantics.heads import Framing, ResponseHead, edit, read_response_head


def head_of(status: bytes, *lines: bytes) -> bytes:
    return b"".join(line + b"\r\n" for line in (status, *lines)) + b"\r\n"


def accepted(block: bytes, method: bytes = b"GET") -> ResponseHead:
    head = read_response_head(block, method)
    assert isinstance(head, ResponseHead), head
    return head


@pytest.mark.parametrize(
    ("start", "status", "minor"),
    [
        pytest.param(b"HTTP/1.1 200 OK", 200, 1, id="plain"),
        pytest.param(b"HTTP/1.0 404 Not Found", 404, 0, id="1.0"),
        pytest.param(b"HTTP/1.1 200 ", 200, 1, id="empty-reason"),
        pytest.param(b"HTTP/1.1 200", 200, 1, id="no-reason"),
        pytest.param(b"HTTP/1.1 299  a\tb \xff", 299, 1, id="odd-reason"),
        pytest.param(b"HTTP/1.1 999 x", 999, 1, id="unknown-status"),
    ],
)
def test_status_lines(start: bytes, status: int, minor: int) -> None:
    """The reason phrase is anything, or missing with its space, as every client takes it."""
    head = accepted(head_of(start, b"A: b"))

    assert (head.status, head.minor) == (status, minor)


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\r\n", id="empty-line"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", id="no-empty-line"),
        pytest.param(head_of(b"HTTP/1.1 200 OK") + b"x", id="more-after-it"),
        pytest.param(head_of(b"HTTP/2 200 OK"), id="version-2"),
        pytest.param(head_of(b"HTTP/1.2 200 OK"), id="version-1.2"),
        pytest.param(head_of(b"http/1.1 200 OK"), id="version-lower-case"),
        pytest.param(head_of(b"ICY 200 OK"), id="another-protocol"),
        pytest.param(head_of(b"HTTP/1.1  200 OK"), id="two-spaces"),
        pytest.param(head_of(b"HTTP/1.1 20 OK"), id="two-digits"),
        pytest.param(head_of(b"HTTP/1.1 2000 OK"), id="four-digits"),
        pytest.param(head_of(b"HTTP/1.1 099 OK"), id="below-100"),
        pytest.param(head_of(b"HTTP/1.1 200OK"), id="no-space"),
        pytest.param(head_of(b"HTTP/1.1 2x0 OK"), id="no-number"),
        pytest.param(head_of(b"HTTP/1.1 200 a\0b"), id="nul-in-reason"),
        pytest.param(head_of(b"GET / HTTP/1.1"), id="a-request"),
        pytest.param(b"HTTP/1.1 200 OK\nA: b\n\n", id="bare-lf"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n", id="bare-lf-once"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b"A: b\rSet-Cookie: c"), id="bare-cr"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b"A: b", b" c"), id="obs-fold"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b"A : b"), id="space-before-colon"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b": b"), id="empty-name"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b"A"), id="no-colon"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b"A: \0"), id="nul"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b"Content-Length: 5", b"Content-Length: 5"), id="length-twice"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b"Content-Length: 5", b"Content-Length: 6"), id="two-lengths"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b"Content-Length: -1"), id="length-sign"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b"Content-Length:"), id="length-empty"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b"Content-Length: 9999999999999999999"), id="length-over-63-bits"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b"Content-Length: 5", b"Transfer-Encoding: chunked"), id="cl-te"),
        pytest.param(head_of(b"HTTP/1.0 200 OK", b"Transfer-Encoding: chunked"), id="te-http-1.0"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b"Transfer-Encoding: gzip, chunked"), id="te-list"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b"Transfer-Encoding: gzip"), id="te-other"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b"Transfer-Encoding: identity"), id="te-identity"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), id="te-twice"),
        pytest.param(head_of(b"HTTP/1.1 200 OK", b"Transfer-Encoding:"), id="te-empty"),
    ],
)
def test_what_a_client_could_read_in_two_ways_is_502(block: bytes) -> None:
    """The fault is the upstream's; nothing of such a response goes to a client (RFC 9112 §6.3, §11.1)."""
    for method in (b"GET", b"HEAD"):
        fault = read_response_head(block, method)

        assert isinstance(fault, HeadFault)
        assert (fault.status, bool(fault.reason)) == (502, True)


NONE, LENGTH, CHUNKED, UNTIL_CLOSE = Framing.NONE, Framing.LENGTH, Framing.CHUNKED, Framing.UNTIL_CLOSE


@pytest.mark.parametrize(
    ("method", "status", "line", "framing"),
    [
        pytest.param(b"GET", 200, b"Content-Length: 5", LENGTH, id="length"),
        pytest.param(b"GET", 200, b"content-length:5 ", LENGTH, id="length-odd"),
        pytest.param(b"GET", 200, b"Content-Length: 0", NONE, id="zero"),
        pytest.param(b"GET", 200, b"Transfer-Encoding: chunked", CHUNKED, id="chunked"),
        pytest.param(b"GET", 200, b"transfer-encoding:CHUNKED", CHUNKED, id="chunked-case"),
        pytest.param(b"GET", 200, b"A: b", UNTIL_CLOSE, id="until-close"),
        pytest.param(b"GET", 200, b"X-Content-Length: 5", UNTIL_CLOSE, id="almost-length"),
        pytest.param(b"GET", 404, b"Content-Length: 5", LENGTH, id="404"),
        pytest.param(b"HEAD", 200, b"Content-Length: 5", NONE, id="head-length"),
        pytest.param(b"HEAD", 200, b"Transfer-Encoding: chunked", NONE, id="head-chunked"),
        pytest.param(b"HEAD", 200, b"A: b", NONE, id="head-neither"),
        pytest.param(b"head", 200, b"Content-Length: 5", LENGTH, id="head-is-case-sensitive"),
        pytest.param(b"GET", 204, b"A: b", NONE, id="204"),
        pytest.param(b"GET", 204, b"Content-Length: 5", NONE, id="204-length"),
        pytest.param(b"GET", 204, b"Transfer-Encoding: chunked", NONE, id="204-chunked"),
        pytest.param(b"GET", 304, b"Content-Length: 5", NONE, id="304-length"),
        pytest.param(b"GET", 304, b"A: b", NONE, id="304"),
        pytest.param(b"GET", 205, b"Content-Length: 0", NONE, id="205"),
        pytest.param(b"GET", 100, b"A: b", NONE, id="100"),
        pytest.param(b"GET", 103, b"Content-Length: 5", NONE, id="103-length"),
        pytest.param(b"GET", 101, b"A: b", NONE, id="101"),
        pytest.param(b"GET", 199, b"A: b", NONE, id="199"),
    ],
)
def test_framing(method: bytes, status: int, line: bytes, framing: Framing) -> None:
    """HEAD, 1xx, 204 and 304 never have content, whatever their fields say (RFC 9112 §6.3, 1)."""
    head = accepted(head_of(b"HTTP/1.1 %d x" % status, line), method)

    assert head.framing is framing
    assert head.content_length == (5 if framing is LENGTH else 0)


@pytest.mark.parametrize(("status", "interim"), [(100, True), (103, True), (199, True), (101, False), (200, False)])
def test_interim_responses(status: int, interim: bool) -> None:
    """Another head follows a 1xx, but 101 is the last (RFC 9110 §15.2)."""
    assert accepted(head_of(b"HTTP/1.1 %d x" % status)).is_interim is interim


@pytest.mark.parametrize(
    ("start", "lines", "keeps"),
    [
        pytest.param(b"HTTP/1.1 200 OK", (b"Content-Length: 5",), True, id="length"),
        pytest.param(b"HTTP/1.1 200 OK", (b"Transfer-Encoding: chunked",), True, id="chunked"),
        pytest.param(b"HTTP/1.1 200 OK", (), False, id="until-close"),
        pytest.param(b"HTTP/1.1 200 OK", (b"Connection: keep-alive",), False, id="until-close-whatever-it-says"),
        pytest.param(b"HTTP/1.1 200 OK", (b"Content-Length: 5", b"Connection: Close"), False, id="close"),
        pytest.param(b"HTTP/1.1 204 OK", (), True, id="204"),
        pytest.param(b"HTTP/1.0 200 OK", (b"Content-Length: 5",), False, id="1.0"),
        pytest.param(b"HTTP/1.0 200 OK", (b"Content-Length: 5", b"connection: Keep-Alive"), True, id="1.0-keep-alive"),
        pytest.param(b"HTTP/1.1 200 OK", (b"Content-Length: 5", b"Connection: a", b"Connection: close"), False, id="two-lines"),
    ],
)
def test_persistence(start: bytes, lines: tuple[bytes, ...], keeps: bool) -> None:
    """RFC 9112 §9.3."""
    assert accepted(head_of(start, *lines)).keeps_alive is keeps


def test_what_is_known_of_a_head() -> None:
    """The fields that the policy or the connection decides are found in any case, with their places."""
    lines = (b"VARY:  a \t", b"X-Vary: b", b"cross-origin-opener-policy:c", b"Access-Control-Allow-Foo: d", b"Server: e")
    block = head_of(b"HTTP/1.1 200 OK", *lines)
    head = accepted(block)
    found = {field.name: (field.value, block[start:end]) for field, start, end in head.fields}

    assert head.block == block
    assert found[b"vary"] == (b"a", lines[0] + b"\r\n")
    assert found[b"cross-origin-opener-policy"] == (b"c", lines[2] + b"\r\n")
    assert found[b"access-control-allow-foo"] == (b"d", lines[3] + b"\r\n")
    assert b"x-vary" not in found


def test_edit_cuts_and_adds() -> None:
    """Lines are cut out where they stand and put in at the end; everything else is the same bytes."""
    block = b"S\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n"

    assert edit(block, (), b"") == block
    assert edit(block, [(3, 9)], b"") == b"S\r\nB: 2\r\nC: 3\r\n\r\n"
    assert edit(block, [(3, 9), (15, 21)], b"D: 4\r\n") == b"S\r\nB: 2\r\nD: 4\r\n\r\n"
    assert edit(block, [(3, 9), (9, 15), (15, 21)], b"") == b"S\r\n\r\n"
