"""The keys that are not policy: where to listen and forward, how long to wait, how much to take.

Defaults come from the values that hold them.
"""

from typing import Final

from xoproxy.config import keys
from xoproxy.config.compiler import LISTEN_FROM_FILE
from xoproxy.config.schema import values
from xoproxy.config.schema.described import Described, key
from xoproxy.config.schema.forms import (
    any_scalar,
    boolean,
    choice,
    choice_or_off,
    count,
    either,
    listed,
    named,
    off,
    or_words,
    ref,
    several,
    whole,
)
from xoproxy.config.sections import DEFAULT_ADMIN, PathCheck
from xoproxy.config.settings import (
    DEFAULT_REQUEST_ID,
    Ejection,
    Exporting,
    HealthCheck,
    Limits,
    LogFormat,
    LogKey,
    LogLevel,
    LogSettings,
    Queueing,
    Resolving,
    Settings,
    Timeouts,
)
from xoproxy.config.upstreams import CONNECT_S, RESPONSE_S
from xoproxy.config.values import MAX_WORKERS, written_duration, written_size
from xoproxy.config.values import NAME as NAMES

_TIMEOUTS: Final = Timeouts()
_LIMITS: Final = Limits()
_LOG: Final = LogSettings()
_QUEUEING: Final = Queueing()
_EJECTION: Final = Ejection()
_RESOLVING: Final = Resolving()
_CHECK: Final = HealthCheck("")


TOP: Final = Described(
    "file",
    keys.TOP,
    "The policy file of xoproxy, or one of those of a directory, which are read as one.",
    {
        "version": key(
            "The version of this format: 1. Required, of several files of a directory in one.",
            whole("1", "write version: 1", 1, 1),
        ),
        "listen": key(
            "Where to accept connections: an address, an entry with TLS or the PROXY protocol, or a list of these.",
            either(values.ADDRESS, ref("listener"), several(either(values.ADDRESS, ref("listener")))),
            str(LISTEN_FROM_FILE.address),
        ),
        "admin": key(
            "Where the admin endpoint listens (health, metrics, configuration, reload): an address, a mapping, or `off`. "
            "An address that others can reach needs a token.",
            either(values.OWN_ADDRESS, off(), ref("admin")),
            str(DEFAULT_ADMIN),
        ),
        "upstream": key(
            "Where routes forward to that name no upstream: a URL (http://app:5000), or a name from `upstreams`.",
            values.UPSTREAM,
        ),
        "upstreams": key(
            "The servers to forward to, by name: a URL, a list of URLs, or a mapping.",
            named(either(listed(values.UPSTREAM_URL), ref("upstream")), NAMES.pattern, values.NAME_HINT),
        ),
        "policy": key(
            "The policy of routes that name none, and of answers without a route: a preset, a name from `policies`, a mapping, "
            "or a list of these laid over each other, left to right.",
            ref("policy-use"),
            "untouched",
        ),
        "policies": key(
            "Policies by name. Each is what `policy` takes: a mapping of keys, a name, or a list of these.",
            ref("policies"),
        ),
        "routes": key(
            "Which requests go where and under which policy. The first match wins; a request that none matches is a 404.",
            several(ref("route")),
        ),
        "reporting": key("Where browsers send reports of what they block.", ref("reporting")),
        "timeouts": key("How long to wait: every wait on a peer ends.", ref("timeouts")),
        "limits": key("How much to take from clients and applications.", ref("limits")),
        "workers": key(
            f"How many processes serve: a number up to {MAX_WORKERS}, or `auto`, one for each processor.",
            or_words(count(most=MAX_WORKERS), "auto"),
            1,
        ),
        "trusted_proxies": key(
            "IP addresses and networks whose X-Forwarded-* (or Forwarded) fields are believed; `unix`: whoever connects to a "
            "socket in the file system. From all others these fields are replaced.",
            listed(values.NETWORK),
        ),
        "request_id": key(
            "The field that names a request: taken from the client if it is well-formed, else made; sent to the application "
            "and logged. `off`: requests have no id.",
            either(off(), values.REQUEST_ID),
            DEFAULT_REQUEST_ID,
        ),
        "proxy_status": key(
            "Whether xoproxy's own errors carry Proxy-Status (RFC 9209).",
            boolean(),
            Settings.__dataclass_fields__["proxy_status"].default is True,
        ),
        "log": key("How the log is written, on standard output.", ref("log")),
        "tracing": key(
            "Whether traces (W3C Trace Context) are passed on or begun (`propagate`), and exported: a mapping. `off`: their "
            "fields pass as they came.",
            either(choice_or_off(["propagate"]), ref("tracing")),
            "off",
        ),
    },
)

