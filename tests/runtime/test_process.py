"""The whole process: `python -m xoproxy run` before a real backend, driven by files, signals and requests."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.backends import Backend, Reply
from support.fixtures import PlainFactory
from support.ports import free_port
from support.processes import XoproxyProcess

PATIENCE_S = 20.0


class Running(XoproxyProcess):
    """A running proxy with an admin endpoint."""

    def __init__(
        self, directory: Path, config: str, arguments: tuple[str, ...] = (), environment: dict[str, str] | None = None
    ) -> None:
        self.config = directory / "xoproxy.yaml"
        self.config.write_text(config, encoding="utf-8")
        self.port, self.admin_port = free_port(), free_port()
        addresses = ("--listen", f"127.0.0.1:{self.port}", "--admin", f"127.0.0.1:{self.admin_port}")
        super().__init__(["run", "-c", str(self.config), *addresses, *arguments], directory / "log", environment)
        self.wait_for_port(self.port)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Return the log lines; what was said to people is no JSON."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]

    def named(self, event: str) -> list[dict[str, Any]]:
        """Return the events of a name."""
        return [line for line in self.lines if line["event"] == event]

    def until(self, condition: Callable[[], bool]) -> None:
        """Return as soon as something is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, self.output
            time.sleep(0.01)

    def opener_policy(self) -> str | None:
        """Return the policy that the page comes with."""
        return request(self.port, "GET", "/").getheader("Cross-Origin-Opener-Policy")

    def admin(self, method: str, path: str) -> tuple[int, Any]:
        """Ask the admin endpoint, as soon as it serves."""
        response = request(self.admin_port, method, path)
        return response.status, json.loads(response.read())


def request(port: int, method: str, path: str) -> http.client.HTTPResponse:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request(method, path, headers={"Connection": "close"})
    return connection.getresponse()


@pytest.fixture
def backend(plain: PlainFactory) -> Backend:
    """A page."""
    return plain({"/": Reply(b"hello")})


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path, backend: Backend) -> Iterator[Start]:
    """Return `start(policy, ...)`: a proxy before the backend; it must end well."""
    with ExitStack() as stack:

        def start_one(
            policy: str = "isolated", *arguments: str, more: str = "", environment: dict[str, str] | None = None
        ) -> Running:
            running = Running(tmp_path, config_of(backend, policy, more), arguments, environment)
            stack.callback(running.stop)
            return running

        yield start_one


def config_of(backend: Backend, policy: str, more: str = "") -> str:
    """Return a policy file."""
    return f"version: 1\nupstream: {backend.url}\npolicy: {policy}\n{more}"


def test_start_is_announced_and_requests_are_forwarded_and_logged(start: Start, backend: Backend) -> None:
    proxy = start()
    response = request(proxy.port, "GET", "/?q=1")

    assert response.read() == b"hello"
    assert response.getheader("Cross-Origin-Embedder-Policy") == "require-corp"
    proxy.wait_for_output(f"listening on  127.0.0.1:{proxy.port}")
    proxy.wait_for_output(f"everything -> {backend.url}  policy: isolated")
    proxy.wait_for_output(f"admin         127.0.0.1:{proxy.admin_port}")
    proxy.until(lambda: bool(proxy.named("exchange")))
    [line] = proxy.named("exchange")
    assert (line["method"], line["target"], line["status"], line["generation"]) == ("GET", "/?q=1", 200, 1)
    assert [event["address"] for event in proxy.named("listening")] == [f"127.0.0.1:{proxy.port}"]


def test_saved_file_is_in_force_without_a_restart(start: Start, backend: Backend) -> None:
    proxy = start()
    proxy.config.write_text(config_of(backend, "{coop: same-origin-allow-popups}"))

    proxy.until(lambda: proxy.opener_policy() == "same-origin-allow-popups")
    proxy.until(lambda: [line["outcome"] for line in proxy.named("reload")] == ["applied"])


def test_directory_is_served_and_followed(start: Start, backend: Backend, tmp_path: Path) -> None:
    """A file that is added takes effect; one that says what another says is refused, and the log names both."""
    directory = tmp_path / "conf.d"
    directory.mkdir()
    base = directory / "10-base.yaml"
    base.write_text(config_of(backend, "untouched"))
    proxy = start("isolated", "-c", str(directory))
    before = proxy.opener_policy()
    (directory / "20-pages.yaml").write_text("routes: [{policy: isolated}]\n")
    proxy.until(lambda: proxy.opener_policy() == "same-origin")
    (directory / "30-more.yaml").write_text("\npolicy: isolated\n")
    proxy.until(lambda: bool(proxy.named("problem")))

    assert before is None
    assert proxy.named("problem")[0]["message"].startswith(f"{directory / '30-more.yaml'}:2:1: XO019 error: policy: ")
    assert f"{base}:3 already" in proxy.named("problem")[0]["message"]
    assert proxy.opener_policy() == "same-origin"
    assert proxy.admin("GET", "/-/config")[1]["source"] == str(directory)


