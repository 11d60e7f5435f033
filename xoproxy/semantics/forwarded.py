"""What trusted proxies in front of us say of the client: its address, and the scheme and authority it used.  (RFC 7239)

Rule 1: nothing is believed of a peer that is not trusted.
Rule 2: a list is read from its right end, where the peer wrote; each address that is itself a trusted proxy vouches for the one
before it, and the first that is not is the client.  What stands further left the client may have made up.
Rule 3: X-Forwarded-* and Forwarded are not mixed.  Where a proxy sends any of the former they count alone: most proxies set
only these, and pass on a Forwarded that the client made up.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import field
from typing import Final

from xoproxy.semantics.grammar import TOKEN
from xoproxy.semantics.heads import RequestHead
from xoproxy.semantics.lists import tokens
from xoproxy.slotted import dataclass


@dataclass(frozen=True, slots=True)
class Hop:
    """What we know of the client's side of a connection, and tell the upstream."""

    client: bytes  # IP address of the peer
    scheme: bytes  # of the listener: b"http" or b"https"
    trusts: Callable[[bytes], bool] | None = None  # None: the peer is not trusted; else whether an address is
    trusted: bool = field(init=False)  # the peer is a proxy whose X-Forwarded-* fields are believed
    lines: bytes = field(init=False)  # what the upstream is told of a peer that is not trusted, up to the host

    def __post_init__(self) -> None:
        lines = b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: " % (self.client, self.scheme)
        object.__setattr__(self, "trusted", self.trusts is not None)
        object.__setattr__(self, "lines", lines)


@dataclass(frozen=True, slots=True)
class Believed:
    """The client as far as the peer is believed.  `chain`: the addresses that were named, the client's side first."""

    client: bytes
    scheme: bytes
    authority: bytes
    chain: tuple[bytes, ...] = ()


def believed(head: RequestHead, hop: Hop) -> Believed:
    """Return what is believed of a request's client."""
    if hop.trusts is None:
        return Believed(hop.client, hop.scheme, head.host)
    names, schemes, hosts = (_members(head, name) for name in (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"))
    if names or schemes or hosts:
        client, count = _client(names, hop)
        return Believed(client, _scheme(_from_right(schemes, count), hop), _from_right(hosts, count) or head.host)
    elements = read_forwarded(b",".join(head.values(b"forwarded"))) or []
    nodes = [element.get(b"for", b"") for element in elements]
    client, trusted_nodes = _client(nodes, hop)
    said = elements[-trusted_nodes] if trusted_nodes else {}
    chain = tuple(address for address in map(address_of, nodes) if address is not None)
    return Believed(client, _scheme(said.get(b"proto"), hop), said.get(b"host", head.host), chain)


def _from_right(values: list[bytes], count: int) -> bytes | None:
    """Return what the outermost of `count` trusted proxies wrote: some append to these lists too, others replace them."""
    return values[-min(max(count, 1), len(values))] if values else None


def _members(head: RequestHead, name: bytes) -> list[bytes]:
    return list(tokens(b",".join(head.values(name))))


def _scheme(said: bytes | None, hop: Hop) -> bytes:
    scheme = said.lower() if said is not None else hop.scheme
    return scheme if scheme in (b"http", b"https") else hop.scheme


def _client(nodes: list[bytes], hop: Hop) -> tuple[bytes, int]:
    """Return the client's address, and how many nodes from the right were believed."""
    assert hop.trusts is not None
    client, count = hop.client, 0
    for node in reversed(nodes):
        address = address_of(node)
        if address is None:
            break  # "unknown", an obfuscated name, or nonsense: nobody vouches for what stands before it
        client, count = address, count + 1
        if not hop.trusts(address):
            break
    return client, count


def address_of(node: bytes) -> bytes | None:
    """Return the IP address of a node, which may have a port, and brackets where it is IPv6.  (RFC 7239 §6)"""
    address = node
    if node[:1] == b"[":
        address = node[1:].partition(b"]")[0]
    elif node.count(b":") == 1:
        address = node.partition(b":")[0]
    try:
        ipaddress.ip_address(address.decode("ascii"))
    except ValueError:  # of which UnicodeDecodeError is one
        return None
    return None if b"%" in address else address  # a zone means something on that machine only


# forwarded-pair = token "=" value (RFC 7239 §4).  No node needs an escape in its quotes: with one, nothing is believed.
_PAIR: Final = re.compile(rb"[ \t]*+(" + TOKEN + rb"++)=(?:(" + TOKEN + rb'++)|"([^"\\]*+)")[ \t]*+')


def read_forwarded(value: bytes) -> list[dict[bytes, bytes]] | None:
    """Read a Forwarded value: per element its parameters, names in lower case; None if it is malformed.  (RFC 7239 §4)"""
    elements: list[dict[bytes, bytes]] = []
    element: dict[bytes, bytes] = {}
    at = 0
    while pair := _PAIR.match(value, at):
        name = pair[1].lower()
        if name in element:
            return None  # "each parameter MUST NOT occur more than once per field-value"
        element[name] = pair[2] if pair[2] is not None else pair[3]
        at = pair.end() + 1
        separator = value[at - 1 : at]
        if separator in (b",", b""):
            elements.append(element)
            element = {}
        if separator == b"":
            return elements
        if separator not in (b",", b";"):
            break
    return None


def forwarded_element(client: bytes) -> bytes:
    """Return the element that we append to a trusted peer's Forwarded: from whom the request came.  (RFC 7239 §5.2)"""
    address = address_of(client)
    if address is None:
        return b"for=unknown"  # a socket in the file system
    return b'for="[%b]"' % client if b":" in client else b"for=" + client
