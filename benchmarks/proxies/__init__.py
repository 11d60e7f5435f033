"""The proxies that can be measured.  A further one is a class like these, or a value of one, in `PROXIES`."""

from typing import Final

from benchmarks.proxies.nginx import Nginx
from benchmarks.proxies.proxy import Place, Proxy
from benchmarks.proxies.xoproxy import Xoproxy

PROXIES: Final[tuple[Proxy, ...]] = (
    Nginx("nginx"),
    Xoproxy("xoproxy"),
    Nginx("nginx-buffered", log_options=" buffer=64k flush=1s"),
)

# What all others are compared to, and what is measured unless the command line says otherwise.
BASELINE: Final = "nginx"
DEFAULT: Final = (BASELINE, "xoproxy")

__all__ = ["BASELINE", "DEFAULT", "PROXIES", "Nginx", "Place", "Proxy", "Xoproxy"]
