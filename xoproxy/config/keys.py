"""The keys of each mapping, and how others spell them.

Peers' spellings are those of Flask-CORS, django-cors-headers, Starlette, Spring, rs/cors, nginx, Caddy, HAProxy, Traefik, and
the names of the fields themselves.  They are compared without case and punctuation: ``allowOrigins`` needs no entry of its own.
"""

import re
from collections.abc import Mapping
from typing import Final

from xoproxy.slotted import dataclass


def bare(key: str) -> str:
    """Return a key without case and punctuation, as spellings are compared."""
    return re.sub(r"[^a-z0-9]", "", key.lower())


@dataclass(frozen=True, slots=True)
class Keys:
    """What may stand in one kind of mapping.  `peers`: another's spelling (bare) to our advice."""

    where: str  # how a message names the mapping, as "a route"
    names: tuple[str, ...]
    peers: Mapping[str, str]


def spellings(table: Mapping[str, str]) -> Mapping[str, str]:
    """Turn "ours: theirs theirs" around."""
    return {bare(theirs): ours for ours, spellings in table.items() for theirs in spellings.split()}


TOP: Final = Keys(
    "the policy file",
    (
        "version",
        "listen",
        "admin",
        "upstream",
        "upstreams",
        "policy",
        "policies",
        "routes",
        "reporting",
        "timeouts",
        "limits",
        "workers",
        "trusted_proxies",
        "request_id",
        "proxy_status",
        "log",
        "tracing",
    ),
    spellings(
        {
            "upstream": "backend target proxy_pass origin_server forward forward_to proxy url to",
            "upstreams": "backends targets services servers clusters",
            "listen": "bind server address port host listeners entrypoints",
            "policies": "profiles rules middlewares",
            "policy": "profile preset default_policy",
            "routes": "route locations paths",
            "trusted_proxies": "trusted forwarded_allow_ips set_real_ip_from proxies",
            "log": "logging access_log logs",
            "tracing": "trace traces otel opentelemetry otlp telemetry traceparent",
            "reporting": "report reports reporting_endpoints endpoints",
            "limits": "limit client_max_body_size",
            "workers": "worker worker_processes processes nbproc num_workers concurrency",
            "request_id": "requestid correlation_id x_request_id request_ids",
            "timeouts": "timeout",
        }
    ),
)
LISTENER: Final = Keys(
    "an entry of `listen`",
    ("address", "tls", "proxy_protocol"),
    spellings(
        {"address": "bind host port listen addr", "tls": "ssl https", "proxy_protocol": "accept_proxy send_proxy proxyprotocol"}
    ),
)
LISTEN_TLS: Final = Keys(
    "`tls` of an entry of `listen`",
    ("certificate", "key"),
    spellings(
        {
            "certificate": "cert cert_file certfile ssl_certificate chain",
            "key": "key_file keyfile private_key ssl_certificate_key",
        }
    ),
)
ADMIN: Final = Keys(
    "`admin`", ("address", "token_file"), spellings({"address": "bind listen host port addr", "token_file": "token tokenfile"})
)
UPSTREAM: Final = Keys(
    "an upstream",
    (
        "url",
        "urls",
        "connect_timeout",
        "response_timeout",
        "max_connections",
        "max_waiting",
        "wait_timeout",
        "ejection",
        "resolve",
        "health_check",
        "tls",
    ),
    spellings(
        {
            "url": "address target server host backend to",
            "urls": "servers endpoints addresses targets hosts",
            "connect_timeout": "proxy_connect_timeout dial_timeout",
            "response_timeout": "timeout read_timeout proxy_read_timeout",
            "max_connections": "connections max_conns maxconn pool_size pool",
            "max_waiting": "max_pending_requests max_queue maxqueue queue backlog",
            "wait_timeout": "queue_timeout timeout_queue",
            "ejection": "outlier_detection circuit_breaker circuit_breakers max_fails passive_health_check",
            "resolve": "dns resolver resolvers dns_refresh_rate resolution",
            "health_check": "health check httpchk option_httpchk active_health_check health_checks",
            "tls": "ssl",
        }
    ),
)
UPSTREAM_TLS: Final = Keys(
    "`tls` of an upstream",
    ("ca", "verify", "server_name", "certificate", "key"),
    spellings(
        {
            "ca": "ca_file cafile ca_cert ca_certificate",
            "verify": "ssl_verify",
            "server_name": "sni hostname",
            "certificate": "cert cert_file certfile client_certificate client_cert proxy_ssl_certificate",
            "key": "key_file keyfile private_key client_key proxy_ssl_certificate_key",
        }
    ),
)
EJECTION: Final = Keys(
    "`ejection`",
    ("failures", "backoff", "max_backoff"),
    spellings(
        {
            "failures": "max_fails threshold errors consecutive_5xx consecutive_failures",
            "backoff": "fail_timeout base_ejection_time time duration",
            "max_backoff": "max_ejection_time",
        }
    ),
)
RESOLVE: Final = Keys(
    "`resolve`", ("floor", "ceiling"), spellings({"floor": "min min_ttl", "ceiling": "max max_ttl ttl valid"})
)
HEALTH_CHECK: Final = Keys(
    "`health_check`",
    ("path", "interval", "timeout", "healthy_after", "unhealthy_after"),
    spellings(
        {
            "path": "uri url target",
            "interval": "every inter period",
            "healthy_after": "rise healthy_threshold passes",
            "unhealthy_after": "fall unhealthy_threshold retries fails",
        }
    ),
)
POLICY: Final = Keys(
    "a policy",
    (
        "coop",
        "coep",
        "corp",
        "cors",
        "document_isolation",
        "origin_agent_cluster",
        "permissions_policy",
        "integrity_policy",
        "timing_allow_origin",
        "observe",
        "report_to",
        "websocket_origins",
        "resource_isolation",
        "upstream_fields",
        "headers",
    ),
    spellings(
        {
            "coop": "Cross-Origin-Opener-Policy opener_policy",
            "coep": "Cross-Origin-Embedder-Policy embedder_policy",
            "corp": "Cross-Origin-Resource-Policy resource_policy",
            "cors": "Access-Control cross_origin",
            "document_isolation": "Document-Isolation-Policy dip isolation",
            "origin_agent_cluster": "Origin-Agent-Cluster oac",
            "permissions_policy": "Permissions-Policy Feature-Policy permissions features",
            "integrity_policy": "Integrity-Policy integrity sri subresource_integrity",
            "upstream_fields": "backend_headers upstream_headers backend_fields override_headers overwrite",
            "observe": "report_only Cross-Origin-Opener-Policy-Report-Only Cross-Origin-Embedder-Policy-Report-Only "
            "Document-Isolation-Policy-Report-Only Permissions-Policy-Report-Only Integrity-Policy-Report-Only",
            "report_to": "reporting report_endpoint endpoint",
            "timing_allow_origin": "tao timing_allow_origins",
            "websocket_origins": "websocket websockets ws_origins check_origin allowed_websocket_origins",
            "headers": "header response_headers set_headers add_header",
        }
    ),
)
CORS: Final = Keys(
    "`cors`",
    (
        "allow_origins",
        "allow_origin_regexes",
        "allow_methods",
        "allow_headers",
        "expose_headers",
        "allow_credentials",
        "max_age",
        "preflight",
        "refuse",
        "legacy_private_network",
        "dangerously_allow_any_origin_with_credentials",
        "dangerously_allow_insecure_origins",
        "dangerously_allow_public_suffixes",
        "dangerously_allow_null_origin",
    ),
    spellings(
        {
            "allow_origins": "allowed_origins allow_origin allowed_origin origins origin cors_allowed_origins cors_origins "
            "allow_origin_list Access-Control-Allow-Origin",
            "allow_methods": "allowed_methods methods method allow_method Access-Control-Allow-Methods",
            "allow_headers": "allowed_headers headers header allow_header request_headers Access-Control-Allow-Headers",
            "expose_headers": "exposed_headers expose exposed expose_header response_headers Access-Control-Expose-Headers",
            "allow_credentials": "supports_credentials credentials with_credentials credentialed allowed_credentials "
            "Access-Control-Allow-Credentials",
            "allow_origin_regexes": "allow_origin_regex allowed_origin_regexes allowed_origin_regex origin_regexes regexes "
            "origin_regex allowed_origin_patterns origin_patterns allow_origin_list_regex",
            "preflight": "preflight_continue options_passthrough",
            "refuse": "on_disallowed refusal",
            "legacy_private_network": "allow_private_network private_network Access-Control-Allow-Private-Network",
            "max_age": "preflight_max_age cache_max_age ttl Access-Control-Max-Age",
        }
    ),
)
WEBSOCKET: Final = Keys(
    "`websocket_origins`",
    (
        "allow_origins",
        "allow_origin_regexes",
        "dangerously_allow_insecure_origins",
        "dangerously_allow_public_suffixes",
        "dangerously_allow_null_origin",
    ),
    spellings(
        {
            "allow_origins": "allowed_origins allow_origin origins origin",
            "allow_origin_regexes": "allow_origin_regex origin_regexes origin_regex regexes regex",
        }
    ),
)
TIMED_ORIGIN: Final = Keys(
    "an entry of `allow_origins`",
    ("origin", "expires", "reason"),
    spellings({"origin": "url host domain value", "expires": "until expiry expire", "reason": "why because comment"}),
)
TIMED_REGEX: Final = Keys(
    "an entry of `allow_origin_regexes`",
    ("regex", "expires", "reason"),
    spellings({"regex": "pattern regexp origin value", "expires": "until expiry expire", "reason": "why because comment"}),
)
ESCAPE: Final = Keys(
    "a dangerous key", ("reason", "expires"), spellings({"reason": "why because comment", "expires": "until expiry expire"})
)
OBSERVE: Final = Keys(
    "`observe`",
    ("coop", "coep", "document_isolation", "permissions_policy", "integrity_policy"),
    spellings(
        {
            "coop": "Cross-Origin-Opener-Policy opener_policy",
            "coep": "Cross-Origin-Embedder-Policy embedder_policy",
            "document_isolation": "Document-Isolation-Policy dip isolation",
            "permissions_policy": "Permissions-Policy Feature-Policy permissions features",
            "integrity_policy": "Integrity-Policy integrity sri subresource_integrity",
        }
    ),
)
INTEGRITY: Final = Keys(
    "`integrity_policy`",
    ("blocked_destinations", "sources"),
    spellings(
        {
            "blocked_destinations": "destinations blocked block destination",
            "sources": "source",
            "{value: {blocked_destinations: [script]}, report_to: NAME}": "endpoints endpoint report_to",
        }
    ),
)
LONG_FORM: Final = Keys(
    "a value's long form", ("value", "report_to"), spellings({"value": "policy mode", "report_to": "endpoint report"})
)
HEADERS: Final = Keys(
    "`headers`", ("set", "add", "remove"), spellings({"set": "replace override", "add": "append", "remove": "delete unset del"})
)
ROUTE: Final = Keys(
    "a route",
    ("match", "upstream", "policy", "expires", "reason"),
    spellings(
        {"match": "when if matches rule", "upstream": "backend target proxy_pass service to", "policy": "policies profile"}
    ),
)
MATCH: Final = Keys(
    "`match`",
    ("host", "path", "methods", "destinations", "headers"),
    spellings(
        {
            "host": "hosts domain server_name hostname",
            "path": "paths path_prefix prefix location url uri",
            "methods": "method verbs",
        }
    ),
)
REPORTING: Final = Keys(
    "`reporting`",
    ("endpoints", "store", "keep", "max_groups", "max_body", "rate", "keep_queries"),
    spellings(
        {
            "endpoints": "endpoint groups report_to",
            "store": "storage database db dsn database_url sqlite postgres postgresql path file",
            "keep": "retention keep_for ttl expire expires max_age retention_time",
            "max_groups": "max_rows max_reports max_entries rows",
            "max_body": "body max_size body_size max_body_size client_max_body_size",
            "rate": "rate_limit limit_req ratelimit per_minute requests_per_minute",
            "keep_queries": "keep_query queries query_strings keep_query_strings",
        }
    ),
)
TIMEOUTS: Final = Keys(
    "`timeouts`",
    ("idle", "head", "body", "tunnel", "connect", "response", "drain", "pool"),
    spellings(
        {
            "idle": "keepalive keepalive_timeout keep_alive",
            "head": "header headers client_header request_header read_header",
            "body": "client_body read write send",
            "tunnel": "websocket upgrade",
            "response": "read_response proxy_read upstream",
            "connect": "dial proxy_connect",
            "drain": "shutdown graceful grace",
        }
    ),
)
LIMITS: Final = Keys(
    "`limits`",
    ("request_head", "response_head", "request_body", "connections", "connections_per_client", "paths"),
    spellings(
        {
            "connections": "max_connections maxconn worker_connections max_conns",
            "connections_per_client": "connections_per_ip limit_conn max_connections_per_ip per_client",
            "paths": "path path_check normalize_path",
            "request_head": "headers header max_header_bytes head request_headers",
            "response_head": "response_headers",
            "request_body": "body max_body body_size client_max_body_size",
        }
    ),
)
LOG: Final = Keys(
    "`log`",
    ("format", "level", "sample", "keys", "request_fields"),
    spellings(
        {
            "format": "style output",
            "level": "severity loglevel",
            "sample": "sampling sample_rate rate sampling_rate",
            "keys": "fields columns log_fields",
            "request_fields": "headers request_headers fields_headers header",
        }
    ),
)
TRACING: Final = Keys(
    "`tracing`",
    ("export", "sample", "service_name", "export_headers"),
    spellings(
        {
            "export": "endpoint exporter otlp url collector otlp_endpoint exporter_otlp_endpoint",
            "sample": "sampling sample_rate rate sampling_rate sampler",
            "service_name": "service name",
            "export_headers": "headers otlp_headers exporter_otlp_headers",
        }
    ),
)
