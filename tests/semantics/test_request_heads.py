"""What is a request head, and what is refused instead of repaired.  (RFC 9110, RFC 9112; design rule 9)"""

import tracemalloc

import pytest

from xoproxy.semantics.diagnosis import HeadFault
from xoproxy.semantics.heads import Framing, RequestHead, read_request_head

HOST = b"Host: a.example\r\n"


def accepted(block: bytes) -> RequestHead:
    head = read_request_head(block)
    assert isinstance(head, RequestHead), head
    return head


def refused(block: bytes) -> HeadFault:
    fault = read_request_head(block)
    assert isinstance(fault, HeadFault), block
    return fault


def get(*lines: bytes, start: bytes = b"GET / HTTP/1.1") -> bytes:
    """Return a head with a Host line and these."""
    return b"".join(line + b"\r\n" for line in (start, b"Host: a.example", *lines)) + b"\r\n"


@pytest.mark.parametrize(
    "method",
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"PATCH", b"patch", b"NEW", b"chicken", b"M-SEARCH",
     b"!#$%&'*+-.^_`|~09", b"A" * 1000],
)  # fmt: skip
def test_any_token_is_a_method(method: bytes) -> None:
    """Methods are tokens, and case-sensitive (RFC 9110 §9.1)."""
    assert accepted(get(start=method + b" / HTTP/1.1")).method == method


@pytest.mark.parametrize(
    "target",
    [b"/", b"/a/b?c=d&e", b"/%00%zz", b"//a//b", b"/..;/a", b'/"<>\\^`{|}', b"/?" + b"q" * 5000, b"/:@!$&'()*+,;=~",
     b"http://a.example/x", b"HTTP://A.example", b"https://a.example?q", b"http://a.example/?a?b"],
)  # fmt: skip
def test_targets_are_kept_byte_for_byte(target: bytes) -> None:
    """Origin-form and absolute-form with Host's own authority (RFC 9112 §3.2)."""
    assert accepted(get(start=b"GET " + target + b" HTTP/1.1")).target == target