LISTENER: Final = Described(
    "listener",
    keys.LISTENER,
    "An address to listen on, with TLS or the PROXY protocol.",
    {
        "address": key(
            "HOST:PORT, :PORT (every interface), [::1]:PORT, unix:/path, or systemd[:NAME] for sockets that the service "
            "manager passed.",
            values.ADDRESS,
        ),
        "tls": key(
            "Certificate and key, or a list of these: the client is shown the one for the name that it asks for.",
            either(ref("listener-tls"), several(ref("listener-tls"))),
        ),
        "proxy_protocol": key(
            "Whether connections from `trusted_proxies` begin with a PROXY protocol header, version 1 or 2.",
            boolean(),
            default=False,
        ),
    },
    ("address",),
)
LISTENER_TLS: Final = Described(
    "listener-tls",
    keys.LISTEN_TLS,
    "A certificate and its key, as PEM files. Renewed files are noticed and read again.",
    {
        "certificate": key("Path of a PEM file with the certificate and its chain.", any_scalar()),
        "key": key("Path of a PEM file with the key, not encrypted.", any_scalar()),
    },
    ("certificate", "key"),
)
ADMIN: Final = Described(
    "admin",
    keys.ADMIN,
    "The admin endpoint. A change needs a restart.",
    {
        "address": key("HOST:PORT, :PORT, [::1]:PORT or unix:/path.", values.OWN_ADDRESS, str(DEFAULT_ADMIN)),
        "token_file": key(
            "Path of a file that holds the bearer token (or XOPROXY_ADMIN_TOKEN in the environment).", any_scalar()
        ),
    },
)
UPSTREAM: Final = Described(
    "upstream",
    keys.UPSTREAM,
    "A server to forward to, or several that are alike.",
    {
        "url": key(
            "http://HOST[:PORT], https://HOST[:PORT] or http+unix:/path; no path: requests keep theirs.",
            listed(values.UPSTREAM_URL),
        ),
        "urls": key("Several URLs: each request goes to the address with the fewest under way.", listed(values.UPSTREAM_URL)),
        "connect_timeout": key("Until a connection is made. Default: timeouts.connect.", values.TIMEOUT),
        "response_timeout": key(
            "From the end of the request to the response head. Default: timeouts.response.", values.TIMEOUT
        ),
        "max_connections": key(
            "Connections to each address, WebSockets included; further requests wait.",
            or_words(count(), "unlimited"),
            "unlimited",
        ),
        "max_waiting": key(
            "Requests that wait for a connection at the same time; one too many is a 503.", count(0), _QUEUEING.max_waiting
        ),
        "wait_timeout": key(
            "Who has waited for a connection for so long gets a 503.",
            values.TIMEOUT,
            written_duration(_QUEUEING.wait_timeout_s),
        ),
        "ejection": key("When an address is avoided that fails, or `off`.", either(off(), ref("ejection"))),
        "resolve": key("For how long the addresses of a host name are used.", ref("resolve")),
        "health_check": key(
            "Ask each address regularly with a GET: a path, or a mapping.", either(values.CHECKED_PATH, ref("health-check"))
        ),
        "tls": key("How an https upstream is verified, and what we show of ourselves.", ref("upstream-tls")),
    },
    rules={"oneOf": [{"required": ["url"]}, {"required": ["urls"]}]},
)
UPSTREAM_TLS: Final = Described(
    "upstream-tls",
    keys.UPSTREAM_TLS,
    "How an https upstream is verified.",
    {
        "ca": key("Path of a PEM file with the authorities to believe, instead of the system's.", any_scalar()),
        "verify": key("`false`: believe any certificate.", boolean(), default=True),
        "server_name": key(
            "The name that is asked for and that the certificate must have. Default: the URL's host.", any_scalar()
        ),
        "certificate": key("Path of a PEM file with the certificate that xoproxy shows of itself.", any_scalar()),
        "key": key("Path of a PEM file with its key, not encrypted.", any_scalar()),
    },
    rules={"dependentRequired": {"certificate": ["key"], "key": ["certificate"]}},
)
EJECTION: Final = Described(
    "ejection",
    keys.EJECTION,
    "An address to which connections fail is avoided for a while, each time for twice as long, until it answers.",
    {
        "failures": key("After so many failures in a row.", count(), _EJECTION.failures),
        "backoff": key("For so long at first.", values.TIMEOUT, written_duration(_EJECTION.backoff_s)),
        "max_backoff": key("Never for longer.", values.TIMEOUT, written_duration(_EJECTION.max_backoff_s)),
    },
)
RESOLVE: Final = Described(
    "resolve",
    keys.RESOLVE,
    "For how long the addresses of a host name are used: the system's resolver does not tell.",
    {
        "floor": key(
            "Never looked up again sooner, even if connecting fails.", values.TIMEOUT, written_duration(_RESOLVING.floor_s)
        ),
        "ceiling": key("Looked up again then.", values.TIMEOUT, written_duration(_RESOLVING.ceiling_s)),
    },
)
HEALTH_CHECK: Final = Described(
    "health-check",
    keys.HEALTH_CHECK,
    "A GET to each address; an answer of 2xx or 3xx is healthy. Addresses that are not are avoided.",
    {
        "path": key("The path to ask for, with a query if needed.", values.CHECKED_PATH),
        "interval": key("From one check to the next.", values.TIMEOUT, written_duration(_CHECK.interval_s)),
        "timeout": key("Until the head of the answer.", values.TIMEOUT, written_duration(_CHECK.timeout_s)),
        "healthy_after": key("Healthy after so many passed in a row.", count(), _CHECK.healthy_after),
        "unhealthy_after": key("Unhealthy after so many failed in a row.", count(), _CHECK.unhealthy_after),
    },
    ("path",),
)
TIMEOUTS: Final = Described(
    "timeouts",
    keys.TIMEOUTS,
    "How long to wait.",
    {
        "idle": key("A client's connection between two requests.", values.TIMEOUT, written_duration(_TIMEOUTS.idle_s)),
        "head": key(
            "From the first byte of a request head to its last; also for the TLS handshake.",
            values.TIMEOUT,
            written_duration(_TIMEOUTS.head_s),
        ),
        "body": key("Without progress in a body, either way.", values.TIMEOUT, written_duration(_TIMEOUTS.body_s)),
        "tunnel": key(
            "Without a byte in a WebSocket or other upgraded connection.", values.TIMEOUT, written_duration(_TIMEOUTS.tunnel_s)
        ),
        "connect": key("Until an upstream accepts a connection.", values.TIMEOUT, written_duration(CONNECT_S)),
        "response": key(
            "From the end of the request to the upstream's response head.", values.TIMEOUT, written_duration(RESPONSE_S)
        ),
        "drain": key(
            "For requests in flight when xoproxy is told to stop; may be 0.",
            values.DURATION,
            written_duration(_TIMEOUTS.drain_s),
        ),
        "pool": key(
            "How long an unused connection to an upstream is kept; may be 0.",
            values.DURATION,
            written_duration(_TIMEOUTS.pool_s),
        ),
    },
)
LIMITS: Final = Described(
    "limits",
    keys.LIMITS,
    "How much to take.",
    {
        "request_head": key("Of a request head; more is a 431.", values.HEAD_SIZE, written_size(_LIMITS.request_head_bytes)),
        "response_head": key(
            "Of the application's response head; more is a 502.", values.HEAD_SIZE, written_size(_LIMITS.response_head_bytes)
        ),
        "request_body": key(
            "Of a request body, or `unlimited`; more is a 413.", or_words(values.SIZE, "unlimited"), "unlimited"
        ),
        "connections": key(
            "How many clients may be connected to one worker; more get a 503. Default: half of the limit of open files.",
            count(),
        ),
        "connections_per_client": key(
            "The same for one IPv4 address, or one IPv6 network of 64 bits. Default: no limit.", count()
        ),
        "paths": key(
            "`strict`: a path that servers read in different ways, so that it could belong to another route, is a 400. "
            "`lenient`: it is read in one way and forwarded.",
            choice(check.value for check in PathCheck),
            PathCheck.STRICT.value,
        ),
    },
)
LOG: Final = Described(
    "log",
    keys.LOG,
    "How the log is written.",
    {
        "format": key("One JSON object a line, or text.", choice(each.value for each in LogFormat), _LOG.format.value),
        "level": key(
            "From which severity on; lines for requests are of level `info`.",
            choice(each.value for each in LogLevel),
            _LOG.level.value,
        ),
        "sample": key(
            "How many requests have a line, by chance: a percentage. Those that were refused or failed, and those answered "
            "with 5xx, always have one.",
            values.PERCENTAGE,
            "100%",
        ),
        "keys": key(
            "The keys of such lines; `time`, `level`, `logger` and `event` are always there. Default: all.",
            listed(choice(each.value for each in LogKey)),
        ),
        "request_fields": key(
            "Names of request fields whose values such lines tell; none that may hold a secret.", listed(values.LOGGED_FIELD)
        ),
    },
)
TRACING: Final = Described(
    "tracing",
    keys.TRACING,
    "Traces: passed on, begun where there is none, and exported if `export` says where to.",
    {
        "export": key(
            "The URL of a collector that takes OTLP over HTTP; without a path /v1/traces is meant. Needs xoproxy[otel].",
            values.EXPORT_URL,
        ),
        "sample": key("How many of the traces that begin here are recorded: a percentage.", values.PERCENTAGE, "100%"),
        "service_name": key("How traces name this proxy.", values.SERVICE_NAME, Exporting("").service_name),
        "export_headers": key(
            "Field lines for the collector, as a token that it asks for.",
            named(values.FIELD_VALUE, values.EXPORT_FIELDS, "write the name of a field that the exporter does not set itself"),
        ),
    },
    rules={"dependentRequired": {"service_name": ["export"], "export_headers": ["export"]}},
)

PROXY: Final = (
    TOP,
    LISTENER,
    LISTENER_TLS,
    ADMIN,
    UPSTREAM,
    UPSTREAM_TLS,
    EJECTION,
    RESOLVE,
    HEALTH_CHECK,
    TIMEOUTS,
    LIMITS,
    LOG,
    TRACING,
)
