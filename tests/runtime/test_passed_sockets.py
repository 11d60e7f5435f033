"""Sockets that a service manager passed are served on, left alone, and missed in clear words; it is told how we are."""

import asyncio
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.ports import free_port

from xoproxy.config.settings import Listener, PassedAddress
from xoproxy.runtime.listening import passed
from xoproxy.runtime.listening.listeners import Listeners
from xoproxy.runtime.listening.passed import Passed, PassedSocketsError, passed_sockets, take_passed
from xoproxy.runtime.listening.sockets import ListenError, open_sockets
from xoproxy.runtime.notify import ServiceManager

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "deploy/systemd"
LIMIT_S = 20.0
Pass = Callable[..., Passed]


@pytest.fixture
def pass_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pass]:
    """Return `pass_on(*sockets, names=)`: what a process finds to which these were passed.  They come at high descriptors."""
    made: list[Passed] = []
    used: list[int] = []

    def start(*sockets: socket.socket, names: str | None = None, **more: str) -> Passed:
        first = fcntl.fcntl(0, fcntl.F_DUPFD, 300)
        os.close(first)
        for at, sock in enumerate(sockets):
            os.dup2(sock.fileno(), first + at, inheritable=True)
            used.append(first + at)
        monkeypatch.setattr(passed, "FIRST_FD", first)
        environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(sockets)), "KEPT": "1", **more}
        if names is not None:
            environ["LISTEN_FDNAMES"] = names
        made.append(take_passed(environ))
        assert environ == {"KEPT": "1"}
        return made[-1]

    yield start
    for one in made:
        for _, sock in one.sockets:
            used.remove(sock.fileno())
            sock.close()
    for fd in used:
        os.close(fd)


@pytest.fixture
def listening() -> Iterator[Callable[[], socket.socket]]:
    """Return `listening()`: a listening socket."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(socket.create_server(("127.0.0.1", 0)))


def close(sockets: list[socket.socket]) -> list[int]:
    """Close them; return their ports."""
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def test_passed_sockets_are_found_by_name(pass_on: Pass, listening: Callable[[], socket.socket]) -> None:
    """All of them where no name is said; duplicates, so that they can be asked for again."""
    sockets = [listening() for _ in range(3)]
    ports = [sock.getsockname()[1] for sock in sockets]
    found = pass_on(*sockets, names="web:tls:web")

    for _ in range(2):
        assert close(found.named("web")) == [ports[0], ports[2]]
        assert close(found.named("tls")) == [ports[1]]
        assert close(found.named("")) == ports
    [one] = found.named("tls")
    assert not one.getblocking()
    assert not any(os.get_inheritable(sock.fileno()) for _, sock in found.sockets)
    close([one])


@pytest.mark.parametrize(("names", "expected"), [(None, "unknown"), ("", "unknown"), (":", "unknown"), ("a", "unknown")])
def test_socket_without_a_name_is_unknown(
    pass_on: Pass, listening: Callable[[], socket.socket], names: str | None, expected: str
) -> None:
    """As sd_listen_fds_with_names(3) calls it."""
    found = pass_on(listening(), listening(), names=names)

    assert found.sockets[1][0] == expected


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "start it by a .socket unit"),
        ({"LISTEN_PID": "1", "LISTEN_FDS": "1"}, r"they are for process 1, and this is \d+: start xoproxy by exec"),
        ({"LISTEN_PID": "x", "LISTEN_FDS": "1"}, "LISTEN_PID is 'x' and LISTEN_FDS is '1'"),
        ({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "0"}, "LISTEN_FDS is '0'"),
        ({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "-1"}, "LISTEN_FDS is '-1'"),
        ({"LISTEN_PID": str(os.getpid())}, "LISTEN_FDS is None"),
        ({"LISTEN_FDS": "1"}, "LISTEN_PID is None"),
        ({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "9" * 5000}, "LISTEN_FDS is '999"),
    ],
)
def test_nothing_passed_is_said_with_what_to_do(environ: dict[str, str], said: str) -> None:
    with pytest.raises(PassedSocketsError, match=f"^the service manager passed no sockets; .*{said}"):
        take_passed(environ).named("web")
    assert environ == {}


def test_what_is_no_listening_stream_socket_is_said(pass_on: Pass, listening: Callable[[], socket.socket]) -> None:
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    unbound = socket.socket()
    other = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) if hasattr(socket, "AF_NETLINK") else None
    with datagram, unbound:
        found = pass_on(datagram, unbound, listening(), names="udp:accepted:web")

        with pytest.raises(PassedSocketsError, match=r"no stream socket; write ListenStream="):
            found.named("udp")
        with pytest.raises(PassedSocketsError, match=r"is a connection, not a listener; write Accept=no"):
            found.named("accepted")
        with pytest.raises(PassedSocketsError, match=r"no socket of that name, but udp, accepted, web; .*FileDescriptorName=x"):
            found.named("x")
        assert len(close(found.named("web"))) == 1
    if other is not None:
        other.close()


def test_descriptor_that_is_no_socket_is_passed_over(
    pass_on: Pass, listening: Callable[[], socket.socket], tmp_path: Path
) -> None:
    with (tmp_path / "file").open("wb") as file:
        found = pass_on(file, listening(), names="file:web")  # type: ignore[arg-type]

        assert [name for name, _ in found.sockets] == ["web"]
        assert pass_on(file).sockets == ()
        with pytest.raises(PassedSocketsError, match="no descriptor from"):
            pass_on(file).named("")


def test_address_without_its_socket_is_a_listen_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passed, "_passed", Passed)
    with pytest.raises(ListenError, match=r"^cannot listen on systemd:web: the service manager passed no sockets"):
        open_sockets(PassedAddress("web"))


def nobody(*, secure: bool) -> asyncio.Protocol:
    raise AssertionError("nobody connects")


async def test_listener_leaves_passed_sockets_and_their_names_alone(
    pass_on: Pass, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Closed and opened again by reloads; the name in the file system is the service manager's."""
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()
        found = pass_on(sock, names="web")
        monkeypatch.setattr(passed, "_passed", lambda: found)
        listeners = Listeners(nobody, 5.0)  # type: ignore[arg-type]
        for _ in range(2):
            await listeners.open_all([Listener(PassedAddress("web"))])
            assert [entry.names() for entry in listeners.opened] == [[f"unix:{path}"]]
            assert await listeners.change_to((Listener(PassedAddress("")),)) == []
            assert await listeners.change_to((Listener(PassedAddress("web"), proxy_protocol=True),)) == []
            listeners.close()

        assert path.exists()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


