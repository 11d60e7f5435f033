"""The health check finds the admin endpoint that `run` opens, and asks it quickly."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from xoproxy import cli
from xoproxy.cli import main
from xoproxy.cli.files import files_of
from xoproxy.cli.healthcheck import DEFAULT_ADMIN, admin_in, find_admin
from xoproxy.config import Overrides, compile_text
from xoproxy.config.sections import DEFAULT_ADMIN as CONFIGURED_DEFAULT
from xoproxy.config.source import policy_files

FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ENVIRON = {"HOST": "127.0.0.7", "XOPROXY_ADMIN_TOKEN": "t", "EMPTY": ""}


@contextmanager
def answering(sock: socket.socket, answer: bytes) -> Iterator[list[bytes]]:
    """Answer one request on a listening socket; what came is kept."""
    seen: list[bytes] = []

    def serve() -> None:
        connection, _ = sock.accept()
        with connection:
            seen.append(connection.recv(65536))
            connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield seen
    thread.join(10)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def address_of(server: socket.socket) -> str:
    """Return where it listens."""
    return f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CONFIG", "ADMIN", "UPSTREAM"):
        monkeypatch.delenv(f"XOPROXY_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(FINE, 0, id="fine"),
        pytest.param(b"HTTP/1.1 503 Draining\r\n\r\n", 1, id="other-status"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", 1, id="other-protocol"),
        pytest.param(b"", 1, id="nothing"),
        pytest.param(b"HTTP/1.1 abc", 1, id="no-status"),
    ],
)
def test_exit_code_says_whether_the_answer_was_fine(server: socket.socket, answer: bytes, code: int) -> None:
    with answering(server, answer) as seen:
        assert main(["healthcheck", "--admin", address_of(server)]) == code

    assert seen[0].startswith(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n")


def test_nobody_there_is_one_line_and_exit_code_1(server: socket.socket, capsys: pytest.CaptureFixture[str]) -> None:
    address = address_of(server)
    server.close()

    assert main(["healthcheck", "--admin", address]) == 1
    assert capsys.readouterr().err == f"xoproxy: {address} does not answer: Connection refused\n"


def test_silence_ends_with_the_timeout(server: socket.socket, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["healthcheck", "--admin", address_of(server), "--timeout", "0.05"]) == 1
    assert "does not answer: timed out" in capsys.readouterr().err


def test_socket_in_the_file_system_is_asked(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "x.sock"))
        sock.listen()
        with answering(sock, FINE):
            assert main(["healthcheck", "--admin", f"unix:{tmp_path}/x.sock"]) == 0


@pytest.mark.parametrize("host", ["", "0.0.0.0", "localhost"])
def test_every_interface_is_asked_on_loopback(server: socket.socket, host: str) -> None:
    with answering(server, FINE):
        assert main(["healthcheck", "--admin", f"{host}:{server.getsockname()[1]}"]) == 0


def test_url_is_asked_as_it_is(server: socket.socket) -> None:
    with answering(server, FINE) as seen:
        assert main(["healthcheck", "--url", f"http://{address_of(server)}/-/ready"]) == 0

    assert seen[0].startswith(b"GET /-/ready HTTP/1.1\r\n")


@pytest.mark.parametrize("url", ["https://localhost/", "localhost:9464", "http://", "http://a:1/ b", "", "http://a/\r\nX: y"])
def test_url_that_is_none_is_a_usage_error(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["healthcheck", "--url", url]) == 2
    assert "write http://127.0.0.1:9464/-/healthy" in capsys.readouterr().err


def test_url_without_port_or_path_means_the_usual_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["healthcheck", "--url", "http://no.such.invalid"]) == 1
    assert capsys.readouterr().err.startswith("xoproxy: no.such.invalid:80 does not answer: ")


@pytest.mark.parametrize("timeout", ["0", "-1", "x", "nan", "inf"])
def test_timeout_that_is_none_is_a_usage_error(timeout: str) -> None:
    assert main(["healthcheck", f"--timeout={timeout}"]) == 2


def test_endpoint_that_is_off_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["healthcheck", "--admin", "off"]) == 1
    assert "the admin endpoint is off" in capsys.readouterr().err


def test_address_that_is_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["healthcheck", "--admin", "nonsense"]) == 1
    assert "'nonsense' is not an address" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("version: 1\nupstream: http://a:1\n", id="absent"),
        pytest.param("version: 1\nupstream: http://a:1\nadmin: off\n", id="off"),
        pytest.param("version: 1\nupstream: http://a:1\nadmin: 'off' # none\n", id="quoted-off"),
        pytest.param("version: 1\nadmin:   127.0.0.2:1\nupstream: http://a:1\n", id="plain"),
        pytest.param('version: 1\nadmin: "[::1]:1"\nupstream: http://a:1\n', id="double-quotes"),
        pytest.param('admin: {address: "127.0.0.3:1"}\nversion: 1\nupstream: http://a:1\n', id="flow"),
        pytest.param("admin: {token_file: /t, address: '0.0.0.0:1'}\nversion: 1\nupstream: http://a:1\n", id="flow-second"),
        pytest.param("version: 1\nupstream: http://a:1\nadmin:\n  address: 127.0.0.4:1\n", id="block"),
        pytest.param(
            "version: 1\nupstream: http://a:1\nadmin: # where\n\n  # here\n  token_file: /t\n  address: 'unix:/s'\n",
            id="block-second",
        ),
        pytest.param(
            "version: 1\nupstream: http://a:1\nadmin: {token_file: /t}\nlisten: [{address: ':1'}]\n", id="flow-without"
        ),
        pytest.param(
            "version: 1\nupstream: http://a:1\nadmin:\n  token_file: /t\nlisten:\n  - address: ':1'\n", id="block-without"
        ),
        pytest.param("version: 1\nupstream: http://a:1\nadmin: ${HOST}:5\n", id="environment"),
        pytest.param("version: 1\nupstream: http://a:1\nadmin: '${EMPTY:-127.0.0.9}:5'\n", id="environment-default"),
        pytest.param(
            "version: 1\nupstream: http://a:1\n# admin: off\npolicies:\n  admin: {coop: same-origin}\n", id="elsewhere"
        ),
        pytest.param('{"version": 1, "upstream": "http://a:1", "admin": {"address": "127.0.0.5:1"}}', id="json"),
        pytest.param('{"version": 1,\n "admin": "off",\n "upstream": "http://a:1"}', id="json-off"),
    ],
)
def test_text_is_understood_as_the_loader_understands_it(text: str) -> None:
    """Two readers of one key: whatever the loader makes of these, the quick one must make of them too."""
    settings = compile_text(text, "x", Overrides(), environ=ENVIRON, today=date(2026, 1, 1), number=1).generation.settings

    assert admin_in(text, ENVIRON) == ("off" if settings.admin is None else str(settings.admin))


def test_default_is_the_loaders() -> None:
    assert str(CONFIGURED_DEFAULT) == DEFAULT_ADMIN


@pytest.mark.parametrize(
    ("environ", "option", "address"),
    [
        pytest.param({}, "127.0.0.1:1", "127.0.0.1:1", id="option"),
        pytest.param({"XOPROXY_ADMIN": "127.0.0.1:2"}, None, "127.0.0.1:2", id="environment"),
        pytest.param({"XOPROXY_CONFIG": "x.yaml"}, None, "127.0.0.1:3", id="named-file"),
        pytest.param({}, None, "127.0.0.1:4", id="default-file"),
        pytest.param({"XOPROXY_UPSTREAM": "http://a:1"}, None, DEFAULT_ADMIN, id="options-alone"),
        pytest.param({"XOPROXY_CONFIG": "flow.yaml"}, None, DEFAULT_ADMIN, id="braces-that-are-no-json"),
        pytest.param({"XOPROXY_CONFIG": "conf.d"}, None, "127.0.0.1:5", id="directory"),
        pytest.param({"XOPROXY_CONFIG": "config"}, None, "127.0.0.1:4", id="directory-of-one"),
        pytest.param({"XOPROXY_CONFIG": "empty.d"}, None, DEFAULT_ADMIN, id="directory-of-none"),
        pytest.param({"XOPROXY_CONFIG": "missing.yaml"}, None, DEFAULT_ADMIN, id="missing-file"),
    ],
)
def test_endpoint_is_found_the_way_run_finds_it(
    tmp_path: Path, environ: dict[str, str], option: str | None, address: str
) -> None:
    (tmp_path / "x.yaml").write_text("admin: 127.0.0.1:3\n")
    (tmp_path / "flow.yaml").write_text("{admin: [")
    for name in ("config", "conf.d", "empty.d"):
        (tmp_path / name).mkdir()
    for name, text in (("a.yaml", ""), ("b.yml", "admin: 127.0.0.1:5"), (".c.yaml", "admin: :6"), ("a.yaml~", "admin: :7")):
        (tmp_path / "conf.d" / name).write_text(text)
    (tmp_path / "config" / "xoproxy.yaml").write_text("admin: 127.0.0.1:4\nbroken: [\n")

    assert find_admin(option, None, environ) == address


def test_files_of_a_directory_are_those_that_are_loaded(tmp_path: Path) -> None:
    """The rule stands twice, because the one who loads is too slow to import."""
    for name in ("b.yaml", "a.yml", ".hidden.yaml", "c.yaml~", "README", "D.yaml"):
        (tmp_path / name).write_text("x")
    (tmp_path / "sub.yaml").mkdir()

    assert tuple(files_of(tmp_path)) == policy_files(tmp_path)
    assert files_of(tmp_path / "README") == [tmp_path / "README"]


def test_nothing_found_means_the_default() -> None:
    assert find_admin(None, None, {}) == DEFAULT_ADMIN


def test_health_check_imports_next_to_nothing() -> None:
    """It runs every few seconds, on machines that have better things to do."""
    script = "import sys; from xoproxy.cli import main; main(['healthcheck', '--admin', 'off']); print(*sys.modules)"
    environ = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[2])}
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environ).stdout

    assert not {"asyncio", "yaml", "ssl", "http.client", "aiohttp", "xoproxy.config"} & set(output.split())
