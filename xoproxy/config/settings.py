"""Everything of a configuration that is not policy: where to listen and forward, how long to wait, how much to take.

Immutable values.  Each default stands here and nowhere else, with what other servers use.
"""

from dataclasses import field
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from xoproxy.slotted import dataclass


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """An address to listen on.  `host` empty: every interface, IPv4 and IPv6."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A socket in the file system."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class PassedAddress:
    """A socket that the service manager opened and passed on.  `name` empty: all that it passed.  (sd_listen_fds(3))"""

    name: str

    def __str__(self) -> str:
        return f"systemd:{self.name}" if self.name else "systemd"


Address = TcpAddress | UnixAddress | PassedAddress


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Certificate chain and key, as paths to PEM files."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Listener:
    """One entry of `listen`.  `key_pairs` empty: plain HTTP; the first is for clients that ask for none of the names."""

    address: Address
    key_pairs: tuple[KeyPair, ...] = ()
    proxy_protocol: bool = False  # connections from `trusted_proxies` begin with a PROXY protocol header


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """How an https upstream is verified.  `ca` None: the system's; `server_name` None: the URL's host."""

    ca: str | None = None
    verify: bool = True
    server_name: str | None = None
    key_pair: KeyPair | None = None  # what we show of ourselves


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One URL of an upstream: TCP (`host`, `port`) or a socket in the file system (`unix_path`)."""

    host: str
    port: int
    secure: bool = False
    unix_path: str | None = None

    def __str__(self) -> str:
        if self.unix_path is not None:
            return f"http+unix:{self.unix_path}"
        scheme, default = ("https", 443) if self.secure else ("http", 80)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}" if self.port == default else f"{scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """`health_check` of an upstream: a GET for `path` at each address; 2xx and 3xx are healthy.  (HAProxy's httpchk)"""

    path: str
    interval_s: float = 10.0  # HAProxy 2 s, Traefik 30 s, Kubernetes 10 s
    timeout_s: float = 2.0  # until the answer's head
    healthy_after: int = 2  # successes in a row; HAProxy rise 2
    unhealthy_after: int = 3  # failures in a row; HAProxy fall 3


@dataclass(frozen=True, slots=True)
class Ejection:
    """`ejection` of an upstream: leave an address alone for a while that fails, twice as long each time it fails again."""

    failures: int = 3  # in a row: connections that fail, or end before an answer; nginx max_fails 1, Envoy 5
    backoff_s: float = 1.0
    max_backoff_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Queueing:
    """How many connections an address gets, and who may wait for one.  `max_connections` None: no limit, nobody waits."""

    max_connections: int | None = None  # per address; nginx, HAProxy and Caddy have no limit either
    max_waiting: int = 1024  # requests per upstream
    wait_timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Resolving:
    """How long the addresses of a host name are used.  The system's resolver does not tell their TTL: these are its bounds."""

    floor_s: float = 1.0  # not asked again sooner, whatever fails
    ceiling_s: float = 5.0  # asked again then: containers come back with another address, and theirs goes to another one


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """One entry of `upstreams`.  Two equal values are one pool: a reload keeps its connections."""

    name: str
    endpoints: tuple[Endpoint, ...]
    connect_timeout_s: float
    response_timeout_s: float  # from the end of the request to the response head
    tls: UpstreamTls = UpstreamTls()
    queueing: Queueing = Queueing()
    ejection: Ejection | None = Ejection()
    resolving: Resolving = Resolving()
    health_check: HealthCheck | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """`timeouts`, in seconds.  `connect` and `response` are defaults of upstreams and live there."""

    idle_s: float = 75.0  # a client connection between requests; nginx keepalive_timeout 75 s
    head_s: float = 10.0  # from a request head's first byte to its last; Apache 20 s, HAProxy's advice 10 s
    body_s: float = 300.0  # without progress in a body, either way; Envoy 5 min; nginx's 60 s ends quiet event streams
    tunnel_s: float = 3600.0  # without a byte in an upgraded connection; HAProxy's advice 1 h
    pool_s: float = 4.0  # an unused upstream connection; below the 5 s after which Node's and uvicorn's servers close
    drain_s: float = 10.0  # for exchanges in flight after SIGTERM; Docker kills after 10 s


@dataclass(frozen=True, slots=True)
class Limits:
    """`limits`.  `request_body_bytes` None: no limit.  `connections` None: what the limit of open files allows."""

    request_head_bytes: int = 32 * 1024  # nginx 4 x 8 KiB
    response_head_bytes: int = 64 * 1024  # nginx 4 or 8 KiB; Node 16 KiB; a 10 KiB field must pass
    request_body_bytes: int | None = None
    connections: int | None = None  # of clients, per worker; HAProxy's maxconn follows the limit of open files too
    connections_per_client: int | None = None  # of one IP address that is no trusted proxy
    lenient_paths: bool = False  # forward a path that backends could read as one of another route


class LogFormat(Enum):
    """How access and event lines are written."""

    JSON = "json"
    TEXT = "text"


class LogLevel(Enum):
    """From which severity on events are written; access lines are of level info."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogKey(Enum):
    """The keys of an access line, in the order of a JSON line."""

    TIME = "time"
    LEVEL = "level"
    LOGGER = "logger"
    EVENT = "event"
    CLIENT = "client"
    METHOD = "method"
    TARGET = "target"
    HOST = "host"
    ORIGIN = "origin"
    STATUS = "status"
    REQUEST_BYTES = "request_bytes"
    RESPONSE_BYTES = "response_bytes"
    DURATION_MS = "duration_ms"
    UPSTREAM_MS = "upstream_ms"
    UPSTREAM = "upstream"
    ROUTE = "route"
    CORS = "cors"
    REASON = "reason"
    ERROR = "error"
    GENERATION = "generation"
    REQUEST_ID = "request_id"
    TRACE_ID = "trace_id"


@dataclass(frozen=True, slots=True)
class LogSettings:
    """`log`.  `keys` empty: all; `request_fields`: names in lower case, of fields whose values access lines tell."""

    format: LogFormat = LogFormat.JSON
    level: LogLevel = LogLevel.INFO
    sample: float = 1.0  # of the requests in which nothing went wrong, how many have a line; from 0 to 1
    keys: tuple[LogKey, ...] = ()
    request_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exporting:
    """`tracing.export` and what goes with it.  The values of `headers` may be secrets: never show them."""

    url: str  # of OTLP over HTTP, with its path
    service_name: str = "xoproxy"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """`tracing`, unless it is off.  `exporting` None: traces are passed on and begun, and nobody is told of them."""

    sample: float = 1.0  # of the traces that begin here, from 0 to 1; Envoy and Traefik all
    exporting: Exporting | None = None


class StoreKind(Enum):
    """Where reports are kept."""

    MEMORY = "memory"
    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """`reporting.store`.  `where`: path of an SQLite file, or PostgreSQL's URL, which may hold a password: `name` is shown."""

    kind: StoreKind = StoreKind.MEMORY
    where: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """What may be shown of it: "memory", the file's path, or PostgreSQL's host and database."""
        if self.kind is not StoreKind.POSTGRESQL:
            return self.where or self.kind.value
        return f"postgresql://{self.where.partition('://')[2].partition('?')[0].rpartition('@')[2]}"


@dataclass(frozen=True, slots=True)
class Collecting:
    """`reporting` but its endpoints' names: how reports that come to a path of ours are taken and kept."""

    targets: tuple[bytes, ...] = ()  # request targets of the endpoints that are paths; empty: nothing is collected
    store: StoreSettings = StoreSettings()
    keep_s: float = 30 * 86400.0  # after a group was last seen
    max_groups: int = 100_000  # then those go that were seen longest ago; some 500 bytes each
    max_body_bytes: int = 256 * 1024  # of a delivery; Chromium delivers up to 100 reports at once
    deliveries_per_minute: int = 60  # of one client; a browser delivers once a minute
    keep_queries: bool = False  # queries of URLs may hold secrets


class UnixPeers(Enum):
    """All clients on sockets in the file system: they have no address, and the socket's permissions say who they are."""

    UNIX = "unix"


Network = IPv4Network | IPv6Network | UnixPeers

DEFAULT_REQUEST_ID: Final = "X-Request-Id"  # what nginx, Envoy, Heroku and most frameworks use


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of a configuration but its policies and routes."""

    listeners: tuple[Listener, ...]
    upstreams: tuple[UpstreamSettings, ...]
    admin: Address | None
    admin_token_file: str | None = None
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    trusted_proxies: tuple[Network, ...] = ()
    log: LogSettings = LogSettings()
    workers: int | None = 1  # processes; None: one per processor
    proxy_status: bool = True  # our own errors carry Proxy-Status (RFC 9209)
    collecting: Collecting = Collecting()
    request_id: str | None = DEFAULT_REQUEST_ID  # the field that names a request; None: requests have no id
    tracing: TracingSettings | None = None  # None: fields of traces pass as they came