# The real process.

LAUNCHER = """
import os, sys
count, *command = sys.argv[1:]
for at in range(int(count)):
    os.dup2(300 + at, 3 + at)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, *command])
"""


class Service:
    """xoproxy as a service manager starts it: sockets from descriptor 3 on, and a socket to notify."""

    def __init__(self, directory: Path, sockets: list[socket.socket], names: str, *arguments: str) -> None:
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.settimeout(LIMIT_S)
        self._notified.bind(str(directory / "notify"))
        fds = [fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD, 300) for sock in sockets]
        assert fds == list(range(300, 300 + len(fds)))
        own = {name: value for name, value in os.environ.items() if not name.startswith(("XOPROXY_", "LISTEN_"))}
        environ = {"LISTEN_FDS": str(len(fds)), "LISTEN_FDNAMES": names, "NOTIFY_SOCKET": str(directory / "notify")}
        self.log = directory / "log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", LAUNCHER, str(len(fds)), "-m", "xoproxy", "run", *arguments],
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**own, **environ, "PYTHONPATH": str(ROOT)},
            )
        for fd in fds:
            os.close(fd)

    def notified(self) -> list[str]:
        """Return the next message to the service manager, as lines."""
        return self._notified.recv(4096).decode().split("\n")

    def stop(self) -> int:
        """End it, if it runs; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(LIMIT_S)
        finally:
            self.process.kill()
            self.process.wait()
            self._notified.close()


def status_line(port: int) -> bytes:
    """Ask a port; the upstream is down, so xoproxy's own answer is what comes."""
    with socket.create_connection(("127.0.0.1", port), LIMIT_S) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        return client.makefile("rb").readline()


