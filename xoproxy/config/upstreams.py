"""Read `upstreams` and the top-level `upstream`."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from xoproxy.config import keys, values
from xoproxy.config.addresses import upstream_url
from xoproxy.config.nodes import Mapping as MappingNode
from xoproxy.config.problems import Id, Refused, quoted
from xoproxy.config.reader import Reader, Spot
from xoproxy.config.settings import (
    Ejection,
    Endpoint,
    HealthCheck,
    KeyPair,
    Queueing,
    Resolving,
    UpstreamSettings,
    UpstreamTls,
)
from xoproxy.config.spelling import similar
from xoproxy.slotted import dataclass

CONNECT_S: Final = 5.0  # HAProxy's advice 5 s; nginx 60 s
RESPONSE_S: Final = 60.0  # nginx proxy_read_timeout 60 s

CHECK_PATH: Final = re.compile(r'/[!"$-~]*')  # no fragment


@dataclass(frozen=True, slots=True)
class UpstreamDefaults:
    """`timeouts.connect` and `timeouts.response`: for upstreams that say nothing else."""

    connect_s: float
    response_s: float


def read_defaults(reader: Reader, timeouts: Mapping[str, Spot]) -> UpstreamDefaults:
    """Take the defaults of upstreams from the keys of `timeouts`."""
    connect = reader.value(timeouts.get("connect"), values.timeout)
    response = reader.value(timeouts.get("response"), values.timeout)
    return UpstreamDefaults(CONNECT_S if connect is None else connect, RESPONSE_S if response is None else response)


class Upstreams:
    """The upstreams of one file, by name.  One that the top-level key gives as a URL has the URL for a name."""

    def __init__(self, reader: Reader, entries: Spot | None, defaults: UpstreamDefaults) -> None:
        self._reader = reader
        self._defaults = defaults
        self._known: dict[str, UpstreamSettings | None] = {}  # None: there, but not readable
        for key, spot in reader.named(entries) if entries is not None else ():
            if reader.value(Spot(key, spot.path), values.name) is not None:
                self._known[key.text] = self._read(key.text, spot)

    def settings(self) -> tuple[UpstreamSettings, ...]:
        """Return all that could be read."""
        return tuple(upstream for upstream in self._known.values() if upstream is not None)

    def default(self, spot: Spot) -> str | None:
        """Read the top-level `upstream`: a URL or a name.  Returns the name."""
        text = self._reader.text(spot)
        if text is None or text in self._known:
            return text
        if self._known and not any(mark in text for mark in ":/."):
            return self.named(spot)
        endpoint = self._reader.value(spot, upstream_url)
        self._known[text] = self._made(text, (endpoint,), UpstreamTls()) if endpoint is not None else None
        return text

    def named(self, spot: Spot) -> str | None:
        """Read the name of an upstream."""
        return self._reader.value(spot, self._known_name)

    def _known_name(self, text: str) -> str:
        if text in self._known:
            return text
        if "://" in text or text.startswith("http+unix:"):
            hint = f"give the URL a name: upstreams: {{app: {text}}}, and write that name here"
        elif close := similar(text, self._known):
            hint = f"did you mean {close}?"
        elif self._known:
            hint = f"there are {', '.join(list(self._known)[:12])}"
        else:
            hint = f"write upstreams: {{{text}: http://HOST:PORT}}"
        raise Refused(Id.UNKNOWN_UPSTREAM, f"there is no upstream {quoted(text)}; {hint}")

    def _read(self, name: str, spot: Spot) -> UpstreamSettings | None:
        if not isinstance(spot.node, MappingNode):
            endpoints = self._reader.values(spot, upstream_url)
            return self._made(name, endpoints, UpstreamTls()) if endpoints else None
        reader = self._reader
        found = reader.mapping(spot, keys.UPSTREAM)
        if "url" in found and "urls" in found:
            reader.report(
                found["url"].key_place, Id.EXCLUSIVE_KEYS, "url and urls exclude each other; write all of them under urls"
            )
        at = found.get("urls") or found.get("url")
        if reader.lacks(spot, "url", keys.UPSTREAM) and reader.lacks(spot, "urls", keys.UPSTREAM):
            reader.report(spot.key_place, Id.MISSING_KEY, "an upstream needs a URL; write url: http://HOST:PORT")
        endpoints = reader.values(at, upstream_url)
        tls = self._read_tls(found["tls"], endpoints) if "tls" in found else UpstreamTls()
        connect = reader.value(found.get("connect_timeout"), values.timeout)
        response = reader.value(found.get("response_timeout"), values.timeout)
        queueing = read_queueing(reader, found)
        ejection = read_ejection(reader, found.get("ejection"))
        resolving = read_resolving(reader, found.get("resolve"))
        check = read_health_check(reader, found["health_check"]) if "health_check" in found else None
        if not endpoints:
            return None
        made = self._made(name, endpoints, tls, connect, response)
        return replace(made, queueing=queueing, ejection=ejection, resolving=resolving, health_check=check)

    def _read_tls(self, spot: Spot, endpoints: tuple[Endpoint, ...] | None) -> UpstreamTls:
        reader = self._reader
        if endpoints and not any(endpoint.secure for endpoint in endpoints):
            reader.report(
                spot.key_place, Id.EXCLUSIVE_KEYS, "tls says nothing about plain http; write https:// URLs, or remove tls"
            )
        found = reader.mapping(spot, keys.UPSTREAM_TLS)
        verify = reader.value(found.get("verify"), values.boolean)
        return UpstreamTls(
            ca=reader.value(found.get("ca"), str),
            verify=True if verify is None else verify,
            server_name=reader.value(found.get("server_name"), str),
            key_pair=_read_key_pair(reader, spot, found),
        )

    def _made(
        self,
        name: str,
        endpoints: tuple[Endpoint, ...],
        tls: UpstreamTls,
        connect_s: float | None = None,
        response_s: float | None = None,
    ) -> UpstreamSettings:
        defaults = self._defaults
        return UpstreamSettings(
            name,
            tuple(dict.fromkeys(endpoints)),
            defaults.connect_s if connect_s is None else connect_s,
            defaults.response_s if response_s is None else response_s,
            tls,
        )


def _read_key_pair(reader: Reader, spot: Spot, found: Mapping[str, Spot]) -> KeyPair | None:
    """Read what we show of ourselves: certificate and key, or neither."""
    certificate, key = reader.value(found.get("certificate"), str), reader.value(found.get("key"), str)
    for name, other in (("certificate", "key"), ("key", "certificate")):
        if other in found and reader.lacks(spot, name, keys.UPSTREAM_TLS):
            reader.report(
                found[other].key_place, Id.MISSING_KEY, f"{other} needs {name}; write certificate: client.pem, key: client.key"
            )
    return KeyPair(certificate, key) if certificate is not None and key is not None else None


def read_queueing(reader: Reader, found: Mapping[str, Spot]) -> Queueing:
    """Read the keys of an upstream that bound its connections."""
    default = Queueing()
    waiting = reader.value(found.get("max_waiting"), _max_waiting)
    wait_s = reader.value(found.get("wait_timeout"), values.timeout)
    return Queueing(
        reader.value(found.get("max_connections"), _max_connections),
        default.max_waiting if waiting is None else waiting,
        default.wait_timeout_s if wait_s is None else wait_s,
    )


def _max_connections(text: str) -> int | None:
    return None if text == "unlimited" else values.count(text)


def _max_waiting(text: str) -> int:
    return values.count(text, least=0)


def read_ejection(reader: Reader, spot: Spot | None) -> Ejection | None:
    """Read `ejection`; None for ``off``."""
    default = Ejection()
    if spot is None:
        return default
    if not isinstance(spot.node, MappingNode):
        return None if reader.value(spot, _off) else default
    found = reader.mapping(spot, keys.EJECTION)
    backoff_s = reader.value(found.get("backoff"), values.timeout) or default.backoff_s
    max_backoff_s = reader.value(found.get("max_backoff"), values.timeout)
    if max_backoff_s is not None and max_backoff_s < backoff_s:
        _report_too_short(reader, found["max_backoff"], "max_backoff", "backoff", backoff_s)
    return Ejection(
        reader.value(found.get("failures"), values.count) or default.failures,
        backoff_s,
        max(default.max_backoff_s if max_backoff_s is None else max_backoff_s, backoff_s),
    )


def _off(text: str) -> bool:
    if text != "off":
        raise Refused(Id.NOT_A_CHOICE, f"{quoted(text)} is not a value of `ejection`; write off, or {{failures: 3}}")
    return True


def read_resolving(reader: Reader, spot: Spot | None) -> Resolving:
    """Read `resolve`."""
    default = Resolving()
    found = reader.mapping(spot, keys.RESOLVE)
    floor_s = reader.value(found.get("floor"), values.timeout) or default.floor_s
    ceiling_s = reader.value(found.get("ceiling"), values.timeout)
    if ceiling_s is not None and ceiling_s < floor_s:
        _report_too_short(reader, found["ceiling"], "ceiling", "floor", floor_s)
    return Resolving(floor_s, max(default.ceiling_s if ceiling_s is None else ceiling_s, floor_s))


def _report_too_short(reader: Reader, spot: Spot, key: str, other: str, least_s: float) -> None:
    reader.report(spot.place, Id.DURATION, f"{key} is shorter than {other}; write {least_s:g}s or more")


def read_health_check(reader: Reader, spot: Spot) -> HealthCheck | None:
    """Read `health_check`: a path, or a mapping."""
    if not isinstance(spot.node, MappingNode):
        path = reader.value(spot, _check_path)
        return HealthCheck(path) if path is not None else None
    found = reader.mapping(spot, keys.HEALTH_CHECK)
    if reader.lacks(spot, "path", keys.HEALTH_CHECK):
        reader.report(spot.key_place, Id.MISSING_KEY, "the key path is missing; write health_check: /healthz")
    path = reader.value(found.get("path"), _check_path)
    default = HealthCheck("")
    interval_s = reader.value(found.get("interval"), values.timeout) or default.interval_s
    timeout_s = reader.value(found.get("timeout"), values.timeout) or default.timeout_s
    healthy_after = reader.value(found.get("healthy_after"), values.count) or default.healthy_after
    unhealthy_after = reader.value(found.get("unhealthy_after"), values.count) or default.unhealthy_after
    return HealthCheck(path, interval_s, timeout_s, healthy_after, unhealthy_after) if path is not None else None


def _check_path(text: str) -> str:
    if CHECK_PATH.fullmatch(text) is None:
        raise Refused(Id.PATH_GLOB, f"{quoted(text)} is not the path of a request; write one as /healthz")
    return text
