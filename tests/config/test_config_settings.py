"""Everything but policies and routes, and the routes' frame: defaults, each form of a value, bounds."""

import json
from datetime import date
from ipaddress import ip_network
from pathlib import Path

import pytest
from support.configs import HEAD, compiled, problems_of

from xoproxy.config import Overrides
from xoproxy.config.checking import Findings, check
from xoproxy.config.problems import Refused
from xoproxy.config.render import as_json, as_text
from xoproxy.config.settings import (
    Collecting,
    Endpoint,
    Exporting,
    KeyPair,
    Limits,
    Listener,
    LogFormat,
    LogKey,
    LogLevel,
    LogSettings,
    Settings,
    StoreKind,
    StoreSettings,
    TcpAddress,
    Timeouts,
    TracingSettings,
    UnixAddress,
    UnixPeers,
    UpstreamSettings,
    UpstreamTls,
)
from xoproxy.config.values import duration, size
from xoproxy.policy.routes import Match

CASES = Path(__file__).parent / "cases"


def settings_of(text: str) -> Settings:
    return compiled(text).generation.settings


def test_defaults_are_those_of_the_settings() -> None:
    app = UpstreamSettings("http://app:5000", (Endpoint("app", 5000),), 5.0, 60.0)

    assert settings_of(HEAD) == Settings((Listener(TcpAddress("", 8080)),), (app,), TcpAddress("127.0.0.1", 9464))


def test_every_key_is_read() -> None:
    settings = settings_of((CASES / "valid" / "everything.yaml").read_text())

    assert settings == Settings(
        listeners=(
            Listener(TcpAddress("127.0.0.1", 0)),
            Listener(TcpAddress("127.0.0.1", 0)),
            Listener(TcpAddress("::", 8080)),
            Listener(UnixAddress("/run/xoproxy.sock")),
            Listener(TcpAddress("localhost", 8443), (KeyPair("c.pem", "k.pem"),)),
        ),
        upstreams=(
            UpstreamSettings("web", (Endpoint("web", 3000), Endpoint("web-2", 3000)), 3.0, 30.0),
            UpstreamSettings(
                "secure",
                (Endpoint("api.example", 443, secure=True),),
                3.0,
                300.0,
                UpstreamTls(ca="ca.pem", verify=True, server_name="api.internal"),
            ),
            UpstreamSettings("socket", (Endpoint("localhost", 80, unix_path="/run/app.sock"),), 3.0, 30.0),
            UpstreamSettings("v6", (Endpoint("::1", 5000),), 3.0, 30.0),
        ),
        admin=TcpAddress("0.0.0.0", 9464),
        admin_token_file="/run/secrets/token",
        timeouts=Timeouts(idle_s=75, head_s=0.5, body_s=60, tunnel_s=7200, pool_s=0, drain_s=0),
        limits=Limits(16384, 65536, None, 5000, 100, lenient_paths=True),
        trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("::1"), ip_network("192.168.1.7"), UnixPeers.UNIX),
        log=LogSettings(LogFormat.TEXT, LogLevel.WARNING),
        request_id="X-Correlation-ID",
        proxy_status=False,
        collecting=Collecting(
            (b"/.well-known/xoproxy/reports",),
            StoreSettings(StoreKind.POSTGRESQL, "postgresql://user:secret@db.example/reports"),
            keep_s=90 * 86400.0,
            max_groups=5000,
            max_body_bytes=65536,
            deliveries_per_minute=30,
            keep_queries=True,
        ),
    )


@pytest.mark.parametrize(
    ("line", "name"),
    [("", "X-Request-Id"), ("request_id: off", None), ("request_id: 'off'", None), ("request_id: traceid", "traceid")],
)
def test_requests_have_an_id_unless_told_otherwise(line: str, name: str | None) -> None:
    assert settings_of(f"{HEAD}{line}\n").request_id == name


def test_what_is_told_of_requests_is_read_from_the_file() -> None:
    """Keys in the order of a line, names in lower case, each once."""
    settings = settings_of(
        HEAD
        + """log: {sample: 0.5%, keys: [route, status, route], request_fields: [User-Agent, user-agent, Referer]}
tracing: {export: "http://otel:4318", sample: 25%, service_name: shop, export_headers: {Authorization: Bearer a}}
"""
    )

    assert settings.log == LogSettings(
        sample=0.005, keys=(LogKey.STATUS, LogKey.ROUTE), request_fields=("user-agent", "referer")
    )
    assert settings.tracing == TracingSettings(
        0.25, Exporting("http://otel:4318/v1/traces", "shop", (("Authorization", "Bearer a"),))
    )
    assert "Bearer" not in repr(settings)