CONFIG = """
version: 1
upstream: http://127.0.0.1:{closed}
admin: off
workers: {workers}
listen: {listen}
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_service_serves_on_passed_sockets_and_says_how_it_is(
    listening: Callable[[], socket.socket], tmp_path: Path, workers: int
) -> None:
    """Through a reload that drops a socket and one that takes it up again."""
    sockets = [listening(), listening()]
    web, more = (sock.getsockname()[1] for sock in sockets)
    config, closed = tmp_path / "xoproxy.yaml", free_port()
    config.write_text(CONFIG.format(closed=closed, workers=workers, listen="systemd"))
    service = Service(tmp_path, sockets, "web:more", "-c", str(config), "--no-watch")
    try:
        assert service.notified() == ["READY=1"], service.log.read_text()
        assert status_line(web) == status_line(more) == b"HTTP/1.1 502 Bad Gateway\r\n"
        for listen in ("systemd:web", "[systemd:more, systemd:web]"):
            config.write_text(CONFIG.format(closed=closed, workers=workers, listen=listen))
            service.process.send_signal(signal.SIGHUP)
            reloading = service.notified()
            assert reloading[0] == "RELOADING=1"
            assert reloading[1].startswith("MONOTONIC_USEC=")
            assert service.notified() == ["READY=1"]
            assert status_line(web) == b"HTTP/1.1 502 Bad Gateway\r\n"
        assert status_line(more) == b"HTTP/1.1 502 Bad Gateway\r\n"
        service.process.send_signal(signal.SIGTERM)
        assert service.notified() == ["STOPPING=1"]
    finally:
        code = service.stop()

    assert code == 0, service.log.read_text()
    assert "Traceback" not in service.log.read_text()
    with socket.create_connection(("127.0.0.1", web), LIMIT_S):
        pass  # the socket is the service manager's, and goes on listening


def test_start_without_the_socket_fails_in_words(listening: Callable[[], socket.socket], tmp_path: Path) -> None:
    options = ("--upstream", "http://127.0.0.1:1", "--admin", "off", "--listen", "systemd:web")
    service = Service(tmp_path, [listening()], "other", *options)
    try:
        assert service.process.wait(LIMIT_S) == 3
    finally:
        service.stop()

    assert (
        "cannot listen on systemd:web: the service manager passed no socket of that name, but other" in service.log.read_text()
    )


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is not here")
def test_systemd_itself_activates_it(tmp_path: Path) -> None:
    """By the first connection, which waits in the socket until xoproxy accepts."""
    port, log = free_port(), tmp_path / "log"
    command = ["systemd-socket-activate", f"--listen=127.0.0.1:{port}", "--fdname=http", f"--setenv=PYTHONPATH={ROOT}"]
    options = ["--upstream", "http://127.0.0.1:1", "--admin", "off", "--listen", "systemd:http"]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, sys.executable, "-m", "xoproxy", "run", *options], stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + LIMIT_S
        while "Listening on" not in log.read_text() and time.monotonic() < deadline:
            select.select([], [], [], 0.01)
        assert status_line(port) == b"HTTP/1.1 502 Bad Gateway\r\n", log.read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
    finally:
        process.kill()
        process.wait()
    listened = [json.loads(line)["address"] for line in log.read_text().splitlines() if '"event":"listening"' in line]
    assert listened == [f"127.0.0.1:{port}"]


def test_service_manager_is_told_at_any_kind_of_address(tmp_path: Path) -> None:
    """A path, or a name in Linux' abstract namespace; the variable is not for the processes that we start."""
    for address, said in ((str(tmp_path / "n"), str(tmp_path / "n")), (f"\0xoproxy-{os.getpid()}", f"@xoproxy-{os.getpid()}")):
        if address.startswith("\0") and sys.platform != "linux":
            continue
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(address)
            environ = {"NOTIFY_SOCKET": said}
            manager = ServiceManager(environ)
            manager.ready()
            manager.stopping()

            assert environ == {}
            assert (sock.recv(100), sock.recv(100)) == (b"READY=1", b"STOPPING=1")


@pytest.mark.parametrize("address", ["", "/no/such/socket", "vsock:2:1234", "relative"])
def test_nobody_to_tell_is_no_failure(address: str) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": address} if address else {})
    manager.ready()
    manager.reloading()
    manager.stopping()


def settings_of(unit: Path) -> dict[str, list[str]]:
    """Return the assignments of a unit."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text("utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_units_fit_together() -> None:
    service, sock = settings_of(UNITS / "xoproxy.service"), settings_of(UNITS / "xoproxy.socket")

    assert service["Type"] == ["notify"]
    assert service["Requires"] == ["xoproxy.socket"]
    assert service["DynamicUser"] == service["NoNewPrivileges"] == ["yes"]
    assert service["CapabilityBoundingSet"] == [""]
    assert sock["Accept"] == ["no"]
    assert sock["FileDescriptorName"] == ["http"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_understands_the_units_and_finds_them_hardened(tmp_path: Path) -> None:
    """Every line of them; the command is where the test says, as it is not installed at its place."""
    for unit in UNITS.iterdir():
        text = unit.read_text("utf-8").replace("/usr/local/bin/xoproxy", sys.executable)
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    units = [str(tmp_path / unit.name) for unit in UNITS.iterdir()]
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    score = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", str(tmp_path / "xoproxy.service")]

    assert (verified.returncode, verified.stderr) == (0, "")
    assert subprocess.run(score, capture_output=True, check=False).returncode == 0


def test_passed_sockets_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    passed._passed.cache_clear()
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_PID", "1")
    for _ in range(2):
        with pytest.raises(PassedSocketsError, match="they are for process 1"):
            passed_sockets("")
        assert "LISTEN_FDS" not in os.environ
    passed._passed.cache_clear()
