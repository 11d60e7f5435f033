"""What is believed of a client, and of whom.  (RFC 7239)"""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.exchanges import head_of, lines_of

from xoproxy.semantics.forwarded import Hop, address_of, believed, forwarded_element, read_forwarded
from xoproxy.semantics.forwarding import request_for_upstream
from xoproxy.semantics.heads import RequestHead, read_request_head

STRANGER = Hop(b"192.0.2.7", b"http")
PROXIES = (b"10.0.0.2", b"10.0.0.3", b"2001:db8::2")
PROXY = Hop(b"10.0.0.2", b"http", lambda address: address in PROXIES)


def read(*lines: bytes, start: bytes = b"GET /x HTTP/1.1") -> RequestHead:
    head = read_request_head(head_of(start, b"Host: a.example", *lines))
    assert isinstance(head, RequestHead), head
    return head


@pytest.mark.parametrize(
    ("hop", "lines", "expected"),
    [
        pytest.param(STRANGER, (), (b"http", b"a.example"), id="stranger"),
        pytest.param(
            STRANGER, (b"X-Forwarded-Proto: https", b"X-Forwarded-Host: b"), (b"http", b"a.example"), id="stranger-pretending"
        ),
        pytest.param(STRANGER, (b"Forwarded: proto=https;host=b",), (b"http", b"a.example"), id="stranger-pretending-by-7239"),
        pytest.param(PROXY, (), (b"http", b"a.example"), id="silent-proxy"),
        pytest.param(PROXY, (b"X-Forwarded-Proto: https",), (b"https", b"a.example"), id="scheme"),
        pytest.param(PROXY, (b"X-Forwarded-Proto: HTTPS , http",), (b"http", b"a.example"), id="what-the-peer-appended"),
        pytest.param(
            PROXY,
            (b"X-Forwarded-Proto: https, http", b"X-Forwarded-Host: b, c", b"X-Forwarded-For: 192.0.2.9, 10.0.0.3"),
            (b"https", b"b"),
            id="what-the-outermost-proxy-wrote",
        ),
        pytest.param(
            PROXY,
            (b"X-Forwarded-Proto: gopher, https", b"X-Forwarded-Host: evil.test, b", b"X-Forwarded-For: 1.1.1.1, 192.0.2.9"),
            (b"https", b"b"),
            id="not-what-the-client-wrote-before",
        ),
        pytest.param(
            PROXY,
            (b"X-Forwarded-Proto: https", b"X-Forwarded-For: 192.0.2.9, 10.0.0.3"),
            (b"https", b"a.example"),
            id="replaced",
        ),
        pytest.param(PROXY, (b"X-Forwarded-Proto: gopher",), (b"http", b"a.example"), id="unknown-scheme"),
        pytest.param(PROXY, (b"X-Forwarded-Proto:",), (b"http", b"a.example"), id="empty-scheme"),
        pytest.param(PROXY, (b"X-Forwarded-Host: c, b.example:8443",), (b"http", b"b.example:8443"), id="host"),
        pytest.param(PROXY, (b"X-Forwarded-Host: c", b"X-Forwarded-Host: b"), (b"http", b"b"), id="two-lines"),
        pytest.param(
            PROXY, (b"Forwarded: for=192.0.2.9;proto=https;host=b.example",), (b"https", b"b.example"), id="forwarded"
        ),
        pytest.param(
            PROXY,
            (b'Forwarded: For=192.0.2.9; PROTO=HTTPS ;Host="b.example:8443"',),
            (b"https", b"b.example:8443"),
            id="quoted",
        ),
        pytest.param(
            PROXY,
            (b"Forwarded: for=192.0.2.9;proto=https;host=b, for=10.0.0.3;proto=http;host=c",),
            (b"https", b"b"),
            id="what-the-outermost-proxy-saw",
        ),
        pytest.param(
            PROXY,
            (b"Forwarded: for=1.1.1.1;proto=https;host=b, for=192.0.2.9;proto=http;host=c",),
            (b"http", b"c"),
            id="not-what-the-client-made-up",
        ),
        pytest.param(PROXY, (b"Forwarded: for=192.0.2.9;proto=https;proto=http",), (b"http", b"a.example"), id="malformed"),
        pytest.param(
            PROXY,
            (b"X-Forwarded-For: 192.0.2.9", b"Forwarded: for=192.0.2.9;proto=https;host=b"),
            (b"http", b"a.example"),
            id="a-proxy-that-sets-the-one-passes-on-the-clients-other",
        ),
    ],
)
def test_the_address_that_the_client_used(hop: Hop, lines: tuple[bytes, ...], expected: tuple[bytes, bytes]) -> None:
    """The own origin is made of it, so only a trusted proxy may say something else."""
    known = believed(read(*lines), hop)

    assert (known.scheme, known.authority) == expected


