"""Read `upstreams` and the top-level `upstream`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from xoproxy.config import keys, values
from xoproxy.config.addresses import upstream_url
from xoproxy.config.keys import similar
from xoproxy.config.nodes import Mapping as MappingNode
from xoproxy.config.problems import Id, Refused, quoted
from xoproxy.config.reader import Reader, Spot
from xoproxy.config.settings import Endpoint, UpstreamSettings, UpstreamTls

CONNECT_S: Final = 5.0  # HAProxy's advice 5 s; nginx 60 s
RESPONSE_S: Final = 60.0  # nginx proxy_read_timeout 60 s


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
        return self._made(name, endpoints, tls, connect, response) if endpoints else None

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
