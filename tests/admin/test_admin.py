"""The admin endpoint over raw sockets: what it shows, what it does, what it refuses."""

import asyncio
import json
import socket
import subprocess
import sys

import pytest
from support.admin_service import Ask, FakeService, problems
from support.records import exchange_record

from xoproxy.admin.guard import Guard
from xoproxy.admin.server import AdminServer
from xoproxy.config.settings import TcpAddress
from xoproxy.insight.effective import as_json
from xoproxy.telemetry.reloads import Outcome, Report, Trigger


async def test_healthy_says_that_the_process_lives(ask: Ask, service: FakeService) -> None:
    service.is_draining = True
    answer = await ask("GET /-/healthy")

    assert (answer.status, answer.body) == (200, {"healthy": True})
    assert answer.fields["Cache-Control"] == "no-store"
    assert answer.fields["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(("ready", "draining", "status"), [(True, False, 200), (False, False, 503), (False, True, 503)])
async def test_ready_says_whether_new_connections_are_welcome_and_where_each_worker_is(
    ask: Ask, service: FakeService, ready: bool, draining: bool, status: int
) -> None:
    service.is_ready, service.is_draining = ready, draining
    service.is_orphaned = True
    answer = await ask("GET /-/ready")

    assert answer.status == status
    assert answer.body == {
        "ready": ready,
        "generation": 1,
        "workers": [
            {"slot": 0, "generation": 1, "state": "serving"},
            {"slot": 1, "generation": 0, "state": "starting"},
        ],
        "draining": draining,
        "orphaned": True,
        "last_reload": None,
    }


async def test_config_shows_the_configuration_in_force(ask: Ask, service: FakeService) -> None:
    service.counters.count(exchange_record("", 0.0, status=200))
    service.last_reload = Report(Outcome.REJECTED, Trigger.WATCH, 1_800_000_000.0, 1, problems(), ("note",))
    answer = await ask("GET /-/config")

    assert answer.status == 200
    shown = answer.body
    assert (shown["generation"], shown["source"], shown["digest"]) == (1, "x.yaml", service.generation.digest)
    assert shown["settings"]["listeners"] == [
        {"address": ":8443", "key_pairs": [{"certificate": "/c.pem", "key": "/k.pem"}], "proxy_protocol": False},
        {"address": "unix:/run/x.sock", "key_pairs": [], "proxy_protocol": False},
    ]
    assert shown["settings"]["trusted_proxies"] == ["10.0.0.0/8"]
    assert shown["settings"]["log"] == {"format": "json", "level": "info", "sample": 1.0, "keys": [], "request_fields": []}
    assert shown["settings"]["tracing"] == {
        "sample": 1.0,
        "exporting": {"url": "http://otel:4318/v1/traces", "service_name": "xoproxy", "headers": ["X-Key"]},
    }
    assert shown["settings"]["upstreams"][0]["endpoints"] == ["http://web:3000", "http+unix:/run/web.sock"]
    first, second = shown["routes"]
    assert first["match"] == {
        "host": "api.example.com",
        "path": "/v1/**",
        "methods": ["GET", "POST"],
        "destinations": ["empty", "worker"],
        "headers": ["X-Key"],
    }
    assert "headers" not in second["match"]
    assert first["policy"]["cors"]["allow_origins"] == ["https://a.example", "https://*.b.example"]
    assert first["policy"]["cors"]["allow_headers"] == "*"
    assert first["policy"]["cors"]["allow_credentials"] is True
    assert second["policy"]["coop"] == {"value": "same-origin"}
    assert second["policy"]["corp"] == "off"
    assert second["policy"]["observe_coep"] == {"value": "credentialless"}
    assert second["policy"]["fields"] == {"set": ["X-Key"], "add": [], "remove": ["Server"]}
    assert shown["exchanges"] == {"status": {"2xx": 1}, "cors": {"none": 1}, "error": {}}
    assert shown["workers"][0] == {
        "slot": 0,
        "pid": 4711,
        "generation": 1,
        "connections": 3,
        "state": "serving",
        "started": "2027-01-15T08:00:00.000Z",
        "waiting": {"app": 2},
        "cpu_s": 1.5,
        "resident_bytes": 30_000_000,
        "addresses": [
            {
                "upstream": "app",
                "address": "http://app:5000 (192.0.2.1)",
                "outstanding": 1,
                "connections": 2,
                "idle": 1,
                "ejected": False,
                "healthy": True,
                "ejections": 4,
            }
        ],
    }
    assert shown["last_reload"]["outcome"] == "rejected"
    assert shown["last_reload"]["time"] == "2027-01-15T08:00:00.000Z"
    assert shown["last_reload"]["notes"] == ["note"]


SHOWING = [
    pytest.param("GET /-/config", "", id="config"),
    pytest.param("GET /-/routes", "", id="routes"),
    pytest.param("GET /-/ready", "", id="ready"),
    pytest.param("GET /-/reloads", "", id="reloads"),
    pytest.param("POST /-/explain", '{"method": "GET", "url": "https://api.example.com/v1/x"}', id="explain"),
    pytest.param("POST /-/explain", '{"method": "GET", "url": "https://www.example.com/"}', id="explain-what-sets-it"),
]


@pytest.mark.parametrize(("line", "content"), SHOWING)
async def test_nothing_shows_a_secret(ask: Ask, line: str, content: str) -> None:
    """Neither what the environment filled in, nor the token, nor where it is kept."""
    answer = await ask(line, content=content)
    shown = json.dumps(answer.body)

    assert answer.status == 200
    for secret in ("hunter2", "token"):
        assert secret not in shown


async def test_routes_show_the_effective_policy_with_its_places(ask: Ask) -> None:
    shown = (await ask("GET /-/routes")).body

    assert [route["name"] for route in shown["routes"]] == ["routes[0]", "routes[1]"]
    assert shown["routes"][0]["place"] == {"source": "x.yaml", "line": 9, "column": 5, "path": "routes[0]"}
    assert {name: value for name, value in shown["routes"][0]["match"][-1].items() if name != "place"} == {
        "key": "headers",
        "value": {"X-Key": "${SECRET}"},
    }
    assert "X-Key: ${SECRET}" in [line["line"] for line in shown["routes"][1]["sends"]]


async def test_explain_answers_as_the_command_does(ask: Ask) -> None:
    question = {
        "method": "GET",
        "url": "https://api.example.com/v1/x",
        "origin": "https://evil.example",
        "headers": ["X-Key: 1"],
    }
    answer = await ask("POST /-/explain", content=json.dumps(question))

    assert answer.status == 200
    assert answer.body["allowed"] is False
    assert answer.body["question"]["origin"] == "https://evil.example"
    assert {opinion["browser"] for opinion in answer.body["browsers"]} == {"chrome", "firefox", "safari"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param("", "no JSON; write", id="nothing"),
        pytest.param("[" * 60_000, "no JSON; write", id="deep"),
        pytest.param("[]", "no object; write", id="list"),
        pytest.param("{}", '"method" is missing', id="no-method"),
        pytest.param('{"method": "GET"}', '"url" is missing', id="no-url"),
        pytest.param('{"method": "GET", "url": 1}', '"url" is no text', id="number"),
        pytest.param('{"method": "GET", "url": "/", "header": []}', 'did you mean "headers"?', id="misspelt"),
        pytest.param('{"method": "GET", "url": "/", "live": true}', 'there is no "live"; write some of method, url', id="live"),
        pytest.param('{"method": "GET", "url": "/", "headers": "X: 1"}', "no list of texts; write", id="no-list"),
        pytest.param('{"method": "GET", "url": "/", "headers": [1]}', "no list of texts; write", id="list-of-numbers"),
        pytest.param(
            '{"method": "GET", "url": "http://h/", "page_headers": ["X"]}', '"page_headers" "X" has no colon', id="no-colon"
        ),
        pytest.param('{"method": "GET", "url": "http://h/", "browsers": "netscape"}', "write one of chrome", id="browser"),
        pytest.param('{"method": "/", "url": "GET"}', "write GET /", id="exchanged"),
    ],
)
async def test_question_that_means_nothing_is_told_what_to_write(ask: Ask, content: str, told: str) -> None:
    answer = await ask("POST /-/explain", *(() if content else ("Content-Length: 0",)), content=content)

    assert answer.status == 400
    assert told in answer.body["error"]
    assert "--" not in answer.body["error"]