def test_broken_file_is_said_everywhere_and_changes_nothing(start: Start, backend: Backend) -> None:
    proxy = start()
    proxy.config.write_text(config_of(backend, "isolatd"))
    proxy.until(lambda: bool(proxy.named("reload")))

    assert proxy.opener_policy() == "same-origin"
    assert proxy.named("reload")[0]["outcome"] == "rejected"
    assert "isolatd" in proxy.named("problem")[0]["message"]
    status, answer = proxy.admin("POST", "/-/reload")
    assert (status, answer["outcome"]) == (422, "rejected")
    assert "isolatd" in answer["problems"][0]["message"]
    assert proxy.admin("GET", "/-/ready")[1]["last_reload"]["outcome"] == "rejected"
    assert proxy.admin("GET", "/-/config")[1]["generation"] == 1
    assert len(proxy.named("reload")) == 1
    assert [each["outcome"] for each in proxy.admin("GET", "/-/reloads")[1]["reloads"]] == ["rejected", "rejected"]
    (route,) = proxy.admin("GET", "/-/routes")[1]["routes"]
    assert {part["key"]: part["place"]["source"] for part in route["policy"]["keys"]}["coop"] == "preset isolated"


def test_who_follows_events_does_not_keep_the_process(start: Start) -> None:
    """A dashboard that somebody left open: it is told that the process stops, and then its stream ends."""
    proxy = start()
    with socket.create_connection(("127.0.0.1", proxy.admin_port), PATIENCE_S) as client:
        client.sendall(b"GET /-/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        while b'"ready":true' not in received:
            received += client.recv(65536)
        proxy.send(signal.SIGTERM)
        while more := client.recv(65536):
            received += more

    assert received.endswith(b"\r\n0\r\n\r\n")
    assert proxy.wait() == 0


def test_hangup_reloads_where_nothing_is_watched(start: Start, backend: Backend) -> None:
    proxy = start("isolated", "--no-watch")
    proxy.config.write_text(config_of(backend, "{coop: noopener-allow-popups}"))
    proxy.send(signal.SIGHUP)

    proxy.until(lambda: proxy.opener_policy() == "noopener-allow-popups")
    proxy.until(lambda: [line["trigger"] for line in proxy.named("reload")] == ["signal"])


def test_changed_listener_is_opened_and_changed_admin_address_wants_a_restart(
    start: Start, backend: Backend, tmp_path: Path
) -> None:
    """The options of the command line keep their precedence, so this one has its addresses in the file."""
    path = tmp_path / "second"
    path.mkdir()
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        first = f"listen: ['127.0.0.1:{port}']\nadmin: 'off'\n"
        (path / "x.yaml").write_text(config_of(backend, "isolated", first))
        proxy = XoproxyProcess(["run", "-c", str(path / "x.yaml")], path / "log")
        proxy.wait_for_port(port)
        other, blocked = free_port(), taken.getsockname()[1]
        changed = f"listen: ['127.0.0.1:{other}', '127.0.0.1:{blocked}']\nadmin: '127.0.0.1:{free_port()}'\n"
        (path / "x.yaml").write_text(config_of(backend, "untouched", changed))
        proxy.wait_for_port(other)
        proxy.wait_for_output("the change of `admin` needs a restart")
        proxy.wait_for_output(f"cannot listen on 127.0.0.1:{blocked}: address already in use")

        assert request(other, "GET", "/").getheader("Cross-Origin-Opener-Policy") is None
        with pytest.raises(ConnectionRefusedError):
            request(port, "GET", "/")
        proxy.stop()


def test_upstream_authority_that_cannot_be_used_keeps_the_policy_in_force(start: Start, backend: Backend) -> None:
    proxy = start()
    for authority in ("/no/ca.pem", str(proxy.config)):
        upstreams = f"upstreams: {{a: {{urls: ['https://localhost:1'], tls: {{ca: {authority}}}}}}}"
        proxy.config.write_text(f"version: 1\n{upstreams}\nroutes: [{{upstream: a}}]\n")
        proxy.until(lambda name=authority: any(name in line["message"] for line in proxy.named("reload")))  # type: ignore[misc]

        assert proxy.opener_policy() == "same-origin"
        assert proxy.admin("GET", "/-/ready")[1]["last_reload"]["outcome"] == "rejected"


def test_renewed_or_broken_certificate_is_told_on_hangup(backend: Backend, tmp_path: Path) -> None:
    for kind in ("cert", "key"):
        (tmp_path / f"{kind}.pem").write_bytes((Path(__file__).parent / f"tls/first-{kind}.pem").read_bytes())
    port = free_port()
    listen = f"listen: [{{address: '127.0.0.1:{port}', tls: {{certificate: {tmp_path}/cert.pem, key: {tmp_path}/key.pem}}}}]"
    (tmp_path / "x.yaml").write_text(config_of(backend, "isolated", f"{listen}\nadmin: 'off'\n"))
    proxy = XoproxyProcess(["run", "-c", str(tmp_path / "x.yaml")], tmp_path / "log")
    proxy.wait_for_output(f"127.0.0.1:{port}  (TLS)")
    (tmp_path / "key.pem").write_text("broken")
    proxy.send(signal.SIGHUP)

    proxy.wait_for_output("the old one stays in use")
    proxy.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_lets_an_exchange_finish(backend: Backend, tmp_path: Path, number: signal.Signals) -> None:
    """Meanwhile the endpoint says that it is not ready, and nobody is accepted any more."""
    with socket.create_server(("127.0.0.1", 0)) as slow:
        config = f"version: 1\nupstream: http://127.0.0.1:{slow.getsockname()[1]}\n"
        proxy = Running(tmp_path, config)
        proxy.until(lambda: _answers(proxy.admin_port))
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=PATIENCE_S)
        connection.request("GET", "/")
        upstream, _ = slow.accept()
        upstream.recv(65536)
        proxy.send(number)
        proxy.until(lambda: bool(proxy.named("draining")))

        assert proxy.admin("GET", "/-/ready")[0] == 503
        assert proxy.admin("GET", "/-/healthy")[0] == 200
        proxy.until(lambda: not _answers(proxy.port))
        upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        assert connection.getresponse().read() == b"done"
        connection.close()
        upstream.close()
        proxy.stop()


