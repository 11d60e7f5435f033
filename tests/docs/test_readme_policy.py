"""The policy file of the README, served as it stands there: what the text around it promises is what comes out."""

import re
import shlex
import socket
from pathlib import Path

import pytest
from support.backends import Backend, Reply
from support.fixtures import PlainFactory, ProxyFactory
from support.markdown import ROOT, blocks
from support.processes import Proxy

from xoproxy.cli import main

README = ROOT / "README.md"
APP = "https://app.example.com"


@pytest.fixture
def application(plain: PlainFactory) -> Backend:
    """Return an application that fails at one path and has the others."""
    return plain({"/api/broken": Reply(b"a fault", status=500)}, Reply(b"something"))


@pytest.fixture
def served(proxy: ProxyFactory, application: Backend) -> Proxy:
    """Serve the file for most cases."""
    text = blocks(README, "yaml")[0].text
    assert "policies:" in text
    return proxy(text.replace("http://app:5000", application.url))


def ask(port: int, lines: str) -> tuple[int, list[str]]:
    """Send a request head; return status and field lines."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client, client.makefile("rb") as answer:
        client.sendall(lines.replace("\n", "\r\n").encode() + b"Host: localhost\r\nConnection: close\r\n\r\n")
        head = answer.read().partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return int(head[0].split()[1]), head[1:]


def test_the_answer_to_why_it_is_blocked_is_the_one_that_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the first line on, up to the steps."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "xoproxy.yaml").write_text(blocks(README, "yaml")[0].text)
    monkeypatch.chdir(tmp_path)
    command = next(
        line for block in blocks(README, "sh") for line in block.text.splitlines() if line.startswith("xoproxy explain")
    )
    (shown,) = blocks(README, "text")

    assert main(shlex.split(command)[1:]) == 1
    assert capsys.readouterr().out.startswith(shown.text)


def test_the_policy_tests_that_are_shown_pass_for_the_file_that_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    policy, tests = blocks(README, "yaml")[0], next(block for block in blocks(README, "yaml") if block.wrapper == "tests")
    monkeypatch.chdir(tmp_path)
    Path("policy.yaml").write_text(policy.text)
    Path("tests.yaml").write_text(tests.text)

    assert main(["test", "-c", "policy.yaml", "tests.yaml"]) == 0


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/", "Cross-Origin-Embedder-Policy: require-corp"),
        ("/assets/a.css", "Cross-Origin-Resource-Policy: cross-origin"),
        ("/api/items", "Cross-Origin-Resource-Policy: same-site"),
    ],
)
def test_each_route_has_its_policy(served: Proxy, path: str, line: str) -> None:
    status, fields = ask(served.port, f"GET {path} HTTP/1.1\n")

    assert status == 200
    assert line in fields


@pytest.mark.parametrize(
    ("origin", "granted"),
    [
        (APP, True),
        ("https://a.example.org", True),
        ("https://example.org", False),
        ("http://localhost:5173", True),
        ("https://other.example", False),
    ],
)
def test_listed_origins_are_granted_and_others_get_nothing(served: Proxy, origin: str, granted: bool) -> None:
    _, fields = ask(served.port, f"GET /api/items HTTP/1.1\nOrigin: {origin}\n")

    assert (f"Access-Control-Allow-Origin: {origin}" in fields) is granted
    assert any(line.startswith("Access-Control-") for line in fields) is granted
    assert "Vary: Origin" in fields


def test_errors_can_be_read(served: Proxy) -> None:
    status, fields = ask(served.port, f"GET /api/broken HTTP/1.1\nOrigin: {APP}\n")

    assert status == 500
    assert f"Access-Control-Allow-Origin: {APP}" in fields


def test_preflight_of_an_origin_that_is_not_listed_is_a_403(served: Proxy) -> None:
    status, fields = ask(
        served.port, "OPTIONS /api/items HTTP/1.1\nOrigin: https://other.example\nAccess-Control-Request-Method: PUT\n"
    )

    assert status == 403
    assert not [line for line in fields if line.startswith("Access-Control-")]


@pytest.mark.parametrize(
    ("path", "more"),
    [
        pytest.param("/api/items", "", id="plain-options"),
        pytest.param("/", f"Origin: {APP}\nAccess-Control-Request-Method: PUT\n", id="no-cors-key"),
    ],
)
def test_what_is_no_preflight_of_ours_goes_to_the_application(
    served: Proxy, application: Backend, path: str, more: str
) -> None:
    status, _ = ask(served.port, f"OPTIONS {path} HTTP/1.1\n{more}")

    assert status == 200
    assert [(seen.method, seen.target) for seen in application.seen] == [("OPTIONS", path)]


def test_backend_that_is_down_is_said_in_a_problem(proxy: ProxyFactory) -> None:
    """With the policy, and the type that the README tells."""
    running = proxy("version: 1\nupstream: http://127.0.0.1:1\npolicy: {cors: {allow_origins: 'https://app.example.com'}}\n")

    status, fields = ask(running.port, f"GET / HTTP/1.1\nOrigin: {APP}\n")

    assert status == 502
    assert "Content-Type: application/problem+json" in fields
    assert f"Access-Control-Allow-Origin: {APP}" in fields
    (prefix,) = re.findall(r"`(urn:[^`]+)`", README.read_text("utf-8"))
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as client, client.makefile("rb") as answer:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert f'"type": "{prefix}connection_refused"'.encode() in answer.read()


def test_reports_to_a_path_are_collected_there(proxy: ProxyFactory, plain: PlainFactory) -> None:
    """Responses declare the path, and what is posted there does not reach the application."""
    backend = plain({"/": Reply(b"page"), "/reports": Reply(b"taken")})
    running = proxy(
        f"version: 1\nupstream: {backend.url}\npolicy: {{observe: {{coep: require-corp}}, report_to: isolation}}\n"
        "reporting: {endpoints: {isolation: /reports}}\n"
    )

    refused, _ = ask(running.port, "POST /reports HTTP/1.1\nContent-Type: application/reports+json\nContent-Length: 0\n")
    status, fields = ask(running.port, "GET / HTTP/1.1\n")

    assert (refused, status) == (400, 200)
    assert [(seen.method, seen.target) for seen in backend.seen] == [("GET", "/")]
    assert 'Reporting-Endpoints: isolation="/reports"' in fields
    assert 'Cross-Origin-Embedder-Policy-Report-Only: require-corp; report-to="isolation"' in fields
