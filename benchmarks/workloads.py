"""What is asked of the proxies, and what they must answer.  A further workload is a further value in `WORKLOADS`."""

from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Final

from benchmarks.policy import POLICY, PREFLIGHT_VARY, VARY
from benchmarks.wire import LOOPBACK

SMALL_CONTENT: Final = "a small answer, as an API gives it: {}\\n"
_KIB: Final = 1024
FILES: Final = {"64k": 64 * _KIB, "1m": 1024 * _KIB, "100m": 100 * 1024 * _KIB}  # below /files/ of the backend


FORWARDED_VARY: Final = ("Accept-Encoding", *VARY)  # the backend's and the policy's


class Kind(Enum):
    """Who makes the load: wrk, or one of `drivers`."""

    PLAIN = auto()
    TLS = auto()
    DOWNLOAD = auto()
    ECHO = auto()
    EVENTS = auto()


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and what must come back.  Host is sent besides `fields`."""

    name: str
    summary: str
    fields: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    target: str = "/small"
    content_bytes: int = 0
    status: int = 200
    response_bytes: int | None = len(SMALL_CONTENT) - 1  # None: whatever the proxy's own answer has
    policy_fields: dict[str, str] = field(default_factory=dict)  # besides those of every response: these and no other
    vary: tuple[str, ...] = FORWARDED_VARY
    kind: Kind = Kind.PLAIN
    connections: int = 0  # 0: as the command line says
    traced: bool = False  # each has a traceparent of its own: no two heads are alike

    def wire(self, port: int) -> str:
        """Return the request as it goes to a proxy on `port`."""
        lines = {"Host": f"{LOOPBACK}:{port}"} | self.fields
        if self.content_bytes:
            lines["Content-Length"] = str(self.content_bytes)
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{self.method} {self.target} HTTP/1.1\r\n{head}\r\n{'x' * self.content_bytes}"


_ORIGIN: Final = {"Origin": POLICY.origin}

# What Chromium sends with a credentialed `fetch`; with Host and Origin these are twenty.
_BROWSER: Final = {
    "Connection": "keep-alive",
    "Pragma": "no-cache",
    "Cache-Control": "no-cache",
    "sec-ch-ua": '"Chromium";v="142", "Not:A-Brand";v="24"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Linux"',
    "Authorization": "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Accept": "application/json, text/plain, */*",
    "DNT": "1",
    "Content-Type": "application/json",
    "X-Requested-With": "XMLHttpRequest",
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
    "Referer": "https://app.example.com/dashboard?tab=orders",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Cookie": "session=0f8fad5bd9cb469fa16570867728950e; theme=dark; consent=necessary.statistics",
}

_PREFLIGHT: Final = {
    "Origin": POLICY.origin,
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "authorization,content-type",
}

SMALL: Final = Request("small", "GET with Origin, small answer", _ORIGIN, policy_fields=POLICY.granted)

WORKLOADS: Final = (
    SMALL,
    Request("browser", "the same with 20 request fields", _BROWSER | _ORIGIN, policy_fields=POLICY.granted),
    Request(
        "traced",
        "browser, each with another traceparent: no head repeats one before it",
        _BROWSER | _ORIGIN,
        policy_fields=POLICY.granted,
        traced=True,
    ),
    Request(
        "preflight",
        "answered by the proxy itself",
        _PREFLIGHT,
        "OPTIONS",
        status=204,
        response_bytes=0,
        policy_fields=POLICY.preflight,
        vary=PREFLIGHT_VARY,
    ),
    Request(
        "post-16k",
        "POST of 16 KiB, small answer",
        _ORIGIN | {"Content-Type": "application/octet-stream"},
        "POST",
        "/upload",
        content_bytes=16 * _KIB,
        policy_fields=POLICY.granted,
    ),
    Request(
        "body-64k", "GET of 64 KiB", _ORIGIN, target="/files/64k", response_bytes=FILES["64k"], policy_fields=POLICY.granted
    ),
    Request("body-1m", "GET of 1 MiB", _ORIGIN, target="/files/1m", response_bytes=FILES["1m"], policy_fields=POLICY.granted),
    Request(
        "body-100m",
        "GET of 100 MiB, one after the other",
        _ORIGIN,
        target="/files/100m",
        response_bytes=FILES["100m"],
        kind=Kind.DOWNLOAD,
    ),
    Request(
        "chunked", "64 KiB in chunks", _ORIGIN, target="/chunked", response_bytes=FILES["64k"], policy_fields=POLICY.granted
    ),
    replace(SMALL, name="1-connection", summary="small, over one connection", connections=1),
    replace(SMALL, name="256-connections", summary="small, over 256 connections", connections=256),
    replace(
        SMALL, name="new-connection", summary="small, each on a connection of its own", fields=_ORIGIN | {"Connection": "close"}
    ),
    replace(SMALL, name="tls", summary="small, with TLS from client to proxy", kind=Kind.TLS),
    Request("websocket", "64 bytes echoed over a WebSocket, per message", _ORIGIN, target="/echoes", kind=Kind.ECHO),
    Request(
        "events", "server-sent events to 500 streams, per event", _ORIGIN, target="/events", kind=Kind.EVENTS, connections=500
    ),
)
