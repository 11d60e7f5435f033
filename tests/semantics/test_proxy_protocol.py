"""PROXY protocol headers: what is one, where it ends, whose connection it speaks of, and what can never become one."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoproxy.semantics.proxy_protocol import (
    MAX_HEADER_BYTES,
    MAX_TEXT_BYTES,
    UNIX_SOURCE,
    ProxyFault,
    ProxyHeader,
    crc32c,
    read_proxy_header,
)

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
LOCAL, PROXY = 0x20, 0x21
TCP4, UDP4, TCP6, UDP6, UNIX, UNIX_DATAGRAM, UNSPECIFIED = 0x11, 0x12, 0x21, 0x22, 0x31, 0x32, 0x00
V4 = bytes.fromhex("cb007107 c0000201 d431 01bb")
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "2001:db8::1") + b"\xd4\x31\x01\xbb"
NAMES = b"/run/client".ljust(108, b"\0") + b"/run/xoproxy".ljust(108, b"\0")


def binary(command: int, family: int, rest: bytes, length: int | None = None) -> bytes:
    return SIGNATURE + bytes((command, family)) + (len(rest) if length is None else length).to_bytes(2, "big") + rest


def tlv(kind: int, value: bytes) -> bytes:
    return bytes((kind,)) + len(value).to_bytes(2, "big") + value


def checked(before: bytes, after: bytes = b"", spoil: int = 0) -> bytes:
    """Return a header with a checksum between two parts, that is off by `spoil`."""
    whole = binary(PROXY, TCP4, V4 + before + tlv(3, bytes(4)) + after)
    sum_ = (crc32c(whole) + spoil) & 0xFFFFFFFF
    return binary(PROXY, TCP4, V4 + before + tlv(3, sum_.to_bytes(4, "big")) + after)


def ssl(client: int) -> bytes:
    return tlv(0x20, bytes((client,)) + b"\0\0\0\0" + tlv(0x21, b"TLSv1.3"))


HEADERS = [
    pytest.param(b"PROXY TCP4 203.0.113.7 192.0.2.1 54321 443\r\n", "203.0.113.7", None, id="text-tcp4"),
    pytest.param(b"PROXY TCP6 2001:DB8:0::7 2001:db8::1 0 65535\r\n", "2001:db8::7", None, id="text-tcp6"),
    pytest.param(b"PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2\r\n", "203.0.113.7", None, id="text-mapped"),
    pytest.param(b"PROXY UNKNOWN\r\n", None, None, id="text-unknown"),
    pytest.param(b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None, None, id="text-unknown-with-anything"),
    pytest.param(b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", None, None, id="text-of-107-bytes"),
    pytest.param(binary(PROXY, TCP4, V4), "203.0.113.7", None, id="tcp4"),
    pytest.param(binary(PROXY, TCP6, V6), "2001:db8::7", None, id="tcp6"),
    pytest.param(binary(PROXY, UDP4, V4), "203.0.113.7", None, id="client-by-quic"),
    pytest.param(binary(PROXY, UDP6, V6), "2001:db8::7", None, id="client-by-quic-6"),
    pytest.param(binary(PROXY, UNIX, NAMES), UNIX_SOURCE, None, id="unix"),
    pytest.param(binary(PROXY, UNIX_DATAGRAM, NAMES), UNIX_SOURCE, None, id="unix-datagram"),
    pytest.param(
        binary(PROXY, TCP6, bytes(10) + b"\xff\xff\xcb\x00\x71\x07" + V6[16:]), "203.0.113.7", None, id="mapped-address"
    ),
    pytest.param(binary(LOCAL, UNSPECIFIED, b""), None, None, id="local"),
    pytest.param(binary(LOCAL, TCP4, b"anything"), None, None, id="local-whatever-it-holds"),
    pytest.param(binary(PROXY, UNSPECIFIED, b""), None, None, id="unspecified"),
    pytest.param(binary(PROXY, UNSPECIFIED, b"\xff" * 40), None, None, id="unspecified-whatever-it-holds"),
    pytest.param(binary(PROXY, TCP4, V4 + ssl(1)), "203.0.113.7", True, id="client-spoke-tls"),
    pytest.param(binary(PROXY, TCP4, V4 + ssl(7)), "203.0.113.7", True, id="client-with-certificate"),
    pytest.param(binary(PROXY, TCP6, V6 + ssl(0)), "2001:db8::7", False, id="client-without-tls"),
    pytest.param(binary(PROXY, TCP4, V4 + tlv(4, b"") + tlv(0xEE, b"abc")), "203.0.113.7", None, id="other-values"),
    pytest.param(checked(b""), "203.0.113.7", None, id="checksum"),
    pytest.param(checked(tlv(1, b"h2"), ssl(1)), "203.0.113.7", True, id="checksum-between"),
    pytest.param(binary(PROXY, TCP4, V4 + tlv(4, bytes(4065))), "203.0.113.7", None, id="of-4096-bytes"),
]

FAULTS = [
    pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="a-request"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01", id="a-handshake"),
    pytest.param(b"proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n", id="lower-case"),
    pytest.param(b"PROXX", id="almost"),
    pytest.param(b"PROXY\tTCP4 1.2.3.4 1.2.3.4 1 1\r\n", id="tab"),
    pytest.param(b"PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n", id="two-spaces"),
    pytest.param(b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n", id="bare-line-feed"),
    pytest.param(b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n", id="space-at-the-end"),
    pytest.param(b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", id="one-port"),
    pytest.param(b"PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n", id="leading-zero"),
    pytest.param(b"PROXY TCP4 1.2.3.4 1.2.3.4 +1 1\r\n", id="sign"),
    pytest.param(b"PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n", id="port-too-large"),
    pytest.param(b"PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n", id="second-port-too-large"),
    pytest.param(b"PROXY TCP4 1.2.3 1.2.3.4 1 1\r\n", id="three-parts"),
    pytest.param(b"PROXY TCP4 1.2.3.04 1.2.3.4 1 1\r\n", id="octal"),
    pytest.param(b"PROXY TCP4 ::1 ::1 1 1\r\n", id="other-family"),
    pytest.param(b"PROXY TCP6 ::1 1.2.3.4 1 1\r\n", id="mixed-families"),
    pytest.param(b"PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n", id="scope"),
    pytest.param(b"PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n", id="udp-in-text"),
    pytest.param(b"PROXY UNKNOWNx\r\n", id="unknown-and-more"),
    pytest.param(b"PROXY \r\n", id="nothing"),
    pytest.param(b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n", id="text-of-108-bytes"),
    pytest.param(b"PROXY UNKNOWN " + b"x" * 200, id="text-without-end"),
    pytest.param(b"\r\n\r\nGET / HTTP/1.1", id="empty-lines"),
    pytest.param(SIGNATURE[:-1] + b"\r" + binary(PROXY, TCP4, V4)[12:], id="other-signature"),
    pytest.param(binary(0x11, TCP4, V4), id="version-1"),
    pytest.param(binary(0x31, TCP4, V4), id="version-3"),
    pytest.param(binary(0x22, TCP4, V4), id="unknown-command"),
    pytest.param(binary(PROXY, 0x13, V4), id="unknown-transport"),
    pytest.param(binary(PROXY, 0x41, V4), id="unknown-family"),
    pytest.param(binary(PROXY, 0x10, V4), id="no-transport"),
    pytest.param(binary(PROXY, TCP4, V4[:-1]), id="too-short-for-v4"),
    pytest.param(binary(PROXY, TCP6, V4), id="too-short-for-v6"),
    pytest.param(binary(PROXY, UNIX, V6), id="too-short-for-unix"),
    pytest.param(binary(PROXY, TCP4, V4 + b"\x20"), id="one-byte-value"),
    pytest.param(binary(PROXY, TCP4, V4 + b"\x04\x00\x02a"), id="value-too-long"),
    pytest.param(binary(PROXY, TCP4, V4 + tlv(0x20, b"\1\0\0\0")), id="short-tls-value"),
    pytest.param(binary(PROXY, TCP4, V4 + tlv(3, b"")), id="empty-checksum"),
    pytest.param(binary(PROXY, TCP4, V4 + tlv(3, bytes(8))), id="long-checksum"),
    pytest.param(checked(b"", spoil=1), id="wrong-checksum"),
    pytest.param(checked(ssl(1), tlv(1, b"h2"), spoil=0x80000000), id="wrong-checksum-between"),
    pytest.param(binary(PROXY, TCP4, b"", length=4081), id="larger-than-4096-bytes"),
    pytest.param(binary(LOCAL, UNSPECIFIED, b"", length=65535), id="largest"),
]


@pytest.mark.parametrize(("header", "address", "secure"), HEADERS)
@pytest.mark.parametrize("after", [b"", b"G", b"\x16\x03\x01", SIGNATURE, b"PROXY UNKNOWN\r\n", bytes(5000)])
def test_header_says_whose_connection_it_is_and_where_it_ends(
    header: bytes, address: str | None, secure: bool | None, after: bytes
) -> None:
    """Whatever follows."""
    assert read_proxy_header(header + after) == ProxyHeader(len(header), address, secure)


@pytest.mark.parametrize(("header", "address", "secure"), HEADERS)
def test_part_of_a_header_is_never_judged(header: bytes, address: str | None, secure: bool | None) -> None:
    for size in range(len(header)):
        assert read_proxy_header(header[:size]) is None


@pytest.mark.parametrize("data", FAULTS)
def test_what_can_never_become_a_header_is_a_fault(data: bytes) -> None:
    """Once it is one, it stays one, whatever follows."""
    verdicts = [read_proxy_header(data[:size]) for size in range(len(data) + 1)]
    first = next(at for at, verdict in enumerate(verdicts) if verdict is not None)

    assert all(isinstance(verdict, ProxyFault) for verdict in verdicts[first:])
    assert isinstance(read_proxy_header(data + b"\r\n" + bytes(5000)), ProxyFault)
    assert isinstance(read_proxy_header(data + b"PROXY UNKNOWN\r\n"), ProxyFault)


def test_limits_are_those_of_the_specification_and_of_others() -> None:
    assert MAX_TEXT_BYTES == 107
    assert len(b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n") <= MAX_TEXT_BYTES
    assert MAX_HEADER_BYTES >= 16 + 216 + 1024


@pytest.mark.parametrize(
    ("data", "checksum"),
    [(bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E), (b"123456789", 0xE3069283)],
)
def test_checksum_is_castagnolis(data: bytes, checksum: int) -> None:
    """The vectors of RFC 3720, appendix B.4."""
    assert crc32c(data) == checksum


ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
PORTS = st.integers(0, 65535)


@given(source=ADDRESSES, port=PORTS, after=st.binary(max_size=40), values=st.lists(st.binary(max_size=30), max_size=4))
def test_any_address_is_read_from_both_versions(
    source: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, after: bytes, values: list[bytes]
) -> None:
    text = b"PROXY TCP%d %b %b %d %d\r\n" % (source.version, str(source).encode(), str(source).encode(), port, port)
    rest = source.packed * 2 + port.to_bytes(2, "big") * 2 + b"".join(tlv(0xE0, value) for value in values)
    packed = binary(PROXY, TCP4 if source.version == 4 else TCP6, rest)
    mapped = source.ipv4_mapped if isinstance(source, ipaddress.IPv6Address) else None

    for header in (text, packed):
        assert read_proxy_header(header + after) == ProxyHeader(len(header), str(mapped or source))


BEGINNINGS = st.sampled_from(
    [b"", b"P", b"PROXY ", b"PROXY TCP4 1.2.3.4", SIGNATURE, SIGNATURE + b"\x21", binary(PROXY, TCP4, V4)]
)


@given(start=BEGINNINGS, data=st.binary(max_size=300))
def test_verdict_never_changes_as_more_comes(start: bytes, data: bytes) -> None:
    """Waiting for more may end in a header or a fault; either is final, and a header ends where it was seen to end."""
    whole = start + data
    verdicts = [verdict for size in range(len(whole) + 1) if (verdict := read_proxy_header(whole[:size])) is not None]

    assert all(type(verdict) is type(verdicts[0]) for verdict in verdicts)
    if verdicts and isinstance(verdicts[0], ProxyHeader):
        assert set(verdicts) == {verdicts[0]}
        assert 0 < verdicts[0].length <= len(whole)