@pytest.mark.parametrize(
    ("line", "tracing"),
    [
        ("", None),
        ("tracing: off", None),
        ("tracing: 'off'", None),
        ("tracing: propagate", TracingSettings()),
        ("tracing: {}", TracingSettings()),
        ("tracing: {sample: 1%}", TracingSettings(0.01)),
        ("tracing: {export: https://otel/a/b}", TracingSettings(exporting=Exporting("https://otel/a/b"))),
    ],
)
def test_traces_are_left_alone_unless_told_otherwise(line: str, tracing: TracingSettings | None) -> None:
    assert settings_of(f"{HEAD}{line}\n").tracing == tracing


def test_paths_are_looked_at_strictly_unless_told_otherwise() -> None:
    assert not settings_of(HEAD + "limits: {paths: strict}\n").limits.lenient_paths


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        (":8080", TcpAddress("", 8080)),
        ("'[::]:8080'", TcpAddress("::", 8080)),
        ("localhost:0", TcpAddress("localhost", 0)),
        ("unix:/run/x.sock", UnixAddress("/run/x.sock")),
        ("{address: '127.0.0.1:1'}", TcpAddress("127.0.0.1", 1)),
    ],
)
def test_one_listener_needs_no_list(listen: str, address: object) -> None:
    assert [listener.address for listener in settings_of(HEAD + f"listen: {listen}\n").listeners] == [address]


@pytest.mark.parametrize(
    ("admin", "address", "token_file"),
    [
        ("off", None, None),
        ("'off'", None, None),
        ("127.0.0.1:1", TcpAddress("127.0.0.1", 1), None),
        ("localhost:1", TcpAddress("localhost", 1), None),
        ("unix:/run/admin.sock", UnixAddress("/run/admin.sock"), None),
        ("{address: '[::1]:1'}", TcpAddress("::1", 1), None),
        ("{token_file: t}", TcpAddress("127.0.0.1", 9464), "t"),
        ("{address: ':1', token_file: t}", TcpAddress("", 1), "t"),
    ],
)
def test_admin_is_closed_or_has_a_token(admin: str, address: object, token_file: str | None) -> None:
    settings = settings_of(HEAD + f"admin: {admin}\n")

    assert (settings.admin, settings.admin_token_file) == (address, token_file)


@pytest.mark.parametrize(("text", "seconds"), [("500ms", 0.5), ("10s", 10), ("10m", 600), ("1h", 3600), ("7", 7), ("0", 0)])
def test_durations_are_seconds(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "1d", "1.5s", "-1s", "1e3", "\uff11s", "s", "99999999999", "0x10", "1_000", "168h1s"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(Refused):
        duration(text)


@pytest.mark.parametrize(("text", "octets"), [("64KiB", 65536), ("1MiB", 1 << 20), ("2GiB", 2 << 30), ("5", 5), ("5B", 5)])
def test_sizes_are_bytes(text: str, octets: int) -> None:
    assert size(text) == octets


@pytest.mark.parametrize("text", ["", "1K", "1MB", "1mib", "1.5MiB", "-1", "010", "٣"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(Refused):
        size(text)


@pytest.mark.parametrize(
    ("text", "workers"), [("", 1), ("workers: 1\n", 1), ("workers: 4\n", 4), ("workers: 256\n", 256), ("workers: auto\n", None)]
)
def test_workers_are_a_number_or_one_per_processor(text: str, workers: int | None) -> None:
    assert settings_of(HEAD + text).workers == workers


def test_workers_can_come_from_the_environment() -> None:
    text = HEAD + "workers: ${PROCESSES:-auto}\n"

    assert compiled(text, environ={"PROCESSES": "3"}).generation.settings.workers == 3
    assert compiled(text).generation.settings.workers is None


def test_request_body_can_be_bounded() -> None:
    assert settings_of(HEAD + "limits: {request_body: 10MiB}\n").limits.request_body_bytes == 10 << 20


def test_routes_are_named_by_their_place_and_keep_their_order() -> None:
    match = "{path: /a, host: A.Example, methods: [PATCH, patch]}"
    routes = f"routes:\n  - {{upstream: a, match: {match}}}\n  - {{}}\n"
    text = "version: 1\nupstreams: {a: http://a, b: http://b}\nupstream: b\n" + routes
    first, second = (draft.route for draft in compiled(text).routes)

    assert (first.name, first.upstream, first.match) == (
        "routes[0]",
        "a",
        Match("a.example", "/a", frozenset({b"PATCH", b"patch"})),
    )
    assert (second.name, second.upstream, second.match) == ("routes[1]", "b", Match())


def test_top_level_upstream_can_be_a_name() -> None:
    loaded = compiled("version: 1\nupstream: app\nupstreams: {app: http://app, unused: http://other}\n")

    assert loaded.routes[0].route.upstream == "app"
    assert [upstream.name for upstream in loaded.generation.settings.upstreams] == ["app", "unused"]


def test_one_upstream_listed_twice_is_one_endpoint() -> None:
    (upstream,) = settings_of("version: 1\nupstream: a\nupstreams: {a: [http://a, 'http://a:80']}\n").upstreams

    assert upstream.endpoints == (Endpoint("a", 80),)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Endpoint("app", 80), "http://app"),
        (Endpoint("app", 443), "http://app:443"),
        (Endpoint("app", 443, secure=True), "https://app"),
        (Endpoint("::1", 5000), "http://[::1]:5000"),
        (Endpoint("localhost", 80, unix_path="/run/a.sock"), "http+unix:/run/a.sock"),
        (TcpAddress("::", 80), "[::]:80"),
        (TcpAddress("", 80), ":80"),
        (UnixAddress("/run/a.sock"), "unix:/run/a.sock"),
    ],
)
def test_addresses_are_written_as_the_file_writes_them(value: object, text: str) -> None:
    assert str(value) == text


