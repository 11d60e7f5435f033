"""Read the parts of a file that are neither policies nor routes nor listeners: admin, timeouts, limits."""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from xoproxy.config import addresses, keys, values
from xoproxy.config.nodes import Mapping as MappingNode
from xoproxy.config.problems import Id, Refused, quoted
from xoproxy.config.reader import Reader, Spot
from xoproxy.config.settings import (
    Address,
    Limits,
    Network,
    TcpAddress,
    Timeouts,
)
from xoproxy.semantics import grammar

DEFAULT_ADMIN: Final = TcpAddress("127.0.0.1", 9464)  # 9464: what OpenTelemetry's exporters use for such an endpoint
ADMIN_TOKEN_VARIABLE: Final = "XOPROXY_ADMIN_TOKEN"  # noqa: S105  a variable's name


class PathCheck(Enum):
    """`limits.paths`."""

    STRICT = "strict"
    LENIENT = "lenient"


def read_version(reader: Reader, root: Spot, spot: Spot | None) -> None:
    """Check `version`: the file's format, not the program's."""
    if spot is None:
        if reader.lacks(root, "version", keys.TOP):
            reader.report(root.place, Id.MISSING_KEY, "the key version is missing; write version: 1")
    elif (text := reader.text(spot)) not in ("1", None):
        reader.report(spot.place, Id.VERSION, f"version {quoted(str(text))} is not known to this xoproxy; write version: 1")


def read_admin(reader: Reader, spot: Spot | None) -> tuple[Address | None, str | None]:
    """Read `admin`: its address, None for ``off``, and the file that holds its token."""
    if spot is None:
        return DEFAULT_ADMIN, None
    if isinstance(spot.node, MappingNode):
        found = reader.mapping(spot, keys.ADMIN)
        at, token_file = found.get("address"), reader.value(found.get("token_file"), str)
        address = reader.value(at, addresses.own_address) if at is not None else DEFAULT_ADMIN
    else:
        at, token_file = spot, None
        if reader.value(spot, str) in ("off", None):
            return None, None
        address = reader.value(spot, _admin_address)
    has_token = token_file is not None or bool(reader.environ.get(ADMIN_TOKEN_VARIABLE))
    if at is not None and address is not None and addresses.is_open(address) and not has_token:
        reader.report(
            at.place,
            Id.OPEN_ADMIN,
            f"{quoted(str(address))} lets others reach the admin endpoint; write 127.0.0.1:9464, or give it a token: "
            f"admin: {{address: ..., token_file: /run/secrets/token}}, or {ADMIN_TOKEN_VARIABLE} in the environment",
        )
    return address, token_file


def _admin_address(text: str) -> Address:
    if text.lower() in ("off", "no", "false", "none"):
        raise Refused(Id.ADDRESS, f"{quoted(text)} is not an address; write off")
    return addresses.own_address(text)


def read_timeouts(reader: Reader, found: Mapping[str, Spot]) -> Timeouts:
    """Make `timeouts` of its keys, but for those of upstreams."""
    default = Timeouts()

    def seconds(name: str, otherwise: float) -> float:
        read = reader.value(found.get(name), values.duration if name in ("drain", "pool") else values.timeout)
        return otherwise if read is None else read

    return Timeouts(
        idle_s=seconds("idle", default.idle_s),
        head_s=seconds("head", default.head_s),
        body_s=seconds("body", default.body_s),
        tunnel_s=seconds("tunnel", default.tunnel_s),
        pool_s=seconds("pool", default.pool_s),
        drain_s=seconds("drain", default.drain_s),
    )


def read_limits(reader: Reader, spot: Spot | None) -> Limits:
    """Read `limits`."""
    found = reader.mapping(spot, keys.LIMITS)
    default = Limits()
    request = reader.value(found.get("request_head"), values.head_size)
    response = reader.value(found.get("response_head"), values.head_size)
    return Limits(
        default.request_head_bytes if request is None else request,
        default.response_head_bytes if response is None else response,
        reader.value(found.get("request_body"), values.body_size),
        reader.value(found.get("connections"), values.count),
        reader.value(found.get("connections_per_client"), values.count),
        lenient_paths=reader.value(found.get("paths"), values.choice("paths", PathCheck)) is PathCheck.LENIENT,
    )


def read_request_id(reader: Reader, spot: Spot | None, default: str | None) -> str | None:
    """Read `request_id`: a field name, None for ``off``."""
    if spot is None or reader.peek(spot) == "off":
        return default if spot is None else None
    return reader.value(spot, _request_id)


def _request_id(text: str) -> str:
    if text.lower() in ("no", "false", "none", "on", "yes", "true"):
        raise Refused(Id.NOT_A_CHOICE, f"{quoted(text)} is not a field name; write X-Request-Id, or off")
    name = values.field_name(text)
    if grammar.KNOWN_REQUEST_NAMES.fullmatch(name.lower()):
        raise Refused(Id.FRAMING_FIELD, f"{quoted(text)} has a meaning of its own; write X-Request-Id, or another name")
    return name.decode("ascii")


def read_proxy_status(reader: Reader, spot: Spot | None) -> bool:
    """Read `proxy_status`."""
    value = reader.value(spot, values.boolean)
    return value is not False


def read_workers(reader: Reader, spot: Spot | None) -> int | None:
    """Read `workers`; None for ``auto``."""
    number = reader.value(spot, values.workers)
    return 1 if number is None else number or None


def read_trusted(reader: Reader, spot: Spot | None) -> tuple[Network, ...]:
    """Read `trusted_proxies`."""
    return reader.values(spot, addresses.network) or ()