async def test_question_is_bounded(ask: Ask) -> None:
    assert (await ask("POST /-/explain", content=json.dumps({"method": "GET", "url": "x" * 70_000}))).status == 413


async def test_dashboard_may_run_its_own_script_only(ask: Ask) -> None:
    answer = await ask("GET /")

    assert (answer.status, answer.fields["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.body.startswith("<!doctype html>")
    policy = dict(part.split(" ", 1) for part in answer.fields["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer.fields["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.fields["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert answer.fields["Referrer-Policy"] == "no-referrer"
    assert (await ask("GET /", f"If-None-Match: {answer.fields['ETag']}")).status == 304


@pytest.mark.parametrize("path", ["/dashboard/style.css", "/dashboard/main.js"])
async def test_dashboard_files_are_served_with_their_types(ask: Ask, path: str) -> None:
    answer = await ask(f"GET {path}")

    assert answer.status == 200
    assert answer.fields["Content-Type"] in ("text/css; charset=utf-8", "text/javascript; charset=utf-8")
    assert answer.fields["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["../app.py", "..%2fapp.py", "%2e%2e/__init__.py", "nothing.js", "uplot", "x%00.js", "..%2f..%2fadmin%2fdashboard"]
)
async def test_nothing_but_the_dashboard_is_served(ask: Ask, path: str) -> None:
    assert (await ask(f"GET /dashboard/{path}")).status in (400, 404)


@pytest.mark.parametrize("path", ["/", "/-/ready", "/-/config", "/-/routes", "/-/reloads", "/dashboard/style.css"])
async def test_head_is_get_without_content(ask: Ask, path: str) -> None:
    answer = await ask(f"HEAD {path}")

    assert (answer.status, answer.body) == (200, None)
    assert int(answer.fields["Content-Length"]) > 0


async def test_reload_answers_with_its_outcome(ask: Ask, service: FakeService) -> None:
    answer = await ask("POST /-/reload", "Content-Length: 0")

    assert (answer.status, answer.body["outcome"], answer.body["generation"]) == (200, "applied", 2)
    assert service.reloads == [service.report]
    assert (await ask("GET /-/reloads")).body == {"reloads": [answer.body]}


async def test_rejected_reload_answers_422_with_the_problems(ask: Ask, service: FakeService) -> None:
    service.report = Report(Outcome.REJECTED, Trigger.ADMIN, 0.0, 1, problems())
    answer = await ask("POST /-/reload", "Content-Length: 0")

    assert answer.status == 422
    assert [problem["id"] for problem in answer.body["problems"]] == [problem.id for problem in problems()]
    assert answer.body["problems"][0].keys() == {"source", "line", "column", "id", "severity", "reason", "path", "message"}


@pytest.mark.parametrize(
    ("line", "fields", "status"),
    [
        pytest.param("GET /-/reload", (), 405, id="change-by-get"),
        pytest.param("POST /-/config", ("Content-Length: 0",), 405, id="show-by-post"),
        pytest.param(
            "OPTIONS /-/reload", ("Origin: https://evil.example", "Access-Control-Request-Method: POST"), 403, id="preflight"
        ),
        pytest.param("GET /nowhere", (), 404, id="unknown-path"),
        pytest.param("GET /", ("Sec-Fetch-Site: cross-site",), 403, id="linked-from-elsewhere"),
        pytest.param("GET /-/events", ("Sec-Fetch-Site: cross-site",), 403, id="events-for-others"),
        pytest.param("POST /-/reload", ("Host: evil.example",), 403, id="rebound-name"),
        pytest.param("POST /-/reload", ("Origin: http://localhost:3000", "Content-Length: 0"), 403, id="page-of-a-dev-server"),
        pytest.param("POST /-/reload", ("Sec-Fetch-Site: cross-site", "Content-Length: 0"), 403, id="cross-site"),
        pytest.param("GET /-/config", ("Origin: null",), 403, id="sandboxed-page"),
    ],
)
async def test_what_is_not_for_everyone_is_refused(
    ask: Ask, service: FakeService, line: str, fields: tuple[str, ...], status: int
) -> None:
    answer = await ask(line, *fields)

    assert answer.status == status
    assert set(answer.body) == {"error"}
    assert ("Allow" in answer.fields) is (status == 405)
    assert not [name for name in answer.fields if name.startswith("Access-Control-")]
    assert not service.reloads


@pytest.mark.parametrize(("accept", "asked"), [(b"text/html,*/*;q=0.8", True), (b"*/*", False), (b"application/json", False)])
async def test_missing_token_is_asked_for(service: FakeService, accept: bytes, asked: bool) -> None:
    """Of a person by the browser's own dialogue, of a program without one."""
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    server = AdminServer(service, Guard(TcpAddress("0.0.0.0", port), "secret"))
    await server.start([sock])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /-/config HTTP/1.1\r\nHost: x\r\nAccept: %b\r\nConnection: close\r\n\r\n" % accept)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    await server.stop()

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b'\r\nWWW-Authenticate: Bearer realm="xoproxy"\r\n' in answer
    assert (b"\r\nWWW-Authenticate: Basic " in answer) is asked


async def test_stopping_does_not_wait_for_a_client_that_says_nothing(service: FakeService) -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    server = AdminServer(service, Guard(TcpAddress("127.0.0.1", 1), None))
    await server.start([sock])
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    await server.stop()

    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


def test_start_imports_nothing_that_only_some_requests_need() -> None:
    """What explains and decides takes longer to import than the rest of the endpoint's own modules together."""
    heavy = "{'xoproxy.insight.explaining', 'xoproxy.insight.showing', 'xoproxy.insight.deciding', 'xoproxy.reports.collector'}"
    program = f"import sys, xoproxy.admin.server; print({heavy} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout

    assert said == "set()\n"


def test_value_without_a_json_form_is_a_fault_of_ours() -> None:
    with pytest.raises(TypeError, match="no JSON form for complex"):
        as_json(1j)