@pytest.mark.parametrize(
    ("block", "status"),
    [
        # RFC 9112 §3: method SP request-target SP HTTP-version CRLF
        pytest.param(b"", 400, id="empty"),
        pytest.param(b"\r\n", 400, id="empty-line"),
        pytest.param(b"\r\n" + get(), 400, id="empty-line-before"),
        pytest.param(get(start=b"GET  / HTTP/1.1"), 400, id="two-spaces"),
        pytest.param(get(start=b"GET / HTTP/1.1 "), 400, id="trailing-space"),
        pytest.param(get(start=b" GET / HTTP/1.1"), 400, id="leading-space"),
        pytest.param(get(start=b"GET\t/\tHTTP/1.1"), 400, id="tabs"),
        pytest.param(get(start=b"GET /"), 400, id="http-0.9"),
        pytest.param(get(start=b"GET / "), 400, id="no-version"),
        pytest.param(get(start=b"GET /a b HTTP/1.1"), 400, id="space-in-target"),
        pytest.param(get(start=b"G(T / HTTP/1.1"), 400, id="method-is-no-token"),
        pytest.param(get(start=b"G\xc3T / HTTP/1.1"), 400, id="method-not-ascii"),
        pytest.param(get(start=b" / HTTP/1.1"), 400, id="no-method"),
        pytest.param(get(start=b"GET /a#b HTTP/1.1"), 400, id="fragment"),
        pytest.param(get(start=b"GET /\xff HTTP/1.1"), 400, id="target-not-ascii"),
        pytest.param(get(start=b"GET /\x7f HTTP/1.1"), 400, id="target-control-byte"),
        # RFC 9110 §2.5, §6.2; RFC 9112 §2.3
        pytest.param(get(start=b"GET / HTTP/2.0"), 505, id="version-2"),
        pytest.param(get(start=b"GET / HTTP/0.9"), 505, id="version-0.9"),
        pytest.param(get(start=b"PRI * HTTP/2.0"), 505, id="http-2-preface"),
        pytest.param(get(start=b"GET / HTTP/1"), 400, id="version-without-minor"),
        pytest.param(get(start=b"GET / HTTP/1.10"), 400, id="version-two-digits"),
        pytest.param(get(start=b"GET / http/1.1"), 400, id="version-lower-case"),
        pytest.param(get(start=b"GET / HTTP/1,1"), 400, id="version-comma"),
        pytest.param(get(start=b"GET / HTTPS/1.1"), 400, id="not-http"),
        pytest.param(get(start=b"GET / HTTP/+1.1"), 400, id="version-sign"),
        # RFC 9112 §2.2: line ends
        pytest.param(b"GET / HTTP/1.1\nHost: a\n\n", 400, id="bare-lf"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\n\r\n", 400, id="bare-lf-once"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nA: b\nC: d\r\n\r\n", 400, id="bare-lf-in-a-line"),
        pytest.param(b"GET / HTTP/1.1\rHost: a\r\r", 400, id="bare-cr"),
        pytest.param(get(b"A: b\rContent-Length: 5"), 400, id="bare-cr-in-a-value"),
        pytest.param(get(b"A: b\r"), 400, id="double-cr"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n", 400, id="no-empty-line"),
        pytest.param(get() + b"X", 400, id="more-after-it"),
        pytest.param(get() + get(), 400, id="two-heads"),
        # RFC 9112 §5, RFC 9110 §5.1, §5.5
        pytest.param(get(b"A : b"), 400, id="space-before-colon"),
        pytest.param(get(b"A\t: b"), 400, id="tab-before-colon"),
        pytest.param(get(b"Content-Length : 5"), 400, id="space-before-colon-framing"),
        pytest.param(get(b"A: b", b" c"), 400, id="obs-fold"),
        pytest.param(get(b"A: b", b"\tc"), 400, id="obs-fold-tab"),
        pytest.param(get(b"Transfer-Encoding:", b" chunked"), 400, id="obs-fold-framing"),
        pytest.param(b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, id="space-before-the-first-line"),
        pytest.param(get(b": b"), 400, id="empty-name"),
        pytest.param(get(b"A"), 400, id="no-colon"),
        pytest.param(get(b"A B: c"), 400, id="space-in-name"),
        pytest.param(get(b"A(B): c"), 400, id="name-is-no-token"),
        pytest.param(get(b"\xc4: c"), 400, id="name-not-ascii"),
        pytest.param(get(b"A: b\0c"), 400, id="nul-in-value"),
        pytest.param(get(b"A\0: c"), 400, id="nul-in-name"),
        pytest.param(get(start=b"GET /\0 HTTP/1.1"), 400, id="nul-in-target"),
        pytest.param(get(b"A: b\x01"), 400, id="control-byte"),
        pytest.param(get(b"A: \x7f"), 400, id="delete-byte"),
        pytest.param(get(b"A: \x0b"), 400, id="vertical-tab"),
        # RFC 9112 §3.2, RFC 9110 §7.2: Host
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no-host"),
        pytest.param(b"GET / HTTP/1.1\r\nHosts: a\r\n\r\n", 400, id="almost-host"),
        pytest.param(get(b"Host: a.example"), 400, id="host-twice"),
        pytest.param(get(b"host: b.example"), 400, id="host-twice-other-case"),
        pytest.param(b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400, id="host-twice-http-1.0"),
        # RFC 9112 §3.2.2-§3.2.4
        pytest.param(get(start=b"GET http://b.example/ HTTP/1.1"), 400, id="absolute-form-of-another"),
        pytest.param(get(start=b"GET http://a.example:80/ HTTP/1.1"), 400, id="absolute-form-port"),
        pytest.param(get(start=b"GET http://u@a.example/ HTTP/1.1"), 400, id="absolute-form-userinfo"),
        pytest.param(get(start=b"GET http:///x HTTP/1.1"), 400, id="absolute-form-without-authority"),
        pytest.param(get(start=b"GET ftp://a.example/ HTTP/1.1"), 400, id="another-scheme"),
        pytest.param(get(start=b"GET file:/x HTTP/1.1"), 400, id="no-form"),
        pytest.param(get(start=b"GET a.example HTTP/1.1"), 400, id="authority-form"),
        pytest.param(get(start=b"GET a.example:80 HTTP/1.1"), 400, id="authority-form-port"),
        pytest.param(get(start=b"GET ?a HTTP/1.1"), 400, id="query-only"),
        pytest.param(get(start=b"GET * HTTP/1.1"), 400, id="asterisk-of-get"),
        pytest.param(get(start=b"OPTIONS *? HTTP/1.1"), 400, id="asterisk-and-more"),
        pytest.param(get(start=b"CONNECT a.example:443 HTTP/1.1"), 501, id="connect"),
        pytest.param(get(start=b"CONNECT / HTTP/1.1"), 501, id="connect-to-a-path"),
        # RFC 9112 §6.3, RFC 9110 §8.6: Content-Length
        pytest.param(get(b"Content-Length: 5", b"Content-Length: 5"), 400, id="length-twice"),
        pytest.param(get(b"Content-Length: 5", b"content-length: 6"), 400, id="two-lengths"),
        pytest.param(get(b"Content-Length: 5, 5"), 400, id="length-list"),
        pytest.param(get(b"Content-Length:"), 400, id="length-empty"),
        pytest.param(get(b"Content-Length: +5"), 400, id="length-plus"),
        pytest.param(get(b"Content-Length: -5"), 400, id="length-minus"),
        pytest.param(get(b"Content-Length: 0x5"), 400, id="length-hexadecimal"),
        pytest.param(get(b"Content-Length: 5.0"), 400, id="length-decimal"),
        pytest.param(get(b"Content-Length: 5 5"), 400, id="length-space"),
        pytest.param(get(b"Content-Length: 1_000"), 400, id="length-underscore"),
        pytest.param(get(b"Content-Length: \xb2"), 400, id="length-latin-1-digit"),
        pytest.param(get(b"Content-Length: \xd9\xa5"), 400, id="length-arabic-digit"),
        pytest.param(get(b"Content-Length: 9999999999999999999"), 400, id="length-over-63-bits"),
        # RFC 9112 §6.1: Transfer-Encoding
        pytest.param(get(b"Content-Length: 5", b"Transfer-Encoding: chunked"), 400, id="cl-te"),
        pytest.param(get(b"Transfer-Encoding: chunked", b"Content-Length: 0"), 400, id="te-cl"),
        pytest.param(get(b"Transfer-Encoding: chunked", start=b"GET / HTTP/1.0"), 400, id="te-http-1.0"),
        pytest.param(get(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400, id="te-twice"),
        pytest.param(get(b"Transfer-Encoding: chunked, chunked"), 400, id="chunked-twice"),
        pytest.param(get(b"Transfer-Encoding: identity"), 400, id="identity"),
        pytest.param(get(b"Transfer-Encoding: chunked, identity"), 400, id="chunked-not-last"),
        pytest.param(get(b"Transfer-Encoding: gzip"), 400, id="not-chunked"),
        pytest.param(get(b"Transfer-Encoding:"), 400, id="te-empty"),
        pytest.param(get(b"Transfer-Encoding: ,"), 400, id="te-empty-list"),
        pytest.param(get(b"Transfer-Encoding: xchunked"), 400, id="almost-chunked"),
        pytest.param(get(b"Transfer-Encoding: chunked;q=1"), 400, id="chunked-parameter"),
        pytest.param(get(b'Transfer-Encoding: "chunked"'), 400, id="chunked-quoted"),
        pytest.param(get(b"Transfer-Encoding: chunked\xa0"), 400, id="chunked-no-break-space"),
        pytest.param(get(b"Transfer-Encoding: gzip, chunked"), 501, id="a-coding-we-do-not-know"),
        pytest.param(get(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"), 501, id="on-two-lines"),
    ],
)  # fmt: skip
def test_what_is_ambiguous_or_outside_the_grammar_is_refused(block: bytes, status: int) -> None:
    """Nothing is repaired: a peer behind us might repair it another way (RFC 9112 §11)."""
    fault = refused(block)

    assert fault.status == status
    assert fault.reason


@pytest.mark.parametrize(
    ("host", "valid"),
    [
        pytest.param(b"a", True, id="name"),
        pytest.param(b"a.example:8080", True, id="port"),
        pytest.param(b"a.example:65535", True, id="last-port"),
        pytest.param(b"a.example:0", True, id="port-0"),
        pytest.param(b"A.Example.", True, id="case-and-final-dot"),
        pytest.param(b"a_b.example", True, id="underscore"),
        pytest.param(b"127.0.0.1:80", True, id="ipv4"),
        pytest.param(b"[::1]", True, id="ipv6"),
        pytest.param(b"[2001:DB8::1]:8080", True, id="ipv6-port"),
        pytest.param(b"[::ffff:127.0.0.1]", True, id="ipv6-mapped"),
        pytest.param(b"", False, id="empty"),
        pytest.param(b":80", False, id="port-only"),
        pytest.param(b"a:65536", False, id="port-too-large"),
        pytest.param(b"a:123456", False, id="port-six-digits"),
        pytest.param(b"a:b", False, id="port-no-number"),
        pytest.param(b"a:80:80", False, id="two-ports"),
        pytest.param(b"a:-1", False, id="port-sign"),
        pytest.param(b"a b", False, id="space"),
        pytest.param(b"a\tb", False, id="tab"),
        pytest.param(b"a/b", False, id="slash"),
        pytest.param(b"a\\b", False, id="backslash"),
        pytest.param(b"a?b", False, id="question-mark"),
        pytest.param(b"a#b", False, id="number-sign"),
        pytest.param(b"u@a", False, id="userinfo"),
        pytest.param(b"u:p@a", False, id="userinfo-password"),
        pytest.param(b"http://a", False, id="url"),
        pytest.param(b"::1", False, id="ipv6-bare"),
        pytest.param(b"[::1", False, id="ipv6-open"),
        pytest.param(b"[::1]x", False, id="ipv6-and-more"),
        pytest.param(b"[]", False, id="ipv6-empty"),
        pytest.param(b"[a.example]", False, id="name-in-brackets"),
        pytest.param(b"[v1.x]", False, id="ip-future"),
        pytest.param(b"\xc3\xa4.example", False, id="not-ascii"),
        pytest.param(b"a<b>", False, id="brackets"),
        pytest.param(b'a"b', False, id="quote"),
    ],
)
def test_host_is_a_host_with_an_optional_port(host: bytes, valid: bool) -> None:
    """A bad Host is 400 whatever else is right (RFC 9112 §3.2), in HTTP/1.0 too."""
    for version in (b"1", b"0"):
        head = read_request_head(b"GET / HTTP/1.%s\r\nHost: %s\r\n\r\n" % (version, host))

        assert (isinstance(head, RequestHead) and head.host == host) if valid else isinstance(head, HeadFault)


@pytest.mark.parametrize(
    ("line", "framing", "length"),
    [
        pytest.param(b"A: b", Framing.NONE, 0, id="none"),
        pytest.param(b"Content-Length: 0", Framing.NONE, 0, id="zero"),
        pytest.param(b"Content-Length: 000", Framing.NONE, 0, id="zeros"),
        pytest.param(b"Content-Length: 5", Framing.LENGTH, 5, id="length"),
        pytest.param(b"content-length:\t 5 \t", Framing.LENGTH, 5, id="white-space"),
        pytest.param(b"Content-Length: 005", Framing.LENGTH, 5, id="leading-zeros"),
        pytest.param(b"Content-Length: 999999999999999999", Framing.LENGTH, 999999999999999999, id="18-digits"),
        pytest.param(b"Transfer-Encoding: chunked", Framing.CHUNKED, 0, id="chunked"),
        pytest.param(b"TRANSFER-ENCODING:Chunked ", Framing.CHUNKED, 0, id="chunked-case"),
        pytest.param(b"X-Content-Length: 5", Framing.NONE, 0, id="a-name-that-ends-in-it"),
        pytest.param(b"Content-Length-X: 5", Framing.NONE, 0, id="a-name-that-begins-with-it"),
        pytest.param(b"A: Content-Length: 5", Framing.NONE, 0, id="in-a-value"),
    ],
)
def test_framing(line: bytes, framing: Framing, length: int) -> None:
    """A request without either field has no content (RFC 9112 §6.3, 7)."""
    for method in (b"GET", b"POST", b"HEAD"):
        head = accepted(get(line, start=method + b" / HTTP/1.1"))

        assert (head.framing, head.content_length) == (framing, length)


def test_what_is_known_of_a_head() -> None:
    """Names in lower case, values without surrounding white space, and where the lines stand."""
    block = get(
        b"ORIGIN:\t https://x \t", b"X: y", b"Connection: Close, X-Foo", b"connection: upgrade", b"Upgrade: a,b", b"upgrade: c"
    )
    head = accepted(block)

    assert (head.block, head.method, head.target, head.minor, head.host) == (block, b"GET", b"/", 1, b"a.example")
    assert head.tail == block.removeprefix(b"GET /")
    assert head.origin == b"https://x"
    assert head.options == (b"close", b"x-foo", b"upgrade")
    assert head.upgrade == b"a,b, c"
    assert head.preflight_method is None
    assert head.values(b"upgrade") == [b"a,b", b"c"]
    assert [(field.name, head.tail[start:end]) for field, start, end in head.fields] == [
        (b"connection", b"Connection: Close, X-Foo\r\n"),
        (b"connection", b"connection: upgrade\r\n"),
        (b"upgrade", b"Upgrade: a,b\r\n"),
        (b"upgrade", b"upgrade: c\r\n"),
    ]


@pytest.mark.parametrize(
    ("lines", "origin", "method"),
    [
        pytest.param((), None, None, id="neither"),
        pytest.param((b"Origin:",), b"", None, id="empty-origin"),
        pytest.param((b"Origin: a", b"origin: b"), b"a, b", None, id="two-origins"),
        pytest.param((b"Access-Control-Request-Method: PUT",), None, b"PUT", id="method"),
        pytest.param((b"access-control-request-method:",), None, b"", id="empty-method"),
        pytest.param((b"Access-Control-Request-Method: A",) * 2, None, b"A, A", id="two-methods"),
    ],
)
def test_doubled_lines_are_joined_as_fetch_does(lines: tuple[bytes, ...], origin: bytes | None, method: bytes | None) -> None:
    """Fetch's "get" joins values with a comma and a space, so neither of two origins is ever granted."""
    head = accepted(get(*lines))

    assert (head.origin, head.preflight_method) == (origin, method)


@pytest.mark.parametrize(
    ("start", "connection", "keeps"),
    [
        pytest.param(b"GET / HTTP/1.1", None, True, id="1.1"),
        pytest.param(b"GET / HTTP/1.1", b"close", False, id="1.1-close"),
        pytest.param(b"GET / HTTP/1.1", b"Keep-Alive, CLOSE", False, id="close-wins"),
        pytest.param(b"GET / HTTP/1.1", b"closed", True, id="not-close"),
        pytest.param(b"GET / HTTP/1.0", None, False, id="1.0"),
        pytest.param(b"GET / HTTP/1.0", b"keep-alive", True, id="1.0-keep-alive"),
        pytest.param(b"GET / HTTP/1.0", b"close, keep-alive", False, id="1.0-close-wins"),
    ],
)
def test_persistence(start: bytes, connection: bytes | None, keeps: bool) -> None:
    """RFC 9112 §9.3."""
    lines = () if connection is None else (b"Connection: " + connection,)

    assert accepted(get(*lines, start=start)).keeps_alive is keeps


def test_upgrade_counts_only_if_connection_names_it() -> None:
    """An Upgrade field that Connection does not name is not for us (RFC 9110 §7.8)."""
    assert accepted(get(b"Upgrade: websocket")).upgrade is None
    assert accepted(get(b"Upgrade: websocket", b"Connection: keep-alive, Upgrade")).upgrade == b"websocket"
    assert accepted(get(b"Upgrade:", b"Connection: upgrade")).upgrade is None
    assert accepted(get(b"Connection: upgrade")).upgrade is None


def test_http_1_0_needs_no_host() -> None:
    """RFC 9112 §3.2 asks it of HTTP/1.1 only."""
    head = accepted(b"GET / HTTP/1.0\r\n\r\n")

    assert (head.minor, head.host) == (0, b"")


def test_options_of_the_server() -> None:
    """The asterisk-form belongs to OPTIONS (RFC 9112 §3.2.4)."""
    assert accepted(get(start=b"OPTIONS * HTTP/1.1")).target == b"*"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"Host: %d" + b"a" * 30_000, id="host"),
        pytest.param(b"Host: a\r\nConnection: " + b",".join(b"%x" % at for at in range(7_000)) + b",%d", id="connection"),
        pytest.param(b"Host: a\r\nUpgrade: " + b"a" * 30_000 + b"%d", id="upgrade"),
    ],
)
def test_nothing_large_is_remembered(line: bytes) -> None:
    """Reading many long heads leaves nothing behind: what is kept for speed is bounded in bytes, not only in number."""
    tracemalloc.start()
    try:
        for at in range(150):
            read_request_head(b"GET / HTTP/1.1\r\n" + line.replace(b"%d", b"%d" % at) + b"\r\n\r\n")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held < 1_000_000