@pytest.mark.parametrize(
    ("hop", "lines", "expected"),
    [
        pytest.param(STRANGER, (b"X-Forwarded-For: 127.0.0.1",), b"192.0.2.7", id="stranger"),
        pytest.param(STRANGER, (b"Forwarded: for=127.0.0.1",), b"192.0.2.7", id="stranger-by-7239"),
        pytest.param(PROXY, (), b"10.0.0.2", id="silent-proxy"),
        pytest.param(PROXY, (b"X-Forwarded-For: 1.1.1.1, 192.0.2.9",), b"192.0.2.9", id="what-the-proxy-saw"),
        pytest.param(PROXY, (b"X-Forwarded-For: 1.1.1.1", b"X-Forwarded-For: 192.0.2.9"), b"192.0.2.9", id="two-lines"),
        pytest.param(PROXY, (b"X-Forwarded-For: ,",), b"10.0.0.2", id="empty"),
        pytest.param(PROXY, (b"X-Forwarded-For: 1.1.1.1, 192.0.2.9, 10.0.0.3",), b"192.0.2.9", id="two-proxies"),
        pytest.param(PROXY, (b"X-Forwarded-For: 10.0.0.2, 10.0.0.3",), b"10.0.0.2", id="only-proxies"),
        pytest.param(PROXY, (b"X-Forwarded-For: 192.0.2.9, unknown, 10.0.0.3",), b"10.0.0.3", id="a-gap-ends-it"),
        pytest.param(PROXY, (b"X-Forwarded-For: <script>",), b"10.0.0.2", id="nonsense"),
        pytest.param(PROXY, (b"X-Forwarded-For: 192.0.2.9:4711",), b"192.0.2.9", id="with-port"),
        pytest.param(PROXY, (b"Forwarded: for=1.1.1.1, for=192.0.2.9",), b"192.0.2.9", id="forwarded"),
        pytest.param(PROXY, (b'Forwarded: for="[2001:db8::9]:4711"',), b"2001:db8::9", id="forwarded-v6"),
        pytest.param(PROXY, (b'Forwarded: for=192.0.2.9, for="[2001:db8::2]"',), b"192.0.2.9", id="forwarded-two-proxies"),
        pytest.param(PROXY, (b"Forwarded: for=_hidden, for=10.0.0.3",), b"10.0.0.3", id="obfuscated"),
        pytest.param(PROXY, (b"Forwarded: proto=https",), b"10.0.0.2", id="no-node"),
        pytest.param(PROXY, (b"Forwarded: for=192.0.2.9", b"X-Forwarded-For: 192.0.2.8"), b"192.0.2.8", id="not-mixed"),
    ],
)
def test_the_clients_address(hop: Hop, lines: tuple[bytes, ...], expected: bytes) -> None:
    """The last address of the list is the one that the peer itself saw; what a proxy we trust saw counts too."""
    assert believed(read(*lines), hop).client == expected


def test_the_upstream_hears_what_is_believed_of_a_proxy_that_speaks_rfc_7239() -> None:
    """Backends that know only X-Forwarded-* lose nothing, and the standard's list goes on."""
    head = read(b'Forwarded: for=192.0.2.9;proto=https;host="b.example:8443"')

    lines = lines_of(request_for_upstream(head, PROXY, b"d"))

    assert lines == [
        b"Host: a.example",
        b'Forwarded: for=192.0.2.9;proto=https;host="b.example:8443"',
        b"X-Forwarded-For: 192.0.2.9, 10.0.0.2",
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-Host: b.example:8443",
        b"Forwarded: for=10.0.0.2",
        b"Via: 1.1 xoproxy",
    ]


@pytest.mark.parametrize(
    ("node", "address"),
    [
        (b"192.0.2.1", b"192.0.2.1"),
        (b"192.0.2.1:80", b"192.0.2.1"),
        (b"2001:db8::1", b"2001:db8::1"),
        (b"[2001:db8::1]", b"2001:db8::1"),
        (b"[2001:db8::1]:80", b"2001:db8::1"),
        (b"::ffff:192.0.2.1", b"::ffff:192.0.2.1"),
        (b"fe80::1%eth0", None),
        (b"[2001:db8::1", b"2001:db8::1"),
        (b"192.0.2", None),
        (b"192.0.2.256", None),
        (b"unknown", None),
        (b"_hidden", None),
        (b"", None),
        (b"a.example", None),
        (b"\xff", None),
    ],
)
def test_the_address_of_a_node(node: bytes, address: bytes | None) -> None:
    """RFC 7239 §6, and what is found in X-Forwarded-For."""
    assert address_of(node) == address


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        (b"for=a", [{b"for": b"a"}]),
        (b'for="a b";by=c', [{b"for": b"a b", b"by": b"c"}]),
        (b"for=a, for=b", [{b"for": b"a"}, {b"for": b"b"}]),
        (b"for=a,for=b;proto=x", [{b"for": b"a"}, {b"for": b"b", b"proto": b"x"}]),
        (b'for="a,b;c"', [{b"for": b"a,b;c"}]),
        (b'for=""', [{b"for": b""}]),
        (b"", None),
        (b"for", None),
        (b"for=", None),
        (b"for=a;", None),
        (b"for=a,", None),
        (b",for=a", None),
        (b"for=a b", None),
        (b"for=a;for=b", None),
        (b"for=a;FOR=b", None),
        (b'for="a', None),
        (b'for="a\\"b"', None),
        (b"for=[::1]", None),
        (b"for =a", None),
    ],
)
def test_forwarded_values(value: bytes, elements: list[dict[bytes, bytes]] | None) -> None:
    """RFC 7239 §4, read strictly: half of a list is worse than none."""
    assert read_forwarded(value) == elements


@given(st.lists(st.ip_addresses(), min_size=1, max_size=4))
def test_what_we_write_we_read(addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> None:
    """Element by element, whatever the address."""
    texts = [str(address).partition("%")[0].encode() for address in addresses]

    elements = read_forwarded(b", ".join(forwarded_element(text) for text in texts))

    assert elements is not None
    assert [address_of(element[b"for"]) for element in elements] == texts


@given(st.binary(max_size=60))
def test_any_value_is_read_or_refused(value: bytes) -> None:
    """Never an exception."""
    read_forwarded(value)
    address_of(value)


def test_a_socket_in_the_file_system_is_an_unknown_node() -> None:
    assert forwarded_element(b"unix") == b"for=unknown"
