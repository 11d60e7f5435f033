"""Read `listen`: where to accept connections, with which certificates, from whom with a PROXY protocol header."""

from xoproxy.config import addresses, keys, values
from xoproxy.config.nodes import Mapping as MappingNode
from xoproxy.config.nodes import Scalar, Sequence
from xoproxy.config.problems import Id, quoted
from xoproxy.config.reader import Reader, Spot
from xoproxy.config.settings import Address, KeyPair, Listener, PassedAddress, TcpAddress, UnixAddress


def read_listeners(reader: Reader, spot: Spot | None, default: Listener, *, trusts_proxies: bool) -> tuple[Listener, ...]:
    """Read `listen`: entries, addresses, or one of either.  `trusts_proxies`: whether there is `trusted_proxies`."""
    if spot is None:
        return (default,)
    several = isinstance(spot.node, Sequence)
    items = reader.items(spot) if several or isinstance(spot.node, Scalar) else (spot,)
    listeners: list[Listener] = []
    for item in items or ():
        listener = _read_listener(reader, item, trusts_proxies=trusts_proxies)
        if listener is None:
            continue
        if any(_is_same(listener.address, other.address) for other in listeners):
            reader.report(
                item.place, Id.SAME_ADDRESS, f"{quoted(str(listener.address))} is listened on already; remove one of the two"
            )
        listeners.append(listener)
    return tuple(listeners)


def _is_same(address: Address, other: Address) -> bool:
    """Whether two entries would have a socket in common."""
    if isinstance(address, TcpAddress) and address.port == 0:
        return False  # the system chooses the port: each such listener gets another
    if isinstance(address, PassedAddress) and isinstance(other, PassedAddress) and "" in (address.name, other.name):
        return True  # one of them is all that were passed
    return address == other


def _read_listener(reader: Reader, spot: Spot, *, trusts_proxies: bool) -> Listener | None:
    if not isinstance(spot.node, MappingNode):
        address = reader.value(spot, addresses.address)
        return Listener(address) if address is not None else None
    found = reader.mapping(spot, keys.LISTENER)
    key_pairs = _read_key_pairs(reader, found.get("tls"))
    if reader.lacks(spot, "address", keys.LISTENER):
        reader.report(spot.place, Id.MISSING_KEY, "the key address is missing; write address: 127.0.0.1:8080")
    address = reader.value(found.get("address"), addresses.address)
    has_header = reader.value(found.get("proxy_protocol"), values.boolean) is True
    if has_header and not trusts_proxies and address is not None and not isinstance(address, UnixAddress):
        reader.report(
            found["proxy_protocol"].key_place,
            Id.MISSING_KEY,
            "proxy_protocol needs trusted_proxies, whose headers are to be believed; "
            "write trusted_proxies: [10.0.0.0/8] beside `listen`, with your load balancer's address",
        )
    return Listener(address, key_pairs, has_header) if address is not None else None


def _read_key_pairs(reader: Reader, spot: Spot | None) -> tuple[KeyPair, ...]:
    """Read `tls`: one certificate with its key, or a list of such."""
    if spot is None:
        return ()
    items = reader.items(spot) if isinstance(spot.node, Sequence) else (spot,)
    pairs = [_read_key_pair(reader, item) for item in items or ()]
    return tuple(dict.fromkeys(pair for pair in pairs if pair is not None))


def _read_key_pair(reader: Reader, spot: Spot) -> KeyPair | None:
    found = reader.mapping(spot, keys.LISTEN_TLS)
    certificate, key = reader.value(found.get("certificate"), str), reader.value(found.get("key"), str)
    for name in ("certificate", "key"):
        if reader.lacks(spot, name, keys.LISTEN_TLS):
            reader.report(
                spot.key_place, Id.MISSING_KEY, f"tls needs {name}; write tls: {{certificate: cert.pem, key: key.pem}}"
            )
    return KeyPair(certificate, key) if certificate is not None and key is not None else None
