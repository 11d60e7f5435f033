"""Host names and addresses as URLs hold them.  (URL Standard, "host parsing"; Secure Contexts §3.1)"""

import ipaddress
import re
import unicodedata
from typing import Final

_NUMBER: Final = re.compile(r"0[xX][0-9A-Fa-f]*|[0-9]+")


def punycode(host: str) -> str:
    """Return the ASCII form of a host name, as browsers make it for all usual names.  (UTS 46, non-transitional)"""
    labels = unicodedata.normalize("NFKC", host).lower().replace("\u3002", ".").split(".")
    return ".".join(label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii") for label in labels)


def is_localhost(host: str) -> bool:
    """Whether a host is a name that always means the same machine.  (RFC 6761 §6.3)"""
    name = host.removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that `host` writes out, IPv6 in brackets or without; None for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether a host always means the same machine: browsers trust plain http from it.  (Secure Contexts §3.1)"""
    address = address_of(host)
    return address.is_loopback if address is not None else is_localhost(host)


def ends_in_a_number(host: str) -> bool:
    """Whether browsers take a host for an IPv4 address, well-formed or not.  (URL Standard, "ends in a number checker")"""
    last = host.removesuffix(".").rpartition(".")[2]
    return last.isdigit() or _NUMBER.fullmatch(last) is not None


def ipv4(host: str) -> ipaddress.IPv4Address | None:
    """Read an address of one to four decimal, octal or hexadecimal numbers.  (URL Standard, "IPv4 parser")"""
    parts = host.removesuffix(".").split(".")
    numbers = [_number(part) for part in parts]
    if len(numbers) > 4 or None in numbers:
        return None
    *high, low = [number for number in numbers if number is not None]
    if any(number > 255 for number in high) or low >= 256 ** (4 - len(high)):
        return None
    return ipaddress.IPv4Address(low + sum(number << 8 * (3 - place) for place, number in enumerate(high)))


def _number(text: str) -> int | None:
    if _NUMBER.fullmatch(text) is None or not text.isascii():
        return None
    if text[:2] in ("0x", "0X"):
        return int(text[2:] or "0", 16)
    if len(text) > 1 and text.startswith("0"):
        return int(text, 8) if set(text) <= set("01234567") else None
    return int(text[:11])  # eleven digits are too many for an address, and thousands for int()