def test_password_in_an_upstream_url_is_not_repeated() -> None:
    told = "".join(str(problem) for problem in problems_of("version: 1\nupstream: http://me:hunter2@app/é x\n"))

    assert "XO202" in told
    assert "hunter2" not in told


def test_problem_is_told_as_the_contract_shows() -> None:
    routes = "routes:\n  - policy: {}\n  - policy: {}\n  - policy:\n      cors: {allow_origins: ['https://a.example/']}\n"
    text = "version: 1\n" + routes + "upstream: http://a\n"
    (problem,) = problems_of(text)

    assert str(problem) == (
        'xoproxy.yaml:6:30: XO103 error: routes[2].policy.cors.allow_origins[0]: "https://a.example/" is not a serialized '
        'origin: it has a path; write "https://a.example"'
    )


def test_text_lists_problems_and_counts_them() -> None:
    problems = problems_of(HEAD + "policy: {coop: x, coep: y, cors: {allow_origins: '*', max_age: 3h}}\n")

    assert as_text(problems).splitlines()[-1] == "2 errors, 1 warning"
    assert as_text(problems[:1]).splitlines() == [str(problems[0]), "1 error"]
    assert as_text(()) == ""


def test_json_lists_problems_as_objects() -> None:
    problems = problems_of(HEAD + "policy: {coop: é}\n")

    assert json.loads(as_json(())) == []
    assert json.loads(as_json(problems)) == [
        {
            "source": "xoproxy.yaml",
            "line": 3,
            "column": 16,
            "id": "XO101",
            "severity": "error",
            "reason": "invalid",
            "path": "policy.coop",
            "message": problems[0].message,
        }
    ]


@pytest.mark.parametrize(
    ("text", "code", "strict_code"),
    [
        pytest.param(HEAD, 0, 0, id="fine"),
        pytest.param(HEAD + "policy: {cors: {allow_origins: '*', max_age: 3h}}\n", 0, 1, id="warning"),
        pytest.param(HEAD + "policy: nowhere\n", 2, 2, id="error"),
        pytest.param(None, 2, 2, id="missing-file"),
    ],
)
def test_check_exits_by_what_it_finds(tmp_path: Path, text: str | None, code: int, strict_code: int) -> None:
    path = tmp_path / "xoproxy.yaml"
    if text is not None:
        path.write_text(text)
    findings = check(path, Overrides(), environ={}, today=date(2026, 11, 21))

    assert isinstance(findings, Findings)
    assert (findings.exit_code(strict=False), findings.exit_code(strict=True)) == (code, strict_code)
    assert bool(findings.problems) == bool(strict_code)
