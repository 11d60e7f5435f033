"""The proxies that can be measured.  A further one is a class like these, or a value of one, in `PROXIES`."""

from typing import Final

from benchmarks.proxies.aiohttp import Aiohttp
from benchmarks.proxies.apache import Apache
from benchmarks.proxies.caddy import Caddy
from benchmarks.proxies.haproxy import Haproxy
from benchmarks.proxies.mitmproxy import Mitmproxy
from benchmarks.proxies.nginx import Nginx
from benchmarks.proxies.node import Node
from benchmarks.proxies.proxy import Feature, Place, Proxy
from benchmarks.proxies.xoproxy import Xoproxy

PROXIES: Final[tuple[Proxy, ...]] = (
    Nginx("nginx"),
    Xoproxy("xoproxy"),
    # Its log is all that it differs in: what grows is measured of nginx.
    Nginx("nginx-buffered", log_options=" buffer=64k flush=1s", lacks=frozenset({Feature.ROUTES, Feature.WORKERS})),
    Haproxy("haproxy"),
    Caddy("caddy"),
    Apache("apache"),
    Node("node"),
    Mitmproxy("mitmproxy"),
    Aiohttp("aiohttp"),
)

BASELINE: Final = "nginx"  # what all others are compared to

__all__ = ["BASELINE", "PROXIES", "Feature", "Mitmproxy", "Nginx", "Node", "Place", "Proxy", "Xoproxy"]
