"""Read the header that a load balancer puts before a client's own bytes.  (haproxy.org, "The PROXY protocol", versions 1 and 2)

Rule 1: whoever calls has already found that the sender is to be believed; nothing in a header can tell.
Rule 2: bytes after the header are never looked at: they are the client's, a TLS handshake or a request.
Rule 3: what is not whole is never a header; a verdict, once there, does not change with what follows.
"""

import ipaddress
import re
from typing import Final

from xoproxy.slotted import dataclass

# Version 1 is one line of at most 107 bytes.  Version 2 may claim 64 KiB; what senders put into it (addresses, the TLS client's
# certificate name and version) is some hundred bytes, and nginx takes 4 KiB too.
MAX_TEXT_BYTES: Final = 107
MAX_HEADER_BYTES: Final = 4096

UNIX_SOURCE: Final = "unix"  # a client on a socket in the file system, whose name says nothing

_TEXT_START: Final = b"PROXY "
_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED_BYTES: Final = 16  # signature, version and command, family and transport, length of the rest
_PORT: Final = rb"(?:0|[1-9][0-9]{0,4})"
_TEXT: Final = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?|(TCP[46]) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) (%b) (%b))" % (_PORT, _PORT)
)

_LOCAL: Final = 0x20
_PROXY: Final = 0x21
# Family and transport, to the sizes of one address and of the whole address part.  The transport is that of the client's own
# connection: one that came by QUIC is a datagram's, whatever carries it on to us.
_FAMILIES: Final = {0x11: (4, 12), 0x12: (4, 12), 0x21: (16, 36), 0x22: (16, 36), 0x31: (108, 216), 0x32: (108, 216)}
_UNSPECIFIED: Final = 0x00
_TYPE_CRC32C: Final = 0x03
_TYPE_SSL: Final = 0x20
_CLIENT_SSL: Final = 0x01


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """A header that is whole.  The client's bytes begin after `length` bytes."""

    length: int
    address: str | None = None  # the client's; None: the connection is the sender's own, or it does not know
    secure: bool | None = None  # whether the client spoke TLS with the sender; None: it does not say


@dataclass(frozen=True, slots=True)
class ProxyFault:
    """What can never become a header.  `reason`: a few words."""

    reason: str


def read_proxy_header(data: bytes) -> ProxyHeader | ProxyFault | None:
    """Read the header at the start of `data`; None: more is needed."""
    if data[:1] == b"P":
        return _read_text(data)
    return _read_binary(data)


def _read_text(data: bytes) -> ProxyHeader | ProxyFault | None:
    """Version 1: a line for people."""
    start = data[: len(_TEXT_START)]
    if start != _TEXT_START[: len(start)]:
        return _NO_HEADER
    end = data.find(b"\n", 0, MAX_TEXT_BYTES)
    if end < 0:
        return ProxyFault("the line is longer than 107 bytes") if len(data) >= MAX_TEXT_BYTES else None
    line = _TEXT.fullmatch(data, 0, end - 1) if data[end - 1 : end] == b"\r" else None
    if line is None:
        return ProxyFault("the line is not one of version 1")
    return ProxyHeader(end + 1) if line[1] is None else _read_text_addresses(line, end + 1)


def _read_text_addresses(line: re.Match[bytes], length: int) -> ProxyHeader | ProxyFault:
    version = 4 if line[1] == b"TCP4" else 6
    if max(int(line[4]), int(line[5])) > 65535:
        return ProxyFault("a port is beyond 65535")
    try:
        source, target = ipaddress.ip_address(line[2].decode("ascii")), ipaddress.ip_address(line[3].decode("ascii"))
    except ValueError:
        return ProxyFault("an address cannot be read")
    if source.version != version or target.version != version:
        return ProxyFault("an address is of another family than the line says")
    return ProxyHeader(length, _canonical(source))


def _read_binary(data: bytes) -> ProxyHeader | ProxyFault | None:
    """Version 2: a signature that no other protocol begins with, sizes first."""
    fault = _fixed_part_fault(data)
    if fault is not None:
        return fault
    length = _FIXED_BYTES + int.from_bytes(data[14:16], "big")
    if len(data) < max(length, _FIXED_BYTES):
        return None
    if data[12] == _LOCAL or data[13] == _UNSPECIFIED:
        return ProxyHeader(length)  # what else it holds is to be ignored
    return _read_addresses(data[:length])


def _fixed_part_fault(data: bytes) -> ProxyFault | None:
    """Return what is wrong with the part of fixed size, as far as it is here."""
    start = data[: len(_SIGNATURE)]
    if start != _SIGNATURE[: len(start)]:
        return _NO_HEADER
    if len(data) > 12 and data[12] not in (_LOCAL, _PROXY):
        return ProxyFault("the version is not 2, or the command is unknown")
    if len(data) > 13 and data[13] != _UNSPECIFIED and data[13] not in _FAMILIES:
        return ProxyFault("the address family or transport is unknown")
    if len(data) >= _FIXED_BYTES and int.from_bytes(data[14:16], "big") > MAX_HEADER_BYTES - _FIXED_BYTES:
        return ProxyFault(f"the header is larger than {MAX_HEADER_BYTES} bytes")
    return None


def _read_addresses(header: bytes) -> ProxyHeader | ProxyFault:
    """Read the rest of a whole header of version 2: addresses, then values with their type and length."""
    size, all_sizes = _FAMILIES[header[13]]
    at = _FIXED_BYTES + all_sizes
    if len(header) < at:
        return ProxyFault("the header is too short for its addresses")
    secure: bool | None = None
    while at < len(header):
        begin, end = at + 3, at + 3 + int.from_bytes(header[at + 1 : at + 3], "big")
        if begin > len(header) or end > len(header):
            return ProxyFault("a value is longer than the header")
        match header[at]:
            case kind if kind == _TYPE_SSL:
                if end - begin < 5:
                    return ProxyFault("the value about TLS is too short")
                secure = bool(header[begin] & _CLIENT_SSL)
            case kind if kind == _TYPE_CRC32C:
                if crc32c(header[:begin] + bytes(end - begin) + header[end:]).to_bytes(4, "big") != header[begin:end]:
                    return ProxyFault("the checksum is wrong")
            case _:
                pass
        at = end
    source = header[_FIXED_BYTES : _FIXED_BYTES + size]
    address = UNIX_SOURCE if size == 108 else _canonical(ipaddress.ip_address(source))
    return ProxyHeader(len(header), address, secure)


def _canonical(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Return the text of an address.  An IPv4 address mapped into IPv6 is the IPv4 address."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def crc32c(data: bytes) -> int:
    """Return the checksum that such headers carry: Castagnoli's polynomial, reflected.  (RFC 9260, appendix A)"""
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder = _CRC32C[(remainder ^ byte) & 0xFF] ^ (remainder >> 8)
    return remainder ^ 0xFFFFFFFF


def _crc32c_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_CRC32C: Final = tuple(_crc32c_of_byte(byte) for byte in range(256))
_NO_HEADER: Final = ProxyFault("there is no PROXY protocol header")