@pytest.mark.parametrize("ending", ["second-signal", "timeout"])
def test_exchange_that_does_not_finish_is_cut_off(tmp_path: Path, ending: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as slow:
        drain = "60s" if ending == "second-signal" else "100ms"
        config = f"version: 1\nupstream: http://127.0.0.1:{slow.getsockname()[1]}\ntimeouts: {{drain: {drain}}}\n"
        proxy = Running(tmp_path, config)
        connection = socket.create_connection(("127.0.0.1", proxy.port), PATIENCE_S)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        upstream, _ = slow.accept()
        proxy.send(signal.SIGTERM)
        proxy.until(lambda: bool(proxy.named("draining")))
        if ending == "timeout":
            proxy.until(lambda: bool(proxy.named("cut-off")))
        proxy.stop(signal.SIGINT)

        assert bool(proxy.named("cut-off")) is (ending == "timeout")
        connection.close()
        upstream.close()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


EARLY = """
import os, signal, sys
from xoproxy.runtime.signals import HeldSignals
signals = HeldSignals()
os.kill(os.getpid(), getattr(signal, sys.argv[1]))
from xoproxy.cli.options import Chosen
from xoproxy.cli.serving import serve
from xoproxy.config import Overrides
options = Overrides(upstream="http://127.0.0.1:1", listen=("127.0.0.1:0",))
sys.exit(serve(Chosen(None, options), signals, watching=True))
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_signal_during_the_start_is_not_lost(name: str) -> None:
    """It comes while everything is still being imported: nothing is opened, and the exit code is 0."""
    ended = subprocess.run([sys.executable, "-c", EARLY, name], capture_output=True, timeout=PATIENCE_S, check=False)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_blocked_output_stalls_nothing(backend: Backend, tmp_path: Path) -> None:
    """Nobody reads the log: requests go on, and the process ends when told to."""
    reading, writing = os.pipe()
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "xoproxy", "run", "--upstream", backend.url, "--listen", f"127.0.0.1:{port}", "--admin", "off"],
        stdout=writing,
        stderr=subprocess.DEVNULL,
    )
    try:
        os.set_blocking(writing, False)
        _fill(writing)
        os.set_blocking(writing, True)
        deadline = time.monotonic() + PATIENCE_S
        while not _answers(port):
            time.sleep(0.01)
            assert time.monotonic() < deadline
        for _ in range(50):
            assert request(port, "GET", "/").read() == b"hello"
        process.terminate()

        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reading)
        os.close(writing)


def _fill(fd: int) -> None:
    try:
        while True:
            os.write(fd, b"x" * 4096)
    except BlockingIOError:
        return


def test_closed_output_stalls_nothing(backend: Backend, tmp_path: Path) -> None:
    """Standard output closed from the start (`>&-`): no log line may end in a socket that got its number."""
    port = free_port()
    command = f"exec {sys.executable} -m xoproxy run --upstream {backend.url} --listen 127.0.0.1:{port} --admin off >&- 2>&-"
    process = subprocess.Popen(["/bin/sh", "-c", command])
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not _answers(port):
            time.sleep(0.01)
            assert time.monotonic() < deadline
            assert process.poll() is None
        for _ in range(5):
            assert request(port, "GET", "/").read() == b"hello"
        process.terminate()

        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
