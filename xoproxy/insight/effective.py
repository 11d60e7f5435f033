"""Show the configuration in force as JSON, presets and composition expanded.

Rule: no value that may have been filled in from the environment to keep it out of the file.  Of fields that
a policy sets or a route looks at only the names are shown.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from typing import cast

from xoproxy.config.generation import Generation
from xoproxy.config.settings import Endpoint, Exporting, PassedAddress, StoreSettings, TcpAddress, UnixAddress
from xoproxy.policy.model import FieldEdits
from xoproxy.policy.routes import Route
from xoproxy.semantics.origins import OriginPattern

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def besides_routes(generation: Generation) -> dict[str, Json]:
    """Return the generation, without its routes."""
    settings = as_json(generation.settings)
    assert isinstance(settings, dict)
    settings.pop("admin_token_file", None)
    return {
        "generation": generation.number,
        "digest": generation.digest,
        "source": generation.source,
        "settings": settings,
    }


def routes_as_json(generation: Generation) -> Iterator[Json]:
    """Yield the routes of the generation, which may be thousands."""
    return map(_route, generation.routes.routes)


def _route(route: Route) -> dict[str, Json]:
    match = as_json(replace(route.match, headers=()))
    assert isinstance(match, dict)
    match.pop("headers")
    if route.match.headers:
        match["headers"] = [name for name, _ in route.match.headers]
    return {
        "name": route.name,
        "match": match,
        "upstream": route.upstream,
        "policy_name": route.policy_name,
        "policy": as_json(route.policy),
    }


def as_json(value: object) -> Json:  # noqa: PLR0911  one case per kind of value
    """Return an immutable value of the configuration as JSON.  Keys that are absent (None) are left out."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return value.decode("latin-1")
        case Enum():
            return as_json(value.value)
        case OriginPattern():
            return value.text()
        case TcpAddress() | UnixAddress() | PassedAddress() | Endpoint() | IPv4Network() | IPv6Network():
            return str(value)
        case Exporting():
            return {"url": value.url, "service_name": value.service_name, "headers": [name for name, _ in value.headers]}
        case StoreSettings():
            return {"kind": value.kind.value, "name": value.name}
        case FieldEdits():
            return {"set": _names(value.set), "add": _names(value.add), "remove": as_json(value.remove)}
        case tuple():
            return [as_json(item) for item in cast("tuple[object, ...]", value)]
        case frozenset():
            return [as_json(item) for item in sorted(cast("frozenset[bytes]", value))]
        case _ if is_dataclass(value):
            return {field.name: as_json(item) for field in fields(value) if (item := getattr(value, field.name)) is not None}
        case _:
            raise TypeError(f"no JSON form for {type(value).__name__}")


def _names(lines: tuple[tuple[bytes, bytes], ...]) -> list[Json]:
    return [name.decode("latin-1") for name, _ in lines]
